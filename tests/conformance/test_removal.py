"""Taking away and deleting: what is empty and what is asked for, and never an object."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from backends.base import Backend, Claim, Gap
from backends.errors import NotEmpty, StoreError, TimedOut, Unavailable, Unsupported
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.commands.rehearsal import Rehearsal
from hooks.contract.outcome import Outcome, Reason
from tests.conformance.subject import RealSubject, Subject
from tests.conformance.traits import having
from tests.support import wait

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"

Removal = Callable[[Backend, str, Deadline], Coroutine[Any, Any, bool]]


def _deadline() -> Deadline:
    return Deadline(30)


def _claim(name: str, user: str | None = None) -> Claim:
    return Claim(name, user or name, Sensitive(SECRET))


def _provisioned(subject: Subject, name: str) -> Backend:
    """A bucket and its user, both of this name."""
    backend = subject.backend()
    assert wait(backend.create_user(_claim(name), _deadline()))
    assert wait(backend.create_bucket(_claim(name), _deadline()))
    assert subject.owner(name) == name
    return backend


def _seen_by_an_administrator(subject: Subject, name: str) -> bytes | str:
    # On some stores who may read is written with the first object.
    assert subject.put(name, "administrators-key", b"", as_user=None) == ""
    return subject.get(name, "key", as_user=None)


def test_a_released_bucket_is_the_administrators_with_all_that_is_in_it(
    subject: Subject, name: str
) -> None:
    backend = _provisioned(subject, name)
    assert subject.put(name, "key", b"body", as_user=(name, SECRET)) == ""
    assert wait(backend.release(name, name, _deadline()))
    assert subject.owner(name) != name
    assert subject.get(name, "key", as_user=(name, SECRET)) == "AccessDenied"
    assert subject.put(name, "key", b"other", as_user=(name, SECRET)) == "AccessDenied"
    assert not wait(backend.release(name, name, _deadline()))
    assert _seen_by_an_administrator(subject, name) == b"body"
    assert subject.accepts(name, SECRET)


def test_a_released_bucket_can_be_given_away_again(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    wait(backend.release(name, name, _deadline()))
    assert wait(backend.change_owner(_claim(name), _deadline()))
    assert subject.owner(name) == name
    assert subject.put(name, "key", b"body", as_user=(name, SECRET)) == ""


def test_nothing_is_taken_that_is_not_this_users(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    other = f"{name}other"
    subject.create_user(other, OTHER_SECRET)
    assert not wait(backend.release(name, other, _deadline()))
    assert not wait(backend.release(name, f"{name}nobody", _deadline()))
    assert not wait(backend.release(f"{name}none", name, _deadline()))
    subject.create_bucket(f"{name}admins")
    before = subject.owner(f"{name}admins")
    assert not wait(backend.release(f"{name}admins", name, _deadline()))
    assert subject.owner(f"{name}admins") == before
    assert subject.owner(name) == name
    assert subject.put(name, "key", b"body", as_user=(name, SECRET)) == ""


def test_a_deleted_user_is_gone_and_nobody_else(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    other = f"{name}other"
    subject.create_user(other, OTHER_SECRET)
    assert wait(backend.delete_user(name, _deadline()))
    users, buckets = subject.names()
    assert name not in users
    assert other in users
    assert name in buckets
    assert subject.accepts(other, OTHER_SECRET)
    assert _seen_by_an_administrator(subject, name) == b"body"
    assert not wait(backend.delete_user(name, _deadline()))
    assert not wait(backend.delete_user(f"{name}never", _deadline()))


@pytest.mark.parametrize("real", having(real=True), indirect=True)
def test_a_deleted_user_is_refused_at_once(real: RealSubject, name: str) -> None:
    backend = _provisioned(real, name)
    assert real.put(name, "key", b"body", as_user=(name, SECRET)) == ""
    assert wait(backend.delete_user(name, _deadline()))
    assert not real.accepts(name, SECRET)
    assert wait(backend.find_user(name, _deadline())) is None


@pytest.mark.parametrize("subject", having("names-again"), indirect=True)
def test_a_user_of_a_deleted_ones_name_has_nothing_of_it(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    wait(backend.release(name, name, _deadline()))
    wait(backend.delete_user(name, _deadline()))
    assert wait(backend.create_user(_claim(name), _deadline()))
    assert subject.owner(name) != name
    assert subject.get(name, "key", as_user=(name, SECRET)) == "AccessDenied"


@pytest.mark.parametrize("subject", having("administrators"), indirect=True)
def test_the_operators_own_account_is_never_deleted(subject: Subject) -> None:
    backend = subject.backend()
    with pytest.raises(Unsupported):
        wait(backend.delete_user(backend.administrator, _deadline()))
    wait(backend.check(_deadline()))


def test_an_empty_bucket_is_deleted_and_a_missing_one_is_told(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    assert wait(backend.delete_bucket(name, _deadline()))
    assert name not in subject.names()[1]
    assert wait(backend.find_bucket(name, _deadline())) is None
    assert not wait(backend.delete_bucket(name, _deadline()))
    assert not wait(backend.delete_bucket(f"{name}never", _deadline()))
    assert subject.accepts(name, SECRET)


@pytest.mark.parametrize("key", ["key", "folder/", "folder/key", ".hidden", "a b&c=d"])
def test_a_bucket_with_an_object_is_kept(subject: Subject, name: str, key: str) -> None:
    backend = _provisioned(subject, name)
    body = b"" if key.endswith("/") else b"body"
    assert subject.put(name, key, body, as_user=(name, SECRET)) == ""
    with pytest.raises(NotEmpty, match="still holds objects") as raised:
        wait(backend.delete_bucket(name, _deadline()))
    assert Outcome.of(raised.value).reason is Reason.BUCKET_NOT_EMPTY
    assert subject.get(name, key, as_user=(name, SECRET)) == body
    assert subject.owner(name) == name


@pytest.mark.parametrize("real", having(real=True), indirect=True)
def test_a_bucket_goes_once_it_is_emptied(real: RealSubject, name: str) -> None:
    backend = _provisioned(real, name)
    real.put(name, "key", b"body", as_user=(name, SECRET))
    with real.store.s3(name, SECRET) as client:
        client.delete_object(Bucket=name, Key="key")
    assert wait(_eventually_deleted(backend, name))
    assert name not in real.names()[1]


async def _eventually_deleted(backend: Backend, name: str) -> bool:
    """Counters of what a bucket holds may lag behind."""
    for _ in range(50):
        try:
            return await backend.delete_bucket(name, _deadline())
        except NotEmpty:
            await asyncio.sleep(0.1)
    return False


@pytest.mark.parametrize("real", having("versioning", real=True), indirect=True)
@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_bucket_with_former_versions_or_delete_markers_is_kept(
    real: RealSubject, name: str, status: str
) -> None:
    backend = _provisioned(real, name)
    with real.store.s3(name, SECRET) as client:

        def versioning(value: str) -> None:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": value})

        versioning("Enabled")
        for body in (b"one", b"two"):
            client.put_object(Bucket=name, Key="key", Body=body)
        client.delete_object(Bucket=name, Key="key")
        versioning(status)
        assert real.get(name, "key", as_user=(name, SECRET)) == "NoSuchKey"
        with pytest.raises(NotEmpty):
            wait(backend.delete_bucket(name, _deadline()))
        listed = client.list_object_versions(Bucket=name)
        assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (2, 1)
        for version in listed["Versions"]:
            body = client.get_object(Bucket=name, Key="key", VersionId=version["VersionId"])["Body"]
            assert body.read() in {b"one", b"two"}
            client.delete_object(Bucket=name, Key="key", VersionId=version["VersionId"])
        with pytest.raises(NotEmpty):
            wait(backend.delete_bucket(name, _deadline()))
        marker = listed["DeleteMarkers"][0]["VersionId"]
        client.delete_object(Bucket=name, Key="key", VersionId=marker)
    assert wait(backend.delete_bucket(name, _deadline()))
    assert name not in real.names()[1]


@pytest.mark.parametrize("real", having(real=True), indirect=True)
@pytest.mark.parametrize("key", ["key", "folder/key"])
def test_a_bucket_with_an_unfinished_upload_is_kept_and_the_upload_can_go_on(
    real: RealSubject, name: str, key: str
) -> None:
    backend = _provisioned(real, name)
    with real.store.s3(name, SECRET) as client:
        upload = client.create_multipart_upload(Bucket=name, Key=key)["UploadId"]
        of_it = {"Bucket": name, "Key": key, "UploadId": upload}
        part = client.upload_part(**of_it, PartNumber=1, Body=b"a part")
        with pytest.raises(NotEmpty, match="unfinished uploads"):
            wait(backend.delete_bucket(name, _deadline()))
        client.complete_multipart_upload(
            **of_it, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        )
        assert real.get(name, key, as_user=(name, SECRET)) == b"a part"
        client.delete_object(Bucket=name, Key=key)
        upload = client.create_multipart_upload(Bucket=name, Key=key)["UploadId"]
        with pytest.raises(NotEmpty):
            wait(backend.delete_bucket(name, _deadline()))
        client.abort_multipart_upload(Bucket=name, Key=key, UploadId=upload)
    assert wait(_eventually_deleted(backend, name))


async def _release(backend: Backend, name: str, deadline: Deadline) -> bool:
    return await backend.release(name, name, deadline)


async def _delete_user(backend: Backend, name: str, deadline: Deadline) -> bool:
    return await backend.delete_user(name, deadline)


async def _delete_bucket(backend: Backend, name: str, deadline: Deadline) -> bool:
    return await backend.delete_bucket(name, deadline)


REMOVALS = [_release, _delete_user, _delete_bucket]
NOTHING_SAID = ["500", "500-empty", "503", "429", "html-404", "html-403", "redirect", "reset"]
# Said with 200, which is all that some say of a deleted user.
NONSENSE = ["garbage", "bomb", "empty", "huge"]


@pytest.mark.parametrize("real", having(real=True), indirect=True)
@pytest.mark.parametrize("removal", REMOVALS)
def test_a_store_that_fails_is_never_read_as_one_without(
    real: RealSubject, name: str, removal: Removal
) -> None:
    backend = _provisioned(real, name)
    nonsense = [] if removal is _delete_user else NONSENSE
    for fault in [*NOTHING_SAID, *nonsense]:
        real.proxy.always = fault
        with pytest.raises(StoreError):
            wait(removal(backend, name, _deadline()))
    real.proxy.always = "hang"
    with pytest.raises(TimedOut):
        wait(removal(backend, name, Deadline(0.5)))
    real.proxy.calm()
    assert real.owner(name) == name
    assert real.put(name, "key", b"body", as_user=(name, SECRET)) == ""


@pytest.mark.parametrize("real", having(real=True), indirect=True)
@pytest.mark.parametrize("removal", [_delete_user, _delete_bucket])
def test_a_lost_answer_to_a_deletion_is_an_error_and_no_second_one_is_sent(
    real: RealSubject, name: str, removal: Removal
) -> None:
    sent: list[str] = []
    provisioned = _provisioned(real, name)
    if removal is _delete_user:
        # Some stores delete nobody who owns a bucket, which then has to go first.
        assert wait(provisioned.release(name, name, _deadline()))
    backend = real.connect(real.environ(), lambda operation, *_: sent.append(operation))
    before = real.traits.before_deletion[removal is _delete_bucket]
    real.proxy.faults.extend([""] * before + ["lose"])
    with pytest.raises(Unavailable):
        wait(removal(backend, name, _deadline()))
    assert real.proxy.injected == ["lose"]
    assert len(sent) == len(set(sent))
    assert not wait(removal(backend, name, _deadline()))
    users, buckets = real.names()
    assert (name in users, name in buckets).count(False) == 1


@pytest.mark.parametrize("real", having(real=True), indirect=True)
def test_a_lost_answer_to_a_release_is_made_good_by_the_next_call(
    real: RealSubject, name: str
) -> None:
    backend = _provisioned(real, name)
    real.proxy.writes_only = True
    real.proxy.faults.append("lose")
    with contextlib.suppress(Unavailable):
        assert wait(backend.release(name, name, _deadline()))
    assert real.proxy.injected == ["lose"]
    assert not wait(backend.release(name, name, _deadline()))
    assert real.owner(name) != name
    assert real.put(name, "key", b"body", as_user=(name, SECRET)) == "AccessDenied"


@pytest.mark.parametrize(
    ("removal", "gap"),
    [(_release, Gap.DENIED), (_delete_user, Gap.NO_USER), (_delete_bucket, Gap.NO_BUCKET)],
)
def test_a_rehearsal_foretells_a_removal_and_removes_nothing(
    subject: Subject, name: str, removal: Removal, gap: Gap
) -> None:
    backend = _provisioned(subject, name)
    rehearsal = Rehearsal(backend)
    before = (subject.names(), subject.owner(name))
    assert wait(removal(rehearsal, name, _deadline()))
    assert not wait(removal(rehearsal, name, _deadline()))
    foretold = wait(_there(rehearsal, name))
    assert wait(rehearsal.probe(_claim(name), _deadline())).gap is gap
    assert (subject.names(), subject.owner(name)) == before
    assert wait(removal(backend, name, _deadline()))
    assert wait(_there(backend, name)) == foretold


async def _there(backend: Backend, name: str) -> tuple[bool, bool]:
    """Whether the user and the bucket are."""
    user = await backend.find_user(name, _deadline())
    return user is not None, await backend.find_bucket(name, _deadline()) is not None
