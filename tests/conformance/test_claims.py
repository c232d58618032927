"""What a Secret gets: the same on every store."""

from __future__ import annotations

from typing import Any

import pytest

from hooks.contract.outcome import Action
from tests.conformance.subject import Subject
from tests.conformance.traits import NOT_SUPPORTED, READY, TRAITS, cases, having, lacking
from tests.support import PREFIX, Secret

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"


def test_a_new_claim_gets_a_bucket_and_a_user(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, f"{name}user", SECRET)
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CREATE_USER, Action.CREATE_BUCKET)
    assert subject.owner(name) == f"{name}user"
    assert subject.put(name, "key", b"body", as_user=(f"{name}user", SECRET)) == ""
    assert subject.get(name, "key", as_user=(f"{name}user", SECRET)) == b"body"
    assert operator.requests() == subject.traits.provisioning


def test_an_unchanged_claim_costs_one_request_and_changes_nothing(
    subject: Subject, name: str
) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    before = operator.requests()
    first = operator.sync(secret)
    assert operator.requests() == before + 1
    second = operator.sync(secret)
    assert operator.requests() == before + 2
    assert first.response.encode() == second.response.encode()
    assert first.outcome is not None
    assert first.outcome.actions == ()


@pytest.mark.parametrize("subject", having("rotation"), indirect=True)
def test_a_rotated_secret_locks_the_former_one_out(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    grant = secret.annotations["grants"]
    secret.set(access_secret=OTHER_SECRET)
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.UPDATE_USER,)
    assert not subject.accepts(name, SECRET)
    assert subject.get(name, "key", as_user=(name, OTHER_SECRET)) == b"body"
    assert secret.annotations["grants"] == grant


@pytest.mark.parametrize("subject", lacking("rotation"), indirect=True)
def test_a_secret_that_cannot_be_rotated_is_refused_and_the_former_one_works_on(
    subject: Subject, name: str
) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    grant = secret.annotations["grants"]
    secret.set(access_secret=OTHER_SECRET)
    for _ in range(2):
        result = operator.sync(secret)
        assert secret.state == NOT_SUPPORTED
        assert result.outcome is not None
        assert result.outcome.actions == ()
    assert "set a new access key" in secret.annotations["message"]
    assert subject.get(name, "key", as_user=(name, SECRET)) == b"body"
    assert not subject.accepts(name, OTHER_SECRET)
    assert secret.annotations["grants"] == grant
    secret.set(access_key=f"{name}new")
    operator.sync(secret)
    assert secret.state == READY
    assert subject.get(name, "key", as_user=(f"{name}new", OTHER_SECRET)) == b"body"
    assert subject.get(name, "key", as_user=(name, SECRET)) == "AccessDenied"


