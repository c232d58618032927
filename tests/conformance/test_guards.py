"""What is somebody else's stays so, as far as ADOPTION and the grants say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.subject import Subject
from tests.conformance.traits import OWNED, READY, having
from tests.support import Secret

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
EXISTS = ("Conflict", "UserExists")
ADMIN = ("Conflict", "AdminUser")

Found = Callable[[Subject, str], None]


def somebodys_bucket(subject: Subject, name: str) -> None:
    subject.create_user(f"{name}other", OTHER_SECRET)
    subject.create_bucket(name, f"{name}other")


def an_orphaned_bucket(subject: Subject, name: str) -> None:
    somebodys_bucket(subject, name)
    subject.delete_user(f"{name}other")


def an_administrators_bucket(subject: Subject, name: str) -> None:
    subject.create_bucket(name)


def an_existing_user(subject: Subject, name: str) -> None:
    subject.create_user(name, OTHER_SECRET)


def an_existing_user_with_this_secret(subject: Subject, name: str) -> None:
    subject.create_user(name, SECRET)


def a_bucket_of_a_deleted_user_of_this_name(subject: Subject, name: str) -> None:
    subject.create_user(name, OTHER_SECRET)
    subject.create_bucket(f"{name}remains", name)
    subject.delete_user(name)


def nothing(subject: Subject, name: str) -> None:
    pass


@pytest.mark.parametrize(
    ("found", "adoption", "expected"),
    [
        (nothing, "never", READY),
        (somebodys_bucket, "any", READY),
        (somebodys_bucket, "unowned", OWNED),
        (somebodys_bucket, "never", OWNED),
        (an_orphaned_bucket, "any", READY),
        (an_orphaned_bucket, "unowned", READY),
        (an_orphaned_bucket, "never", OWNED),
        (an_administrators_bucket, "any", READY),
        (an_administrators_bucket, "own-names", OWNED),
        (an_administrators_bucket, "unowned", OWNED),
        (an_administrators_bucket, "never", OWNED),
        (somebodys_bucket, "own-names", OWNED),
        (an_orphaned_bucket, "own-names", READY),
        (an_existing_user, "own-names", EXISTS),
        (an_existing_user, "any", READY),
        (an_existing_user, "unowned", EXISTS),
        (an_existing_user, "never", EXISTS),
        (an_existing_user_with_this_secret, "never", READY),
        (a_bucket_of_a_deleted_user_of_this_name, "any", READY),
        (a_bucket_of_a_deleted_user_of_this_name, "unowned", READY),
        (a_bucket_of_a_deleted_user_of_this_name, "never", EXISTS),
    ],
)
def test_adoption_decides_about_what_no_secret_was_given(
    subject: Subject,
    name: str,
    found: Found,
    adoption: str,
    expected: tuple[str, str],
) -> None:
    # Without patterns no name is one's own.
    case = (found.__name__, "unowned" if adoption == "own-names" else adoption)
    expected = subject.traits.adoption.get(case, expected)
    found(subject, name)
    owner = subject.owner(name)
    existed = subject.user(name) is not None
    secret = Secret.claiming(name, name, SECRET)
    subject.operator({"ADOPTION": adoption}).sync(secret)
    assert secret.state == expected
    if expected != READY:
        assert subject.owner(name) == owner
        assert (subject.user(name) is not None) == existed
        assert "grants" not in secret.annotations
        assert not existed or subject.accepts(name, OTHER_SECRET)


@pytest.mark.parametrize("forge", ["copied", "tampered", "another-uid"])
def test_a_grant_that_is_not_this_secrets_counts_as_none(
    subject: Subject, name: str, forge: str
) -> None:
    operator = subject.operator({"ADOPTION": "never"})
    victim = Secret.claiming(name, f"{name}victim", SECRET)
    operator.sync(victim)
    thief = Secret.claiming(name, f"{name}thief", OTHER_SECRET)
    stolen = dict(victim.document["metadata"]["annotations"])
    if forge == "tampered":
        key = next(key for key in stolen if key.endswith("/grants"))
        version, payload, signature = stolen[key].split(".")
        stolen[key] = f"{version}.{payload}.{signature[::-1]}"
        thief.document["metadata"]["uid"] = victim.document["metadata"]["uid"]
    if forge == "another-uid":
        thief.document["metadata"]["uid"] = victim.document["metadata"]["uid"][::-1]
    thief.document["metadata"]["annotations"] = stolen
    operator.sync(thief)
    assert thief.state == OWNED
    assert subject.owner(name) == f"{name}victim"
    assert subject.put(name, "key", b"body", as_user=(f"{name}victim", SECRET)) == ""


@pytest.mark.parametrize("secret_value", [SECRET, OTHER_SECRET], ids=["right", "wrong"])
@pytest.mark.parametrize("subject", having("administrators"), indirect=True)
def test_an_administrator_on_the_store_is_left_alone(
    subject: Subject, name: str, secret_value: str
) -> None:
    subject.create_user(name, SECRET, "admin")
    subject.create_bucket(name)
    secret = Secret.claiming(name, name, secret_value, role="user")
    subject.operator().sync(secret)
    assert secret.state == ADMIN
    assert subject.user(name).role == "admin"
    assert subject.accepts(name, SECRET)
    assert subject.owner(name) != name


@pytest.mark.parametrize("subject", having("administrators"), indirect=True)
def test_no_bucket_is_made_for_an_administrator(subject: Subject, name: str) -> None:
    subject.create_user(name, SECRET, "admin")
    secret = Secret.claiming(name, name, SECRET)
    subject.operator().sync(secret)
    assert secret.state == ADMIN
    assert name not in subject.names()[1]


@pytest.mark.parametrize("subject", having("administrators", "roles"), indirect=True)
def test_an_administrators_role_is_not_taken_away(subject: Subject, name: str) -> None:
    subject.create_user(name, SECRET, "admin")
    subject.create_bucket(name, name)
    secret = Secret.claiming(name, name, SECRET, role="user")
    subject.operator().sync(secret)
    assert secret.state == ADMIN
    assert subject.user(name).role == "admin"


@pytest.mark.parametrize("subject", having("administrators", "roles"), indirect=True)
def test_an_administrator_that_a_secret_was_allowed_to_have_can_be_rotated(
    subject: Subject, name: str
) -> None:
    operator = subject.operator({"ALLOWED_ROLES": "user,admin"})
    secret = Secret.claiming(name, name, SECRET, role="admin")
    operator.sync(secret)
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.accepts(name, OTHER_SECRET)


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
        ({"AWS_ACCESS_KEY_ID": "another"}, "AmbiguousField"),
    ],
)
def test_a_bad_secret_costs_no_request_and_makes_nothing(
    subject: Subject, name: str, fields: dict[str, str], reason: str
) -> None:
    operator = subject.operator(
        {"RESERVED_ACCESS_KEYS": "backup-*", "RESERVED_BUCKETS": "system-*"}
    )
    before = subject.names()
    secret = Secret.claiming(name, name, SECRET)
    for field, value in fields.items():
        secret.set_raw(field.replace("_", "-") if field.islower() else field, value)
    operator.sync(secret)
    assert secret.state == ("Invalid", reason)
    assert subject.names() == before
    assert operator.requests() == 0


@pytest.mark.parametrize(("adoption", "expected"), [("unowned", READY), ("never", EXISTS)])
def test_a_grant_for_a_bucket_opens_no_deleted_users_buckets(
    subject: Subject, name: str, adoption: str, expected: tuple[str, str]
) -> None:
    found = a_bucket_of_a_deleted_user_of_this_name
    expected = subject.traits.adoption.get((found.__name__, adoption), expected)
    found(subject, name)
    operator = subject.operator({"ADOPTION": adoption})
    secret = Secret.claiming(f"{name}own", f"{name}own", SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_key=name)
    operator.sync(secret)
    assert secret.state == expected
    assert (subject.user(name) is not None) == (expected == READY)
