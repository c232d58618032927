"""Several buckets of one Secret, looked up by others in a real Kubernetes API."""

from __future__ import annotations

import secrets as random
import time

import pytest

from backends.wire.deadline import Deadline
from hooks.cluster.kube import Kube
from hooks.contract.grant import Grant
from hooks.tenancy.standing import Thing
from tests.live import Live
from tests.rivals import BUCKET_CLAIMED, READY, World
from tests.support import PREFIX, wait
from tests.tenancy.lookups import Spy, found, named, others, own

pytestmark = pytest.mark.server


def several(world: World, names: list[str], *, theirs: bool = False, **fields: str) -> Live:
    """A Secret that names them all, in one of the two namespaces; not yet synced."""
    made = world.stranger(**fields) if theirs else world.secret(**fields)
    return made.changed(data={"bucket-name": "", "bucket-names": ",".join(names)})


def unique(number: int) -> list[str]:
    return [f"several-{random.token_hex(6)}" for _ in range(number)]


@pytest.mark.parametrize("place", [0, 1, 15])
def test_a_holder_is_found_by_each_of_its_buckets(world: World, place: int) -> None:
    names = unique(16)
    holder = several(world, names)
    world.hooks.sync(holder)
    assert holder.state == READY
    # Lost on the store, it is still nobody else's.
    del world.store.owners[names[place]]
    stranger = world.stranger(bucket=names[place])
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED
    assert holder.name not in stranger.annotations["message"]
    assert holder.namespace not in stranger.annotations["message"]
    assert names[place] not in world.store.owners
    assert stranger.user not in world.store.accounts


def test_one_that_contends_for_several_gets_what_is_free(world: World) -> None:
    names = unique(4)
    holder = several(world, names[:3])
    world.hooks.sync(holder)
    contender = several(world, [names[3], names[1]], theirs=True)
    for _ in range(2):
        result = world.hooks.sync(contender)
        assert contender.state == BUCKET_CLAIMED
        assert result.response.resync_after == 30
    assert contender.annotations["message"].startswith(f"Bucket {names[1]}: ")
    assert holder.name not in contender.annotations["message"]
    assert world.store.owners[names[3]] == contender.user
    assert {world.store.owners[name] for name in names[:3]} == {holder.user}
    # With the holder gone the last one comes, too.
    holder.delete()
    world.hooks.sync(contender)
    assert contender.state == READY
    assert world.store.owners[names[1]] == contender.user


def test_only_those_whose_grant_has_the_bucket_are_read(
    world: World, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant that marks all of its Secrets with the label costs the others their metadata."""
    bucket, *others_buckets = unique(5)
    lists = {"bucket-name": "", "bucket-names": f"{others_buckets[0]},{bucket}"}
    labels = {f"{PREFIX}several-buckets": "true", f"{PREFIX}status": "Ready"}
    holds = Grant("someone", own(), {others_buckets[0]: own(), bucket: own()})
    named(world, others_buckets[0], "holder", holds, data=lists, labels=labels)
    for number, other in enumerate(others_buckets[1:]):
        grant = Grant("someone", own(), {other: own(), f"{other}-2": own()})
        heavy = {**lists, "more": "x" * 100_000}
        named(world, other, f"heavy-{number}", grant, data=heavy, labels=labels)
    spy = Spy(world, kube, monkeypatch)
    look = others(kube)
    answer = wait(look.holders(Thing.BUCKET, bucket, "none/none", Deadline(20)))
    assert [other.request.name for other in answer.others] == ["holder"]
    assert abs(answer.second - time.time()) < 60
    assert spy.data_read == ["holder"]
    assert all(each["metadata_only"] for each in spy.lists)
    assert found(kube, bucket) == {"holder"}
    # By its first bucket it is found twice, and counts once.
    assert found(kube, others_buckets[0]) == {"holder"}
