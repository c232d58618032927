"""Administrators of every kind, whom no Secret takes over."""

from __future__ import annotations

import pytest

from tests.conformance.subject import RealSubject
from tests.servers.minio import MinioStore
from tests.support import Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
ADMIN = ("Conflict", "AdminUser")


@pytest.fixture
def second_admin(minio: RealSubject, store: MinioStore) -> dict[str, str]:
    """An administrator of the operator's own, so that root's name can stand in a Secret."""
    if store.user("second-admin") is None:
        store.create_user("second-admin", SECRET, "admin")
    return {"S3_ACCESS_KEY": "second-admin", "S3_SECRET_KEY": SECRET}


@pytest.mark.parametrize("right", [True, False], ids=["right-secret", "wrong-secret"])
def test_root_and_service_accounts_are_left_alone(
    minio: RealSubject, store: MinioStore, second_admin: dict[str, str], right: bool
) -> None:
    account = f"service-{right}".lower()
    # An access key of root's own: neither listed as a user nor known by that name.
    store.admin().add_service_account(access_key=account, secret_key=SECRET)
    for key, secret_key in ((store.access_key, store.secret_key), (account, SECRET)):
        secret = Secret.claiming(f"of-{key}", key, secret_key if right else OTHER_SECRET)
        result = minio.operator(second_admin).sync(secret)
        assert secret.state == ADMIN, secret.annotations["message"]
        assert result.outcome is not None
        assert result.outcome.actions == ()
        assert f"of-{key}" not in store.names()[1]
        assert minio.accepts(key, secret_key)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["admin:ServerInfo"], ADMIN),
        (["admin:*"], ADMIN),
        (["s3:ListBucket", "s3:PutObject"], ADMIN),
        (["s3:ListAllMyBuckets", "s3:GetBucketLocation"], READY),
    ],
)
def test_whoever_may_administer_anything_is_an_administrator(
    minio: RealSubject,
    store: MinioStore,
    actions: list[str],
    expected: tuple[str, str],
) -> None:
    name = f"partly-{len(''.join(actions))}"
    store.create_user(name, OTHER_SECRET)
    resources = [] if actions[0].startswith("admin") else ["*"]
    store.give(name, actions, resources, name)
    secret = Secret.claiming(name, name, SECRET)
    minio.operator().sync(secret)
    assert secret.state == expected


def test_an_administrator_by_group_is_one(minio: RealSubject, store: MinioStore) -> None:
    store.create_user("by-group", SECRET)
    store.add_to_group("administrators", "by-group")
    store.admin().attach_policy(["consoleAdmin"], group="administrators")
    secret = Secret.claiming("by-group", "by-group", OTHER_SECRET)
    minio.operator().sync(secret)
    assert secret.state == ADMIN
    assert minio.accepts("by-group", SECRET)


@pytest.mark.parametrize(
    ("policy", "adoption", "expected"),
    [
        ("readwrite", "any", ADMIN),
        ("readonly", "any", ADMIN),
        ("writeonly", "any", ADMIN),
        # Its name is kept for the namespace.
        ("readwrite", "own-names", ADMIN),
        ("readwrite", "unowned", ("Conflict", "UserExists")),
    ],
)
def test_a_user_that_may_use_all_buckets_is_never_taken_over(
    minio: RealSubject,
    store: MinioStore,
    policy: str,
    adoption: str,
    expected: tuple[str, str],
) -> None:
    name = f"team.{policy}-{adoption}"
    store.create_user(name, SECRET)
    store.attach(policy, name)
    secret = Secret.claiming(name, name, OTHER_SECRET)
    minio.operator({"ADOPTION": adoption, "ACCESS_KEY_PATTERN": "{namespace}.*"}).sync(secret)
    assert secret.state == expected
    assert minio.accepts(name, SECRET)
    assert name not in store.names()[1]
    assert "grants" not in secret.annotations


def test_nor_one_that_may_by_its_group(minio: RealSubject, store: MinioStore) -> None:
    store.create_user("broad-by-group", SECRET)
    store.add_to_group("broad-users", "broad-by-group")
    store.attach_to_group("readwrite", "broad-users")
    secret = Secret.claiming("broad-by-group", "broad-by-group", OTHER_SECRET)
    minio.operator().sync(secret)
    assert secret.state == ADMIN
    assert minio.accepts("broad-by-group", SECRET)


def test_who_knows_its_secret_gets_a_bucket_for_it(minio: RealSubject, store: MinioStore) -> None:
    store.create_user("known-readwrite", SECRET)
    store.attach("readwrite", "known-readwrite")
    secret = Secret.claiming("known-readwrite", "known-readwrite", SECRET)
    minio.operator().sync(secret)
    assert secret.state == READY
    assert store.owner("known-readwrite") == "known-readwrite"


def test_a_secrets_own_user_can_be_rotated_whatever_else_it_was_given(
    minio: RealSubject, store: MinioStore
) -> None:
    """An administrator's further policy shuts nobody out of what is its own."""
    operator = minio.operator()
    secret = Secret.claiming("widened", "widened", SECRET)
    operator.sync(secret)
    store.attach("readwrite", "widened")
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert minio.accepts("widened", OTHER_SECRET)
    # Another Secret of the same names, which holds nothing, gets none of it.
    other = Secret.claiming("widened", "widened", "a-third-strong-and-long-password")
    operator.sync(other)
    assert other.state == ADMIN
    assert minio.accepts("widened", OTHER_SECRET)
