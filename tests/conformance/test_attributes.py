"""A bucket's quota and versioning, where a store has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backends.base import Backend, Claim
from backends.errors import Rejected, StoreError, Unsupported
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.commands.processes import wait_until
from hooks.commands.rehearsal import Rehearsal
from hooks.contract.outcome import Action
from tests.conformance.subject import ModelSubject, RealSubject, Subject
from tests.conformance.traits import NOT_SUPPORTED, READY, having, lacking
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.rustfs import RustFSStore
from tests.support import Operator, Secret, wait

SECRET = "a-very-strong-and-long-password"
TOO_MUCH = {
    *("XMinioAdminBucketQuotaExceeded", "Forbidden", "AccessDenied", "QuotaExceeded"),
    # RustFS's.
    "InvalidRequest",
}


def _claim(name: str, **attributes: Any) -> Claim:
    return Claim(name, name, Sensitive(SECRET), **attributes)


def _deadline() -> Deadline:
    return Deadline(30)


def _provisioned(subject: Subject, name: str) -> Backend:
    backend = subject.backend()
    assert wait(backend.create_user(_claim(name), _deadline()))
    assert wait(backend.create_bucket(_claim(name), _deadline()))
    return backend


def quota_of(subject: Subject, bucket: str) -> tuple[int, int]:
    """Bytes and objects, 0 for no limit, as the store says."""
    if isinstance(subject, ModelSubject):
        return subject.store.quotas.get(bucket, (0, 0))
    assert isinstance(subject, RealSubject)
    if isinstance(subject.store, MinioStore):
        return int(json.loads(subject.store.admin().bucket_quota_get(bucket))["quota"]), 0
    if isinstance(subject.store, RustFSStore):
        return int(subject.store.admin("GET", "get-bucket-quota", bucket=bucket)["quota"]), 0
    if isinstance(subject.store, CephRGWStore):
        quota = subject.store.bucket(bucket)["bucket_quota"]
        if not quota["enabled"]:
            return 0, 0
        return max(quota["max_size"], 0), max(quota["max_objects"], 0)
    assert isinstance(subject.store, GarageStore)
    quotas = subject.store.bucket(bucket)["quotas"]
    return quotas["maxSize"] or 0, quotas["maxObjects"] or 0


def _versioning(subject: Subject, bucket: str) -> str:
    if isinstance(subject, ModelSubject):
        return subject.store.versioning.get(bucket, "")
    assert isinstance(subject, RealSubject)
    store = subject.store
    who = store.owner_of(bucket) if isinstance(store, CephRGWStore) else (None, None)
    with store.s3(*who) as client:
        return str(client.get_bucket_versioning(Bucket=bucket).get("Status", "")).lower()


@pytest.mark.parametrize("subject", having("quota_bytes"), indirect=True)
def test_a_quota_is_set_changed_and_taken_away(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    for size in (10_240_000, 20_480_000, 2**53 - 2**10, 0):
        assert wait(backend.set_quota(_claim(name, quota_bytes=size), _deadline()))
        assert quota_of(subject, name) == (size, 0)
    assert subject.put(name, "key", b"body", as_user=(name, SECRET)) == ""


@pytest.mark.parametrize("subject", having("quota_bytes"), indirect=True)
def test_no_quota_is_set_without_a_claim_or_a_bucket(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    wait(backend.set_quota(_claim(name, quota_bytes=1_024), _deadline()))
    assert not wait(backend.set_quota(_claim(name, versioning="enabled"), _deadline()))
    assert quota_of(subject, name) == (1_024, 0)
    none = _claim(f"{name}none", quota_bytes=1_024)
    assert not wait(backend.set_quota(none, _deadline()))
    assert f"{name}none" not in subject.names()[1]


@pytest.mark.parametrize("subject", having("quota_bytes", "quota_objects"), indirect=True)
def test_the_limit_that_is_not_named_stays(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    for attributes, expected in (
        ({"quota_bytes": 5_120}, (5_120, 0)),
        ({"quota_objects": 3}, (5_120, 3)),
        ({"quota_bytes": 6_144}, (6_144, 3)),
        ({"quota_bytes": 0}, (0, 3)),
        ({"quota_bytes": 7_168, "quota_objects": 0}, (7_168, 0)),
    ):
        assert wait(backend.set_quota(_claim(name, **attributes), _deadline()))
        assert quota_of(subject, name) == expected


@pytest.mark.parametrize("real", having("quota_bytes", real=True), indirect=True)
def test_the_store_refuses_more_than_the_quota(real: RealSubject, name: str) -> None:
    backend = _provisioned(real, name)
    wait(backend.set_quota(_claim(name, quota_bytes=10_240), _deadline()))

    def put(key: str, size: int) -> str:
        return real.put(name, key, b"x" * size, as_user=(name, SECRET))

    if real.backend_name == "rustfs":
        # It refuses everything until it has counted the bucket.
        wait_until(
            lambda: put("small", 100) != "ServiceUnavailable",
            timeout=60,
            what="the bucket to be counted",
        )
    assert put("small", 100) == ""
    assert put("big", 20_000) in TOO_MUCH
    wait(backend.set_quota(_claim(name, quota_bytes=0), _deadline()))
    assert put("big", 20_000) == ""


@pytest.mark.parametrize("real", having("quota_objects", real=True), indirect=True)
def test_the_store_refuses_more_objects_than_the_quota(real: RealSubject, name: str) -> None:
    backend = _provisioned(real, name)
    wait(backend.set_quota(_claim(name, quota_objects=1), _deadline()))
    assert real.put(name, "one", b"body", as_user=(name, SECRET)) == ""
    assert real.put(name, "two", b"body", as_user=(name, SECRET)) in TOO_MUCH


@pytest.mark.parametrize("subject", having("versioning"), indirect=True)
def test_versioning_is_enabled_and_suspended(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    assert _versioning(subject, name) == ""
    assert not wait(backend.set_versioning(_claim(name, quota_bytes=1), _deadline()))
    assert _versioning(subject, name) == ""
    for status in ("enabled", "enabled", "suspended", "enabled"):
        claim = _claim(name, versioning=status)
        wait(backend.prepare(claim, _deadline()))
        assert wait(backend.set_versioning(claim, _deadline()))
        assert _versioning(subject, name) == status
    none = _claim(f"{name}none", versioning="enabled")
    assert not wait(backend.set_versioning(none, _deadline()))


@pytest.mark.parametrize("real", having("versioning", real=True), indirect=True)
def test_former_versions_are_kept_once_it_is_enabled(real: RealSubject, name: str) -> None:
    backend = _provisioned(real, name)
    wait(backend.set_versioning(_claim(name, versioning="enabled"), _deadline()))
    for body in (b"one", b"two"):
        assert real.put(name, "key", body, as_user=(name, SECRET)) == ""
    with real.store.s3(name, SECRET) as client:
        assert len(client.list_object_versions(Bucket=name)["Versions"]) == 2


@pytest.mark.parametrize("real", having("versioning", real=True), indirect=True)
def test_a_bucket_whose_state_forbids_it_is_told_in_the_stores_own_words(
    real: RealSubject, name: str
) -> None:
    backend = real.backend()
    with real.store.s3() as client:
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    with pytest.raises(Rejected, match=real.traits.locked):
        wait(backend.set_versioning(_claim(name, versioning="suspended"), _deadline()))
    assert _versioning(real, name) == "enabled"


@pytest.mark.parametrize("subject", having("versioning"), indirect=True)
def test_asking_first_makes_nothing(subject: Subject, name: str) -> None:
    backend = subject.backend()
    before = subject.names()
    for claim in (_claim(name), _claim(name, versioning="enabled")):
        wait(backend.prepare(claim, _deadline()))
        wait(backend.prepare(claim, _deadline(), dry_run=True))
    assert subject.names() == before


@pytest.mark.parametrize("subject", lacking("versioning"), indirect=True)
def test_versioning_that_the_store_has_not_is_refused(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    with pytest.raises(Unsupported, match="former versions"):
        wait(backend.set_versioning(_claim(name, versioning="enabled"), _deadline()))
    assert not wait(backend.set_versioning(_claim(name, quota_bytes=1), _deadline()))


@pytest.mark.parametrize(
    ("subject", "attribute"),
    [
        *lacking("quota_bytes", "quota_bytes"),
        *lacking("quota_objects", "quota_objects"),
    ],
    indirect=["subject"],
)
def test_a_quota_that_the_store_has_not_is_refused_and_nothing_is_set(
    subject: Subject, name: str, attribute: str
) -> None:
    backend = _provisioned(subject, name)
    claimed = {"quota_bytes": 1_024, attribute: 1_000}
    with pytest.raises(Unsupported, match="can't limit"):
        wait(backend.set_quota(_claim(name, **claimed), _deadline()))
    if subject.traits.has("quota_bytes"):
        assert quota_of(subject, name) == (0, 0)


def _attributes(subject: Subject) -> dict[str, str]:
    """All that this store can have, as a Secret's fields."""
    values = {"quota_bytes": "1024000", "quota_objects": "1000", "versioning": "enabled"}
    return {field: value for field, value in values.items() if subject.traits.has(field)}


