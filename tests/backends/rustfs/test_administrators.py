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
        # Whoever may delete keys can spoil all that is encrypted with them.
        (["kms:DeleteKey"], ADMIN),
        (["kms:*"], ADMIN),
        (["kms:GenerateDataKey", "kms:Decrypt"], READY),
        (["s3:ListBucket", "s3:PutObject"], ADMIN),
        (["s3:ListAllMyBuckets", "s3:GetBucketLocation"], READY),
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
    resources = ["*"] if actions[0].startswith("s3:") else []
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


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "admin:*"},
        {"Action": ["admin:GetUser"]},
        {"NotAction": ["s3:GetObject"], "Resource": ["arn:aws:s3:::*"]},
        {"NotAction": "s3:GetObject", "Resource": "arn:aws:s3:::*"},
    ],
    ids=["a-text", "one-action", "all-but", "all-but-a-text"],
)
def test_however_a_policy_puts_it(
    rustfs: RealSubject,
    store: RustFSStore,
    request: pytest.FixtureRequest,
    statement: dict[str, object],
) -> None:
    name = f"puts-{request.node.callspec.id}"
    store.create_user(name, SECRET)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    store.add_policy(name, policy)
    # An administrator's second policy, beside one that gives nothing of the kind.
    store.attach("readonly", name)
    store.attach(name, name)
    secret = Secret.claiming(name, name, OTHER_SECRET)
    rustfs.operator().sync(secret)
    assert secret.state == ADMIN
    assert rustfs.accepts(name, SECRET)
    assert name not in store.names()[1]


def test_an_administrator_stays_one_while_the_group_or_the_user_is_disabled(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    """Somebody may enable it again."""
    store.create_user("by-disabled-group", SECRET)
    store.add_to_group("disabled-administrators", "by-disabled-group")
    store.attach_to_group("consoleAdmin", "disabled-administrators")
    store.disable_group("disabled-administrators")
    store.create_user("disabled-administrator", SECRET, "admin")
    store.set_status("disabled-administrator", "disabled")
    for name in ("by-disabled-group", "disabled-administrator"):
        secret = Secret.claiming(name, name, OTHER_SECRET)
        rustfs.operator().sync(secret)
        assert secret.state == ADMIN
        assert name not in store.names()[1]
    store.set_status("disabled-administrator", "enabled")
    assert rustfs.accepts("disabled-administrator", SECRET)


@pytest.mark.parametrize("value", [SECRET, OTHER_SECRET], ids=["right-secret", "wrong-secret"])
def test_a_tenants_further_access_key_is_no_user(
    rustfs: RealSubject, store: RustFSStore, value: str
) -> None:
    parent, key = f"parent-{len(value)}", f"child-{len(value)}"
    store.create_user(parent, SECRET)
    store.add_service_account(key, SECRET, parent)
    secret = Secret.claiming(key, key, value)
    rustfs.operator().sync(secret)
    assert secret.state == ADMIN
    assert rustfs.accepts(key, SECRET)
    assert key not in store.names()[1]


@pytest.mark.parametrize("policy", ["readwrite", "readonly", "writeonly"])
@pytest.mark.parametrize("adoption", ["any", "own-names", "unowned", "never"])
def test_a_user_that_may_use_all_buckets_is_never_taken_over(
    rustfs: RealSubject, store: RustFSStore, policy: str, adoption: str
) -> None:
    name = f"{policy}-{adoption}"
    store.create_user(name, SECRET)
    store.attach(policy, name)
    secret = Secret.claiming(name, name, OTHER_SECRET)
    rustfs.operator({"ADOPTION": adoption}).sync(secret)
    assert secret.state == (ADMIN if adoption == "any" else ("Conflict", "UserExists"))
    assert rustfs.accepts(name, SECRET)
