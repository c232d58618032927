"""Generated credentials for several buckets: rotated at once, and cut short at each step."""

from __future__ import annotations

import contextlib

import pytest

from tests.attended import SIGNING_KEY, Attended, ago, cluster_of
from tests.conformance.subject import Killed, ModelSubject, Subject
from tests.conformance.traits import READY
from tests.support import Operator

pytestmark = pytest.mark.no_cover

BODY = b"written by an application"


def operator_of(subject: Subject, secret: Attended, *, writes: int | None = None) -> Operator:
    environ = {"SIGNING_KEY": SIGNING_KEY, "ADOPTION": "unowned"}
    return subject.operator(environ, writes=writes, kube=cluster_of(secret))


def listing(name: str, names: list[str]) -> Attended:
    secret = Attended(name)
    del secret.document["data"]["bucket-name"]
    secret.set(bucket_names=",".join(names))
    return secret


def used(subject: Subject, secret: Attended, names: list[str]) -> None:
    for bucket in names:
        assert subject.put(bucket, "key", BODY, as_user=secret.pair) == ""


def check_all(subject: Subject, secret: Attended, names: list[str], before: set[str]) -> None:
    """The pair opens all, with what was in there, and no user is left behind."""
    assert secret.state == READY, secret.annotations
    for bucket in names:
        assert subject.get(bucket, "key", as_user=secret.pair) == BODY
        assert subject.owner(bucket) == secret.pair[0]
    assert subject.names()[0] - before == {secret.pair[0]}


def test_a_rotation_is_one_for_all_and_leaves_no_user_behind(subject: Subject, name: str) -> None:
    before, names = subject.names()[0], [f"{name}-{place}" for place in range(1, 4)]
    secret = listing(name, names)
    secret.settle(operator_of(subject, secret))
    assert secret.state == READY
    used(subject, secret, names)
    former = secret.pair
    secret.annotate(rotate=ago(5))
    operator = operator_of(subject, secret)
    secret.settle(operator)
    assert secret.pair != former
    check_all(subject, secret, names, before)
    assert subject.get(names[2], "key", as_user=former) != BODY
    asked = operator.requests()
    first, second = secret.ask(operator), secret.ask(operator)
    assert operator.requests() - asked == 2 * 3
    assert first.response.encode() == second.response.encode()


@pytest.mark.parametrize("writes", [1, 2, 4, 6])
def test_killed_at_each_step_of_a_rotation_the_next_call_finishes_it(
    subject: Subject, name: str, writes: int
) -> None:
    before, names = subject.names()[0], [f"{name}-{place}" for place in range(1, 4)]
    secret = listing(name, names)
    secret.settle(operator_of(subject, secret))
    used(subject, secret, names)
    if isinstance(subject, ModelSubject):
        subject.store.settings |= dict.fromkeys(names, "a policy")
    former = secret.pair
    secret.annotate(rotate=ago(5))
    with contextlib.suppress(Killed):
        secret.ask(operator_of(subject, secret, writes=writes))
    secret.settle(operator_of(subject, secret))
    assert secret.pair != former
    check_all(subject, secret, names, before)
    if isinstance(subject, ModelSubject):
        assert subject.store.settings == dict.fromkeys(names, "a policy")
