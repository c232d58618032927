"""The owner's own statements in a bucket's policy: all rights but leave to bypass a retention."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.base import Claim
from backends.bucketsettings import SettingName
from backends.sharing import Access
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.conformance.bucketsettings import PUBLIC, SECRET, settled, statements
from tests.conformance.subject import RealSubject, versitygw_subject
from tests.servers.s3 import code_of
from tests.support import wait

pytestmark = pytest.mark.server
OWN = {"S3ResourceOperatorOwner", "S3ResourceOperatorKeep"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with versitygw_subject(tmp_path_factory.mktemp("gateway"), versions=True) as subject:
        yield subject


def bypassed(gateway: RealSubject, bucket: str) -> bool:
    """Whether the owner can delete what governance keeps."""
    with gateway.store.s3(bucket, SECRET) as client:
        client.put_object(Bucket=bucket, Key="key", Body=b"body")
        version = client.list_object_versions(Bucket=bucket)["Versions"][0]["VersionId"]
        which = {"Bucket": bucket, "Key": "key", "VersionId": version}
        return not code_of(lambda: client.delete_object(**which, BypassGovernanceRetention=True))


def test_a_share_gives_the_owner_no_leave_to_bypass_governance(
    gateway: RealSubject,
) -> None:
    operator = gateway.operator(PUBLIC)
    settled(operator, "locked", object_lock="enabled", retention="governance-30d")
    settled(operator, "reader")
    sharing = gateway.backend().sharing
    assert sharing is not None
    reader = Claim("locked", "reader", Sensitive(SECRET), access=Access.READ_ONLY)
    assert wait(sharing.share(reader, Deadline(30)))
    assert statements(gateway, "locked").keys() > OWN
    assert not bypassed(gateway, "locked")
    # Nothing of it is left when nothing needs it any more.
    assert wait(sharing.unshare("locked", "reader", Deadline(30)))
    assert statements(gateway, "locked") == {}


def test_what_a_setting_and_a_share_need_goes_with_the_last_of_them(gateway: RealSubject) -> None:
    operator = gateway.operator(PUBLIC)
    secret = settled(operator, "both", public_access="read")
    settled(operator, "second")
    sharing = gateway.backend().sharing
    assert sharing is not None
    second = Claim("both", "second", Sensitive(SECRET), access=Access.READ_ONLY)
    assert wait(sharing.share(second, Deadline(30)))
    del secret.document["data"]["public-access"]
    operator.sync(secret)
    left = statements(gateway, "both")
    assert left.keys() > OWN
    assert "S3ResourceOperatorPublicRead" not in left
    assert wait(sharing.shares("both", Deadline(30))) == {"second": Access.READ_ONLY}
    assert wait(sharing.unshare("both", "second", Deadline(30)))
    assert statements(gateway, "both") == {}
    store = gateway.backend().bucket_settings
    claim = Claim("both", "both", Sensitive(SECRET))
    assert wait(store.read(SettingName.POLICY, claim, Deadline(30))) is None
