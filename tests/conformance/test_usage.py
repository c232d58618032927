"""What a bucket holds, on the stores that tell it without listing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.base import Backend, Claim
from backends.errors import CredentialsRejected, ServerFault, TimedOut, Unavailable
from backends.usage import Usage
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.commands.rehearsal import Rehearsal
from tests.conformance.subject import RealSubject, Subject, minio_subject
from tests.conformance.traits import parameter
from tests.support import wait

SECRET = "a-very-strong-and-long-password"
SIZES = (10, 2000, 300_000)
# Garage's counters follow its objects in the background.
_SOON = 20

# These count as they go.
COUNTING = [parameter(name) for name in ("model", "garage", "ceph-rgw")]
ALL = [
    parameter(name)
    for name in ("model", "versitygw", "minio", "garage", "ceph-rgw", "seaweedfs", "rustfs")
]
PARTS = [parameter("garage", 1), parameter("ceph-rgw", 2)]
# These have no numbers but by listing.
SILENT = [parameter(name) for name in ("versitygw", "seaweedfs")]


def _claim(name: str, **quota: int) -> Claim:
    return Claim(
        name,
        name,
        Sensitive(SECRET),
        quota_bytes=quota.get("quota_bytes"),
        quota_objects=quota.get("quota_objects"),
    )


def _provisioned(subject: Subject, name: str) -> Backend:
    backend = subject.backend()
    assert wait(backend.create_user(_claim(name), Deadline(30)))
    assert wait(backend.create_bucket(_claim(name), Deadline(30)))
    return backend


def _usage(backend: Backend, name: str) -> Usage | None:
    return wait(backend.usage(name, Deadline(30)))


def _filled(subject: Subject, name: str) -> None:
    for number, size in enumerate(SIZES):
        assert subject.put(name, f"key-{number}", b"x" * size, as_user=(name, SECRET)) == ""


def _within(seconds: float, seen: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


@pytest.mark.parametrize("subject", COUNTING, indirect=True)
def test_objects_and_bytes_are_told(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    assert _usage(backend, name) == Usage(0, 0)
    _filled(subject, name)
    full = Usage(len(SIZES), sum(SIZES))
    assert _within(_SOON, lambda: _usage(backend, name) == full), _usage(backend, name)
    # A dry run tells the same.
    assert _usage(Rehearsal(backend), name) == full


@pytest.mark.parametrize("subject", COUNTING, indirect=True)
def test_the_quota_is_told_while_there_is_one(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    claim = _claim(name, quota_bytes=1_048_576, quota_objects=100)
    assert wait(backend.set_quota(claim, Deadline(30)))
    assert _usage(backend, name) == Usage(0, 0, 1_048_576, 100)
    assert wait(backend.set_quota(_claim(name, quota_bytes=0), Deadline(30)))
    assert _usage(backend, name) == Usage(0, 0, None, 100)
    assert wait(backend.set_quota(_claim(name, quota_bytes=0, quota_objects=0), Deadline(30)))
    assert _usage(backend, name) == Usage(0, 0)


@pytest.mark.parametrize(("subject", "objects"), PARTS, indirect=["subject"])
def test_parts_of_unfinished_uploads_are_objects_on_one_store(
    subject: Subject, name: str, objects: int
) -> None:
    backend = _provisioned(subject, name)
    assert isinstance(subject, RealSubject)
    assert subject.put(name, "key", b"body", as_user=(name, SECRET)) == ""
    with subject.store.s3(name, SECRET) as client:
        upload = client.create_multipart_upload(Bucket=name, Key="large")["UploadId"]
        client.upload_part(Bucket=name, Key="large", UploadId=upload, PartNumber=1, Body=b"part")
    assert _within(_SOON, lambda: _usage(backend, name) == Usage(objects, 4 * objects))


@pytest.mark.parametrize("subject", ALL, indirect=True)
def test_there_is_none_of_a_bucket_that_is_not_there(subject: Subject, name: str) -> None:
    assert _usage(subject.backend(), name) is None


@pytest.mark.parametrize("subject", SILENT, indirect=True)
def test_a_store_that_would_have_to_list_is_not_asked(subject: Subject, name: str) -> None:
    _provisioned(subject, name)
    assert isinstance(subject, RealSubject)
    seen: list[str] = []
    backend = subject.connect(subject.environ(), lambda operation, *_: seen.append(operation))
    assert _usage(backend, name) is None
    assert seen == []


@pytest.mark.parametrize(
    "real", [parameter(name) for name in ("minio", "garage", "ceph-rgw", "rustfs")], indirect=True
)
def test_a_store_in_trouble_is_no_absent_bucket(real: RealSubject, name: str) -> None:
    _provisioned(real, name)
    faults = {"503": Unavailable, "reset": Unavailable, "500": ServerFault, "garbage": ServerFault}
    for fault, error in faults.items():
        real.proxy.always = fault
        with pytest.raises(error):
            _usage(real.backend(), name)
    real.proxy.always = "hang"
    with pytest.raises(TimedOut):
        wait(real.backend().usage(name, Deadline(0.5)))
    real.proxy.calm()
    secrets = {"S3_ADMIN_TOKEN": "wrong"} if real.backend_name == "garage" else {}
    wrong = {"S3_SECRET_KEY": "wrong-secret-of-the-operator", **secrets}
    backend = real.connect({**real.environ(), **wrong}, lambda *_: None)
    with pytest.raises(CredentialsRejected):
        _usage(backend, name)


@pytest.mark.server
@pytest.mark.long
def test_minio_tells_what_its_scanner_has_counted(tmp_path: Path, name: str) -> None:
    started = datetime.now(UTC)
    with minio_subject(tmp_path) as subject:
        assert subject.store.process.env is not None
        # By itself it begins a minute after the last time. MINIO_SCANNER_CYCLE has no effect: each
        # speed has a cycle of its own, and one second is the fastest's.
        subject.store.process.env["MINIO_SCANNER_SPEED"] = "fastest"
        subject.store.restart()
        backend = _provisioned(subject, name)
        assert _usage(backend, name) == Usage()
        claim = _claim(name, quota_bytes=5_000_000)
        assert wait(backend.set_quota(claim, Deadline(30)))
        # The quota is told before anything is counted.
        assert _usage(backend, name) == Usage(quota_bytes=5_000_000)
        _filled(subject, name)

        def counted() -> bool:
            # One that has asked before tells the same for a while.
            told = _usage(subject.backend(), name)
            return told is not None and told.objects == len(SIZES)

        assert _within(150, counted)
        told = _usage(subject.backend(), name)
        assert told is not None
        assert (told.bytes, told.quota_bytes, told.quota_objects) == (sum(SIZES), 5_000_000, None)
        assert told.counted is not None
        assert started < told.counted
        wait(backend.set_quota(_claim(name, quota_bytes=0), Deadline(30)))
        unlimited = _usage(subject.backend(), name)
        assert unlimited is not None
        assert unlimited.quota_bytes is None
