"""The conflict guard, with the other Secrets in a real Kubernetes API."""

from __future__ import annotations

import asyncio
import secrets as random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backends.deadline import Deadline
from backends.sensitive import Sensitive
from hooks.kube import Kube
from hooks.others import Others
from hooks.outcome import Reason, Refusal
from hooks.processes import LOOPBACK
from hooks.secret import Mentions
from hooks.status import Keys, name_hash
from tests.live import ENABLED, OPERATORS_RIGHTS, Hooks, kube_of
from tests.model import ADMINISTRATOR, Account
from tests.rivals import (
    BUCKET_CLAIMED,
    CLAIMS,
    READY,
    Claims,
    World,
    for_the_bucket,
    two_namespaces,
)
from tests.servers.accounts import account, kubeconfig, rule, secret
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.support import ENVIRON, PREFIX, encode, wait

pytestmark = pytest.mark.server

UNAVAILABLE = ("Retrying", "GuardUnavailable")
KEYS = Keys(ENABLED)
ENDPOINT = ENVIRON["S3_ENDPOINT_URL"]


@pytest.fixture(scope="module")
def kube(api_cluster: Cluster) -> Iterator[Kube]:
    """The API with the rights that the manifests give the operator, and no more."""
    client = kube_of(account(api_cluster, *OPERATORS_RIGHTS))
    yield client
    client.close()


@pytest.fixture
def world(api_cluster: Cluster, kube: Kube) -> Iterator[World]:
    with two_namespaces(api_cluster, kube) as made:
        yield made


def anything(_: object) -> bool:
    return True


# Who the others are


def others(kube: Kube, *, endpoint: str | None = ENDPOINT) -> Others:
    return Others(kube, KEYS, endpoint)


def found(kube: Kube, bucket: str, *, endpoint: str | None = ENDPOINT) -> set[str]:
    """Names of the Secrets that all of them, and the labelled ones, that name a bucket."""
    look = others(kube, endpoint=endpoint)
    deadline = Deadline(20)
    everywhere = wait(look.all("none/none", lambda names: bucket in names.buckets, deadline))
    labelled = wait(look.labelled("bucket-hash", bucket, "none/none", anything, deadline))
    assert {other.request.name for other in labelled} == {
        other.request.name for other in everywhere
    }
    return {other.request.name for other in everywhere}


def named(world: World, bucket: str, name: str, **metadata: object) -> None:
    """A Secret that names the bucket and has its label."""
    manifest = secret(
        world.theirs,
        name,
        annotations={ENABLED: "true"},
        labels={f"{PREFIX}bucket-hash": name_hash(bucket)},
        data={"bucket-name": bucket, "access-key": "someone", "access-secret": "something"},
    )
    data = metadata.pop("data", {})
    manifest["metadata"].update(metadata)
    manifest["stringData"] |= data
    world.cluster.api.create(manifest)


def test_secrets_of_all_namespaces_count(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one")
    assert found(kube, bucket) == {"one"}


@pytest.mark.parametrize("labelled", [True, False])
def test_look_ups_that_come_together_share_a_few_lists(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch, labelled: bool
) -> None:
    buckets = [random.token_hex(8) for _ in range(60)]
    for bucket in buckets:
        named(world, bucket, f"first-{bucket}")
    named(world, buckets[0], "second")
    lists: list[str | None] = []
    listed = kube.secrets

    def counted(*, selector: str | None, timeout: float) -> Iterator[Object]:
        lists.append(selector)
        return listed(selector=selector, timeout=timeout)

    monkeypatch.setattr(kube, "secrets", counted)
    look = others(kube)

    async def one(bucket: str) -> set[str]:
        def wanted(names: Mentions) -> bool:
            return bucket in names.buckets

        origin = f"{world.theirs}/first-{bucket}"
        if labelled:
            seen = await look.labelled("bucket-hash", bucket, origin, wanted, Deadline(20))
        else:
            seen = await look.all(origin, wanted, Deadline(20))
        return {other.request.name for other in seen}

    async def all_at_once() -> list[set[str]]:
        return await asyncio.gather(*map(one, buckets))

    # None is told of itself, and none of what another asked for.
    assert wait(all_at_once()) == [{"second"}, *[set()] * 59]
    assert len(lists) < 10


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"annotations": {}}, id="not-annotated"),
        pytest.param({"annotations": {ENABLED: "yes"}}, id="another-word"),
        pytest.param({"annotations": {"example.com/enabled": "true"}}, id="another-operators"),
        pytest.param({"data": {"bucket-name": "another-bucket"}}, id="label-alone"),
        pytest.param({"data": {"bucket-name": ""}}, id="no-bucket-name"),
        pytest.param({"data": {"endpoint-url": "https://other.example"}}, id="another-store"),
    ],
)
def test_a_secret_that_is_not_this_operators_does_not(
    world: World, kube: Kube, metadata: dict[str, object]
) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one", **metadata)
    wanted = wait(
        others(kube).all("none/none", lambda names: bucket in names.buckets, Deadline(20))
    )
    assert wanted == []


