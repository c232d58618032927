"""Several buckets of a holder that shares them: each is looked after by itself."""

from __future__ import annotations

import pytest

from hooks.cluster.kubeerrors import KubeError
from tests.tenancy.ground import HOLDER, READY, STRANGER
from tests.tenancy.lists import NAMES, put, settled
from tests.tenancy.sharing import INVALID, NOT_SHARED, READ, SharedGround


@pytest.fixture
def ground() -> SharedGround:
    """A holder of three buckets that lets the stranger read, and the stranger by the second."""
    ground = SharedGround()
    put(ground, HOLDER, *NAMES[:3])
    ground.share("theirs/stranger")
    ground.make(STRANGER, "guest", "a-guests-long-secret", bucket=NAMES[1])
    ground.annotate(STRANGER, access="read-only")
    assert ground.sync(STRANGER).state == READY
    assert ground.sync(HOLDER).state == READY
    return ground


def test_a_guest_finds_the_holder_by_its_second_bucket(ground: SharedGround) -> None:
    assert ground.store.shared == {NAMES[1]: {"guest": READ}}
    assert set(ground.told(HOLDER)["sharing"]) == set(NAMES[:3])


def test_unchanged_they_cost_a_request_each_and_kubernetes_is_not_asked(
    ground: SharedGround,
) -> None:
    settled(ground, HOLDER)
    ground.kube.fault = KubeError("nobody is to ask")
    assert ground.asked(HOLDER) == ["probe"] * 3


def test_with_the_consent_every_access_ends(ground: SharedGround) -> None:
    ground.store.shared[NAMES[2]] = {"guest": READ}
    assert ground.share(None).state == READY
    assert {name: users for name, users in ground.store.shared.items() if users} == {}
    assert "sharing" not in ground.told(HOLDER)
    assert ground.sync(STRANGER).state == NOT_SHARED
    settled(ground, HOLDER)


def test_one_that_is_named_no_more_is_shared_no_more(ground: SharedGround) -> None:
    put(ground, HOLDER, NAMES[0], NAMES[2])
    assert set(ground.told(HOLDER)["sharing"]) == {NAMES[0], NAMES[2]}
    ground.now += 4000
    ground.annotate(STRANGER, access="read-write")
    assert ground.sync(STRANGER).state == NOT_SHARED


def test_access_is_for_one_bucket(ground: SharedGround) -> None:
    put(ground, STRANGER, *NAMES[:2], user="guest", secret="a-guests-long-secret")
    assert ground.sync(STRANGER).state == INVALID
    assert "one bucket" in ground.seen(STRANGER).annotations["message"]
