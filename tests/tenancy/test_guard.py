"""The conflict guard, with the other Secrets in a real Kubernetes API."""

from __future__ import annotations

import asyncio
import secrets as random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.cluster.kube import Kube, Listing
from hooks.commands.processes import LOOPBACK
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.contract.outcome import Reason, Refusal
from hooks.contract.status import Keys, name_hash
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Thing
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
GRANTS = Grants(Sensitive("a-key"))
SHARED = Holding(1, Kind.SHARED)
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


# Who the others are


def others(kube: Kube, *, endpoint: str | None = ENDPOINT, grants: Grants = GRANTS) -> Others:
    return Others(kube, KEYS, grants, endpoint)


def found(kube: Kube, bucket: str, *, endpoint: str | None = ENDPOINT) -> set[str]:
    """Names of the Secrets that hold a bucket; whoever asks and however, they are the same."""
    deadline = Deadline(20)
    answers = [
        wait(
            others(kube, endpoint=endpoint).holders(
                Thing.BUCKET, bucket, "none/none", deadline, lately=lately
            )
        )
        for lately in (False, True)
    ]
    assert abs(answers[0].second - time.time()) < 60
    names = [{other.request.name for other in answer.others} for answer in answers]
    assert names[0] == names[1]
    return names[0]


def unproven(kube: Kube, bucket: str, *, endpoint: str | None = ENDPOINT) -> set[str]:
    """Names of the Secrets that name a bucket, and of which only the store tells."""
    look = others(kube, endpoint=endpoint)
    answer = wait(look.unproven(Thing.BUCKET, bucket, {"someone"}, "none/none", Deadline(20)))
    return {other.request.name for other in answer.others}


def own(second: int = 1) -> Holding:
    return Holding(second, Kind.OWN)


def named(
    world: World, bucket: str, name: str, grant: Grant | None = None, /, **metadata: object
) -> Object:
    """A Secret that names the bucket and has its labels; with a grant, which has to name its uid.

    None gives it its own for that bucket.
    """
    manifest = secret(
        world.theirs,
        name,
        annotations={ENABLED: "true", f"{PREFIX}status": "Ready"},
        labels={
            f"{PREFIX}bucket-hash": name_hash(bucket),
            f"{PREFIX}user-hash": name_hash("someone"),
            f"{PREFIX}status": "Ready",
        },
        data={"bucket-name": bucket, "access-key": "someone", "access-secret": "something"},
    )
    data = metadata.pop("data", {})
    manifest["metadata"].update(metadata)
    manifest["stringData"] |= data
    world.cluster.api.create(manifest)
    made = world.cluster.api.get("Secret", name, world.theirs)
    assert made is not None
    given = grant or Grant("someone", own(), {bucket: own()})
    token = GRANTS.issue(made["metadata"]["uid"], given, int(time.time()))
    return annotate(world, name, {f"{PREFIX}grants": token})


def annotate(world: World, name: str, annotations: dict[str, str | None]) -> Object:
    change = {"metadata": {"annotations": annotations}}
    return world.cluster.api.merge("Secret", name, world.theirs, change)