def test_a_secret_with_this_stores_endpoint_counts(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one", data={"endpoint-url": f"{ENDPOINT.upper()}/"})
    named(world, bucket, "other", data={"endpoint-url": "https://other.example"})
    assert found(kube, bucket) == {"one"}
    # Without ENFORCE_ENDPOINT_CHECK both are this operator's.
    assert found(kube, bucket, endpoint=None) == {"one", "other"}


def test_a_secret_with_another_name_of_this_store_counts(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one", data={"endpoint-url": "s3.example:7070"})
    look = Others(kube, KEYS, ENDPOINT, frozenset({"https://s3.example:7070"}))
    (other,) = wait(look.all("none/none", lambda names: bucket in names.buckets, Deadline(20)))
    assert other.request.name == "one"
    assert found(kube, bucket) == set()


def test_only_keys_that_count_are_mentioned(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    theirs = {"SECRET_KEY": "django-insecure", "ACCESS_KEY": "mail", "BUCKET": f"{bucket}-2"}
    named(world, bucket, "one", data=theirs)
    keys = {ENABLED: "true", f"{PREFIX}keys": "bucket=APP_BUCKET"}
    data = {**theirs, "APP_BUCKET": bucket, "bucket-name": f"{bucket}-3"}
    named(world, bucket, "two", data=data, annotations=keys)
    mentioned = Mentions(
        frozenset({bucket}), frozenset({"someone"}), frozenset({Sensitive("something")})
    )
    others_found = wait(
        others(kube).all("none/none", lambda names: names == mentioned, Deadline(20))
    )
    assert {other.request.name for other in others_found} == {"one", "two"}


def test_an_applications_own_key_is_no_other_secret_of_the_user(world: World) -> None:
    """Two Secrets with the same user and secret share it, whatever else one of them holds."""
    holder = world.holder()
    change = {"data": {"SECRET_KEY": encode("django-insecure")}}
    holder.cluster.api.merge("Secret", holder.name, holder.namespace, change)
    world.hooks.sync(holder)
    assert holder.state == READY
    shared = world.stranger(user=holder.user, secret=holder.secret)
    # The user is made anew for whoever is synced first.
    del world.store.accounts[holder.user]
    world.hooks.sync(shared)
    assert shared.state == READY


def test_a_secret_that_is_being_deleted_does_not_count(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one", finalizers=["example.com/kept"])
    assert found(kube, bucket) == {"one"}
    world.cluster.api.delete("Secret", "one", world.theirs)
    try:
        assert found(kube, bucket) == set()
    finally:
        change = {"metadata": {"finalizers": None}}
        world.cluster.api.merge("Secret", "one", world.theirs, change)


def test_the_one_that_asks_is_none_of_the_others(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one")
    origin = f"{world.theirs}/one"
    deadline = Deadline(20)
    assert wait(others(kube).labelled("bucket-hash", bucket, origin, anything, deadline)) == []
    assert wait(others(kube).all(origin, lambda n: bucket in n.buckets, deadline)) == []


def test_holders_are_found_among_more_than_a_page_of_secrets(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooks.kube.PAGE", 50)
    bucket = random.token_hex(8)
    names = [f"other-{number:03}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        create = world.cluster.api.create
        list(pool.map(lambda name: create(secret(world.mine, name)), names))
    named(world, bucket, "one")
    assert found(kube, bucket) == {"one"}


# What is not asked, and what is left to ADOPTION


def test_an_administrators_bucket_goes_to_the_first(world: World) -> None:
    first = world.secret()
    world.store.owners[first.bucket] = ADMINISTRATOR
    world.hooks.sync(first)
    assert first.state == READY
    stranger = for_the_bucket(world, first)
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED


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
            await look.labelled(
                "user-hash", f"user-{number}", "none/none", anything, Deadline(0.75)
            )
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
        wait(others(kube).all("a/b", lambda _: True, Deadline(5)))
    assert raised.value.reason is Reason.GUARD_UNAVAILABLE
    kube.close()