def test_what_a_secret_names_is_written_once_and_again_when_it_changes(
    subject: Subject, name: str
) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET, **_attributes(subject))
    quota = "quota_bytes" in _attributes(subject)
    versioning = "versioning" in _attributes(subject)
    expected = [Action.SET_QUOTA] * quota + [Action.SET_VERSIONING] * versioning
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CREATE_USER, Action.CREATE_BUCKET, *expected)
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1
    if quota:
        assert quota_of(subject, name)[0] == 1_024_000
        secret.set(quota_bytes="0")
    if versioning:
        assert _versioning(subject, name) == "enabled"
        secret.set(versioning="suspended")
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == tuple(expected)
    if quota:
        assert quota_of(subject, name)[0] == 0
    if versioning:
        assert _versioning(subject, name) == "suspended"


def test_a_dry_run_foretells_what_is_then_written(subject: Subject, name: str) -> None:
    secret = Secret.claiming(name, name, SECRET, **_attributes(subject))
    before = subject.names()
    rehearsal = Operator(Rehearsal(subject.backend()), subject.operator().environ)
    foretold = rehearsal.sync(secret.made_again()).outcome
    assert subject.names() == before
    assert subject.operator().sync(secret).outcome == foretold


@pytest.mark.parametrize(
    ("subject", "field"),
    [
        *lacking("quota_bytes", "quota_bytes"),
        *lacking("quota_objects", "quota_objects"),
        *lacking("versioning", "versioning"),
    ],
    indirect=["subject"],
)
def test_what_the_store_has_not_is_refused_before_anything_is_asked(
    subject: Subject, name: str, field: str
) -> None:
    operator = subject.operator()
    value = "enabled" if field == "versioning" else "1000"
    secret = Secret.claiming(name, name, SECRET, **{field: value})
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert operator.requests() == 0
    assert name not in subject.names()[0]


