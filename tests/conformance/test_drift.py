"""What is changed behind the operator's back is repaired; what breaks on the way, too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from backends.base import Backend
from hooks.metrics import Metrics
from tests.conformance.subject import ModelSubject, RealSubject, Subject
from tests.support import Operator, Secret

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")


def _user_deleted(subject: Subject, name: str) -> None:
    subject.delete_user(name)


def _secret_changed(subject: Subject, name: str) -> None:
    subject.set_secret(name, OTHER_SECRET)


def _owner_changed(subject: Subject, name: str) -> None:
    subject.create_user(f"{name}-other", OTHER_SECRET)
    subject.set_owner(name, f"{name}-other")


def _given_to_the_administrator(subject: Subject, name: str) -> None:
    subject.set_owner(name, "operator-admin")


@pytest.mark.parametrize(
    "drift", [_user_deleted, _secret_changed, _owner_changed, _given_to_the_administrator]
)
@pytest.mark.parametrize("adoption", ["any", "unowned", "never"])
def test_drift_is_repaired_under_every_adoption_because_of_the_grant(
    subject: Subject, name: str, drift: Callable[[Subject, str], None], adoption: str
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


class Killed(BaseException):
    """The process is gone; nothing in it can catch that."""


class Mortal:
    """A backend whose process dies at one of its calls, before or after it is carried out."""

    def __init__(self, backend: Backend, dies_at: int, *, after: bool) -> None:
        self._backend = backend
        self._left = dies_at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._backend, name)
        if not callable(found):
            return found

        def call(*arguments: Any) -> Any:
            self._left -= 1
            if self._left < 0 and not self._after:
                raise Killed
            result = found(*arguments)
            if self._left < 0:
                raise Killed
            return result

        return call


def _fresh(subject: Subject, name: str, secret: Secret) -> None:
    pass


def _rotated(subject: Subject, name: str, secret: Secret) -> None:
    subject.operator().sync(secret)
    secret.set(access_secret=OTHER_SECRET)


def _renamed(subject: Subject, name: str, secret: Secret) -> None:
    subject.operator().sync(secret)
    secret.set(access_key=f"{name}-new", access_secret=OTHER_SECRET)


def _adopted(subject: Subject, name: str, secret: Secret) -> None:
    subject.create_bucket(name)


def _with_ids(subject: Subject, name: str, secret: Secret) -> None:
    secret.set(user_id="1001")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("dies_at", range(7))
@pytest.mark.parametrize("story", [_fresh, _rotated, _renamed, _adopted, _with_ids])
def test_a_kill_between_any_two_steps_is_made_good_by_the_next_sync(
    subject: Subject,
    name: str,
    story: Callable[[Subject, str, Secret], None],
    dies_at: int,
    after: bool,
) -> None:
    secret = Secret.claiming(name, name, SECRET)
    story(subject, name, secret)
    operator = subject.operator()
    mortal = Mortal(_backend(subject), dies_at, after=after)
    try:
        Operator(mortal, operator.environ).sync(secret)
    except Killed:
        operator.sync(secret)
    assert secret.state == READY
    user, password = secret.plain("access-key"), secret.plain("access-secret")
    assert subject.owners()[name] == user
    assert subject.put(name, "key", b"body", as_user=(user, password)) == ""
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1


def _backend(subject: Subject) -> Backend:
    if isinstance(subject, RealSubject):
        return subject.connect(subject.environ(), Metrics())
    assert isinstance(subject, ModelSubject)
    return subject.store