def test_another_access_key_takes_the_bucket_along(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, f"{name}one", SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(f"{name}one", SECRET))
    former = secret.annotations["grants"]
    secret.set(access_key=f"{name}two", access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert secret.annotations["user"] == f"{name}two"
    assert secret.annotations["grants"] != former
    assert subject.get(name, "key", as_user=(f"{name}two", OTHER_SECRET)) == b"body"
    assert subject.get(name, "key", as_user=(f"{name}one", SECRET)) == "AccessDenied"


def test_another_bucket_leaves_the_former_one_as_it_is(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    secret.set(bucket_name=f"{name}-2")
    operator.sync(secret)
    assert secret.state == READY
    assert secret.annotations["bucket"] == f"{name}-2"
    assert subject.get(name, "key", as_user=(name, SECRET)) == b"body"


def test_an_administrators_bucket_is_adopted_with_its_objects(subject: Subject, name: str) -> None:
    subject.create_bucket(name)
    subject.put(name, "key", b"body", as_user=None)
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.get(name, "key", as_user=(name, SECRET)) == b"body"


def test_two_buckets_of_one_user_are_both_the_users(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secrets = [Secret.claiming(f"{name}-{n}", name, SECRET) for n in (1, 2)]
    for _ in range(2):
        for secret in secrets:
            operator.sync(secret)
            assert secret.state == READY
    for n in (1, 2):
        assert subject.put(f"{name}-{n}", "key", b"body", as_user=(name, SECRET)) == ""


def test_a_claim_opens_no_other_bucket(subject: Subject, name: str) -> None:
    operator = subject.operator()
    mine = Secret.claiming(f"{name}mine", f"{name}me", SECRET)
    theirs = Secret.claiming(f"{name}theirs", f"{name}they", OTHER_SECRET)
    operator.sync(theirs)
    subject.put(f"{name}theirs", "key", b"body", as_user=(f"{name}they", OTHER_SECRET))
    operator.sync(mine)
    me = (f"{name}me", SECRET)
    assert subject.get(f"{name}theirs", "key", as_user=me) == "AccessDenied"
    assert subject.put(f"{name}theirs", "key", b"mine", as_user=me) == "AccessDenied"


def _of_each(field: str) -> list[Any]:
    return cases({name: getattr(traits, field) for name, traits in TRAITS.items()})


@pytest.mark.parametrize(("subject", "value"), _of_each("secrets"), indirect=["subject"])
def test_secrets_of_odd_characters_work(subject: Subject, name: str, value: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, value)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.put(name, "key", b"body", as_user=(name, value)) == ""
    assert subject.user(name).role == "user"


@pytest.mark.parametrize(("subject", "key"), _of_each("keys"), indirect=["subject"])
def test_access_keys_of_every_accepted_kind_work(subject: Subject, name: str, key: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, key, SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.put(name, "key", b"body", as_user=(key, SECRET)) == ""


@pytest.mark.parametrize(("subject", "value"), _of_each("bad_secrets"), indirect=["subject"])
def test_a_secret_that_the_store_refuses_is_told_in_its_own_words_and_makes_nothing(
    subject: Subject, name: str, value: str
) -> None:
    _assert_refused(subject, Secret.claiming(name, name, value))


@pytest.mark.parametrize(("subject", "key"), _of_each("bad_keys"), indirect=["subject"])
def test_an_access_key_that_the_store_refuses_is_told_in_its_own_words_and_makes_nothing(
    subject: Subject, name: str, key: str
) -> None:
    _assert_refused(subject, Secret.claiming(name, key, SECRET))


def _assert_refused(subject: Subject, secret: Secret) -> None:
    before = subject.names()
    subject.operator().sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend")
    assert secret.annotations["message"].startswith("The store refuses the request, ")
    assert secret.plain("access-secret") not in secret.annotations["message"]
    assert subject.names() == before


@pytest.mark.parametrize("subject", lacking("roles"), indirect=True)
def test_a_role_that_the_store_has_not_is_refused_before_anything_is_asked(
    subject: Subject, name: str
) -> None:
    operator = subject.operator({"ALLOWED_ROLES": "user,userplus,admin"})
    for role in ("userplus", "admin"):
        secret = Secret.claiming(name, name, SECRET, role=role)
        operator.sync(secret)
        assert secret.state == NOT_SUPPORTED
        assert "role" in secret.annotations["message"]
    assert operator.requests() == 0
    plain = Secret.claiming(name, name, SECRET, role="user")
    operator.sync(plain)
    assert plain.state == READY


@pytest.mark.parametrize("subject", lacking("ids"), indirect=True)
def test_ids_that_the_store_has_not_are_ignored_and_it_says_so(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET, user_id="1001", group_id="2002")
    operator.sync(secret)
    assert secret.state == READY
    assert "the Secret's are ignored" in secret.annotations["message"]
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1


@pytest.mark.parametrize("subject", having("roles", "ids"), indirect=True)
def test_role_and_ids_are_written_once(subject: Subject, name: str) -> None:
    operator = subject.operator({"ALLOWED_ROLES": "user,userplus"})
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    secret.set(role="userplus", user_id="1001", group_id="2002")
    result = operator.sync(secret)
    assert result.outcome is not None
    assert result.outcome.actions == (Action.UPDATE_USER,)
    user = subject.user(name)
    assert (user.role, user.user_id, user.group_id) == ("userplus", 1001, 2002)
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1
    assert secret.state == READY


@pytest.mark.parametrize("subject", having("roles", "ids"), indirect=True)
def test_a_new_users_role_and_ids_come_with_it(subject: Subject, name: str) -> None:
    operator = subject.operator({"ALLOWED_ROLES": "user,userplus"})
    secret = Secret.claiming(name, name, SECRET, role="userplus", user_id="1001", group_id="7")
    operator.sync(secret)
    user = subject.user(name)
    assert (user.role, user.user_id, user.group_id) == ("userplus", 1001, 7)


@pytest.mark.parametrize("subject", having("roles", "ids"), indirect=True)
def test_fields_that_are_not_there_leave_an_existing_user_as_it_is(
    subject: Subject, name: str
) -> None:
    subject.create_user(name, SECRET, "userplus")
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.user(name).role == "userplus"


def test_a_secret_made_again_finds_everything_as_it_was(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    again = secret.made_again()
    result = operator.sync(again)
    assert again.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == ()
    assert subject.get(name, "key", as_user=(name, SECRET)) == b"body"


def test_annotations_and_labels_are_those_of_the_contract(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    assert set(secret.annotations) == {
        "enabled",
        "status",
        "reason",
        "message",
        "endpoint",
        "bucket",
        "user",
        "last-transition-time",
        "grants",
        "applied",
    }
    assert set(secret.labels) == {"status", "bucket-hash", "user-hash"}
    assert all(key.startswith(PREFIX) for key in secret.document["metadata"]["labels"])
    assert SECRET not in str(secret.document["metadata"])
