"""What MinIO does with what is taken away, deleted or versioned; see also `test_minio`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.base import Claim
from backends.errors import Rejected, TransientError, Unsupported
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.conformance.subject import RealSubject, minio_subject
from tests.servers.minio import POLICY, MinioStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"


def _ours(store: MinioStore, bucket: str) -> bool:
    """Whether the operator's policy for this bucket is there."""
    return f"{POLICY}{bucket}" in json.loads(store.admin().policy_list())


def test_a_deleted_buckets_policy_goes_with_it_whoever_has_it(
    minio: RealSubject, store: MinioStore
) -> None:
    minio.operator().sync(Secret.claiming("deleted", "deleted", SECRET))
    store.create_user("deleted-friend", SECRET)
    store.attach(f"{POLICY}deleted", "deleted-friend")
    store.give("of-the-friends-own", ["s3:GetObject"], ["elsewhere/*"], "deleted-friend")
    store.add_to_group("deleted-group", "deleted-friend")
    store.admin().attach_policy([f"{POLICY}deleted"], group="deleted-group")
    assert wait(minio.backend().delete_bucket("deleted", Deadline(20)))
    assert not _ours(store, "deleted")
    friend = store.user("deleted-friend")
    assert friend is not None
    assert friend.policies == {"of-the-friends-own"}
    store.create_bucket("deleted")
    assert store.put("deleted", "key", b"body", as_user=("deleted", SECRET)) == "AccessDenied"


@pytest.mark.parametrize("faults", [["", "garbage"], ["", "", "503"], ["", "", "html-404"]])
def test_a_bucket_keeps_its_policy_until_it_is_seen_to_be_gone(
    minio: RealSubject, store: MinioStore, faults: list[str]
) -> None:
    name = f"kept-{'-'.join(filter(None, faults))}"
    minio.operator().sync(Secret.claiming(name, name, SECRET))
    minio.proxy.faults.extend(faults)
    with pytest.raises(TransientError):
        wait(minio.backend().delete_bucket(name, Deadline(20)))
    assert not minio.proxy.faults
    assert _ours(store, name)
    wait(minio.backend().delete_bucket(name, Deadline(20)))
    assert name not in store.names()[1]


def test_a_policy_that_was_left_behind_is_removed_unless_somebody_has_it(
    minio: RealSubject, store: MinioStore
) -> None:
    backend = minio.backend()
    for name in ("left-behind", "left-held"):
        minio.operator().sync(Secret.claiming(name, name, SECRET))
        with store.s3() as client:
            client.delete_bucket(Bucket=name)
    store.detach(f"{POLICY}left-behind", "left-behind")
    assert not wait(backend.delete_bucket("left-behind", Deadline(10)))
    assert not _ours(store, "left-behind")
    assert not wait(backend.delete_bucket("left-held", Deadline(10)))
    assert store.owner("left-held") == "left-held"


def test_a_deleted_users_access_keys_and_policies_are_gone(
    minio: RealSubject, store: MinioStore
) -> None:
    minio.operator().sync(Secret.claiming("of-deleted", "deleted-user", SECRET))
    store.give("elsewhere", ["s3:GetObject"], ["elsewhere/*"], "deleted-user")
    store.admin("deleted-user", SECRET).add_service_account(
        access_key="deleted-user-extra", secret_key=SECRET
    )
    assert minio.accepts("deleted-user-extra", SECRET)
    assert wait(minio.backend().delete_user("deleted-user", Deadline(10)))
    assert not minio.accepts("deleted-user-extra", SECRET)
    store.create_user("deleted-user", SECRET)
    again = store.user("deleted-user")
    assert again is not None
    assert again.policies == frozenset()
    assert store.owner("of-deleted") is None


def test_root_and_service_accounts_are_never_deleted(minio: RealSubject, store: MinioStore) -> None:
    store.create_user("second-admin", SECRET, "admin")
    second_admin = {"S3_ACCESS_KEY": "second-admin", "S3_SECRET_KEY": SECRET}
    store.admin().add_service_account(access_key="kept-service", secret_key=SECRET)
    backend = minio.connect({**minio.environ(), **second_admin}, lambda *_: None)
    with pytest.raises(Unsupported):
        wait(backend.delete_user("kept-service", Deadline(10)))
    with pytest.raises(Unsupported):
        wait(backend.delete_user("second-admin", Deadline(10)))
    assert not wait(backend.delete_user(store.access_key, Deadline(10)))
    assert minio.accepts("kept-service", SECRET)
    assert minio.accepts(store.access_key, store.secret_key)
    wait(backend.check(Deadline(10)))


def test_a_release_takes_no_other_policy(minio: RealSubject, store: MinioStore) -> None:
    for bucket in ("released-1", "released-2"):
        minio.operator().sync(Secret.claiming(bucket, "released", SECRET))
    store.give("released-own", ["s3:GetObject"], ["elsewhere/*"], "released")
    assert wait(minio.backend().release("released-1", "released", Deadline(10)))
    user = store.user("released")
    assert user is not None
    assert user.policies == {f"{POLICY}released-2", "released-own"}


def test_an_upload_that_minio_no_longer_lists_outlives_its_bucket(tmp_path: Path) -> None:
    """It remembers those of all objects only since its start; the parts it keeps for a day."""
    with minio_subject(tmp_path) as minio:
        backend = minio.backend()
        minio.create_bucket("restarted")
        of_it = {"Bucket": "restarted", "Key": "key"}
        with minio.store.s3() as client:
            upload = client.create_multipart_upload(**of_it)["UploadId"]
            part = client.upload_part(**of_it, UploadId=upload, PartNumber=1, Body=b"a part")
            minio.store.restart()
            assert wait(backend.delete_bucket("restarted", Deadline(10)))
            minio.create_bucket("restarted")
            parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
            client.complete_multipart_upload(**of_it, UploadId=upload, MultipartUpload=parts)
        assert minio.get("restarted", "key", as_user=None) == b"a part"


def test_versioning_keeps_what_stands_beside_it_or_is_refused(
    minio: RealSubject, store: MinioStore
) -> None:
    """MinIO's own extensions, which an S3 client knows nothing of."""
    store.create_bucket("with-exclusions")
    backend = minio.backend()
    extensions = (
        b"<ExcludedPrefixes><Prefix>tmp/</Prefix></ExcludedPrefixes>"
        b"<ExcludeFolders>true</ExcludeFolders>"
    )
    body = (
        b"<VersioningConfiguration><Status>Enabled</Status>%s</VersioningConfiguration>"
        % extensions
    )
    with store.s3() as client:
        client.meta.events.register(
            "before-call.s3.PutBucketVersioning", lambda params, **_: params.update(body=body)
        )
        client.put_bucket_versioning(
            Bucket="with-exclusions", VersioningConfiguration={"Status": "Enabled"}
        )
        answers: list[bytes] = []
        client.meta.events.register(
            "before-parse.s3.GetBucketVersioning",
            lambda response_dict, **_: answers.append(response_dict["body"]),
        )
        enabled, suspended = (
            Claim("with-exclusions", "a-user", Sensitive(SECRET), versioning=status)
            for status in ("enabled", "suspended")
        )
        assert wait(backend.set_versioning(enabled, Deadline(10)))
        with pytest.raises(Rejected, match="only when versioning is enabled"):
            wait(backend.set_versioning(suspended, Deadline(10)))
        client.get_bucket_versioning(Bucket="with-exclusions")
        assert extensions in answers[0]
        assert b"<Status>Enabled</Status>" in answers[0]
