"""What a Secret may do with what it shares with its holder, and what becomes of it."""

from __future__ import annotations

import json

import pytest

from backends.base import Bucket, Claim, Gap, Probe
from backends.wire.deadline import Deadline
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.settings.settings import Settings
from tests.model import Account, ModelStore
from tests.properties.cluster import Slot
from tests.tenancy.ground import (
    BESIDE,
    BUCKET_CLAIMED,
    HOLDER,
    KEY_CLAIMED,
    OTHER_SECRET,
    READY,
    SECRET,
    STRANGER,
    Ground,
)


def leaked(ground: Ground, slot: Slot = STRANGER) -> None:
    """The holder's pair and bucket in another Secret, which is Ready with it and no more."""
    ground.put(HOLDER)
    assert ground.put(slot).state == READY
    kind = "shared-within" if slot == BESIDE else "shared"
    assert ground.kinds(slot) == (kind, kind)
    assert ground.kinds(HOLDER) == ("own", "own")


@pytest.mark.parametrize("slot", [STRANGER, BESIDE])
@pytest.mark.parametrize("adoption", ["any", "own-names", "unowned", "never"])
def test_who_shares_neither_rotates_nor_renames_nor_takes_the_bucket(
    slot: Slot, adoption: str
) -> None:
    ground = Ground(adoption)
    leaked(ground, slot)
    assert ground.put(slot, secret=OTHER_SECRET).state == KEY_CLAIMED
    assert ground.put(slot, user="another").state == BUCKET_CLAIMED
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.accounts == {"user": Account(SECRET)}
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")


def test_a_leaked_pair_ends_with_the_holders_rotation() -> None:
    ground = Ground("any")
    leaked(ground)
    assert ground.put(HOLDER, secret=OTHER_SECRET).state == READY
    assert ground.sync(STRANGER).state == KEY_CLAIMED
    assert ground.store.accounts["user"].secret == OTHER_SECRET


@pytest.mark.parametrize("adoption", ["own-names", "unowned", "never"])
def test_a_leaked_pair_makes_nobody_the_owner_of_the_users_other_buckets(adoption: str) -> None:
    ground = Ground(adoption)
    ground.put(HOLDER)
    ground.put(BESIDE, bucket="archive")
    del ground.kube.documents[BESIDE]
    assert ground.put(STRANGER, bucket="archive").state == READY
    assert ground.kinds(STRANGER) == ("shared", "shared")
    assert ground.put(STRANGER, bucket="archive", user="stranger").state == (
        "Conflict",
        "BucketOwned",
    )
    assert ground.store.owners["archive"] == "user"
    # What it makes is its own.
    assert ground.put(STRANGER, bucket="made").state == READY
    assert ground.kinds(STRANGER) == ("shared", "own")
    # In the holder's namespace it is the tenant's own.
    assert ground.put(BESIDE, bucket="archive").state == READY
    assert ground.kinds(BESIDE) == ("shared-within", "own")


@pytest.mark.parametrize("slot", [STRANGER, BESIDE])
def test_who_shares_configures_nothing_and_is_told(slot: Slot) -> None:
    ground = Ground(environ={"ALLOWED_ROLES": "user,userplus"})
    leaked(ground, slot)
    ground.store.calls.clear()
    seen = ground.put(slot, role="userplus", user_id="7", quota_bytes="1000", versioning="enabled")
    assert seen.state == READY
    assert "are ignored" in seen.annotations["message"]
    assert ground.store.accounts["user"].role == "user"
    assert not {"update_user", "set_quota", "set_versioning"} & set(ground.store.calls)
    before = json.dumps(ground.kube.documents[slot], sort_keys=True)
    ground.sync(slot)
    assert json.dumps(ground.kube.documents[slot], sort_keys=True) == before


def test_who_shares_makes_again_what_vanished_and_holds_it_no_more_than_before() -> None:
    for vanished in ("bucket", "user"):
        ground = Ground("never")
        leaked(ground)
        (ground.store.owners if vanished == "bucket" else ground.store.accounts).clear()
        assert ground.sync(STRANGER).state == READY
        assert ground.kinds(STRANGER) == ("shared", "shared")
        assert ground.sync(HOLDER).state == READY
        assert ground.kinds(HOLDER) == ("own", "own")


@pytest.mark.parametrize("slot", [STRANGER, BESIDE])
def test_who_makes_again_what_it_shares_chooses_neither_role_nor_ids(slot: Slot) -> None:
    ground = Ground(environ={"ALLOWED_ROLES": "user,userplus"})
    leaked(ground, slot)
    ground.store.accounts.clear()
    assert ground.put(slot, role="userplus", user_id="7", group_id="8").state == READY
    assert ground.store.accounts == {"user": Account(SECRET)}


