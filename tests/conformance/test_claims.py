"""What a Secret gets: the same on every store."""

from __future__ import annotations

import pytest

from hooks.outcome import Action
from tests.conformance.subject import Subject
from tests.support import PREFIX, Secret

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")


def test_a_new_claim_gets_a_bucket_and_a_user(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, f"{name}-user", SECRET)
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CREATE_USER, Action.CREATE_BUCKET)
    assert subject.owners()[name] == f"{name}-user"
    assert subject.put(name, "key", b"body", as_user=(f"{name}-user", SECRET)) == ""
    assert subject.get(name, "key", as_user=(f"{name}-user", SECRET)) == b"body"
    assert operator.requests() <= subject.provisioning


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


def test_a_rotated_secret_locks_the_former_one_out(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    grant = secret.annotations["grant"]
    secret.set(access_secret=OTHER_SECRET)
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.UPDATE_USER,)
    assert subject.get(name, "key", as_user=(name, SECRET)) == "SignatureDoesNotMatch"
    assert subject.get(name, "key", as_user=(name, OTHER_SECRET)) == b"body"
    assert secret.annotations["grant"] == grant


def test_another_access_key_takes_the_bucket_along(subject: Subject, name: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, f"{name}-one", SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(f"{name}-one", SECRET))
    former = secret.annotations["grant"]
    secret.set(access_key=f"{name}-two", access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert secret.annotations["user"] == f"{name}-two"
    assert secret.annotations["grant"] != former
    assert subject.get(name, "key", as_user=(f"{name}-two", OTHER_SECRET)) == b"body"
    assert subject.get(name, "key", as_user=(f"{name}-one", SECRET)) == "AccessDenied"


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
    mine = Secret.claiming(f"{name}-mine", f"{name}-me", SECRET)
    theirs = Secret.claiming(f"{name}-theirs", f"{name}-they", OTHER_SECRET)
    operator.sync(theirs)
    subject.put(f"{name}-theirs", "key", b"body", as_user=(f"{name}-they", OTHER_SECRET))
    operator.sync(mine)
    me = (f"{name}-me", SECRET)
    assert subject.get(f"{name}-theirs", "key", as_user=me) == "AccessDenied"
    assert subject.put(f"{name}-theirs", "key", b"mine", as_user=me) == "AccessDenied"


@pytest.mark.parametrize(
    "secret_value",
    [
        "<&>\"'/?#%=+ ]]><!--",
        "</Secret><Role>admin</Role><Secret>",
        " leading and trailing ",
        "pässwörd-日本語-🔑",
        "&amp;&lt;%26%3C\\u0041${HOME}",
        "x" * 512,
    ],
)
def test_secrets_of_odd_characters_work(subject: Subject, name: str, secret_value: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, name, secret_value)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.put(name, "key", b"body", as_user=(name, secret_value)) == ""
    assert subject.users()[name].role == "user"


@pytest.mark.parametrize("key", ["a", "team@example.com", "a+b:c~d_e.f-g", "_x", "A" * 128])
def test_access_keys_of_every_accepted_kind_work(subject: Subject, name: str, key: str) -> None:
    operator = subject.operator()
    secret = Secret.claiming(name, key, SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert subject.put(name, "key", b"body", as_user=(key, SECRET)) == ""


def test_role_and_ids_are_written_once(subject: Subject, name: str) -> None:
    operator = subject.operator({"ALLOWED_ROLES": "user,userplus"})
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    secret.set(role="userplus", user_id="1001", group_id="2002")
    result = operator.sync(secret)
    assert result.outcome is not None
    assert result.outcome.actions == (Action.UPDATE_USER,)
    user = subject.users()[name]
    assert (user.role, user.user_id, user.group_id) == ("userplus", 1001, 2002)
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1
    assert secret.state == READY


def test_a_new_users_role_and_ids_come_with_it(subject: Subject, name: str) -> None:
    operator = subject.operator({"ALLOWED_ROLES": "user,userplus"})
    secret = Secret.claiming(name, name, SECRET, role="userplus", user_id="1001", group_id="7")
    operator.sync(secret)
    user = subject.users()[name]
    assert (user.role, user.user_id, user.group_id) == ("userplus", 1001, 7)


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
    assert subject.users()[name].role == "userplus"


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
        "grant",
        "applied",
    }
    assert set(secret.labels) == {"status", "bucket-hash", "user-hash"}
    assert all(key.startswith(PREFIX) for key in secret.document["metadata"]["labels"])
    assert SECRET not in str(secret.document["metadata"])
