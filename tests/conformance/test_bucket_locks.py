"""Object locks: made with the bucket, never later, and what they keep is kept."""

from __future__ import annotations

import json

import pytest

from backends.bucketsettings import SettingName
from hooks.contract.outcome import Action
from tests.conformance.bucketsettings import PUBLIC, SECRET, seen, settled, with_setting
from tests.conformance.subject import RealSubject
from tests.conformance.traits import NOT_SUPPORTED, READY
from tests.servers.s3 import code_of
from tests.support import Secret

# There a bucket's owner may always, which no policy that it can write itself forbids.
BYPASSED = frozenset({"ceph-rgw", "seaweedfs"})
LOCKED = with_setting(SettingName.LOCK)


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_what_is_written_is_kept_for_the_time_of_the_retention(
    real: RealSubject, name: str
) -> None:
    operator = real.operator()
    secret = settled(operator, name, object_lock="enabled", retention="governance-30d")
    lock = seen(real, name, SettingName.RETENTION)
    assert lock["ObjectLockEnabled"] == "Enabled"
    found = lock["Rule"]["DefaultRetention"]
    assert (found["Mode"], found["Days"]) == ("GOVERNANCE", 30)
    with real.store.s3(name, SECRET) as client:
        client.put_object(Bucket=name, Key="key", Body=b"body")
        (version,) = client.list_object_versions(Bucket=name)["Versions"]
        which = {"Bucket": name, "Key": "key", "VersionId": version["VersionId"]}
        assert code_of(lambda: client.delete_object(**which)) != ""
        assert client.get_object(**which)["Body"].read() == b"body"
        if real.backend_name not in BYPASSED:
            assert code_of(lambda: client.delete_object(**which, BypassGovernanceRetention=True))
            assert client.get_object(**which)["Body"].read() == b"body"
    before, answered = operator.requests(), dict(secret.annotations)
    operator.sync(secret)
    assert (operator.requests(), secret.annotations) == (before + 1, answered)


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_the_longest_retention_keeps_or_is_refused(real: RealSubject, name: str) -> None:
    operator = real.operator()
    secret = settled(operator, name, object_lock="enabled", retention="compliance-50y")
    secret.set(retention="compliance-100y")
    operator.sync(secret)
    if real.backend_name == "ceph-rgw":
        assert secret.state == NOT_SUPPORTED
        assert "50 years at most" in secret.annotations["message"]
        lock = seen(real, name, SettingName.RETENTION)["Rule"]["DefaultRetention"]
        assert lock["Years"] == 50
    else:
        assert secret.state == READY, secret.annotations["message"]
    with real.store.s3(name, SECRET) as client:
        client.put_object(Bucket=name, Key="key", Body=b"body")
        (version,) = client.list_object_versions(Bucket=name)["Versions"]
        which = {"Bucket": name, "Key": "key", "VersionId": version["VersionId"]}
        assert code_of(lambda: client.delete_object(**which)) != ""


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_a_retention_that_is_not_the_objects_own_is_told(real: RealSubject, name: str) -> None:
    secret = settled(
        real.operator(), name, object_lock="enabled", retention="governance-30d", tags="a=b"
    )
    told = "counts from when it was set" in secret.annotations["message"]
    assert told == (real.backend_name == "versitygw")
    with real.store.s3(name, SECRET) as client:
        client.put_object(Bucket=name, Key="key", Body=b"body")
        own = code_of(lambda: client.get_object_retention(Bucket=name, Key="key")) == ""
    assert own != told


