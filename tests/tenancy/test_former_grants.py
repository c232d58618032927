"""Grants of the former version: converted, and good again after a roll-back."""

from __future__ import annotations

from typing import Any

from tests.properties.cluster import Slot
from tests.support import PREFIX, encode
from tests.tenancy.ground import (
    BUCKET_CLAIMED,
    HOLDER,
    OTHER_SECRET,
    READY,
    STRANGER,
    Ground,
)


def test_a_former_grant_is_converted_with_its_second_and_stays_for_a_roll_back() -> None:
    ground = Ground("never")
    ground.put(HOLDER)
    ground.former(HOLDER, 1_600_000_000)
    former = ground.seen(HOLDER).annotations["grant"]
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")
    assert ground.told(HOLDER)["user"][1] == 1_600_000_000
    assert ground.seen(HOLDER).annotations["grant"] == former


def test_a_former_grant_gives_nothing_back_that_was_given_up_since() -> None:
    ground = Ground("any")
    ground.put(STRANGER, user="stranger", secret=OTHER_SECRET)
    ground.former(STRANGER, 1_700_000_000)
    assert ground.sync(STRANGER).state == READY
    assert ground.put(STRANGER, "another", "stranger", OTHER_SECRET).state == READY
    assert ground.put(HOLDER).state == READY
    ground.adoption = "never"
    ground.start()
    # Neither beside the one that has it by now, nor when that one is gone.
    assert ground.put(STRANGER, "bucket", "stranger", OTHER_SECRET).state == BUCKET_CLAIMED
    del ground.kube.documents[HOLDER]
    assert ground.sync(STRANGER).state == ("Conflict", "BucketOwned")
    assert ground.store.owners["bucket"] == "user"


def test_before_it_is_converted_a_former_grant_lets_its_holder_rotate_and_rename() -> None:
    ground = Ground("never")
    ground.put(HOLDER)
    ground.former(HOLDER, 1_600_000_000)
    assert ground.put(HOLDER, secret=OTHER_SECRET).state == READY
    ground.former(HOLDER, 1_600_000_000)
    assert ground.put(HOLDER, user="another", secret=OTHER_SECRET).state == READY
    assert ground.store.owners == {"bucket": "another"}


def test_of_two_former_grants_the_older_holds_and_a_second_versions_before_both() -> None:
    ground = Ground("never")
    ground.put(HOLDER)
    ground.put(STRANGER)
    ground.former(HOLDER, 1_600_000_000)
    ground.former(STRANGER, 1_600_000_001)
    # Whichever of them is looked at first.
    for first, second in ((STRANGER, HOLDER), (HOLDER, STRANGER)):
        ground.former(HOLDER, 1_600_000_000)
        ground.former(STRANGER, 1_600_000_001)
        ground.start()
        assert ground.sync(first).state == READY
        assert ground.sync(second).state == READY
        assert ground.kinds(HOLDER) == ("own", "own")
        assert ground.kinds(STRANGER) == ("shared", "shared")
    ground.former(STRANGER, 1)
    ground.start()
    ground.sync(STRANGER)
    assert ground.kinds(STRANGER) == ("shared", "shared")


def test_many_former_grants_are_converted_with_one_list() -> None:
    ground = Ground("never")
    slots: list[Slot] = [("mine", f"secret-{number}") for number in range(20)]
    for slot in slots:
        ground.put(slot, bucket=slot[1], user=slot[1])
        ground.former(slot, 1_600_000_000)
    lists: list[str | None] = []
    listed = ground.kube.secrets

    def counted(namespace: str | None = None, selector: str | None = None, **more: Any) -> Any:
        lists.append(selector)
        return listed(namespace, selector, **more)

    ground.kube.secrets = counted  # type: ignore[method-assign]
    ground.start()
    for slot in slots:
        assert ground.sync(slot).state == READY
        assert ground.kinds(slot) == ("own", "own")
    assert lists == [f"{PREFIX}status"]


def test_a_roll_back_and_a_second_upgrade_lose_nothing() -> None:
    """The former version sees its own grant, gives a new one, and leaves the other alone."""
    ground = Ground("never")
    ground.put(HOLDER)
    uid = ground.seen(HOLDER).uid
    ground.annotate(
        HOLDER, grant=ground.operator.former_grant(uid, "bucket", "user", 1_900_000_000)
    )
    before = dict(ground.seen(HOLDER).annotations)
    assert ground.sync(HOLDER).state == READY
    assert ground.seen(HOLDER).annotations == before
    # What it renamed meanwhile is known by its grant alone.
    ground.kube.documents[HOLDER]["data"]["bucket-name"] = encode("bucket-2")
    ground.store.owners["bucket-2"] = "user"
    token = ground.operator.former_grant(uid, "bucket-2", "user", 1_900_000_001)
    ground.annotate(HOLDER, grant=token, bucket="bucket-2")
    assert ground.put(STRANGER, bucket="bucket-2", user="stranger").state[0] == "Conflict"
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")
    assert ground.seen(HOLDER).annotations["grant"] == token
