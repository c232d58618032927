"""Generated credentials on every store: made, used, rotated, and cut short at each step."""

from __future__ import annotations

import contextlib
import json

import pytest

from tests.attended import SIGNING_KEY, Attended, ago, cluster_of
from tests.conformance.subject import Killed, Subject
from tests.conformance.traits import READY
from tests.support import Operator

KEYS = {"SIGNING_KEY": SIGNING_KEY}
BODY = b"written by an application"


def operator_of(
    subject: Subject, secret: Attended, *, writes: int | None = None, adoption: str = "any"
) -> Operator:
    environ = {**KEYS, "ADOPTION": adoption}
    return subject.operator(environ, writes=writes, kube=cluster_of(secret))


def works(subject: Subject, secret: Attended, bucket: str) -> bool:
    return subject.get(bucket, "key", as_user=secret.pair) == BODY


def provisioned(subject: Subject, bucket: str, **annotations: str) -> Attended:
    secret = Attended(bucket, **annotations)
    secret.settle(operator_of(subject, secret))
    assert secret.state == READY
    assert subject.put(bucket, "key", BODY, as_user=secret.pair) == ""
    return secret


def users_of(subject: Subject, before: set[str]) -> set[str]:
    return subject.names()[0] - before


def test_a_secret_without_credentials_gets_some_that_read_and_write(
    subject: Subject, name: str
) -> None:
    before = subject.names()[0]
    secret = provisioned(subject, name)
    assert works(subject, secret, name)
    access_key, value = secret.pair
    assert access_key.isalnum()
    assert value.isalnum()
    assert users_of(subject, before) == {access_key}
    assert subject.owner(name) == access_key
    assert value not in json.dumps(secret.document)
    assert set(secret.document["data"]) == {"bucket-name"}


def test_an_unchanged_one_costs_one_request_and_answers_the_same(
    subject: Subject, name: str
) -> None:
    secret = provisioned(subject, name, rotate_after="90d")
    operator = operator_of(subject, secret)
    first = secret.ask(operator).response.encode()
    assert operator.requests() == 1
    second = secret.ask(operator).response.encode()
    assert operator.requests() == 2
    assert first == second


def test_a_rotation_replaces_the_pair_and_leaves_none_behind(subject: Subject, name: str) -> None:
    before = subject.names()[0]
    secret = provisioned(subject, name)
    former = secret.pair
    moment = ago(5)
    secret.annotate(rotate=moment)
    secret.settle(operator_of(subject, secret))
    assert secret.state == READY
    assert secret.pair != former
    assert works(subject, secret, name)
    assert subject.get(name, "key", as_user=former) != BODY
    assert secret.annotations["credentials-since"] == moment
    assert "next-rotation" not in secret.annotations
    assert users_of(subject, before) == {secret.pair[0]}
    assert subject.owner(name) == secret.pair[0]


def test_a_rotation_waits_until_applications_have_the_present_pair(
    subject: Subject, name: str
) -> None:
    secret = provisioned(subject, name)
    former, attached = secret.pair, secret.attached
    secret.attached = {}
    secret.annotate(rotate=ago(5))
    operator = operator_of(subject, secret)
    secret.sync(operator, attaching=False)
    secret.sync(operator, attaching=False)
    secret.attached = attached
    assert subject.get(name, "key", as_user=former) == BODY
    secret.settle(operator)
    assert secret.pair != former
    assert works(subject, secret, name)


def test_a_lost_answer_to_a_rotation_is_given_again(subject: Subject, name: str) -> None:
    before = subject.names()[0]
    secret = provisioned(subject, name)
    secret.annotate(rotate=ago(5))
    secret.ask(operator_of(subject, secret))
    # Another replica, which knows nothing of it.
    secret.settle(operator_of(subject, secret))
    assert secret.state == READY
    assert works(subject, secret, name)
    assert users_of(subject, before) == {secret.pair[0]}


@pytest.mark.parametrize("writes", range(1, 8))
def test_killed_at_each_step_of_a_rotation_the_next_call_finishes_it(
    subject: Subject, name: str, writes: int
) -> None:
    before = subject.names()[0]
    secret = provisioned(subject, name)
    former = secret.pair
    secret.annotate(rotate=ago(5))
    mortal = operator_of(subject, secret, writes=writes)
    with contextlib.suppress(Killed):
        secret.settle(mortal)
    secret.settle(operator_of(subject, secret))
    assert secret.state == READY
    assert secret.pair != former
    assert works(subject, secret, name)
    assert subject.get(name, "key", as_user=former) != BODY
    assert users_of(subject, before) == {secret.pair[0]}


@pytest.mark.parametrize("writes", range(1, 6))
def test_killed_at_each_step_of_generation_nothing_is_left_over(
    subject: Subject, name: str, writes: int
) -> None:
    before = subject.names()[0]
    secret = Attended(name)
    with contextlib.suppress(Killed):
        secret.settle(operator_of(subject, secret, writes=writes))
    secret.settle(operator_of(subject, secret))
    assert secret.state == READY
    assert users_of(subject, before) == {secret.pair[0]}
    assert subject.put(name, "key", BODY, as_user=secret.pair) == ""
    assert works(subject, secret, name)


@pytest.mark.parametrize("back", ["remade", "restored"])
def test_a_secret_made_again_or_restored_has_the_same_pair(
    subject: Subject, name: str, back: str
) -> None:
    before = subject.names()[0]
    secret = provisioned(subject, name, rotate=ago(60))
    again: Attended = getattr(secret, back)()
    again.settle(operator_of(subject, again, adoption="never"))
    assert again.state == READY
    assert again.pair == secret.pair
    assert works(subject, again, name)
    assert users_of(subject, before) == {again.pair[0]}
