"""What is changed behind the operator's back is repaired; what breaks on the way, too."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest

from tests.conformance.subject import Killed, Subject
from tests.conformance.traits import NOT_SUPPORTED, READY, cases, lacking
from tests.support import Secret

pytestmark = pytest.mark.no_cover

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"

Drift = Callable[[Subject, str], None]


def _user_deleted(subject: Subject, name: str) -> None:
    subject.delete_user(name)


def _secret_changed(subject: Subject, name: str) -> None:
    subject.set_secret(name, OTHER_SECRET)


def _given_to_another(subject: Subject, name: str) -> None:
    subject.create_user(f"{name}other", OTHER_SECRET)
    subject.set_owner(name, f"{name}other")


def _given_to_the_administrator(subject: Subject, name: str) -> None:
    subject.set_owner(name, None)


DRIFTS: list[tuple[str, Drift, list[str]]] = [
    ("user-deleted", _user_deleted, ["names-again"]),
    ("secret-changed", _secret_changed, ["rotation"]),
    ("given-to-another", _given_to_another, []),
    ("given-to-the-administrator", _given_to_the_administrator, []),
]


@pytest.mark.parametrize(("subject", "drift"), cases(DRIFTS), indirect=["subject"])
@pytest.mark.parametrize("adoption", ["any", "never"])
def test_drift_is_repaired_under_every_adoption_because_of_the_grant(
    subject: Subject, name: str, drift: Drift, adoption: str
) -> None:
    operator = subject.operator({"ADOPTION": adoption})
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    before = dict(secret.annotations)
    drift(subject, name)
    operator.sync(secret)
    assert secret.annotations == before
    assert subject.get(name, "key", as_user=(name, SECRET)) == b"body"
    assert subject.owner(name) == name


@pytest.mark.parametrize("subject", lacking("names-again"), indirect=True)
def test_a_deleted_user_whose_name_is_used_up_is_told_and_the_bucket_follows_a_new_one(
    subject: Subject, name: str
) -> None:
    operator = subject.operator({"ADOPTION": "never"})
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    subject.put(name, "key", b"body", as_user=(name, SECRET))
    subject.delete_user(name)
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert "set a new access key" in secret.annotations["message"]
    secret.set(access_key=f"{name}new")
    operator.sync(secret)
    assert secret.state == READY
    assert subject.get(name, "key", as_user=(f"{name}new", SECRET)) == b"body"


def test_concurrent_syncs_of_one_claim_make_one_user_and_one_bucket(
    subject: Subject, name: str
) -> None:
    operator = subject.operator()
    secrets = [Secret.claiming(name, name, SECRET) for _ in range(8)]
    threads = [threading.Thread(target=operator.sync, args=(secret,)) for secret in secrets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [secret.state for secret in secrets] == [READY] * 8
    metrics = operator.metrics.render().decode()
    assert "s3_operator_users_created_total 1.0" in metrics
    assert "s3_operator_buckets_created_total 1.0" in metrics


def _fresh(subject: Subject, name: str, secret: Secret) -> None:
    pass


def _rotated(subject: Subject, name: str, secret: Secret) -> None:
    subject.operator().sync(secret)
    secret.set(access_secret=OTHER_SECRET)


def _renamed(subject: Subject, name: str, secret: Secret) -> None:
    subject.operator().sync(secret)
    secret.set(access_key=f"{name}new", access_secret=OTHER_SECRET)


def _adopted(subject: Subject, name: str, secret: Secret) -> None:
    subject.create_bucket(name)


def _stolen(subject: Subject, name: str, secret: Secret) -> None:
    subject.operator().sync(secret)
    _given_to_another(subject, name)


def _with_ids(subject: Subject, name: str, secret: Secret) -> None:
    secret.set(user_id="1001")


Story = Callable[[Subject, str, Secret], None]
# What is adopted has no grant: that takes more than the strictest setting on some stores.
STORIES: list[tuple[str, tuple[Story, str], list[str]]] = [
    ("fresh", (_fresh, "never"), []),
    ("rotated", (_rotated, "never"), ["rotation"]),
    ("renamed", (_renamed, "never"), []),
    ("adopted", (_adopted, "any"), []),
    ("stolen", (_stolen, "never"), []),
    ("with-ids", (_with_ids, "never"), ["ids"]),
]


@pytest.mark.parametrize(("subject", "story"), cases(STORIES), indirect=["subject"])
def test_a_kill_between_any_two_writes_is_made_good_by_the_next_sync(
    subject: Subject, name: str, story: tuple[Story, str]
) -> None:
    prepare, adoption = story
    killed = 0
    for writes in itertools.count(1):
        own = f"{name}x{writes}"
        secret = Secret.claiming(own, own, SECRET)
        prepare(subject, own, secret)
        try:
            subject.operator({"ADOPTION": adoption}, writes=writes).sync(secret)
        except Killed:
            killed += 1
        else:
            break
        operator = subject.operator({"ADOPTION": adoption})
        operator.sync(secret)
        assert secret.state == READY, writes
        user, password = secret.plain("access-key"), secret.plain("access-secret")
        assert subject.owner(own) == user, writes
        assert subject.put(own, "key", b"body", as_user=(user, password)) == ""
        before = operator.requests()
        operator.sync(secret)
        assert operator.requests() == before + 1
    assert killed >= 1
