"""Several buckets of one Secret: who holds which, whoever else names them."""

from __future__ import annotations

from copy import deepcopy

import pytest

from backends.errors import ServerFault
from hooks.cluster.kubeerrors import KubeError
from hooks.contract.status import name_hash
from tests.model import ADMINISTRATOR, Account
from tests.support import PREFIX
from tests.tenancy.ground import (
    BESIDE,
    BUCKET_CLAIMED,
    HOLDER,
    KEY_CLAIMED,
    OTHER_SECRET,
    READY,
    STRANGER,
    Ground,
)
from tests.tenancy.lists import NAMES, given, put, settled

ASKED = {"find_user", "create_user", "create_bucket", "change_owner", "update_user"}


def calls(ground: Ground, slot: tuple[str, str]) -> list[str]:
    """What one sync asks of the store."""
    ground.store.calls.clear()
    ground.call(slot)
    return list(ground.store.calls)


def test_sixteen_are_made_and_cost_sixteen_probes() -> None:
    ground = Ground()
    seen = put(ground, HOLDER, *NAMES)
    assert seen.state == READY
    assert ground.store.owners == dict.fromkeys(NAMES, "user")
    assert seen.annotations["bucket"] == ",".join(NAMES)
    assert seen.annotations["user"] == "user"
    assert seen.labels["bucket-hash"] == name_hash("bucket-1")
    assert seen.labels["several-buckets"] == "true"
    assert given(ground, HOLDER) == dict.fromkeys(NAMES, "own")
    assert seen.annotations["message"] == (
        "The store accepts the Secret's credentials and all 16 buckets are the user's."
    )
    settled(ground, HOLDER)
    ground.kube.fault = KubeError("nobody is to ask")
    assert calls(ground, HOLDER) == ["probe"] * 16


def test_one_bucket_has_no_further_label() -> None:
    ground = Ground()
    seen = put(ground, HOLDER, "bucket-1")
    assert seen.state == READY
    assert "several-buckets" not in seen.labels
    answer = ground.call(HOLDER).response
    assert f"{PREFIX}several-buckets" not in answer.labels
    # It goes with the other buckets.
    put(ground, HOLDER, "bucket-1", "bucket-2")
    assert ground.seen(HOLDER).labels["several-buckets"] == "true"
    put(ground, HOLDER, "bucket-1")
    assert "several-buckets" not in ground.seen(HOLDER).labels


@pytest.mark.parametrize("place", [0, 1, 15])
def test_one_that_is_anothers_leaves_the_others_usable(place: int) -> None:
    ground = Ground()
    taken = NAMES[place]
    assert ground.put(STRANGER, bucket=taken, user="other").state == READY
    seen = put(ground, HOLDER, *NAMES)
    assert seen.state == BUCKET_CLAIMED
    assert seen.annotations["message"].startswith(f"Bucket {taken}: ")
    assert "stranger" not in seen.annotations["message"]
    rest = [name for name in NAMES if name != taken]
    assert seen.annotations["bucket"] == ",".join(rest)
    assert {ground.store.owners[name] for name in rest} == {"user"}
    assert ground.store.owners[taken] == "other"
    assert given(ground, HOLDER) == dict.fromkeys(rest, "own")
    settled(ground, HOLDER)
    # What it holds is asked for once, and nothing is written.
    assert sorted(set(calls(ground, HOLDER)) - {"probe", "find_bucket"}) == []
    ground.kube.documents.pop(STRANGER)
    ground.store.owners.pop(taken)
    seen = ground.sync(HOLDER)
    assert seen.state == READY
    assert ground.store.owners[taken] == "user"
    assert seen.annotations["bucket"] == ",".join(NAMES)


@pytest.mark.parametrize("place", [1, 2, 15])
def test_every_place_in_the_list_is_found_by_others(place: int) -> None:
    """A holder's second bucket that the store has lost is nobody else's to make."""
    ground = Ground(adoption="any")
    put(ground, HOLDER, *NAMES)
    del ground.store.owners[NAMES[place]]
    seen = ground.put(STRANGER, bucket=NAMES[place], user="other")
    assert seen.state == BUCKET_CLAIMED
    assert NAMES[place] not in ground.store.owners
    # By a list of its own, too.
    seen = put(ground, STRANGER, "mine", NAMES[place], user="other")
    assert seen.state == BUCKET_CLAIMED
    assert ground.store.owners["mine"] == "other"
    assert NAMES[place] not in ground.store.owners
    assert ground.sync(HOLDER).state == READY
    assert ground.store.owners[NAMES[place]] == "user"


