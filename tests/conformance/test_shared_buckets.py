"""Two Secrets and one bucket: the whole way from the annotations to what each can do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from hooks.contract.outcome import Action
from tests.conformance.subject import RealSubject, Subject
from tests.conformance.traits import READY, parameter
from tests.properties.cluster import Slot
from tests.servers.minio import MinioStore
from tests.tenancy.ground import HOLDER, STRANGER
from tests.tenancy.sharing import NOT_SHARED, THIRD, SharedGround

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
BY_POLICY = [parameter("versitygw"), parameter("ceph-rgw")]


@dataclass
class Ground(SharedGround):
    """Secrets in memory and a store of any kind; its names begin with a test's own."""

    subject: Subject = field(kw_only=True)
    prefix: str = field(kw_only=True)

    def start(self, **environ: str) -> None:
        self.operator = self.subject.operator(
            {"ADOPTION": self.adoption, "DELETION": "on", **environ}, kube=self.kube
        )

    def make(self, slot: Slot, user: str, secret: str, bucket: str = "", **more: str) -> None:
        super().make(slot, self.prefix + user, secret, bucket or self.prefix, **more)

    def write(self, user: str, secret: str = SECRET, key: str = "key") -> str:
        return self.subject.put(self.prefix, key, b"body", as_user=(self.prefix + user, secret))

    def read(self, user: str, secret: str = SECRET, key: str = "key") -> bytes | str:
        return self.subject.get(self.prefix, key, as_user=(self.prefix + user, secret))

    def both(self, access: str = "read-only") -> None:
        """A holder with an object in its bucket, and a guest that it lets in."""
        self.make(HOLDER, "own", SECRET)
        assert self.share(f"theirs/stranger:{access}").state == READY
        assert self.write("own") == ""
        self.make(STRANGER, "guest", SECRET)
        self.annotate(STRANGER, access=access)
        assert self.sync(STRANGER).state == READY


@pytest.fixture
def ground(subject: Subject, name: str) -> Ground:
    return Ground(subject=subject, prefix=name)


def test_a_reader_reads_and_a_writer_writes_and_each_goes_with_the_consent(ground: Ground) -> None:
    ground.both()
    ground.make(THIRD, "writer", SECRET)
    ground.annotate(THIRD, access="read-write")
    assert ground.sync(THIRD).state == NOT_SHARED
    assert ground.read("writer") in ground.subject.traits.refused
    ground.share("theirs/stranger, theirs/third:read-write")
    assert ground.sync(THIRD).state == READY
    assert ground.read("guest") == b"body"
    assert ground.write("guest") == "AccessDenied"
    assert ground.write("writer", key="its") == ""
    assert ground.read("own", key="its") == b"body"
    assert ground.read("guest", key="its") == b"body"
    assert ground.subject.owner(ground.prefix) == f"{ground.prefix}own"
    assert ground.share("theirs/stranger").state == READY
    assert ground.read("writer") == "AccessDenied"
    assert ground.write("writer") == "AccessDenied"
    assert ground.read("guest") == b"body"
    assert ground.share(None).state == READY
    assert ground.read("guest") == "AccessDenied"
    for slot in (STRANGER, THIRD):
        assert ground.sync(slot).state == NOT_SHARED
    assert ground.write("own") == ""


def test_an_unchanged_one_costs_one_request_and_changes_nothing(ground: Ground) -> None:
    ground.both()
    ground.sync(HOLDER)
    ground.sync(STRANGER)
    for slot in (HOLDER, STRANGER):
        before = ground.operator.requests()
        answers = [ground.call(slot) for _ in range(2)]
        assert ground.operator.requests() == before + 2
        assert answers[0].response.encode() == answers[1].response.encode()
        assert answers[0].outcome is not None
        assert answers[0].outcome.actions == ()


