"""When a connection Secret that isn't right costs the Ready, and for what it counts then."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.attachments.attachments import (
    GRACE,
    NOT_BY_HAND,
    PATIENCE,
    PENDING,
    REFUSED,
    Attachments,
)
from hooks.attachments.connection import Connections
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Action, Outcome, Reason
from hooks.contract.status import Keys
from tests.live import request_for
from tests.servers.api import Object
from tests.support import PREFIX, Secret

KEYS = Keys(f"{PREFIX}enabled")
CONNECTIONS = Connections(KEYS, "https://s3.example.com", "eu-west-3")
CLAIM = Claim("bucket", "user", Sensitive("the-present-secret"))
FORMER = Claim("bucket", "user", Sensitive("the-former-secret"))
READY = Outcome(Reason.PROVISIONED, "It works.", (Action.UPDATE_USER,), accepted=True)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def attachments() -> Attachments:
    return Attachments(CONNECTIONS, None)


def later(attachments: Attachments, seconds: float) -> datetime:
    """So long after the operator began, as the attachments know it."""
    return attachments.began + timedelta(seconds=seconds)


def tenant(reason: Reason | None = None, **annotations: str) -> Object:
    secret = Secret("app").document
    marks = secret["metadata"]["annotations"]
    marks[PREFIX + "connection-secret"] = "app-s3"
    if reason is not None:
        marks[PREFIX + "status"], marks[PREFIX + "reason"] = reason.status.value, reason.value
        marks[PREFIX + "last-transition-time"] = text(LONG_AGO)
    marks |= {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
    return secret


def text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def noted(document: Object, time: datetime, *names: str, data: bool = False) -> Object:
    """The object with a note that these annotations, or the data, were changed then."""
    fields: dict[str, Any] = {
        "f:metadata": {"f:annotations": {f"f:{PREFIX}{name}": {} for name in names}}
    }
    if data:
        fields["f:data"] = {".": {}}
    entry = {"manager": "m", "operation": "Update", "time": text(time), "fieldsV1": fields}
    document = copy.deepcopy(document)
    document["metadata"].setdefault("managedFields", []).append(entry)
    return document


def made(claim: Claim = CLAIM, document: Object | None = None, name: str = "app-s3") -> Object:
    found = CONNECTIONS.make(request_for(document or tenant(), []), claim)
    assert found is not None
    return {**found, "metadata": {**found["metadata"], "name": name}}


def judged(attachments: Attachments, document: Object, now: datetime, *attached: Object) -> Outcome:
    request = request_for(document, attached)
    return attachments.judge(request, made(document=document), READY, now)


def test_ready_is_said_where_it_is_right(attachments: Attachments) -> None:
    for reason in (None, *Reason):
        now = later(attachments, 1000)
        assert judged(attachments, tenant(reason), now, made()) is READY


def test_more_than_asked_for_is_right(attachments: Attachments) -> None:
    observed = made()
    observed["data"] = {**observed["data"], "MORE": "eA=="}
    observed["metadata"]["labels"] = {"changed": "on-its-way"}
    assert judged(attachments, tenant(), later(attachments, 1000), observed) is READY


@pytest.mark.parametrize(
    "reason",
    [None, *(each for each in Reason if each is not Reason.CONNECTION_SECRET_REFUSED)],
)
def test_ready_is_never_said_where_there_is_none(
    attachments: Attachments, reason: Reason | None
) -> None:
    now = later(attachments, 0)
    document = noted(tenant(reason), now, "reason", data=True)
    outcome = judged(attachments, document, now)
    assert (outcome.reason, outcome.message) == (Reason.CONNECTION_SECRET_PENDING, PENDING)
    assert outcome.again == 2.0
    assert outcome.actions == READY.actions
    assert outcome.accepted


def test_what_was_just_changed_leaves_ready_for_a_minute(attachments: Attachments) -> None:
    changed = later(attachments, 1000).replace(microsecond=0)
    ready = tenant(Reason.PROVISIONED)
    old = made(FORMER)
    for document, observed in (
        (noted(ready, changed, data=True), old),
        (noted(ready, changed, "connection-format"), old),
        (noted(ready, changed, "connection-secret"), made(name="former-s3")),
        # Somebody changed the connection Secret itself.
        (ready, noted(old, changed, data=True)),
    ):
        outcome = judged(attachments, document, changed + timedelta(seconds=10), observed)
        assert (outcome.reason, outcome.again) == (Reason.PROVISIONED, GRACE - 10)
        outcome = judged(attachments, document, changed + timedelta(seconds=GRACE), observed)
        assert outcome.reason is Reason.CONNECTION_SECRET_PENDING


def test_other_changes_leave_no_time(attachments: Attachments) -> None:
    now = later(attachments, 1000)
    document = noted(tenant(Reason.PROVISIONED), now, "reason", "example")
    outcome = judged(attachments, document, now, noted(made(FORMER), now, "example"))
    assert outcome.reason is Reason.CONNECTION_SECRET_PENDING


def test_other_settings_leave_ready_for_a_minute(attachments: Attachments) -> None:
    ready = tenant(Reason.PROVISIONED)
    outcome = judged(attachments, ready, later(attachments, GRACE - 1), made(FORMER))
    assert (outcome.reason, outcome.again) == (Reason.PROVISIONED, 2.0)
    outcome = judged(attachments, ready, later(attachments, GRACE), made(FORMER))
    assert outcome.reason is Reason.CONNECTION_SECRET_PENDING


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.PROVISIONED])
def test_only_a_ready_that_was_told_stands(attachments: Attachments, reason: Reason) -> None:
    now = later(attachments, 0)
    document = noted(tenant(reason), now, "reason", data=True)
    outcome = judged(attachments, document, now, made(FORMER))
    assert outcome.reason is not Reason.PROVISIONED


def test_pending_becomes_refused_after_a_minute(attachments: Attachments) -> None:
    since = later(attachments, 500).replace(microsecond=0)
    # Retrying for whatever else, long before.
    document = noted(tenant(Reason.CONNECTION_SECRET_PENDING), since, "reason")
    tries = []
    at = 0.0
    while at < PATIENCE:
        outcome = judged(attachments, document, since + timedelta(seconds=at))
        assert outcome.reason is Reason.CONNECTION_SECRET_PENDING
        assert outcome.again is not None
        tries.append(outcome.again)
        # As exact as a time is; a sum would miss the minute's end by a hair.
        at = round(at + outcome.again, 6)
    assert tries[0] == 2.0
    assert len(tries) > 5
    assert at < PATIENCE + 3
    outcome = judged(attachments, document, since + timedelta(seconds=PATIENCE))
    assert (outcome.reason, outcome.message) == (Reason.CONNECTION_SECRET_REFUSED, REFUSED)


def test_without_notes_the_annotation_tells_since_when(attachments: Attachments) -> None:
    since = later(attachments, 500).replace(microsecond=0)
    document = tenant(Reason.CONNECTION_SECRET_PENDING, last_transition_time=text(since))
    for seconds, reason in (
        (0, Reason.CONNECTION_SECRET_PENDING),
        (PATIENCE, Reason.CONNECTION_SECRET_REFUSED),
    ):
        assert judged(attachments, document, since + timedelta(seconds=seconds)).reason is reason
    # Where nothing tells, it has only begun.
    document = tenant(Reason.CONNECTION_SECRET_PENDING, last_transition_time="yesterday")
    assert judged(attachments, document, since).reason is Reason.CONNECTION_SECRET_PENDING


def test_refused_stays_until_it_is_right(attachments: Attachments) -> None:
    now = later(attachments, 0)
    document = noted(tenant(Reason.CONNECTION_SECRET_REFUSED), now, "reason", data=True)
    assert judged(attachments, document, now).reason is Reason.CONNECTION_SECRET_REFUSED
    outcome = judged(attachments, document, now, made(FORMER))
    assert outcome.reason is Reason.CONNECTION_SECRET_REFUSED
    assert judged(attachments, document, now, made()) is READY


def test_a_clock_that_is_behind_breaks_nothing(attachments: Attachments) -> None:
    future = later(attachments, 300).replace(microsecond=0)
    now = later(attachments, 0)
    document = noted(tenant(Reason.CONNECTION_SECRET_PENDING), future, "reason")
    outcome = judged(attachments, document, now)
    assert (outcome.reason, outcome.again) == (Reason.CONNECTION_SECRET_PENDING, 2.0)
    ready = noted(tenant(Reason.PROVISIONED), future, data=True)
    outcome = judged(attachments, ready, now, made(FORMER))
    assert outcome.reason is Reason.PROVISIONED
    assert outcome.again is not None
    assert outcome.again <= GRACE


def test_by_hand_it_is_left_to_metacontroller(attachments: Attachments) -> None:
    request = SyncRequest.of(tenant())
    outcome = attachments.judge(request, None, READY, later(attachments, 0))
    assert (outcome.reason, outcome.message) == (Reason.PROVISIONED, f"It works. {NOT_BY_HAND}")
    del (document := tenant())["metadata"]["annotations"][PREFIX + "connection-secret"]
    for request in (SyncRequest.of(document), request_for(document, [])):
        assert attachments.judge(request, None, READY, later(attachments, 0)) == READY


def test_messages_say_where_to_look() -> None:
    assert "Events" in REFUSED
    assert max(len(PENDING), len(REFUSED)) <= 512


def test_what_is_due_sooner_stays_so(attachments: Attachments) -> None:
    request = request_for(tenant(Reason.PROVISIONED), [made(FORMER)])
    for due, again in ((5.0, 5.0), (1000.0, GRACE - 1)):
        outcome = attachments.judge(
            request, made(), replace(READY, again=due), later(attachments, 1)
        )
        assert outcome.again == again