@pytest.mark.parametrize("adoption", ["any", "unowned"])
def test_labels_that_were_removed_give_nothing_away(adoption: str) -> None:
    ground = Ground(adoption=adoption)
    put(ground, HOLDER, *NAMES[:3])
    ground.kube.documents[HOLDER]["metadata"].pop("labels")
    seen = ground.put(STRANGER, bucket=NAMES[1], user="other")
    assert seen.state[0] == "Conflict"
    assert ground.store.owners[NAMES[1]] == "user"


def test_a_mistake_in_the_list_gives_nothing_away() -> None:
    ground = Ground(adoption="any")
    put(ground, HOLDER, *NAMES[:3])
    seen = put(ground, HOLDER, *NAMES[:3], "Not_One")
    assert seen.state == ("Invalid", "InvalidField")
    assert seen.labels["several-buckets"] == "true"
    assert seen.annotations["bucket"] == ",".join(NAMES[:3])
    del ground.store.owners[NAMES[2]]
    assert ground.put(STRANGER, bucket=NAMES[2], user="other").state == BUCKET_CLAIMED


def test_one_that_is_named_no_more_is_let_go_and_stays() -> None:
    ground = Ground(adoption="any")
    put(ground, HOLDER, *NAMES[:3])
    seen = put(ground, HOLDER, NAMES[0], NAMES[2])
    assert seen.state == READY
    assert seen.annotations["bucket"] == f"{NAMES[0]},{NAMES[2]}"
    assert given(ground, HOLDER) == {NAMES[0]: "own", NAMES[2]: "own"}
    assert ground.store.owners[NAMES[1]] == "user"
    settled(ground, HOLDER)
    # Adoption lets others have it then, as with any bucket that nobody names.
    assert ground.put(STRANGER, bucket=NAMES[1], user="other").state == READY


def test_the_order_is_nothing_to_the_store() -> None:
    ground = Ground()
    put(ground, HOLDER, *NAMES[:4])
    ground.store.calls.clear()
    seen = put(ground, HOLDER, *reversed(NAMES[:4]))
    assert seen.state == READY
    assert ground.store.calls == ["probe"] * 4
    assert seen.labels["bucket-hash"] == name_hash(NAMES[3])


def test_who_copies_the_pair_shares_each_and_owns_none() -> None:
    ground = Ground(adoption="any")
    put(ground, HOLDER, *NAMES[:3])
    assert put(ground, STRANGER, *NAMES[1:3]).state == READY
    assert given(ground, STRANGER) == {NAMES[1]: "shared", NAMES[2]: "shared"}
    assert put(ground, BESIDE, NAMES[2]).state == READY
    # A leak ends with the holder's rotation, for each of them.
    put(ground, HOLDER, *NAMES[:3], secret=OTHER_SECRET)
    assert ground.store.accounts["user"].secret == OTHER_SECRET
    assert ground.sync(STRANGER).state == KEY_CLAIMED
    assert ground.sync(HOLDER).state == READY


def test_a_user_of_anothers_is_told_once_and_nothing_is_made() -> None:
    ground = Ground()
    ground.put(STRANGER, bucket="theirs", user="user", secret=OTHER_SECRET)
    before = dict(ground.store.owners)
    seen = put(ground, HOLDER, *NAMES[:3])
    assert seen.state == KEY_CLAIMED
    assert ground.store.owners == before
    settled(ground, HOLDER)


def test_with_every_bucket_anothers_no_user_is_made() -> None:
    ground = Ground()
    ground.put(STRANGER, bucket=NAMES[0], user="other")
    ground.put(BESIDE, bucket=NAMES[1], user="another")
    seen = put(ground, HOLDER, *NAMES[:2])
    assert seen.state == BUCKET_CLAIMED
    assert f"Not right either: {NAMES[1]}" in seen.annotations["message"]
    assert "usable" not in seen.annotations["message"]
    assert "user" not in ground.store.accounts
    assert "bucket" not in seen.annotations