def test_the_holder_rotates_and_renames_and_the_guest_reads_on(ground: Ground) -> None:
    ground.both()
    user = "own"
    if ground.subject.traits.has("rotation"):
        ground.make(HOLDER, "own", OTHER_SECRET)
        assert ground.sync(HOLDER).state == READY
        assert ground.read("guest") == b"body"
    ground.make(HOLDER, "renamed", OTHER_SECRET)
    assert ground.sync(HOLDER).state == READY
    assert ground.write("renamed", OTHER_SECRET) == ""
    assert ground.write(user, OTHER_SECRET) != ""
    assert ground.sync(STRANGER).state == READY
    assert ground.read("guest") == b"body"
    assert ground.write("guest") == "AccessDenied"


def test_the_guest_changes_its_access_key_and_the_former_one_is_out(ground: Ground) -> None:
    ground.both()
    ground.make(STRANGER, "another", OTHER_SECRET)
    seen = ground.sync(STRANGER)
    assert seen.state == READY
    assert ground.read("another", OTHER_SECRET) == b"body"
    assert ground.read("guest") == "AccessDenied"


@pytest.mark.parametrize("access", ["read-only", "read-write"])
def test_a_new_owner_shares_with_nobody(ground: Ground, access: str) -> None:
    ground.adoption = "any"
    ground.start()
    ground.both(access)
    del ground.kube.documents[HOLDER]
    ground.make(HOLDER, "next", OTHER_SECRET)
    assert ground.sync(HOLDER).state == READY
    assert ground.subject.owner(ground.prefix) == f"{ground.prefix}next"
    assert ground.read("guest") == "AccessDenied"
    assert ground.write("guest") == "AccessDenied"
    assert ground.sync(STRANGER).state == NOT_SHARED
    assert ground.write("next", OTHER_SECRET) == ""


def test_the_guests_deletion_takes_its_user_and_nothing_else(ground: Ground) -> None:
    ground.both("read-write")
    assert ground.write("guest", key="its") == ""
    ground.annotate(STRANGER, **{"deletion-policy": "delete"})
    ground.delete(STRANGER)
    assert f"{ground.prefix}guest" not in ground.subject.names()[0]
    assert ground.subject.owner(ground.prefix) == f"{ground.prefix}own"
    assert ground.read("own", key="its") == b"body"
    assert ground.sync(HOLDER).state == READY
    assert ground.write("own") == ""


def test_without_the_holders_secret_it_ends_within_the_hour(ground: Ground) -> None:
    ground.now -= 3700
    ground.both()
    del ground.kube.documents[HOLDER]
    assert ground.sync(STRANGER).state == NOT_SHARED
    assert ground.read("guest") == "AccessDenied"
    assert ground.write("own") == ""


def test_a_holder_that_was_made_again_and_shares_no_more_takes_all_access_back(
    ground: Ground,
) -> None:
    ground.both("read-write")
    # Both Secrets are gone, so nobody looks after what the second user has.
    for slot in (HOLDER, STRANGER):
        del ground.kube.documents[slot]
    assert ground.write("guest") == ""
    ground.make(HOLDER, "own", SECRET)
    result = ground.call(HOLDER)
    assert result.outcome is not None
    assert Action.UNSHARE in result.outcome.actions
    assert ground.sync(HOLDER).state == READY
    assert ground.write("guest") == "AccessDenied"
    assert ground.read("guest") == "AccessDenied"
    assert ground.write("own") == ""
    before = ground.operator.requests()
    ground.call(HOLDER)
    assert ground.operator.requests() == before + 1


