"""The annotations' words, times and what they keep."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from hooks.decorator import SyncRequest
from hooks.demo import apply_answer
from hooks.grant import Grants
from hooks.outcome import Outcome, Reason, Status
from hooks.secret import read
from hooks.settings import Settings
from hooks.status import Keys, Scribe, name_hash, resync_after
from tests.model import ModelStore
from tests.support import ENVIRON, PREFIX, Operator, Secret

SECRET = "a-very-strong-and-long-password"
NOW = datetime(2026, 11, 24, 12, 0, 0, 999999, tzinfo=UTC)
SETTINGS = Settings.load(ENVIRON)
SCRIBE = Scribe(
    Keys(SETTINGS.annotation_key), Grants(SETTINGS.signing_key), SETTINGS.connection.endpoint
)


def _write(secret: Secret, reason: Reason, now: datetime = NOW, message: str = "Said.") -> None:
    request = SyncRequest.of(secret.document)
    claim = read(request.data, SETTINGS.rules)[0] if secret.document["data"] else None
    answer = SCRIBE.answer(request, Outcome(reason, message), claim, now)
    apply_answer(secret.document, answer.document())


def test_the_transition_time_moves_with_the_status_alone() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.BACKEND_UNAVAILABLE)
    assert secret.annotations["last-transition-time"] == "2026-11-24T12:00:00Z"
    _write(secret, Reason.TIMEOUT, NOW + timedelta(hours=1))
    assert secret.annotations["last-transition-time"] == "2026-11-24T12:00:00Z"
    _write(secret, Reason.PROVISIONED, NOW + timedelta(hours=2))
    assert secret.annotations["last-transition-time"] == "2026-11-24T14:00:00Z"


@pytest.mark.parametrize("broken", ["", "yesterday", "2026-13-45T99:99:99Z", "2026-11-24T12:00:00"])
def test_a_broken_transition_time_is_written_anew(broken: str) -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.PROVISIONED)
    secret.document["metadata"]["annotations"][f"{PREFIX}last-transition-time"] = broken
    _write(secret, Reason.PROVISIONED, NOW + timedelta(hours=1))
    assert secret.annotations["last-transition-time"] == "2026-11-24T13:00:00Z"


@pytest.mark.parametrize("reason", list(Reason))
def test_the_same_outcome_twice_is_the_same_to_the_byte(reason: Reason) -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.PROVISIONED)
    _write(secret, reason)
    before = str(secret.document)
    _write(secret, reason, NOW + timedelta(minutes=10))
    assert str(secret.document) == before
    assert secret.labels["status"] == secret.annotations["status"] == reason.status


@pytest.mark.parametrize("reason", list(Reason))
def test_what_each_status_keeps_and_drops(reason: Reason) -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.PROVISIONED)
    ready = dict(secret.annotations)
    _write(secret, reason)
    status = reason.status
    assert secret.annotations["grant"] == ready["grant"]
    assert secret.annotations["applied"] == ready["applied"]
    held = status in {Status.READY, Status.RETRYING} or reason.provisioned
    assert ("bucket" in secret.annotations) == ("user" in secret.annotations) == held
    assert ("endpoint" in secret.annotations) == (status is not Status.SKIPPED)
    hashed = status not in {Status.INVALID, Status.SKIPPED}
    assert ("bucket-hash" in secret.labels) == ("user-hash" in secret.labels) == hashed


def test_a_secret_that_was_never_ready_has_nothing_to_keep() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.BACKEND_UNAVAILABLE)
    assert not {"bucket", "user", "grant", "applied"} & set(secret.annotations)


def test_a_long_message_is_cut_to_one_line() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.REJECTED_BY_BACKEND, message="words\n\tand " * 200)
    message = secret.annotations["message"]
    assert len(message) == 512
    assert "\n" not in message
    assert message.endswith("…")


def test_a_secret_without_uid_gets_no_grant() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    secret.document["metadata"]["uid"] = ""
    _write(secret, Reason.PROVISIONED)
    assert "grant" not in secret.annotations


def test_look_up_labels_are_the_names_sha256() -> None:
    assert name_hash("my-app-backups") == "218bc59933310e3a"
    assert re.fullmatch("[0-9a-f]{16}", name_hash("x" * 128))


@pytest.mark.parametrize("uid", ["a", "b", "ce43fd9e-6870-42f9-9f15-94948d720094"])
def test_tries_grow_apart_with_the_time_since_the_transition(uid: str) -> None:
    tries = [
        resync_after(Reason.TIMEOUT, elapsed, uid) or 0 for elapsed in (-5, 0, 1, 10, 60, 300, 9999)
    ]
    assert tries[:3] == [2, 2, 2]
    assert tries == sorted(tries)
    assert 4 <= tries[3] <= 6
    assert tries[-1] == 300


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.PROVISIONED, None),
        (Reason.MISSING_FIELD, None),
        (Reason.ENDPOINT_MISMATCH, None),
        (Reason.BUCKET_OWNED, 300),
        (Reason.ADMIN_USER, 300),
        (Reason.USER_DISABLED, 300),
        (Reason.NOT_ALLOWED, None),
        (Reason.BUCKET_CLAIMED, 30),
        (Reason.ACCESS_KEY_CLAIMED, 30),
        (Reason.CONNECTION_SECRET_TAKEN, 30),
        (Reason.BUCKET_NOT_EMPTY, 60),
        (Reason.GUARD_UNAVAILABLE, 2),
    ],
)
def test_the_other_statuses_wait_as_the_contract_says(
    reason: Reason, expected: float | None
) -> None:
    assert resync_after(reason, 0, "uid") == expected
    if reason is not Reason.GUARD_UNAVAILABLE:
        assert resync_after(reason, 9999, "another") == expected


def test_every_reason_has_one_status() -> None:
    assert {reason: reason.status for reason in Reason}.keys() == set(Reason)
    assert {Reason.GUARD_UNAVAILABLE.status, Reason.BUCKET_NOT_EMPTY.status} == {Status.RETRYING}
    assert Reason.NOT_ALLOWED.status is Status.INVALID
    claimed = (Reason.BUCKET_CLAIMED, Reason.ACCESS_KEY_CLAIMED, Reason.CONNECTION_SECRET_TAKEN)
    assert {reason.status for reason in claimed} == {Status.CONFLICT}


def test_another_stores_secret_is_skipped_in_words_that_every_operator_uses() -> None:
    answers = set()
    for endpoint in ("http://one.example.com", "http://two.example.com"):
        secret = Secret.claiming("bucket", "user", SECRET, endpoint_url="http://three.example.com")
        secret.document["metadata"]["uid"] = "same"
        store = ModelStore()
        Operator(store, {"S3_ENDPOINT_URL": endpoint}).sync(secret)
        assert secret.state == ("Skipped", "EndpointMismatch")
        assert store.calls == []
        del secret.document["metadata"]["annotations"][f"{PREFIX}last-transition-time"]
        answers.add(str(secret.document))
    assert len(answers) == 1


def test_a_secret_that_another_operator_reports_on_is_left_to_it() -> None:
    secret = Secret.claiming("bucket", "user", SECRET, endpoint_url="HTTP://Store.example.com:80/")
    Operator(ModelStore(), {"S3_ENDPOINT_URL": "http://store.example.com"}).sync(secret)
    assert secret.annotations["status"] == "Ready"
    before = str(secret.document)
    result = Operator(ModelStore(), {"S3_ENDPOINT_URL": "http://other.example.com"}).sync(secret)
    assert result.response.document() == {}
    assert str(secret.document) == before


def test_endpoints_are_not_compared_where_that_is_switched_off() -> None:
    secret = Secret.claiming("bucket", "user", SECRET, endpoint_url="http://three.example.com")
    Operator(ModelStore(), {"ENFORCE_ENDPOINT_CHECK": "false"}).sync(secret)
    assert secret.annotations["status"] == "Ready"


def test_another_annotation_key_moves_all_annotations() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    secret.document["metadata"]["annotations"] = {"example.com/s3": "true"}
    Operator(ModelStore(), {"ANNOTATION_KEY": "example.com/s3"}).sync(secret)
    annotations = secret.document["metadata"]["annotations"]
    assert annotations["example.com/status"] == "Ready"
    assert all(key.startswith("example.com/") for key in annotations)


@pytest.mark.parametrize("value", ["True", "yes", "1", "", " true"])
def test_only_the_exact_word_enables_a_secret(value: str) -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    secret.document["metadata"]["annotations"] = {f"{PREFIX}enabled": value}
    store = ModelStore()
    assert Operator(store).sync(secret).response.document() == {}
    assert store.calls == []