NOTHING_SAID = ["500", "500-empty", "503", "429", "html-404", "html-403", "redirect", "reset"]


@pytest.mark.parametrize("real", having(real=True), indirect=True)
def test_a_store_that_fails_is_never_read_as_one_that_refuses_or_lacks_something(
    real: RealSubject, name: str
) -> None:
    backend = _provisioned(real, name)
    attributes: dict[str, Any] = {}
    if real.traits.has("quota_bytes"):
        attributes["quota_bytes"] = 1_000
    if real.traits.has("versioning"):
        attributes["versioning"] = "enabled"
    claim = _claim(name, **attributes)
    asks = real.backend_name == "versitygw"
    for fault in NOTHING_SAID:
        real.proxy.always = fault
        for call, expected in (
            (backend.set_quota, "quota_bytes" in attributes),
            (backend.set_versioning, "versioning" in attributes),
            (backend.prepare, asks),
        ):
            if not expected:
                continue
            with pytest.raises(StoreError) as raised:
                wait(call(claim, _deadline()))
            assert not isinstance(raised.value, Unsupported)


@pytest.mark.parametrize("subject", having(), indirect=True)
def test_a_rehearsal_foretells_and_sets_nothing(subject: Subject, name: str) -> None:
    backend = _provisioned(subject, name)
    rehearsal = Rehearsal(backend)
    for attribute, value in (("quota_bytes", 1_024), ("versioning", "enabled")):
        if not subject.traits.has(attribute):
            continue
        claim = _claim(name, **{attribute: value})
        none = _claim(f"{name}none", **{attribute: value})
        wait(rehearsal.prepare(claim, _deadline()))
        setters = {"quota_bytes": "set_quota", "versioning": "set_versioning"}
        foretelling = getattr(rehearsal, setters[attribute])
        assert wait(foretelling(claim, _deadline()))
        assert not wait(foretelling(_claim(name), _deadline()))
        assert not wait(foretelling(none, _deadline()))
        if attribute == "versioning":
            assert _versioning(subject, name) == ""
        else:
            assert quota_of(subject, name) == (0, 0)
        assert wait(getattr(backend, setters[attribute])(claim, _deadline()))
