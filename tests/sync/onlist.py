"""An operator for a list of stores, and Secrets that each of them takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.stores import Sites
from hooks.sync.syncer import Result
from tests.servers.several import List
from tests.support import PREFIX, Secret, wait

READY = ("Ready", "Provisioned")
SKIPPED = ("Skipped", "EndpointMismatch")
# What every one of the three takes for an access key and its secret.
SECRET = "0123456789abcdef" * 4


class Hooks:
    """An operator for all of a list's stores, without HTTP."""

    def __init__(self, listed: List, **variables: str) -> None:
        self.listed = listed
        self.metrics = Metrics(by_store=True)
        self.settings = Settings.load(
            {
                "STORES_FILE": str(listed.path),
                "SIGNING_KEY": "a-key",
                "SYNC_TIMEOUT_SECONDS": "10",
                **variables,
            }
        )
        assert self.settings.stores is not None
        self.file = self.settings.stores
        self.sites = Sites(self.settings, self.file, self.metrics)
        self.operator = self.sites.operator()

    def change(self) -> None:
        """The list as it is now, read."""
        self.listed.write()
        self.file.refresh()

    async def call(self, secret: Secret) -> Result:
        request = SyncRequest.of(secret.document)
        result = await self.operator.syncer.sync(request)
        self.operator.reporter.record(request, result)
        apply_answer(secret.document, result.response.document())
        return result

    def sync(self, secret: Secret) -> Result:
        """One hook call whose answer is written on the Secret."""
        return wait(self.call(secret))

    def settled(self, secret: Secret) -> tuple[str, str]:
        """How a Secret is in the end; the second identical call answers the same."""
        self.sync(secret)
        before = {**secret.annotations}
        self.sync(secret)
        assert secret.annotations == before
        return secret.state

    def ready(self, secret: Secret) -> None:
        """Calls for a Secret until it is Ready, as Metacontroller does."""
        ends = time.monotonic() + 60
        self.sync(secret)
        while secret.state != READY:
            assert time.monotonic() < ends, secret.annotations
            time.sleep(0.2)
            self.sync(secret)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"s3_operator_{name}", labels)


@contextmanager
def opened(listed: List, **variables: str) -> Iterator[Hooks]:
    made = Hooks(listed, **variables)
    try:
        yield made
    finally:
        wait(made.sites.close())
        listed.entries = {name: listed.entry(name, store) for name, store in listed.stores.items()}
        listed.default = "versitygw"
        listed.write()


_NUMBER = iter(range(10_000))


def secret(store: str = "", **fields: str) -> Secret:
    """A Secret with names of its own, in every store's form."""
    number = next(_NUMBER)
    made = Secret.claiming(f"bucket-{number}", f"GK{number:024x}", SECRET, **fields)
    if store:
        choose(made, store)
    return made


def choose(found: Secret, store: str) -> None:
    found.document["metadata"]["annotations"][f"{PREFIX}store"] = store


def names(found: Secret) -> tuple[str, str]:
    return found.plain("access-key"), found.plain("bucket-name")


def is_on(listed: List, store: str, found: Secret) -> bool:
    users, buckets = listed.stores[store].names()
    user, bucket = names(found)
    assert (user in users) == (bucket in buckets)
    return user in users


def places(listed: List, found: Secret) -> set[str]:
    return {store for store in listed.stores if is_on(listed, store, found)}


def timed(hooks: Hooks, made: Secret) -> float:
    began = time.monotonic()
    hooks.sync(made)
    return time.monotonic() - began
