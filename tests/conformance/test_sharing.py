"""A second user on a bucket: what it can do, and that it can do no more; the backends alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import httpx2
import pytest
from botocore.exceptions import ClientError

from backends.base import Backend, Claim, Gap
from backends.sharing import Access, Sharing
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.conformance.subject import RealSubject, Subject
from tests.servers.s3 import code_of
from tests.support import wait

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
# What is said to who may not; a store without a setting says that it has none.
REFUSED = {"AccessDenied", "NotImplemented", "MethodNotAllowed"}


def _deadline() -> Deadline:
    return Deadline(30)


class Ground:
    """A bucket with its owner and an object, and two more users."""

    def __init__(self, subject: Subject, name: str) -> None:
        self.subject = subject
        self.name = name
        self.backend: Backend = subject.backend()
        self.owner = Claim(name, name, Sensitive(SECRET))
        self.guest = replace(self.owner, user=f"{name}guest", secret=Sensitive(OTHER_SECRET))
        self.third = replace(self.guest, user=f"{name}third")
        for claim in (self.owner, self.guest, self.third):
            assert wait(self.backend.create_user(claim, _deadline()))
        assert wait(self.backend.create_bucket(self.owner, _deadline()))
        assert self.put(self.owner) == ""

    @property
    def sharing(self) -> Sharing:
        sharing = self.backend.sharing
        assert sharing is not None
        return sharing

    def put(self, claim: Claim, key: str = "key") -> str:
        as_user = (claim.user, claim.secret.reveal())
        return self.subject.put(claim.bucket, key, b"body", as_user=as_user)

    def get(self, claim: Claim, key: str = "key") -> bytes | str:
        as_user = (claim.user, claim.secret.reveal())
        return self.subject.get(claim.bucket, key, as_user=as_user)

    def share(self, access: Access, claim: Claim | None = None) -> bool:
        return wait(self.sharing.share(replace(claim or self.guest, access=access), _deadline()))

    def unshare(self, claim: Claim | None = None) -> bool:
        return wait(self.sharing.unshare(self.name, (claim or self.guest).user, _deadline()))

    def shares(self) -> Mapping[str, Access]:
        return wait(self.sharing.shares(self.name, _deadline()))

    def gap(self, claim: Claim) -> Gap:
        return wait(self.sharing.probe(claim, _deadline())).gap

    def may_write(self, claim: Claim) -> bool:
        return wait(self.sharing.may_write(claim, _deadline()))

    def assert_only_owner(self) -> None:
        """Nobody else has anything, and the owner everything."""
        assert self.shares() == {}
        for claim in (self.guest, self.third):
            assert self.gap(claim) is Gap.DENIED
            assert not self.may_write(claim)
            assert self.get(claim) == "AccessDenied"
            assert self.put(claim) == "AccessDenied"
        self.assert_owned()

    def assert_owned(self) -> None:
        assert self.subject.owner(self.name) == self.name
        assert wait(self.backend.probe(self.owner, _deadline())).gap is Gap.ACCEPTED
        assert self.put(self.owner) == ""
        assert self.get(self.owner) == b"body"


@pytest.fixture
def ground(subject: Subject, name: str) -> Ground:
    return Ground(subject, name)


def test_a_reader_reads_and_cannot_write_and_a_third_can_do_neither(ground: Ground) -> None:
    ground.assert_only_owner()
    assert ground.share(Access.READ_ONLY)
    assert ground.shares() == {ground.guest.user: Access.READ_ONLY}
    assert ground.gap(ground.guest) is Gap.ACCEPTED
    assert ground.get(ground.guest) == b"body"
    assert not ground.may_write(ground.guest)
    assert ground.put(ground.guest) == "AccessDenied"
    assert ground.gap(ground.third) is Gap.DENIED
    assert ground.get(ground.third) == "AccessDenied"
    ground.assert_owned()
    assert not ground.share(Access.READ_ONLY)
    assert ground.unshare()
    assert not ground.unshare()
    ground.assert_only_owner()


def test_a_writer_reads_and_writes_and_can_be_made_a_reader(ground: Ground) -> None:
    assert ground.share(Access.READ_WRITE)
    assert ground.shares() == {ground.guest.user: Access.READ_WRITE}
    assert ground.may_write(ground.guest)
    assert ground.put(ground.guest, "its") == ""
    assert ground.get(ground.guest, "its") == b"body"
    assert ground.get(ground.owner, "its") == b"body"
    assert ground.share(Access.READ_ONLY)
    assert ground.shares() == {ground.guest.user: Access.READ_ONLY}
    assert ground.get(ground.guest) == b"body"
    assert ground.put(ground.guest, "its") == "AccessDenied"
    assert not ground.may_write(ground.guest)
    assert ground.share(Access.READ_WRITE)
    assert ground.put(ground.guest, "its") == ""
    assert ground.unshare()
    ground.assert_only_owner()


def test_what_a_writer_wrote_is_the_owners_and_every_readers(ground: Ground) -> None:
    assert ground.share(Access.READ_WRITE)
    assert ground.share(Access.READ_ONLY, ground.third)
    assert ground.put(ground.guest, "its") == ""
    for claim in (ground.owner, ground.third):
        assert ground.get(claim, "its") == b"body"
    assert ground.unshare()
    assert ground.get(ground.guest, "its") == "AccessDenied"
    assert ground.put(ground.guest, "its") == "AccessDenied"
    for claim in (ground.owner, ground.third):
        assert ground.get(claim, "its") == b"body"
    assert ground.share(Access.READ_ONLY)
    assert ground.get(ground.guest, "its") == b"body"
    assert ground.put(ground.guest, "its") == "AccessDenied"
    assert ground.put(ground.owner, "its") == ""


def test_two_users_have_what_each_was_given(ground: Ground) -> None:
    assert ground.share(Access.READ_ONLY)
    assert ground.share(Access.READ_WRITE, ground.third)
    assert ground.shares() == {
        ground.guest.user: Access.READ_ONLY,
        ground.third.user: Access.READ_WRITE,
    }
    assert ground.put(ground.guest) == "AccessDenied"
    assert ground.put(ground.third) == ""
    assert ground.unshare()
    assert ground.shares() == {ground.third.user: Access.READ_WRITE}
    assert ground.get(ground.guest) == "AccessDenied"
    assert ground.get(ground.third) == b"body"


def test_an_owner_is_given_nothing_and_nothing_is_taken_from_it(ground: Ground) -> None:
    assert not ground.share(Access.READ_ONLY, ground.owner)
    assert not ground.unshare(ground.owner)
    ground.assert_only_owner()


def test_neither_a_missing_bucket_nor_a_missing_user_is_shared(ground: Ground) -> None:
    elsewhere = replace(ground.guest, bucket=f"{ground.name}none")
    assert not ground.share(Access.READ_ONLY, elsewhere)
    assert not wait(ground.sharing.unshare(elsewhere.bucket, elsewhere.user, _deadline()))
    assert wait(ground.sharing.shares(elsewhere.bucket, _deadline())) == {}
    assert ground.gap(elsewhere) in {Gap.NO_BUCKET, Gap.DENIED}
    nobody = replace(ground.guest, user=f"{ground.name}nobody")
    assert ground.gap(nobody) is Gap.NO_USER
    ground.share(Access.READ_ONLY, nobody)
    ground.assert_owned()


def test_who_is_deleted_keeps_nobody_from_being_let_in(ground: Ground) -> None:
    assert ground.share(Access.READ_ONLY)
    ground.subject.delete_user(ground.guest.user)
    assert ground.share(Access.READ_ONLY, ground.third)
    assert ground.get(ground.third) == b"body"
    assert ground.unshare(ground.third)
    ground.assert_owned()


def test_wiping_takes_every_access_and_so_does_deleting_the_bucket(ground: Ground) -> None:
    assert ground.share(Access.READ_ONLY)
    assert ground.share(Access.READ_WRITE, ground.third)
    wait(ground.backend.wipe(ground.name, _deadline()))
    ground.assert_only_owner()


def test_access_outlives_a_change_of_the_owners_name(ground: Ground) -> None:
    """Nothing is wiped there, since the bucket stays its tenant's."""
    assert ground.share(Access.READ_ONLY)
    renamed = replace(ground.third, user=f"{ground.name}again")
    assert wait(ground.backend.create_user(renamed, _deadline()))
    assert wait(ground.backend.change_owner(renamed, _deadline()))
    assert ground.subject.owner(ground.name) == renamed.user
    assert ground.put(renamed) == ""
    assert ground.get(ground.guest) == b"body"
    assert ground.put(ground.guest) == "AccessDenied"
    assert ground.shares() == {ground.guest.user: Access.READ_ONLY}


