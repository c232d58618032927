"""Two operators with a list of stores each, and one without: no Secret is fought over."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.stores import Sites, opened
from tests.model import ModelStore
from tests.servers.several import List, running_stores
from tests.support import ENVIRON, PREFIX, Operator, Secret, wait

pytestmark = pytest.mark.server

READY = ("Ready", "Provisioned")
SKIPPED = ("Skipped", "EndpointMismatch")


@dataclass
class Pair:
    """Two operators that see the same Secrets, each with one of two stores."""

    listed: List
    sites: dict[str, Sites]

    def sync(self, name: str, secret: Secret) -> bool:
        """Whether one operator's call changed anything on the Secret."""
        before = copy.deepcopy(secret.document)
        request = SyncRequest.of(secret.document)
        result = wait(self.sites[name].operator().syncer.sync(request))
        apply_answer(secret.document, result.response.document())
        return bool(secret.document != before)

    def settled(self, secret: Secret, *, first: str) -> tuple[str, str]:
        """How a Secret is when neither has any more to say, whoever sees it first."""
        order = [first, *(name for name in self.sites if name != first)]
        for _ in range(3):
            for name in order:
                self.sync(name, secret)
        assert not any(self.sync(name, secret) for name in order)
        return secret.state


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("stores")
    with running_stores(folder, "versitygw", "minio") as listed:
        sites = {}
        for name in listed.stores:
            path = folder / f"{name}.yaml"
            path.write_text(yaml.safe_dump({"stores": [listed.entries[name]]}))
            settings = Settings.load({"STORES_FILE": str(path), "SIGNING_KEY": f"{name}-key"})
            assert settings.stores is not None
            sites[name] = Sites(settings, settings.stores, Metrics(by_store=True))
        yield Pair(listed, sites)
        for each in sites.values():
            wait(each.close())


_NUMBER = iter(range(1000))
FIRST = pytest.mark.parametrize("first", ["versitygw", "minio"])


def secret(store: str = "", **fields: str) -> Secret:
    number = next(_NUMBER)
    made = Secret.claiming(f"bucket-{number}", f"user-{number}", "hunter2hunter2", **fields)
    if store:
        made.document["metadata"]["annotations"][f"{PREFIX}store"] = store
    return made


@FIRST
@pytest.mark.parametrize("store", ["versitygw", "minio"])
def test_the_one_that_has_the_store_answers(pair: Pair, first: str, store: str) -> None:
    made = secret(store)
    assert pair.settled(made, first=first) == READY
    assert made.annotations["endpoint"] == pair.listed.stores[store].url


@FIRST
def test_a_store_of_neither_is_told_by_both_in_the_same_words(pair: Pair, first: str) -> None:
    assert pair.settled(secret("tape"), first=first) == SKIPPED


@FIRST
def test_a_name_of_one_and_an_endpoint_of_the_other(pair: Pair, first: str) -> None:
    made = secret("minio", endpoint_url=pair.listed.stores["versitygw"].url)
    assert pair.settled(made, first=first) == SKIPPED


@FIRST
@pytest.mark.parametrize("store", ["versitygw", "minio", "tape"])
def test_a_mistake_is_told_by_one(pair: Pair, first: str, store: str) -> None:
    made = secret(store, quota_bytes="many")
    assert pair.settled(made, first=first) == ("Invalid", "InvalidField")


@FIRST
def test_a_secret_goes_from_one_to_the_other(pair: Pair, first: str) -> None:
    made = secret("minio")
    assert pair.settled(made, first=first) == READY
    made.document["metadata"]["annotations"][f"{PREFIX}store"] = "versitygw"
    assert pair.settled(made, first=first) == READY
    assert made.annotations["endpoint"] == pair.listed.stores["versitygw"].url


# One without a list


def test_the_one_store_is_called_default() -> None:
    store = ModelStore()
    operator = Operator(store)
    made = secret("default")
    operator.sync(made)
    assert made.state == READY
    assert made.annotations["endpoint"] == ENVIRON["S3_ENDPOINT_URL"]
    other = secret("archive")
    operator.sync(other)
    assert other.state == SKIPPED
    assert set(store.owners) == {made.plain("bucket-name")}


def test_from_one_store_to_a_list_and_back(pair: Pair, tmp_path: Path) -> None:
    """What an operator without a list gave is the same Secret's with one, and the other way."""
    listed = pair.listed
    minio = {"BACKEND_NAME": "minio", "ADOPTION": "never", "SIGNING_KEY": "a-key"}
    variables = {**minio, **listed.stores["minio"].environ()}
    path = tmp_path / "stores.yaml"
    entry = {**listed.entries["minio"], "name": "large", "former-names": ["default"]}
    path.write_text(yaml.safe_dump({"stores": [entry]}))
    made = secret()
    seen = []
    for environ in (variables, {**variables, "STORES_FILE": str(path)}, variables):
        settings = Settings.load(environ)
        wait(synced(settings, made))
        seen.append((made.state, "stayed" in made.annotations["message"]))
    assert seen == [(READY, False)] * 3


async def synced(settings: Settings, made: Secret) -> None:
    """One sync of an operator that is new."""
    at = opened(settings, Metrics(by_store=settings.stores is not None), None, None)
    result = await at.operator.syncer.sync(SyncRequest.of(made.document))
    await at.close()
    apply_answer(made.document, result.response.document())
