"""What RustFS does with what is taken away or deleted."""

from __future__ import annotations

import pytest

from backends.errors import TransientError, Unsupported
from backends.wire.deadline import Deadline
from tests.conformance.subject import RealSubject
from tests.servers.rustfs import POLICY, RustFSStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"


def _ours(store: RustFSStore, bucket: str) -> bool:
    """Whether the operator's policy for this bucket is there."""
    return f"{POLICY}{bucket}" in store.policies()


def test_a_deleted_buckets_policy_goes_with_it_whoever_has_it(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    rustfs.operator().sync(Secret.claiming("deleted", "deleted", SECRET))
    store.create_user("deleted-friend", SECRET)
    store.attach(f"{POLICY}deleted", "deleted-friend")
    store.give("of-the-friends-own", ["s3:GetObject"], ["elsewhere/*"], "deleted-friend")
    store.add_to_group("deleted-group", "deleted-friend")
    store.attach_to_group(f"{POLICY}deleted", "deleted-group")
    assert wait(rustfs.backend().delete_bucket("deleted", Deadline(20)))
    assert not _ours(store, "deleted")
    friend = store.user("deleted-friend")
    assert friend is not None
    assert friend.policies == {"of-the-friends-own"}
    store.create_bucket("deleted")
    assert store.put("deleted", "key", b"body", as_user=("deleted", SECRET)) == "AccessDenied"


@pytest.mark.parametrize("faults", [["", "garbage"], ["", "", "503"], ["", "", "html-404"]])
def test_a_bucket_keeps_its_policy_until_it_is_seen_to_be_gone(
    rustfs: RealSubject, store: RustFSStore, faults: list[str]
) -> None:
    name = f"kept-{'-'.join(filter(None, faults))}"
    rustfs.operator().sync(Secret.claiming(name, name, SECRET))
    rustfs.proxy.faults.extend(faults)
    with pytest.raises(TransientError):
        wait(rustfs.backend().delete_bucket(name, Deadline(20)))
    assert not rustfs.proxy.faults
    assert _ours(store, name)
    wait(rustfs.backend().delete_bucket(name, Deadline(20)))
    assert name not in store.names()[1]


def test_a_policy_that_was_left_behind_is_removed_unless_somebody_has_it(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    backend = rustfs.backend()
    for name in ("left-behind", "left-held"):
        rustfs.operator().sync(Secret.claiming(name, name, SECRET))
        with store.s3() as client:
            client.delete_bucket(Bucket=name)
    store.detach(f"{POLICY}left-behind", "left-behind")
    assert not wait(backend.delete_bucket("left-behind", Deadline(10)))
    assert not _ours(store, "left-behind")
    assert not wait(backend.delete_bucket("left-held", Deadline(10)))
    assert store.owner("left-held") == "left-held"


def test_a_deleted_users_access_keys_and_policies_are_gone(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    rustfs.operator().sync(Secret.claiming("of-deleted", "deleted-user", SECRET))
    store.give("elsewhere", ["s3:GetObject"], ["elsewhere/*"], "deleted-user")
    store.add_service_account("deleted-user-extra", SECRET, "deleted-user")
    assert rustfs.accepts("deleted-user-extra", SECRET)
    assert wait(rustfs.backend().delete_user("deleted-user", Deadline(10)))
    assert not rustfs.accepts("deleted-user-extra", SECRET)
    store.create_user("deleted-user", SECRET)
    again = store.user("deleted-user")
    assert again is not None
    assert again.policies == frozenset()
    assert store.owner("of-deleted") is None


def test_root_and_service_accounts_are_never_deleted(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    store.create_user("second-admin", SECRET, "admin")
    second_admin = {"S3_ACCESS_KEY": "second-admin", "S3_SECRET_KEY": SECRET}
    store.add_service_account("kept-service", SECRET)
    backend = rustfs.connect({**rustfs.environ(), **second_admin}, lambda *_: None)
    with pytest.raises(Unsupported):
        wait(backend.delete_user("kept-service", Deadline(10)))
    with pytest.raises(Unsupported):
        wait(backend.delete_user("second-admin", Deadline(10)))
    with pytest.raises(Unsupported):
        wait(backend.delete_user(store.access_key, Deadline(10)))
    assert rustfs.accepts("kept-service", SECRET)
    assert rustfs.accepts(store.access_key, store.secret_key)
    wait(backend.check(Deadline(10)))


def test_a_release_takes_no_other_policy(rustfs: RealSubject, store: RustFSStore) -> None:
    for bucket in ("released-1", "released-2"):
        rustfs.operator().sync(Secret.claiming(bucket, "released", SECRET))
    store.give("released-own", ["s3:GetObject"], ["elsewhere/*"], "released")
    assert wait(rustfs.backend().release("released-1", "released", Deadline(10)))
    user = store.user("released")
    assert user is not None
    assert user.policies == {f"{POLICY}released-2", "released-own"}
