"""The conflict guard, with the other Secrets in a real Kubernetes API."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.wire.deadline import Deadline
from hooks.cluster.kube import Kube
from hooks.commands.processes import LOOPBACK
from hooks.contract.outcome import Reason, Refusal
from hooks.tenancy.standing import Thing
from tests.live import Hooks, kube_of
from tests.model import ADMINISTRATOR, Account
from tests.rivals import (
    BUCKET_CLAIMED,
    CLAIMS,
    READY,
    Claims,
    World,
    for_the_bucket,
)
from tests.servers.accounts import account, kubeconfig, rule
from tests.servers.cluster import Cluster
from tests.support import wait
from tests.tenancy.lookups import (
    others,
)

pytestmark = pytest.mark.server

UNAVAILABLE = ("Retrying", "GuardUnavailable")


# What is not asked, and what is left to ADOPTION


@pytest.mark.parametrize("adoption", ["any", "own-names", "unowned", "never"])
@pytest.mark.parametrize("pattern", ["", "{namespace}.*"])
def test_an_administrators_bucket_is_one_that_exists(
    world: World, kube: Kube, adoption: str, pattern: str
) -> None:
    """It is thrown away as often as it is handed over."""
    environ = {"ADOPTION": adoption, "BUCKET_NAME_PATTERN": pattern}
    first = world.secret(bucket=f"{world.mine}.data")
    world.store.owners[first.bucket] = ADMINISTRATOR
    hooks = Hooks(world.store, kube, environ)
    hooks.sync(first)
    if adoption == "any" or (adoption == "own-names" and pattern):
        assert first.state == READY
        stranger = for_the_bucket(world, first)
        world.hooks.sync(stranger)
        assert stranger.state == BUCKET_CLAIMED
    else:
        assert first.state == ("Conflict", "BucketOwned")
        assert world.store.owners[first.bucket] == ADMINISTRATOR
        # Neither is anything half-made.
        assert first.user not in world.store.accounts


def test_a_holder_whose_bucket_was_handed_over_still_holds_it(world: World) -> None:
    """It is the administrator's for the moment, but was given and is still asked for."""
    holder = world.holder()
    world.store.owners[holder.bucket] = ADMINISTRATOR
    stranger = for_the_bucket(world, holder)
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED
    world.hooks.sync(holder)
    assert world.holds(holder)


def test_what_no_secret_holds_is_for_adoption_to_decide(world: World, kube: Kube) -> None:
    for adoption, expected in (("never", ("Conflict", "BucketOwned")), ("any", READY)):
        live = world.secret()
        world.store.accounts["somebody"] = Account("former")
        world.store.owners[live.bucket] = "somebody"
        Hooks(world.store, kube, {"ADOPTION": adoption}).sync(live)
        assert live.state == expected


def test_without_the_guard_the_secret_wins_as_it_used_to(world: World, kube: Kube) -> None:
    for hooks in (
        Hooks(world.store, None),
        Hooks(world.store, kube, {"CONFLICT_GUARD": "off"}),
    ):
        assert not hooks.operator.parts.guarded
        holder = world.holder()
        stranger = for_the_bucket(world, holder)
        hooks.sync(stranger)
        assert stranger.state == READY
        assert world.holds(stranger)


def test_an_unchanged_secret_asks_the_store_once_and_kubernetes_never(
    world: World, api_cluster: Cluster, tmp_path: Path
) -> None:
    holder = world.holder()
    nowhere = kube_of(unreachable(api_cluster, tmp_path, "http://127.0.0.1:1"))
    del world.store.calls[:]
    result = Hooks(world.store, nowhere).sync(holder)
    assert world.store.calls == ["probe"]
    assert holder.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == ()


# Whom a message names


