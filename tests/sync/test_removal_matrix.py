"""Every cell of the deletion matrix, with the other Secrets in a real Kubernetes API."""

from __future__ import annotations

import itertools
import secrets as random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from backends.errors import Unavailable
from hooks.cluster.kube import Kube
from tests.live import Hooks, Live
from tests.model import ADMINISTRATOR, ModelStore
from tests.rivals import MISTAKES, spoil
from tests.servers.cluster import Cluster

pytestmark = [pytest.mark.server]

NOT_EMPTY = ("Retrying", "BucketNotEmpty")


@dataclass(frozen=True)
class Cell:
    """How things stand when a Secret is deleted.

    Args:
        policy: its annotation; empty is none.
        content: what is in the bucket.
        who: the holder; a stranger with the holder's names and annotations; one with the same
            credentials; one that was never provisioned.
        others: what another live Secret names, with the same credentials or another user; the
            latter is a contender, who has no right to it.
        switch: DELETION.
    """

    policy: str
    content: str
    who: str
    others: str
    switch: str

    @property
    def acts(self) -> bool:
        return (
            self.switch == "on"
            and self.policy in {"delete-user", "delete"}
            and self.who in {"holder", "sharer"}
        )

    @property
    def wants_bucket(self) -> bool:
        """Whether the bucket is to go, if only it is empty."""
        shared = self.others == "same" or self.who == "sharer"
        return self.acts and self.policy == "delete" and not shared

    @property
    def waits(self) -> bool:
        return self.wants_bucket and self.content == "full"

    @property
    def user_goes(self) -> bool:
        shared = self.others in {"same", "user"} or self.who == "sharer"
        return self.acts and not shared and not self.waits


CELLS = [
    Cell(*values)
    for values in itertools.product(
        ["", "retain", "delete-user", "delete"],
        ["empty", "full"],
        ["holder", "stranger", "sharer", "unprovisioned"],
        ["none", "same", "user", "bucket"],
        ["on", "off"],
    )
]


@pytest.mark.parametrize("policy", ["", "retain", "delete-user", "delete"])
@pytest.mark.parametrize("who", ["holder", "stranger", "sharer", "unprovisioned"])
def test_every_cell_of_the_matrix(
    api_cluster: Cluster, kube: Kube, namespace: str, policy: str, who: str
) -> None:
    cells = [cell for cell in CELLS if (cell.policy, cell.who) == (policy, who)]
    assert len(cells) == 16
    for cell in cells:
        check(cell, api_cluster, kube, namespace)


def check(cell: Cell, cluster: Cluster, kube: Kube, namespace: str) -> None:
    store = ModelStore()
    hooks = Hooks(store, kube, {"DELETION": cell.switch})
    unique = f"b-{random.token_hex(6)}"
    holder = Live(cluster, namespace, unique, unique, f"{unique}-user").put()
    hooks.sync(holder)
    if cell.content == "full":
        store.objects[unique, "key"] = b"precious"
    going = person(cell.who, holder, hooks)
    if cell.others != "none":
        hooks.sync(another(cell.others, holder))
    if cell.policy:
        going.mark({"deletion-policy": cell.policy})
    before = (dict(store.accounts), dict(store.owners), dict(store.objects))
    going.hold()
    going.delete()

    if cell.acts:
        with down(store):
            hooks.finalize(going)
        assert going.state == ("Retrying", "BackendUnavailable"), cell
        assert (store.accounts, store.owners, store.objects) == before, cell
    result = hooks.finalize(going)

    assert going.exists() == cell.waits, cell
    assert store.objects == before[2], cell
    assert (holder.user not in store.accounts) == cell.user_goes, cell
    gone = cell.wants_bucket and not cell.waits
    assert (unique not in store.owners) == gone, cell
    if not gone:
        assert store.owners[unique] == (ADMINISTRATOR if cell.user_goes else holder.user), cell
    if cell.waits:
        assert going.state == NOT_EMPTY, cell
        assert result.response.resync_after == 60
    # Nothing of anybody else's has changed.
    theirs = {name: kept for name, kept in before[0].items() if name != holder.user}
    assert theirs.items() <= store.accounts.items(), cell
    if not cell.acts:
        assert (store.accounts, store.owners) == before[:2], cell


@contextmanager
def down(store: ModelStore) -> Iterator[None]:
    """Within, nothing answers."""

    def fail(_: str) -> None:
        raise Unavailable("The store can't be reached.")

    store.before = fail
    try:
        yield
    finally:
        store.before = lambda _: None