def test_secrets_of_all_namespaces_count(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one")
    assert found(kube, bucket) == {"one"}
    assert unproven(kube, bucket) == {"one"}


class Spy:
    """Sees what a Kubernetes client is asked.

    Args:
        world: the namespaces whose Secrets count; the API is other tests' too.
        kube: the client.
        patch: how it is looked at.
    """

    def __init__(self, world: World, kube: Kube, patch: pytest.MonkeyPatch) -> None:
        self.lists: list[dict[str, Any]] = []
        self.reads: list[tuple[str, bool]] = []
        listed, read = kube.secrets, kube.secret

        def secrets(
            namespace: str | None = None, selector: str | None = None, **options: Any
        ) -> Listing:
            self.lists.append({"namespace": namespace, "selector": selector, **options})
            return listed(namespace, selector, **options)

        def secret(
            namespace: str, name: str, *, timeout: float, metadata_only: bool = False
        ) -> Object | None:
            if namespace in (world.mine, world.theirs):
                self.reads.append((name, metadata_only))
            return read(namespace, name, timeout=timeout, metadata_only=metadata_only)

        patch.setattr(kube, "secrets", secrets)
        patch.setattr(kube, "secret", secret)

    @property
    def data_read(self) -> list[str]:
        """Names of the Secrets whose data was read, in order."""
        return [name for name, metadata_only in self.reads if not metadata_only]


@pytest.mark.parametrize("how", ["now", "lately", "unproven"])
def test_look_ups_that_come_together_share_a_few_lists(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    buckets = [random.token_hex(8) for _ in range(60)]
    for bucket in buckets:
        named(world, bucket, f"first-{bucket}")
    named(world, buckets[0], "second")
    spy = Spy(world, kube, monkeypatch)
    look = others(kube)

    async def one(bucket: str) -> set[str]:
        origin = f"{world.theirs}/first-{bucket}"
        if how == "unproven":
            seen = await look.unproven(Thing.BUCKET, bucket, {"someone"}, origin, Deadline(20))
        else:
            seen = await look.holders(
                Thing.BUCKET, bucket, origin, Deadline(20), lately=how == "lately"
            )
        return {other.request.name for other in seen.others}

    async def all_at_once() -> list[set[str]]:
        return await asyncio.gather(*map(one, buckets))

    # None is told of itself, and none of what another asked for.
    assert wait(all_at_once()) == [{"second"}, *[set()] * 59]
    assert len(spy.lists) < 10


def test_a_list_asks_for_metadata_alone_and_data_is_read_of_what_matters(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "holder")
    # These have the label, and no grant that covers the bucket.
    named(world, bucket, "sharer", Grant("someone", own(), {bucket: SHARED}))
    named(world, bucket, "other", Grant("someone", own(), {"another": own()}))
    named(world, bucket, "forger")
    annotate(world, "forger", {f"{PREFIX}grants": "v2.e30." + "A" * 43})
    named(world, bucket, "refused")
    annotate(world, "refused", {f"{PREFIX}grants": None, f"{PREFIX}reason": "BucketClaimed"})
    spy = Spy(world, kube, monkeypatch)
    look, deadline = others(kube), Deadline(20)
    wait(look.holders(Thing.BUCKET, bucket, "none/none", deadline))
    assert spy.data_read == ["holder"]
    spy.reads.clear()
    # Those that only the store can tell of: not who was refused, and not who shares.
    wait(look.unproven(Thing.BUCKET, bucket, {"someone"}, "none/none", deadline))
    assert sorted(spy.data_read) == ["forger", "holder", "other"]
    spy.reads.clear()
    # The labels say whose the bucket can't be; a grant for it counts without any.
    wait(look.unproven(Thing.BUCKET, bucket, {"somebody-else"}, "none/none", deadline))
    assert spy.data_read == ["holder"]
    assert len(spy.lists) == 3
    assert all(each["metadata_only"] for each in spy.lists)
    # All that could be large and is nobody's claim stays where it is.
    label = f"{PREFIX}bucket-hash in ({name_hash(bucket)})"
    assert [each["selector"] for each in spy.lists] == [label, None, None]
    assert [each["fields"] for each in spy.lists[1:]] == ["type!=helm.sh/release.v1"] * 2


def test_many_secrets_that_hold_nothing_are_not_read_for_a_stranger(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant can make them as large as it likes, and mistakes in them cost nothing."""
    bucket = random.token_hex(8)
    named(world, bucket, "holder")
    states = [
        ("Conflict", "BucketClaimed"),
        ("Conflict", "AccessKeyClaimed"),
        ("Conflict", "BucketOwned"),
        ("Conflict", "UserExists"),
        ("Invalid", "MissingField"),
        ("Invalid", "NotAllowed"),
        ("Skipped", "EndpointMismatch"),
    ]
    for number, (status, reason) in enumerate(states):
        manifest = secret(
            world.theirs,
            f"heavy-{number}",
            annotations={
                ENABLED: "true",
                f"{PREFIX}status": status,
                f"{PREFIX}reason": reason,
                f"{PREFIX}grant": "v1.1." + "A" * 43,
                f"{PREFIX}grants": "v2.e30." + "A" * 43,
            },
            data={"bucket-name": bucket, "access-key": "someone", "more": "x" * 100_000},
        )
        world.cluster.api.create(manifest)
    # Its own things are all right, and none of them is the one in question.
    named(world, "another", "mine", Grant("me", own(), {"another": own()}))
    change: dict[str, Any] = {"metadata": {"labels": {f"{PREFIX}user-hash": None}}}
    world.cluster.api.merge("Secret", "mine", world.theirs, change)
    spy = Spy(world, kube, monkeypatch)
    assert unproven(kube, bucket) == {"holder"}
    assert spy.data_read == ["holder"]


def test_a_minute_old_list_is_shared_by_all_that_it_is_good_enough_for(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, later = random.token_hex(8), random.token_hex(8)
    named(world, bucket, "one")
    spy = Spy(world, kube, monkeypatch)
    look = others(kube)

    def lately(name: str) -> set[str]:
        answer = wait(look.holders(Thing.BUCKET, name, "none/none", Deadline(20), lately=True))
        return {other.request.name for other in answer.others}

    assert lately(bucket) == {"one"}
    named(world, later, "late")
    assert [lately(random.token_hex(8)) for _ in range(5)] == [set()] * 5
    assert lately(later) == set()
    assert len(spy.lists) == 1
    # What it found is looked at once more: the list may be old, and the holder gone since.
    world.cluster.api.delete("Secret", "one", world.theirs)
    assert lately(bucket) == set()
    assert len(spy.lists) == 1


def test_a_release_of_helms_is_not_even_listed(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    manifest = secret(
        world.theirs,
        "sh.helm.release.v1.app.v1",
        annotations={ENABLED: "true"},
        data={"bucket-name": bucket, "access-key": "someone", "access-secret": "something"},
    )
    world.cluster.api.create({**manifest, "type": "helm.sh/release.v1"})
    assert unproven(kube, bucket) == set()
    world.cluster.api.create(
        secret(world.theirs, "app", annotations={ENABLED: "true"}, data=manifest["stringData"])
    )
    assert unproven(kube, bucket) == {"app"}


def test_a_namespace_that_may_not_have_it_is_passed_over(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one")
    annotate(world, "one", {f"{PREFIX}grants": None})
    spy = Spy(world, kube, monkeypatch)

    def may(namespace: str, thing: Thing, name: str) -> bool:
        return (namespace, thing, name) != (world.theirs, Thing.BUCKET, bucket)

    look = Others(kube, KEYS, GRANTS, ENDPOINT, may=may)
    answer = wait(look.unproven(Thing.BUCKET, bucket, {"someone"}, "none/none", Deadline(20)))
    assert answer.others == ()
    assert spy.data_read == []


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
    assert found(kube, bucket) == set()
    assert unproven(kube, bucket) == set()


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
    look = Others(kube, KEYS, GRANTS, ENDPOINT, frozenset({"https://s3.example:7070"}))
    (other,) = wait(look.holders(Thing.BUCKET, bucket, "none/none", Deadline(20))).others
    assert other.request.name == "one"
    assert found(kube, bucket) == set()


def test_only_keys_that_count_are_mentioned(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    theirs = {"SECRET_KEY": "django-insecure", "ACCESS_KEY": "mail", "BUCKET": f"{bucket}-2"}
    named(world, bucket, "one", data=theirs)
    keys = {ENABLED: "true", f"{PREFIX}keys": "bucket=APP_BUCKET"}
    data = {**theirs, "APP_BUCKET": bucket, "bucket-name": f"{bucket}-3"}
    named(world, bucket, "two", data=data, annotations=keys)
    answer = wait(others(kube).holders(Thing.BUCKET, bucket, "none/none", Deadline(20)))
    assert {other.request.name for other in answer.others} == {"one", "two"}
    for other in answer.others:
        assert other.names.buckets == {bucket}
        assert other.names.users == {"someone"}
        assert other.names.secrets == {Sensitive("something")}


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
        assert unproven(kube, bucket) == set()
    finally:
        change = {"metadata": {"finalizers": None}}
        world.cluster.api.merge("Secret", "one", world.theirs, change)


def test_the_one_that_asks_is_none_of_the_others(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one")
    origin = f"{world.theirs}/one"
    look, deadline = others(kube), Deadline(20)
    for lately in (False, True):
        answer = wait(look.holders(Thing.BUCKET, bucket, origin, deadline, lately=lately))
        assert answer.others == ()
    answer = wait(look.unproven(Thing.BUCKET, bucket, {"someone"}, origin, deadline))
    assert answer.others == ()


def test_holders_are_found_among_more_than_a_page_of_secrets(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooks.cluster.kube.METADATA_PAGE", 50)
    bucket = random.token_hex(8)
    names = [f"other-{number:03}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        create = world.cluster.api.create
        list(pool.map(lambda name: create(secret(world.mine, name)), names))
    named(world, bucket, "one")
    assert found(kube, bucket) == {"one"}
    assert unproven(kube, bucket) == {"one"}


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


def test_many_that_are_not_answered_yet_are_read_page_by_page(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = random.token_hex(8)
    monkeypatch.setattr("hooks.tenancy.reading._SINGLY", 2)
    for number in range(4):
        named(world, bucket, f"many-{number}")
        annotate(world, f"many-{number}", {f"{PREFIX}grants": None})
    named(world, f"{bucket}-other", "another")
    annotate(world, "another", {f"{PREFIX}grants": None})
    spy = Spy(world, kube, monkeypatch)
    assert unproven(kube, bucket) == {f"many-{number}" for number in range(4)}
    assert spy.data_read == []
