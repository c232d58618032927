"""Which other Secrets count, and what is asked of Kubernetes to find them."""

from __future__ import annotations

import asyncio
import secrets as random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.cluster.kube import Kube
from hooks.contract.grant import Grant, Holding, Kind
from hooks.contract.status import name_hash
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Thing
from tests.live import ENABLED
from tests.rivals import (
    READY,
    World,
)
from tests.servers.accounts import secret
from tests.support import PREFIX, encode, wait
from tests.tenancy.lookups import (
    ENDPOINT,
    GRANTS,
    KEYS,
    Spy,
    annotate,
    found,
    named,
    others,
    own,
    unproven,
)

pytestmark = pytest.mark.server

SHARED = Holding(1, Kind.SHARED)


def test_secrets_of_all_namespaces_count(world: World, kube: Kube) -> None:
    bucket = random.token_hex(8)
    named(world, bucket, "one")
    assert found(kube, bucket) == {"one"}
    assert unproven(kube, bucket) == {"one"}


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
    assert len(spy.lists) == 4
    assert all(each["metadata_only"] for each in spy.lists)
    # All that could be large and is nobody's claim stays where it is.
    label = f"{PREFIX}bucket-hash in ({name_hash(bucket)})"
    several = f"{PREFIX}several-buckets"
    assert {each["selector"] for each in spy.lists[:2]} == {label, several}
    assert [each["selector"] for each in spy.lists[2:]] == [None, None]
    assert [each["fields"] for each in spy.lists[2:]] == ["type!=helm.sh/release.v1"] * 2


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