@pytest.mark.parametrize("subject", [parameter("minio")], indirect=True)
@pytest.mark.parametrize("decided", ["enabled", "deleted"])
def test_a_guest_that_was_disabled_keeps_no_holder_from_being_ready(
    ground: Ground, decided: str
) -> None:
    ground.both("read-write")
    assert isinstance(ground.subject, RealSubject)
    store = ground.subject.store
    assert isinstance(store, MinioStore)
    guest = f"{ground.prefix}guest"
    store.admin().user_disable(guest)
    seen = ground.share(None)
    assert seen.state == READY
    message = seen.annotations["message"]
    assert "disabled" in message
    assert "an administrator has enabled or deleted it" in message
    answers = [ground.call(HOLDER).response for _ in range(2)]
    assert answers[0].encode() == answers[1].encode()
    assert answers[0].resync_after == 300
    if decided == "enabled":
        store.admin().user_enable(guest)
        assert ground.write("guest") == ""
    else:
        store.admin().user_remove(guest)
    seen = ground.sync(HOLDER)
    assert seen.state == READY
    assert "disabled" not in seen.annotations["message"]
    assert ground.write("guest") in {"AccessDenied", "InvalidAccessKeyId"}
    before = ground.operator.requests()
    ground.call(HOLDER)
    assert ground.operator.requests() == before + 1


@pytest.mark.parametrize("subject", BY_POLICY, indirect=True)
def test_the_owners_own_statements_stay_and_a_lost_one_of_ours_comes_back(
    ground: Ground, subject: Subject
) -> None:
    assert isinstance(subject, RealSubject)
    own = (f"{ground.prefix}own", SECRET)
    ground.make(HOLDER, "own", SECRET)
    assert ground.sync(HOLDER).state == READY
    statement = _statement(subject, *own, bucket=ground.prefix)
    _write(subject, own, ground.prefix, [statement])
    ground.both()
    assert ground.read("own") == b"body"
    assert [each.get("Sid") for each in _read(subject, own, ground.prefix)].count("Own") == 1
    _write(subject, own, ground.prefix, [statement])
    assert ground.read("guest") == "AccessDenied"
    result = ground.call(STRANGER)
    assert result.outcome is not None
    assert result.outcome.actions == (Action.SHARE,)
    assert ground.read("guest") == b"body"
    _write(subject, own, ground.prefix, [statement])
    assert ground.sync(STRANGER).state == ("Retrying", "NotYetVisible")
    assert _read(subject, own, ground.prefix) == [statement]
    ground.share(None)
    assert statement in _read(subject, own, ground.prefix)
    assert ground.write("own") == ""


@pytest.mark.parametrize("subject", [parameter("versitygw")], indirect=True)
def test_a_policy_without_room_is_told_before_anything_is_written(
    ground: Ground, subject: Subject
) -> None:
    assert isinstance(subject, RealSubject)
    own = (f"{ground.prefix}own", SECRET)
    ground.make(HOLDER, "own", SECRET)
    ground.share("theirs/stranger")
    statement = _statement(subject, *own, bucket=ground.prefix)
    statement["Resource"] += [f"arn:aws:s3:::{ground.prefix}/{n:0120}" for n in range(19)]
    _write(subject, own, ground.prefix, [statement])
    ground.make(STRANGER, "guest", SECRET)
    ground.annotate(STRANGER, access="read-only")
    assert ground.sync(STRANGER).state == ("Invalid", "NotSupported")
    assert _read(subject, own, ground.prefix) == [statement]
    assert ground.write("own") == ""
    assert ground.read("guest") == "AccessDenied"


def _statement(subject: RealSubject, user: str, _: str, *, bucket: str) -> dict[str, Any]:
    """An owner's own, in the store's form."""
    arn = f"arn:aws:iam:::user/{user}" if subject.backend_name == "ceph-rgw" else user
    return {
        "Sid": "Own",
        "Effect": "Allow",
        "Principal": {"AWS": [arn]},
        "Action": ["s3:*"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }


def _write(
    subject: RealSubject, user: tuple[str, str], bucket: str, statements: list[dict[str, Any]]
) -> None:
    policy = {"Version": "2012-10-17", "Statement": statements}
    with subject.store.s3(*user) as client:
        client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _read(subject: RealSubject, user: tuple[str, str], bucket: str) -> list[dict[str, Any]]:
    with subject.store.s3(*user) as client:
        policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    statements: list[dict[str, Any]] = policy["Statement"]
    return statements
