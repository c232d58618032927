"""What a sync has done whose answer never reached its Secret: the next one puts it right."""

from __future__ import annotations

import itertools
from copy import deepcopy

import pytest

from backends.bucketsettings import SettingName
from hooks.contract.outcome import Action
from tests.conformance.bucketsettings import PUBLIC, SECRET, seen, settled, with_setting
from tests.conformance.subject import Killed, RealSubject
from tests.conformance.test_attributes import quota_of
from tests.conformance.test_bucket_policies import filled, unsigned
from tests.conformance.traits import READY, having
from tests.support import Secret

pytestmark = pytest.mark.no_cover

CLOSED = {401, 403}


def changed(secret: Secret, version: int) -> None:
    """As Kubernetes counts each change of an object."""
    secret.document["metadata"]["resourceVersion"] = str(version)


@pytest.mark.parametrize("real", with_setting(SettingName.PUBLIC), indirect=True)
@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "the-same"])
def test_a_bucket_is_closed_again_though_the_answer_that_told_of_it_was_lost(
    real: RealSubject, name: str, restarted: bool
) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name)
    filled(real, name)
    changed(secret, 2)
    operator.sync(secret)
    before, noted = operator.requests(), dict(secret.annotations)
    operator.sync(secret)
    assert operator.requests() == before + 1, "an unchanged Secret costs one request"
    lost = deepcopy(secret)
    lost.set(public_access="read")
    changed(lost, 3)
    operator.sync(lost)
    assert lost.state == READY
    assert unsigned(real, name, "private") == 200
    # Nothing on the Secret tells of it, and nobody asks for it any more.
    changed(secret, 4)
    after = real.operator(PUBLIC) if restarted else operator
    result = after.sync(secret)
    assert unsigned(real, name, "private") in CLOSED
    assert result.outcome is not None
    assert result.outcome.actions == (Action.REMOVE_PUBLIC_ACCESS,)
    assert secret.state == READY
    assert secret.annotations == noted
    assert seen(real, name, SettingName.POLICY) is None
    before = after.requests()
    after.sync(secret)
    assert after.requests() == before + 1


def opened_by_a_lost_answer(real: RealSubject, name: str) -> Secret:
    """A Secret that tells of no access for everybody, which there is."""
    operator = real.operator(PUBLIC)
    secret = settled(operator, name)
    filled(real, name)
    lost = deepcopy(secret)
    lost.set(public_access="read")
    operator.sync(lost)
    assert lost.state == READY
    assert unsigned(real, name, "private") == 200
    return secret


@pytest.mark.parametrize("real", with_setting(SettingName.PUBLIC), indirect=True)
def test_it_is_closed_though_no_secret_may_open_one_any_more(real: RealSubject, name: str) -> None:
    secret = opened_by_a_lost_answer(real, name)
    operator = real.operator()
    result = operator.sync(secret)
    assert unsigned(real, name, "private") in CLOSED
    assert result.outcome is not None
    assert result.outcome.actions == (Action.REMOVE_PUBLIC_ACCESS,)
    assert secret.state == READY
    # It was looked at once, and is not again, by a new process neither.
    before = dict(secret.annotations)
    after = real.operator()
    after.sync(secret)
    assert after.requests() == 1
    assert secret.annotations == before


@pytest.mark.parametrize("real", with_setting(SettingName.PUBLIC), indirect=True)
@pytest.mark.parametrize("environ", [PUBLIC, {}], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("told", [False, True], ids=["lost", "told"])
def test_a_bucket_that_the_secret_names_no_more_is_closed_unless_it_was_told(
    real: RealSubject, name: str, environ: dict[str, str], told: bool
) -> None:
    secret = opened_by_a_lost_answer(real, name)
    operator = real.operator(PUBLIC)
    if told:
        secret.set(public_access="read")
        operator.sync(secret)
        assert secret.state == READY
        del secret.document["data"]["public-access"]
    secret.set(bucket_name=f"{name}next")
    operator = real.operator(environ)
    operator.settle(secret)
    assert secret.state == READY
    assert (unsigned(real, name, "private") in CLOSED) is not told
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1
    assert f"{name}/" not in secret.annotations["applied"]


@pytest.mark.parametrize("real", having("quota_bytes", real=True), indirect=True)
def test_a_quota_is_set_on_a_bucket_that_was_made_again_whatever_write_failed_first(
    real: RealSubject, name: str
) -> None:
    failed = 0
    for writes in itertools.count(1):
        own = f"{name}x{writes}"
        operator = real.operator()
        secret = settled(operator, own, quota_bytes="1048576")
        with real.store.s3(own, SECRET) as client:
            client.delete_bucket(Bucket=own)
        real.proxy.writes_only = True
        real.proxy.faults.extend([*[""] * writes, *["500"] * 6])
        operator.sync(secret)
        injected = list(real.proxy.injected)
        real.proxy.calm()
        if not injected:
            break
        failed += 1
        assert secret.state[0] == "Retrying", writes
        operator.sync(secret)
        assert secret.state == READY, writes
        assert quota_of(real, own)[0] == 1048576, writes
        before = operator.requests()
        operator.sync(secret)
        assert operator.requests() == before + 1
    assert failed >= 1


@pytest.mark.parametrize("real", with_setting(SettingName.CORS), indirect=True)
def test_a_rename_that_was_killed_and_taken_back_keeps_what_the_tenant_has_set(
    real: RealSubject, name: str
) -> None:
    names = [f"{name}-1", f"{name}-2"]
    secret = Secret(name, bucket_names=",".join(names), access_key=name, access_secret=SECRET)
    real.operator().sync(secret)
    assert secret.state == READY
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://app.example"]}]
    with real.store.s3(name, SECRET) as client:
        for bucket in names:
            client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    killed = 0
    for writes in itertools.count(1):
        renamed = deepcopy(secret)
        renamed.set(access_key=f"{name}x{writes}")
        try:
            real.operator(writes=writes).sync(renamed)
        except Killed:
            killed += 1
        else:
            break
        operator = real.operator()
        operator.sync(secret)
        assert secret.state == READY, writes
        for bucket in names:
            assert real.owner(bucket) == name
            assert seen(real, bucket, SettingName.CORS, name), writes
    assert killed >= 2