def test_a_bucket_that_is_made_again_is_shared_with_nobody(subject: Subject, name: str) -> None:
    ground = Ground(subject, name)
    assert ground.share(Access.READ_WRITE)
    backend, deadline = ground.backend, _deadline()
    if isinstance(subject, RealSubject):
        with subject.store.s3(name, SECRET) as client:
            client.delete_object(Bucket=name, Key="key")
            client.delete_bucket(Bucket=name)
    else:
        wait(backend.wipe(name, deadline))
        del subject.store.owners[name]  # type: ignore[attr-defined]
    again = replace(ground.third, access=None)
    assert wait(backend.create_bucket(again, deadline))
    assert ground.put(again) == ""
    assert ground.get(ground.guest) == "AccessDenied"
    assert ground.put(ground.guest) == "AccessDenied"
    assert ground.shares() == {}


@pytest.mark.parametrize("access", list(Access))
def test_no_setting_is_read_or_written_by_a_second_user(
    real: RealSubject, name: str, access: Access
) -> None:
    ground = Ground(real, name)
    assert ground.share(access)
    policy = '{"Version":"2012-10-17","Statement":[]}'
    cors = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 1}}
    calls: dict[str, dict[str, Any]] = {
        "get_bucket_policy": {},
        "put_bucket_policy": {"Policy": policy},
        "delete_bucket_policy": {},
        "get_bucket_cors": {},
        "put_bucket_cors": {"CORSConfiguration": cors},
        "get_bucket_lifecycle_configuration": {},
        "put_bucket_lifecycle_configuration": {"LifecycleConfiguration": {"Rules": [rule]}},
        "get_bucket_tagging": {},
        "get_bucket_versioning": {},
        "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
        "delete_bucket": {},
    }
    if not real.traits.has("versioning"):
        # Garage answers everybody that there is none.
        del calls["get_bucket_versioning"]
    with real.store.s3(ground.guest.user, OTHER_SECRET) as client:
        answers = {
            call: code_of(partial(getattr(client, call), Bucket=name, **more))
            for call, more in calls.items()
        }
    assert {call: code for call, code in answers.items() if code not in REFUSED} == {}
    assert ground.shares() == {ground.guest.user: access}
    ground.assert_owned()


