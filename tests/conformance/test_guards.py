"""What is somebody else's stays so, as far as ADOPTION and the grants say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.subject import Subject
from tests.support import Secret

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")
EXISTS = ("Conflict", "UserExists")
ADMIN = ("Conflict", "AdminUser")


def _somebodys_bucket(subject: Subject, name: str) -> None:
    subject.create_user(f"{name}-other", OTHER_SECRET)
    subject.create_bucket(name, f"{name}-other")


def _orphaned_bucket(subject: Subject, name: str) -> None:
    _somebodys_bucket(subject, name)
    subject.delete_user(f"{name}-other")


def _administrators_bucket(subject: Subject, name: str) -> None:
    subject.create_bucket(name)


def _existing_user(subject: Subject, name: str) -> None:
    subject.create_user(name, OTHER_SECRET)


def _existing_user_with_this_secret(subject: Subject, name: str) -> None:
    subject.create_user(name, SECRET)


def _bucket_of_a_deleted_user_of_this_name(subject: Subject, name: str) -> None:
    subject.create_user(name, OTHER_SECRET)
    subject.create_bucket(f"{name}-remains", name)
    subject.delete_user(name)


def _nothing(subject: Subject, name: str) -> None:
    pass


@pytest.mark.parametrize(
    ("found", "adoption", "expected"),
    [
        (_nothing, "never", READY),
        (_somebodys_bucket, "any", READY),
        (_somebodys_bucket, "unowned", OWNED),
        (_somebodys_bucket, "never", OWNED),
        (_orphaned_bucket, "any", READY),
        (_orphaned_bucket, "unowned", READY),
        (_orphaned_bucket, "never", OWNED),
        (_administrators_bucket, "any", READY),
        (_administrators_bucket, "unowned", READY),
        (_administrators_bucket, "never", READY),
        (_existing_user, "any", READY),
        (_existing_user, "unowned", EXISTS),
        (_existing_user, "never", EXISTS),
        (_existing_user_with_this_secret, "never", READY),
        (_bucket_of_a_deleted_user_of_this_name, "any", READY),
        (_bucket_of_a_deleted_user_of_this_name, "unowned", READY),
        (_bucket_of_a_deleted_user_of_this_name, "never", EXISTS),
    ],
)
def test_adoption_decides_about_what_no_secret_was_given(
    subject: Subject,
    name: str,
    found: Callable[[Subject, str], None],
    adoption: str,
    expected: tuple[str, str],
) -> None:
    found(subject, name)
    owner = subject.owners().get(name)
    user = subject.users().get(name)
    former = (user.secret, user.role) if user else None
    secret = Secret.claiming(name, name, SECRET)
    subject.operator({"ADOPTION": adoption}).sync(secret)
    assert secret.state == expected
    if expected != READY:
        assert subject.owners().get(name) == owner
        assert (name in subject.users()) == (user is not None)
        assert "grant" not in secret.annotations
    if expected == EXISTS:
        user = subject.users().get(name)
        assert former == ((user.secret, user.role) if user else None)


@pytest.mark.parametrize("forge", ["copied", "tampered", "another-uid"])
def test_a_grant_that_is_not_this_secrets_counts_as_none(
    subject: Subject, name: str, forge: str
) -> None:
    operator = subject.operator({"ADOPTION": "never"})
    victim = Secret.claiming(name, f"{name}-victim", SECRET)
    operator.sync(victim)
    thief = Secret.claiming(name, f"{name}-thief", OTHER_SECRET)
    stolen = dict(victim.document["metadata"]["annotations"])
    if forge == "tampered":
        key = next(key for key in stolen if key.endswith("/grant"))
        stolen[key] = stolen[key].replace("v1.", "v1.1")
        thief.document["metadata"]["uid"] = victim.document["metadata"]["uid"]
    if forge == "another-uid":
        thief.document["metadata"]["uid"] = victim.document["metadata"]["uid"][::-1]
    thief.document["metadata"]["annotations"] = stolen
    operator.sync(thief)
    assert thief.state == OWNED
    assert subject.owners()[name] == f"{name}-victim"
    assert subject.put(name, "key", b"body", as_user=(f"{name}-victim", SECRET)) == ""


@pytest.mark.parametrize("secret_value", [SECRET, OTHER_SECRET], ids=["right", "wrong"])
def test_an_administrator_on_the_store_is_left_alone(
    subject: Subject, name: str, secret_value: str
) -> None:
    subject.create_user(name, SECRET, "admin")
    subject.create_bucket(name)
    secret = Secret.claiming(name, name, secret_value, role="user")
    subject.operator().sync(secret)
    assert secret.state == ADMIN
    assert (subject.users()[name].role, subject.users()[name].secret) == ("admin", SECRET)
    assert subject.owners()[name] != name


def test_an_administrators_role_is_not_taken_away(subject: Subject, name: str) -> None:
    subject.create_user(name, SECRET, "admin")
    subject.create_bucket(name, name)
    secret = Secret.claiming(name, name, SECRET, role="user")
    subject.operator().sync(secret)
    assert secret.state == ADMIN
    assert subject.users()[name].role == "admin"


def test_an_administrator_that_a_secret_was_allowed_to_have_can_be_rotated(
    subject: Subject, name: str
) -> None:
    operator = subject.operator({"ALLOWED_ROLES": "user,admin"})
    secret = Secret.claiming(name, name, SECRET, role="admin")
    operator.sync(secret)
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.users()[name].secret == OTHER_SECRET


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"access_key": "operator-admin"}, "ReservedAccessKey"),
        ({"access_key": "backup-1"}, "ReservedAccessKey"),
        ({"bucket_name": "system-logs"}, "ReservedBucket"),
        ({"role": "admin"}, "RoleNotAllowed"),
        ({"user_id": "0"}, "IdNotAllowed"),
        ({"access_secret": ""}, "MissingField"),
        ({"bucket_name": "../../etc"}, "InvalidField"),
        ({"access_key": "a&owner=root"}, "InvalidField"),
        ({"ACCESS_KEY": "another"}, "AmbiguousField"),
    ],
)
def test_a_bad_secret_costs_no_request_and_makes_nothing(
    subject: Subject, name: str, fields: dict[str, str], reason: str
) -> None:
    operator = subject.operator(
        {"RESERVED_ACCESS_KEYS": "backup-*", "RESERVED_BUCKETS": "system-*"}
    )
    before = (set(subject.users()), set(subject.owners()))
    secret = Secret.claiming(name, name, SECRET)
    for field, value in fields.items():
        secret.set_raw(field.replace("_", "-") if field.islower() else field, value)
    operator.sync(secret)
    assert secret.state == ("Invalid", reason)
    assert (set(subject.users()), set(subject.owners())) == before
    assert operator.requests() == 0


@pytest.mark.parametrize(("adoption", "expected"), [("unowned", READY), ("never", EXISTS)])
def test_a_grant_for_a_bucket_opens_no_deleted_users_buckets(
    subject: Subject, name: str, adoption: str, expected: tuple[str, str]
) -> None:
    _bucket_of_a_deleted_user_of_this_name(subject, name)
    operator = subject.operator({"ADOPTION": adoption})
    secret = Secret.claiming(f"{name}-own", f"{name}-own", SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_key=name)
    operator.sync(secret)
    assert secret.state == expected
    assert (name in subject.users()) == (expected == READY)
