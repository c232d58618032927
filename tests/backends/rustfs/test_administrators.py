"""Administrators of every kind, whom no Secret takes over."""

from __future__ import annotations

import pytest

from tests.conformance.subject import RealSubject
from tests.servers.rustfs import RustFSStore
from tests.support import Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
ADMIN = ("Conflict", "AdminUser")


@pytest.fixture
def second_admin(rustfs: RealSubject, store: RustFSStore) -> dict[str, str]:
    """An administrator of the operator's own, so that root's name can stand in a Secret."""
    if store.user("second-admin") is None:
        store.create_user("second-admin", SECRET, "admin")
    return {"S3_ACCESS_KEY": "second-admin", "S3_SECRET_KEY": SECRET}


@pytest.mark.parametrize("right", [True, False], ids=["right-secret", "wrong-secret"])
def test_root_and_service_accounts_are_left_alone(
    rustfs: RealSubject, store: RustFSStore, second_admin: dict[str, str], right: bool
) -> None:
    account = f"service-{right}".lower()
    # An access key of root's own: neither listed as a user nor known by that name.
    store.add_service_account(account, SECRET)
    for key, secret_key in ((store.access_key, store.secret_key), (account, SECRET)):
        secret = Secret.claiming(f"of-{key}", key, secret_key if right else OTHER_SECRET)
        result = rustfs.operator(second_admin).sync(secret)
        assert secret.state == ADMIN, secret.annotations["message"]
        assert result.outcome is not None
        assert result.outcome.actions == ()
        assert f"of-{key}" not in store.names()[1]
        assert rustfs.accepts(key, secret_key)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["admin:ServerInfo"], ADMIN),
        (["admin:*"], ADMIN),
        (["s3:ListBucket", "s3:PutObject"], READY),
    ],
)
def test_whoever_may_administer_anything_is_an_administrator(
    rustfs: RealSubject,
    store: RustFSStore,
    actions: list[str],
    expected: tuple[str, str],
) -> None:
    name = f"partly-{len(''.join(actions))}"
    store.create_user(name, OTHER_SECRET)
    resources = [] if actions[0].startswith("admin") else ["*"]
    store.give(name, actions, resources, name)
    secret = Secret.claiming(name, name, SECRET)
    rustfs.operator().sync(secret)
    assert secret.state == expected


def test_an_administrator_by_group_is_one(rustfs: RealSubject, store: RustFSStore) -> None:
    store.create_user("by-group", SECRET)
    store.add_to_group("administrators", "by-group")
    store.attach_to_group("consoleAdmin", "administrators")
    secret = Secret.claiming("by-group", "by-group", OTHER_SECRET)
    rustfs.operator().sync(secret)
    assert secret.state == ADMIN
    assert rustfs.accepts("by-group", SECRET)