@pytest.mark.parametrize("adoption", ["never", "unowned", "any"])
def test_adoption_holds_for_each(adoption: str) -> None:
    ground = Ground(adoption=adoption)
    ground.store.accounts["somebody"] = Account("secret")
    ground.store.owners |= {NAMES[0]: "somebody", NAMES[2]: "gone"}
    seen = put(ground, HOLDER, *NAMES[:3])
    taken = {"never": set(), "unowned": {NAMES[2]}, "any": {NAMES[0], NAMES[2]}}[adoption]
    assert {name for name, owner in ground.store.owners.items() if owner == "user"} == {
        NAMES[1],
        *taken,
    }
    assert seen.state == (READY if adoption == "any" else ("Conflict", "BucketOwned"))
    if adoption == "any":
        message = seen.annotations["message"]
        assert f"{NAMES[0]}, {NAMES[2]}: It was another's before" in message


@pytest.mark.parametrize("writes", range(1, 9))
def test_killed_between_two_buckets_the_next_sync_goes_on(writes: int) -> None:
    """With ADOPTION=never: what the Secret itself has begun is no stranger's."""

    class Killed(BaseException):
        pass

    ground = Ground(adoption="never")
    left = [writes]

    def before(operation: str) -> None:
        if operation in ASKED - {"find_user"}:
            left[0] -= 1
            if left[0] == 0:
                raise Killed

    ground.store.before = before
    try:
        put(ground, HOLDER, *NAMES[:4])
    except Killed:
        assert "status" not in ground.seen(HOLDER).annotations
    ground.store.before = lambda operation: None
    ground.start()
    assert ground.sync(HOLDER).state == READY
    assert ground.store.owners == dict.fromkeys(NAMES[:4], "user")
    assert given(ground, HOLDER) == dict.fromkeys(NAMES[:4], "own")
    settled(ground, HOLDER)


def test_the_kubernetes_api_that_fails_leaves_what_is_right_ready() -> None:
    ground = Ground()
    put(ground, HOLDER, *NAMES[:3])
    ground.strip(HOLDER)
    ground.kube.fault = KubeError("down")
    seen = ground.sync(HOLDER)
    assert seen.state == READY
    assert "grants" not in seen.annotations
    seen = put(ground, HOLDER, *NAMES[:4])
    assert seen.state == ("Retrying", "GuardUnavailable")
    assert NAMES[3] not in ground.store.owners
    ground.kube.fault = None
    assert ground.sync(HOLDER).state == READY
    assert given(ground, HOLDER) == dict.fromkeys(NAMES[:4], "own")


def test_a_rename_moves_every_bucket_and_keeps_its_settings() -> None:
    ground = Ground(adoption="unowned")
    put(ground, HOLDER, *NAMES[:4])
    ground.store.settings |= dict.fromkeys(NAMES[:4], "a policy")
    seen = put(ground, HOLDER, *NAMES[:4], user="renamed")
    assert seen.state == READY
    assert {ground.store.owners[name] for name in NAMES[:4]} == {"renamed"}
    assert ground.store.settings == dict.fromkeys(NAMES[:4], "a policy")
    assert given(ground, HOLDER) == dict.fromkeys(NAMES[:4], "own")
    assert ground.told(HOLDER)["user"][0] == "renamed"
    settled(ground, HOLDER)


@pytest.mark.parametrize("moved", range(4))
def test_a_rename_that_was_cut_short_keeps_the_settings_of_what_is_left(moved: int) -> None:
    """The former user isn't a stranger while some of the buckets are still its."""
    ground = Ground(adoption="unowned")
    put(ground, HOLDER, *NAMES[:4])
    ground.store.settings |= dict.fromkeys(NAMES[:4], "a policy")
    changes = [0]
    called = ground.store._called

    async def fails(operation: str) -> None:
        changes[0] += operation == "change_owner"
        if operation == "change_owner" and changes[0] > moved:
            raise ServerFault("The store failed.")
        await called(operation)

    ground.store._called = fails  # type: ignore[method-assign]
    seen = put(ground, HOLDER, *NAMES[:4], user="renamed")
    assert seen.state == ("Retrying", "BackendError")
    assert sum(owner == "renamed" for owner in ground.store.owners.values()) == moved
    ground.store._called = called  # type: ignore[method-assign]
    assert ground.sync(HOLDER).state == READY
    assert {ground.store.owners[name] for name in NAMES[:4]} == {"renamed"}
    assert ground.store.settings == dict.fromkeys(NAMES[:4], "a policy")
    assert ground.told(HOLDER)["user"][0] == "renamed"


