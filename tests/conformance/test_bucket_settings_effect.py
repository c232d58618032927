"""What settings come to where a moment shows it, and what a store in trouble is told as."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from backends.base import Claim
from backends.bucketsettings import SettingName
from backends.capabilities import CAPABILITIES
from backends.errors import StoreError, TransientError
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.conformance.bucketsettings import PUBLIC, SECRET, seen, settled, statements
from tests.conformance.subject import RealSubject
from tests.conformance.traits import NOT_SUPPORTED, READY
from tests.support import wait

pytestmark = pytest.mark.no_cover

NO_ANSWER = ["500", "500-empty", "503", "429", "html-404", "redirect", "reset"]
NONSENSE = ["html-403", "garbage", "bomb", "other-xml", "empty"]
_PATIENCE = 60.0


@pytest.mark.parametrize(
    "real", [pytest.param("minio", marks=pytest.mark.server, id="minio")], indirect=True
)
def test_what_is_below_the_prefix_expires_and_the_rest_stays(real: RealSubject, name: str) -> None:
    operator = real.operator()
    secret = settled(operator, name)
    for key in ("tmp/1", "tmp/2", "keep/1"):
        assert real.put(name, key, b"body", as_user=(name, SECRET)) == ""
    rule = {
        "ID": "past",
        "Status": "Enabled",
        "Filter": {"Prefix": "tmp/"},
        "Expiration": {"Date": "2020-01-01"},
    }
    secret.set(lifecycle=json.dumps({"Rules": [rule]}))
    operator.sync(secret)
    assert secret.state == READY
    end = time.monotonic() + _PATIENCE
    while keys(real, name) != ["keep/1"]:
        assert time.monotonic() < end, keys(real, name)
        time.sleep(1)
    assert real.get(name, "keep/1", as_user=(name, SECRET)) == b"body"


def keys(real: RealSubject, bucket: str) -> list[str]:
    with real.store.s3(bucket, SECRET) as client:
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(found["Key"] for found in listed)


def test_a_store_in_trouble_is_never_read_as_one_without_the_setting(
    real: RealSubject, name: str
) -> None:
    operator = real.operator(PUBLIC)
    settled(operator, name)
    store = real.backend().bucket_settings
    claim = Claim(name, name, Sensitive(SECRET))
    names = CAPABILITIES[real.backend_name].settings.names
    for fault in [*NO_ANSWER, *NONSENSE]:
        real.proxy.always = fault
        for setting in names:
            with pytest.raises(TransientError):
                wait(store.read(setting, claim, Deadline(10)))
        if SettingName.PUBLIC in names and fault in NO_ANSWER:
            with pytest.raises(StoreError):
                wait(store.is_public(claim, Deadline(10)))


def test_a_sync_that_the_store_cuts_short_goes_on_where_it_was(
    real: RealSubject, name: str
) -> None:
    names = CAPABILITIES[real.backend_name].settings.names
    fields: dict[str, Any] = {}
    if SettingName.TAGS in names:
        fields["tags"] = "a=b"
    if SettingName.CORS in names:
        fields["cors"] = "https://app.example.com"
    if SettingName.LIFECYCLE in names:
        fields["expire_days"] = "30"
    operator = real.operator()
    secret = settled(operator, name)
    secret.set(**fields)
    # The probe is answered, and nothing after it.
    real.proxy.faults.extend(["", "500", "500", "500"])
    operator.sync(secret)
    assert secret.state[0] == "Retrying"
    real.proxy.calm()
    operator.sync(secret)
    assert secret.state == READY
    written = {"tags": SettingName.TAGS, "cors": SettingName.CORS}
    for field, setting in written.items():
        assert (field in fields) == bool(setting in names and seen(real, name, setting))


def long_policy(number: int) -> str:
    """One with so many statements of some 350 bytes."""
    statements = [
        {
            "Sid": f"S{each}",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::${{bucket}}/{'x' * 200}{each}/*",
        }
        for each in range(number)
    ]
    return json.dumps({"Statement": statements})


VERSITYGW = [pytest.param("versitygw", marks=pytest.mark.server, id="versitygw")]


@pytest.mark.parametrize("real", VERSITYGW, indirect=True)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_fault_that_passes_is_not_taken_for_want_of_room(
    real: RealSubject, name: str, times: int
) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name)
    # It fits, and is long enough that it might not.
    secret.set(bucket_policy=long_policy(4))
    real.proxy.writes_only = True
    real.proxy.faults.extend(["500"] * times)
    operator.sync(secret)
    assert len(real.proxy.injected) == times
    real.proxy.calm()
    if times > 2:
        # It lasts: told, and tried again at the next sync, without any edit.
        assert secret.state == NOT_SUPPORTED
        assert "tried again" in secret.annotations["message"]
        operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert len(statements(real, name)) >= 4


@pytest.mark.parametrize("real", VERSITYGW, indirect=True)
def test_what_does_not_fit_beside_the_rest_is_told_and_the_rest_stays(
    real: RealSubject, name: str
) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name, tags="a=b", public_access="read")
    before = seen(real, name, SettingName.POLICY)
    secret.set(bucket_policy=long_policy(30))
    operator.sync(secret)
    if secret.state == READY:
        # A file system with more room, such as XFS.
        return
    assert secret.state == NOT_SUPPORTED
    assert "one block of the file system" in secret.annotations["message"]
    assert seen(real, name, SettingName.POLICY) == before
    assert seen(real, name, SettingName.TAGS) == [{"Key": "a", "Value": "b"}]