@pytest.mark.parametrize(
    "real", [case for case in LOCKED if case.id not in BYPASSED], indirect=True
)
def test_a_policy_gives_nobody_leave_to_bypass_governance(real: RealSubject, name: str) -> None:
    fields = {"object_lock": "enabled", "retention": "governance-30d", "public_access": "read"}
    settled(real.operator(PUBLIC), name, **fields)
    with real.store.s3(name, SECRET) as client:
        client.put_object(Bucket=name, Key="key", Body=b"body")
        (version,) = client.list_object_versions(Bucket=name)["Versions"]
        which = {"Bucket": name, "Key": "key", "VersionId": version["VersionId"]}
        assert code_of(lambda: client.delete_object(**which, BypassGovernanceRetention=True))
        assert client.get_object(**which)["Body"].read() == b"body"


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_the_retention_changes_and_goes_and_the_lock_stays(real: RealSubject, name: str) -> None:
    operator = real.operator()
    secret = settled(operator, name, object_lock="enabled", retention="governance-30d")
    secret.set(retention="governance-1y")
    result = operator.sync(secret)
    assert result.outcome is not None
    assert result.outcome.actions == (Action.SET_RETENTION,)
    found = seen(real, name, SettingName.RETENTION)["Rule"]["DefaultRetention"]
    assert found["Years"] == 1
    del secret.document["data"]["retention"]
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    lock = seen(real, name, SettingName.RETENTION)
    assert lock["ObjectLockEnabled"] == "Enabled"
    assert not lock.get("Rule")
    del secret.document["data"]["object-lock"]
    operator.sync(secret)
    assert secret.state == READY
    assert "object-lock" in secret.annotations["message"]
    answered = dict(secret.annotations)
    operator.sync(secret)
    assert secret.annotations == answered
    assert seen(real, name, SettingName.RETENTION)["ObjectLockEnabled"] == "Enabled"


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_a_bucket_that_is_there_gets_no_lock(real: RealSubject, name: str) -> None:
    operator = real.operator()
    secret = settled(operator, name)
    secret.set(object_lock="enabled", retention="governance-30d")
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert "only be had when a bucket is made" in secret.annotations["message"]
    assert seen(real, name, SettingName.RETENTION) is None
    # The rest of the Secret goes on.
    del secret.document["data"]["object-lock"], secret.document["data"]["retention"]
    operator.sync(secret)
    assert secret.state == READY
    assert json.dumps(secret.annotations).count("object-lock") == 0


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_anothers_bucket_without_a_lock_stays_that_ones(
    real: RealSubject, name: str, known: bool
) -> None:
    owner = (f"{name}owner", SECRET)
    real.create_user(*owner)
    real.create_bucket(name, owner[0])
    assert real.put(name, "key", b"body", as_user=owner) == ""
    if known:
        real.create_user(name, SECRET)
    operator = real.operator({"ADOPTION": "any"})
    secret = Secret.claiming(name, name, SECRET, object_lock="enabled")
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert "only be had when a bucket is made" in secret.annotations["message"]
    assert "grants" not in secret.annotations
    assert real.owner(name) == owner[0]
    assert (real.user(name) is not None) == known
    assert real.get(name, "key", as_user=owner) == b"body"
    # Without one it may be taken over.
    del secret.document["data"]["object-lock"]
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert real.owner(name) == name


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_anothers_bucket_with_a_lock_is_taken_over_with_it(real: RealSubject, name: str) -> None:
    operator = real.operator({"ADOPTION": "any"})
    settled(operator, name, object_lock="enabled")
    secret = Secret.claiming(name, f"{name}next", SECRET, object_lock="enabled")
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert real.owner(name) == f"{name}next"


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_anothers_bucket_whose_lock_forbids_what_is_asked_stays_that_ones(
    real: RealSubject, name: str
) -> None:
    operator = real.operator({"ADOPTION": "any"})
    settled(operator, name, object_lock="enabled")
    secret = Secret.claiming(name, f"{name}next", SECRET, versioning="suspended")
    operator.sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend")
    assert "versioning can't be suspended" in secret.annotations["message"]
    assert real.owner(name) == name
    assert real.user(f"{name}next") is None


@pytest.mark.parametrize("real", LOCKED, indirect=True)
def test_a_bucket_without_its_lock_comes_back_all_the_same(real: RealSubject, name: str) -> None:
    operator = real.operator()
    secret = settled(operator, name)
    real.set_owner(name, None)
    secret.set(object_lock="enabled")
    operator.sync(secret)
    # What is the Secret's own is repaired first, whatever it says besides.
    assert secret.state == NOT_SUPPORTED
    assert real.owner(name) == name