@pytest.mark.parametrize("moved", [1, 3])
@pytest.mark.parametrize("how", ["failed", "killed"])
def test_a_rename_that_was_cut_short_and_taken_back_keeps_all_settings(
    moved: int, how: str
) -> None:
    ground = Ground(adoption="unowned")
    put(ground, HOLDER, *NAMES[:4])
    ground.store.settings |= dict.fromkeys(NAMES[:4], "a policy")
    changes = [0]
    called = ground.store._called

    async def fails(operation: str) -> None:
        changes[0] += operation == "change_owner"
        if operation == "change_owner" and changes[0] > moved:
            raise ServerFault("The store failed.")
        await called(operation)

    ground.store._called = fails  # type: ignore[method-assign]
    before = deepcopy(ground.kube.documents[HOLDER]["metadata"])
    # A failure is answered, so the Secret says whom some buckets are given to; and a new secret
    # belongs to a new name. After a kill it says nothing, and the secret alone tells.
    more = {"secret": "another-long-secret"} if how == "failed" else {}
    put(ground, HOLDER, *NAMES[:4], user="renamed", **more)
    assert sum(owner == "renamed" for owner in ground.store.owners.values()) == moved
    ground.store._called = called  # type: ignore[method-assign]
    if how == "killed":
        ground.kube.documents[HOLDER]["metadata"] = before
    seen = put(ground, HOLDER, *NAMES[:4])
    assert seen.state == READY
    assert {ground.store.owners[name] for name in NAMES[:4]} == {"user"}
    assert ground.store.settings == dict.fromkeys(NAMES[:4], "a policy")
    assert given(ground, HOLDER) == dict.fromkeys(NAMES[:4], "own")
    settled(ground, HOLDER)


def test_what_a_stranger_was_given_meanwhile_is_still_wiped() -> None:
    ground = Ground(adoption="unowned")
    put(ground, HOLDER, *NAMES[:2])
    ground.store.settings |= dict.fromkeys(NAMES[:2], "a policy")
    ground.store.accounts["stranger"] = Account("its-own-secret")
    ground.store.owners[NAMES[0]] = "stranger"
    assert ground.sync(HOLDER).state == READY
    assert ground.store.owners[NAMES[0]] == "user"
    assert ground.store.settings == {NAMES[1]: "a policy"}


def test_a_grant_of_the_former_version_is_not_lost_while_its_bucket_is_not_right() -> None:
    """One of the second version beside it that doesn't name its bucket would make it void."""
    ground = Ground(adoption="unowned")
    ground.put(HOLDER, bucket=NAMES[0])
    ground.former(HOLDER, 1_700_000_000)
    ground.store.owners[NAMES[0]] = ADMINISTRATOR
    called = ground.store._called

    async def fails(operation: str) -> None:
        if operation == "change_owner":
            raise ServerFault("The store failed.")
        await called(operation)

    ground.store._called = fails  # type: ignore[method-assign]
    seen = put(ground, HOLDER, *NAMES[:3])
    assert seen.state == ("Retrying", "BackendError")
    assert seen.annotations["message"] == f"Bucket {NAMES[0]}: The store failed."
    assert "grants" not in seen.annotations
    assert {ground.store.owners[name] for name in NAMES[1:3]} == {"user"}
    ground.store._called = called  # type: ignore[method-assign]
    assert ground.sync(HOLDER).state == READY
    assert given(ground, HOLDER) == dict.fromkeys(NAMES[:3], "own")
    assert ground.told(HOLDER)["buckets"][NAMES[0]][0] == 1_700_000_000
    assert ground.store.owners[NAMES[0]] == "user"


def test_a_former_grant_of_a_list_is_told_by_its_annotation() -> None:
    """The annotation has all names, and one of them is what the grant is for."""
    ground = Ground(adoption="unowned")
    ground.put(HOLDER, bucket=NAMES[1])
    ground.former(HOLDER, 1_700_000_000)
    ground.kube.fault = KubeError("down")
    seen = put(ground, HOLDER, *NAMES[:3])
    assert seen.state == ("Retrying", "GuardUnavailable")
    assert "grants" not in seen.annotations
    assert NAMES[1] in seen.annotations["bucket"].split(",")
    ground.kube.fault = None
    ground.store.owners.pop(NAMES[1])
    assert ground.put(STRANGER, bucket=NAMES[1], user="other").state == BUCKET_CLAIMED