@pytest.mark.parametrize("policy", ["delete-user", "delete"])
@pytest.mark.parametrize("who", ["holder", "sharer"])
def test_every_cell_of_opting_out(
    api_cluster: Cluster, kube: Kube, namespace: str, policy: str, who: str
) -> None:
    """The annotation goes, or another policy takes its place, while the Secret lives."""
    for content, shared, other in itertools.product(
        ["empty", "full"], ["none", "same", "user", "bucket"], [None, "retain"]
    ):
        store = ModelStore()
        hooks = Hooks(store, kube, {"DELETION": "on"})
        unique = f"b-{random.token_hex(6)}"
        holder = Live(api_cluster, namespace, unique, unique, f"{unique}-user").put()
        hooks.sync(holder)
        if content == "full":
            store.objects[unique, "key"] = b"precious"
        staying = person(who, holder, hooks)
        if shared != "none":
            hooks.sync(another(shared, holder))
        staying.mark({"deletion-policy": policy})
        staying.hold()
        before = (dict(store.accounts), dict(store.owners), dict(store.objects))
        staying.mark({"deletion-policy": other})
        assert hooks.finalize(staying).response.document() == {"finalized": True}
        assert staying.exists()
        assert (store.accounts, store.owners, store.objects) == before


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_a_secret_with_a_mistake_shares_stays(
    api_cluster: Cluster, kube: Kube, namespace: str, mistake: str
) -> None:
    for seen in (True, False):
        store = ModelStore()
        hooks = Hooks(store, kube, {"DELETION": "on"})
        unique = f"b-{random.token_hex(6)}"
        going = Live(api_cluster, namespace, unique, unique, f"{unique}-user").put()
        hooks.sync(going)
        sharer = person("sharer", going, hooks)
        spoil(sharer, mistake)
        if seen:
            hooks.sync(sharer)
            assert sharer.state[0] == "Invalid"
        going.mark({"deletion-policy": "delete"})
        going.hold()
        going.delete()
        hooks.finalize(going)
        assert not going.exists()
        assert going.user in store.accounts
        assert store.owners[unique] == going.user


@pytest.mark.parametrize("policy", ["delete-user", "delete"])
@pytest.mark.parametrize("where", ["beside", "elsewhere"])
def test_a_contender_neither_keeps_nor_gets_anything_by_a_deletion(
    api_cluster: Cluster, kube: Kube, namespace: str, policy: str, where: str
) -> None:
    """It names the bucket and was refused it: a bucket that isn't empty must not be its next."""
    there = namespace if where == "beside" else api_cluster.namespace(f"{namespace}-2")
    for content, adoption in itertools.product(["empty", "full"], ["unowned", "never"]):
        store = ModelStore()
        hooks = Hooks(store, kube, {"DELETION": "on", "ADOPTION": adoption})
        unique = f"b-{random.token_hex(6)}"
        holder = Live(api_cluster, namespace, unique, unique, f"{unique}-user").put()
        hooks.sync(holder)
        if content == "full":
            store.objects[unique, "key"] = b"precious"
        contender = replace(
            holder, namespace=there, name=f"{unique}-c", user=f"{unique}-c", secret="another"
        ).put()
        hooks.sync(contender)
        assert contender.state == ("Conflict", "BucketClaimed")
        holder.mark({"deletion-policy": policy})
        holder.hold()
        holder.delete()
        hooks.finalize(holder)
        for _ in range(2):
            hooks.sync(contender)
        if content == "full":
            assert store.owners[unique] == (holder.user if policy == "delete" else ADMINISTRATOR)
            assert contender.state[0] == "Conflict"
        elif policy == "delete":
            # Nothing is left of it: the name is free.
            assert contender.state == ("Ready", "Provisioned")
        assert store.objects == ({(unique, "key"): b"precious"} if content == "full" else {})
        contender.delete()


def person(who: str, holder: Live, hooks: Hooks) -> Live:
    """The Secret that is deleted."""
    name = f"{holder.name}-{who}"
    match who:
        case "holder":
            return holder
        case "stranger":
            stranger = replace(holder, name=name, secret="guessed").put()
            stranger.mark(holder.annotations, holder.labels)
            return stranger
        case "sharer":
            sharer = replace(holder, name=name).put()
            hooks.sync(sharer)
            return sharer
        case _:
            return replace(holder, name=name, bucket=name, user=name).put()


def another(what: str, holder: Live) -> Live:
    """Another live Secret."""
    name = f"{holder.name}-another"
    match what:
        case "same":
            return replace(holder, name=name).put()
        case "user":
            return replace(holder, name=name, bucket=name).put()
        case _:
            return replace(holder, name=name, user=name, secret="anothers").put()