def test_a_message_names_the_holder_within_the_namespace_only(world: World) -> None:
    holder = world.holder()
    for claim in ({"bucket": holder.bucket}, {"user": holder.user}):
        neighbour = world.secret("neighbour", **claim)
        world.hooks.sync(neighbour)
        assert f"The Secret {holder.name} holds" in neighbour.annotations["message"]
        stranger = world.stranger(**claim)
        world.hooks.sync(stranger)
        told = " ".join(stranger.annotations.values())
        assert "A Secret of another namespace holds" in told
        hidden = {holder.name, world.mine, holder.secret, holder.document["metadata"]["uid"]}
        assert not [name for name in hidden if name in told]


# When Kubernetes can't be asked


def unreachable(cluster: Cluster, folder: Path, server: str) -> Path:
    return kubeconfig(cluster, folder / "kubeconfig.yaml", user={"token": "none"}, server=server)


@pytest.fixture
def silent(api_cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A server that takes connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        yield unreachable(api_cluster, tmp_path, f"http://{LOOPBACK}:{port}")


@CLAIMS
@pytest.mark.parametrize("how", ["refused", "silent", "forbidden", "unauthorised", "one-namespace"])
def test_no_answer_is_never_taken_for_nobody(
    world: World,
    api_cluster: Cluster,
    tmp_path: Path,
    silent: Path,
    claims: Claims,
    expected: tuple[str, str],
    how: str,
) -> None:
    holder = world.holder()
    stranger = claims(world, holder)
    accounts = dict(world.store.accounts)
    lists = rule("get,list", "secrets")
    path = {
        "refused": lambda: unreachable(api_cluster, tmp_path, "http://127.0.0.1:1"),
        "silent": lambda: silent,
        "forbidden": lambda: account(api_cluster),
        "unauthorised": lambda: unreachable(api_cluster, tmp_path, api_cluster.url),
        "one-namespace": lambda: account(api_cluster, lists, namespace=world.theirs),
    }[how]()
    kube = kube_of(path)
    budget = 3
    result = Hooks(world.store, kube, {"SYNC_TIMEOUT_SECONDS": str(budget)}).sync(stranger)
    assert result.seconds is not None
    assert result.seconds < budget
    assert stranger.state == UNAVAILABLE
    assert world.holds(holder)
    assert world.store.accounts == accounts
    told = stranger.annotations["message"]
    assert not [name for name in (holder.name, world.mine, "127.0.0.1") if name in told]
    kube.close()
    world.hooks.sync(stranger)
    assert stranger.state == expected


def test_many_that_wait_for_an_answer_do_not_wait_for_one_another(silent: Path) -> None:
    kube = kube_of(silent)
    look = others(kube)

    async def ask(number: int) -> Reason:
        try:
            await look.holders(Thing.USER, f"user-{number}", "none/none", Deadline(0.75))
        except Refusal as refusal:
            return refusal.reason
        raise AssertionError("nobody answered")

    async def ask_all() -> list[Reason]:
        return await asyncio.gather(*(ask(number) for number in range(30)))

    started = time.monotonic()
    assert wait(ask_all()) == [Reason.GUARD_UNAVAILABLE] * 30
    assert time.monotonic() - started < 2
    kube.close()


def test_a_new_user_is_not_made_without_an_answer(
    world: World, api_cluster: Cluster, tmp_path: Path
) -> None:
    live = world.secret()
    kube = kube_of(unreachable(api_cluster, tmp_path, "http://127.0.0.1:1"))
    Hooks(world.store, kube).sync(live)
    assert live.state == UNAVAILABLE
    assert (world.store.accounts, world.store.owners) == ({}, {})


def test_a_refusal_says_what_is_wrong(world: World, api_cluster: Cluster) -> None:
    kube = kube_of(account(api_cluster))
    with pytest.raises(Refusal, match="does not allow this account to list Secrets") as raised:
        wait(others(kube).holders(Thing.BUCKET, "bucket", "a/b", Deadline(5)))
    assert raised.value.reason is Reason.GUARD_UNAVAILABLE
    kube.close()