@pytest.mark.parametrize("adoption", ["own-names", "unowned", "never"])
def test_what_was_shared_across_namespaces_is_nobodys_after_the_holder(adoption: str) -> None:
    ground = Ground(adoption)
    leaked(ground)
    del ground.kube.documents[HOLDER]
    assert ground.sync(STRANGER).state == READY
    assert ground.kinds(STRANGER) == ("shared", "shared")
    assert ground.put(STRANGER, secret=OTHER_SECRET).state == ("Conflict", "UserExists")
    assert ground.put(STRANGER, user="another").state == ("Conflict", "BucketOwned")
    assert ground.store.accounts["user"].secret == SECRET


@pytest.mark.parametrize("adoption", ["own-names", "unowned", "never"])
def test_what_was_shared_within_a_namespace_is_whoevers_is_left(adoption: str) -> None:
    ground = Ground(adoption)
    leaked(ground, BESIDE)
    del ground.kube.documents[HOLDER]
    assert ground.put(BESIDE, secret=OTHER_SECRET).state == READY
    assert ground.store.accounts["user"].secret == OTHER_SECRET
    assert ground.kinds(BESIDE)[0] == "own"
    assert ground.put(BESIDE, user="another", secret=OTHER_SECRET).state == READY
    assert ground.store.owners == {"bucket": "another"}
    assert ground.kinds(BESIDE) == ("own", "own")


@pytest.mark.parametrize("adoption", ["any", "own-names", "unowned", "never"])
@pytest.mark.parametrize("vanished", ["nothing", "bucket", "user"])
def test_what_is_shared_within_a_namespace_is_kept_from_all_others(
    adoption: str, vanished: str
) -> None:
    ground = Ground(adoption)
    leaked(ground, BESIDE)
    del ground.kube.documents[HOLDER]
    assert ground.sync(BESIDE).state == READY
    if vanished == "bucket":
        ground.store.owners.clear()
    elif vanished == "user":
        ground.store.accounts.clear()
    other: Slot = ("theirs", "other")
    assert ground.put(STRANGER, user="stranger").state == BUCKET_CLAIMED
    assert ground.put(other, bucket="other", secret=OTHER_SECRET).state == KEY_CLAIMED
    # Nor do they come to share it as their own.
    if vanished == "nothing":
        assert ground.put(("theirs", "third")).state == READY
        assert ground.kinds(("theirs", "third")) == ("shared", "shared")
    assert ground.sync(BESIDE).state == READY
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.accounts == {"user": Account(SECRET)}


def test_what_was_shared_within_a_namespace_ends_with_a_newer_holder() -> None:
    ground = Ground("never")
    leaked(ground, BESIDE)
    del ground.kube.documents[HOLDER]
    # An administrator gives the bucket to another namespace.
    ground.kube.put(
        STRANGER,
        "uid-of-the-stranger",
        {"bucket-name": "bucket", "access-key": "stranger", "access-secret": OTHER_SECRET},
    )
    given = Holding(ground.now, Kind.OWN)
    grants = Grants(*Settings.load(ground.operator.environ).signing_keys)
    grant = Grant("stranger", given, {"bucket": given})
    ground.annotate(STRANGER, grants=grants.issue("uid-of-the-stranger", grant, ground.now))
    assert ground.sync(STRANGER).state == READY
    assert ground.sync(BESIDE).state == BUCKET_CLAIMED
    assert ground.kinds(BESIDE) == ("shared-within", "shared")
    del ground.kube.documents[STRANGER]
    assert ground.sync(BESIDE).state == ("Conflict", "BucketOwned")
    assert ground.store.owners == {"bucket": "stranger"}


def test_what_was_shared_is_the_namespaces_whose_name_it_is() -> None:
    ground = Ground(
        "unowned",
        {
            "BUCKET_NAME_PATTERN": "{namespace}.*,mine.*",
            "ACCESS_KEY_PATTERN": "{namespace}.*,mine.*",
        },
    )
    stranger: Slot = ("mine", "later")
    holder: Slot = ("theirs", "holder")
    ground.put(holder, "mine.data", "mine.user")
    assert ground.put(stranger, "mine.data", "mine.user").state == READY
    assert ground.kinds(stranger) == ("shared", "shared")
    del ground.kube.documents[holder]
    assert ground.put(stranger, "mine.data", "mine.user", OTHER_SECRET).state == READY
    assert ground.kinds(stranger)[0] == "own"


class Broken(ModelStore):
    """The user's own bucket lacks a part of what belongs to an owner."""

    intact = True

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        probe = await super().probe(claim, deadline)
        return probe if self.intact else Probe(Gap.DENIED)

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        found = await super().find_bucket(name, deadline)
        return found and Bucket(found.owners, intact=self.intact)

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        self.intact = True
        return await super().change_owner(claim, deadline)


@pytest.mark.parametrize(("slot", "kind"), [(STRANGER, "shared"), (BESIDE, "own")])
def test_to_mend_what_was_shared_across_namespaces_makes_it_nobodys_own(
    slot: Slot, kind: str
) -> None:
    store = Broken()
    ground = Ground(store=store)
    leaked(ground, slot)
    del ground.kube.documents[HOLDER]
    store.intact = False
    assert ground.sync(slot).state == READY
    assert store.intact
    assert ground.kinds(slot)[1] == kind