def test_a_writer_makes_nothing_public(real: RealSubject, name: str) -> None:
    ground = Ground(real, name)
    assert ground.share(Access.READ_WRITE)
    everybody = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    keys = ["canned", "granted", "full", "afterwards", "copied", "parts"]
    with real.store.s3(ground.guest.user, OTHER_SECRET) as client:
        put = partial(client.put_object, Bucket=name, Body=b"body")
        code_of(partial(put, Key="canned", ACL="public-read"))
        code_of(partial(put, Key="granted", GrantRead=everybody))
        code_of(partial(put, Key="full", GrantFullControl=everybody))
        assert code_of(partial(put, Key="afterwards")) == ""
        code_of(partial(client.put_object_acl, Bucket=name, Key="afterwards", ACL="public-read"))
        code_of(partial(client.put_bucket_acl, Bucket=name, ACL="public-read"))
        source = {"Bucket": name, "Key": "afterwards"}
        code_of(
            partial(
                client.copy_object, Bucket=name, Key="copied", CopySource=source, ACL="public-read"
            )
        )
        _upload_in_parts(client, name, "parts")
    if real.traits.has("object-acls"):
        # What comes with an object can't be kept out: it's told in docs/backends.md.
        keys = ["afterwards"]
    answers = {key: httpx2.get(f"{real.store.url}/{name}/{key}").status_code for key in keys}
    opened = {key for key, status in answers.items() if status not in {403, 404}}
    assert not opened


def _upload_in_parts(client: Any, bucket: str, key: str) -> None:
    """An object that everybody may read, if that were for the user to say."""
    try:
        begun = client.create_multipart_upload(Bucket=bucket, Key=key, ACL="public-read")
    except ClientError:
        return
    place = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}
    part = client.upload_part(**place, PartNumber=1, Body=b"body")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(**place, MultipartUpload=parts)
