"""Two namespaces, one store, and Secrets that want the same."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from hooks.cluster.kube import Kube
from tests.live import Hooks, Live
from tests.model import ModelStore
from tests.servers.cluster import Cluster
from tests.support import encode

READY = ("Ready", "Provisioned")
BUCKET_CLAIMED = ("Conflict", "BucketClaimed")
KEY_CLAIMED = ("Conflict", "AccessKeyClaimed")


@dataclass
class World:
    """Two namespaces, one store, one operator."""

    cluster: Cluster
    store: ModelStore
    hooks: Hooks
    mine: str
    theirs: str

    def secret(self, name: str = "holder", *, namespace: str = "", **fields: str) -> Live:
        """A Secret whose names nobody else has, but for those given."""
        unique = f"{name}-{random.token_hex(4)}"
        live = Live(self.cluster, namespace or self.mine, unique, unique, f"{unique}-user")
        return live.changed(**fields)

    def holder(self, **fields: str) -> Live:
        """One that has been made Ready."""
        live = self.secret(**fields)
        self.hooks.sync(live)
        assert live.state == READY
        return live

    def stranger(self, **fields: str) -> Live:
        """One in the other namespace, not yet synced."""
        return self.secret("stranger", namespace=self.theirs, **fields)

    def holds(self, live: Live) -> bool:
        """Whether store and credentials are the Secret's."""
        account = self.store.accounts.get(live.user)
        return (
            account is not None
            and account.secret == live.secret
            and self.store.owners[live.bucket] == live.user
        )


@contextmanager
def two_namespaces(cluster: Cluster, kube: Kube) -> Iterator[World]:
    """An empty world, which leaves no Secret behind."""
    suffix = random.token_hex(4)
    mine, theirs = (cluster.namespace(f"guard-{which}-{suffix}") for which in ("mine", "theirs"))
    store = ModelStore()
    yield World(cluster, store, Hooks(store, kube), mine, theirs)
    for namespace in (mine, theirs):
        cluster.api.delete_all("Secret", namespace)


# What a Secret may lack, or have twice, of what it names: the data that a mistake changes.
MISTAKES: dict[str, Callable[[Live], dict[str, str | None]]] = {
    "no bucket": lambda _: {"bucket-name": None},
    "no user": lambda _: {"access-key": ""},
    "no secret": lambda _: {"access-secret": None},
    "two buckets": lambda live: {"bucket-name": encode("new"), "BUCKET_NAME": encode(live.bucket)},
    "two users": lambda live: {
        "access-key": encode("new"),
        "AWS_ACCESS_KEY_ID": encode(live.user),
    },
    "two secrets": lambda live: {
        "access-secret": encode("new-secret-1"),
        "AWS_SECRET_ACCESS_KEY": encode(live.secret),
    },
    "no base64": lambda _: {"access-secret": encode("\x00")},
}


def spoil(live: Live, mistake: str) -> None:
    """Makes a mistake in a Secret's data."""
    change = {"data": MISTAKES[mistake](live)}
    live.cluster.api.merge("Secret", live.name, live.namespace, change)


Claims = Callable[[World, Live], Live]


def for_the_bucket(world: World, holder: Live) -> Live:
    return world.stranger(bucket=holder.bucket)


def for_the_user(world: World, holder: Live) -> Live:
    return world.stranger(user=holder.user)


CLAIMS = pytest.mark.parametrize(
    ("claims", "expected"), [(for_the_bucket, BUCKET_CLAIMED), (for_the_user, KEY_CLAIMED)]
)
