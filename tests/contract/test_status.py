"""The annotations' words, times and what they keep."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from backends.wire.sensitive import Sensitive
from hooks.claim.secret import read
from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.contract.outcome import Outcome, Reason, Status
from hooks.contract.status import REST, Keys, Scribe, name_hash, resync_after
from hooks.settings.settings import Settings
from tests.model import ModelStore
from tests.support import ENVIRON, PREFIX, Operator, Secret

SECRET = "a-very-strong-and-long-password"
NOW = datetime(2026, 11, 24, 12, 0, 0, 999999, tzinfo=UTC)
SETTINGS = Settings.load(ENVIRON)
GRANTS = Grants(*SETTINGS.signing_keys)
SCRIBE = Scribe(Keys(SETTINGS.annotation_key), GRANTS, SETTINGS.connection.endpoint)
GRANT = Grant("user", Holding(1, Kind.OWN), {"bucket": Holding(1, Kind.OWN)})


def _write(
    secret: Secret,
    reason: Reason,
    now: datetime = NOW,
    message: str = "Said.",
    *,
    scribe: Scribe = SCRIBE,
    grant: Grant | None = GRANT,
) -> None:
    request = SyncRequest.of(secret.document)
    claim = read(request.data, SETTINGS.rules)[0] if secret.document["data"] else None
    if reason.status is not Status.READY:
        grant = None
    answer = scribe.answer(request, Outcome(reason, message, grant=grant), claim, now)
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
    assert secret.annotations["grants"] == ready["grants"]
    assert secret.annotations["applied"] == ready["applied"]
    here = status is not Status.SKIPPED
    assert ("bucket" in secret.annotations) == ("user" in secret.annotations) == here
    assert ("endpoint" in secret.annotations) == here
    assert ("bucket-hash" in secret.labels) == ("user-hash" in secret.labels) == here


def test_the_former_grant_is_never_written_and_never_deleted() -> None:
    """A roll-back goes on with it."""
    secret = Secret.claiming("bucket", "user", SECRET)
    former = GRANTS.issue_first(secret.document["metadata"]["uid"], "bucket", "user", 1)
    annotations = secret.document["metadata"]["annotations"]
    annotations[f"{PREFIX}grant"] = former
    for reason in Reason:
        request = SyncRequest.of(secret.document)
        claim = read(request.data, SETTINGS.rules)[0]
        answer = SCRIBE.answer(request, Outcome(reason, "Said.", grant=GRANT), claim, NOW)
        assert f"{PREFIX}grant" not in answer.annotations
        apply_answer(secret.document, answer.document())
        assert secret.annotations["grant"] == former


def test_an_invalid_secret_is_found_by_what_its_grant_holds() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.PROVISIONED)
    secret.document["data"] = {}
    _write(secret, Reason.MISSING_FIELD)
    assert secret.labels["bucket-hash"] == name_hash("bucket")
    assert secret.labels["user-hash"] == name_hash("user")
    # Of what was never proven there is nothing to be found.
    secret.document["metadata"]["annotations"][f"{PREFIX}grants"] = "v2.e30." + "A" * 43
    _write(secret, Reason.MISSING_FIELD)
    assert not {"bucket-hash", "user-hash"} & set(secret.labels)


def test_an_invalid_secret_of_the_former_version_is_found_by_its_grant_too() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    uid = secret.document["metadata"]["uid"]
    secret.document["metadata"]["annotations"] |= {
        f"{PREFIX}grant": GRANTS.issue_first(uid, "bucket", "user", 1),
        f"{PREFIX}bucket": "bucket",
        f"{PREFIX}user": "user",
    }
    secret.document["data"] = {}
    _write(secret, Reason.MISSING_FIELD)
    assert secret.labels["bucket-hash"] == name_hash("bucket")
    assert secret.labels["user-hash"] == name_hash("user")


def _scribe(*keys: str) -> Scribe:
    grants = Grants(*map(Sensitive, keys))
    return Scribe(SCRIBE.keys, grants, SCRIBE.endpoint)


def test_a_grant_by_an_older_key_is_signed_anew_when_it_has_rested() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.PROVISIONED, scribe=_scribe("old"))
    former = secret.annotations["grants"]
    scribe = _scribe("new", "old")
    for seconds in (0, REST - 1):
        later = NOW + timedelta(seconds=seconds)
        _write(secret, Reason.PROVISIONED, later, scribe=scribe)
        assert secret.annotations["grants"] == former
    rested = NOW + timedelta(seconds=REST)
    for reason in set(Reason) - {Reason.PROVISIONED, Reason.ENDPOINT_MISMATCH}:
        _write(secret, reason, rested, scribe=scribe)
        assert secret.annotations["grants"] == former
    _write(secret, Reason.PROVISIONED, rested, scribe=scribe)
    anew = secret.annotations["grants"]
    assert anew != former
    uid = secret.document["metadata"]["uid"]
    assert Grants(Sensitive("new")).read(anew, uid) == GRANT
    _write(secret, Reason.PROVISIONED, rested + timedelta(days=9), scribe=scribe)
    assert secret.annotations["grants"] == anew


def test_replicas_with_different_keys_do_not_write_over_one_another_in_a_loop() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    one, other = _scribe("one"), _scribe("other")
    _write(secret, Reason.PROVISIONED, scribe=one)
    before = str(secret.document)
    for seconds in range(0, REST, 60):
        for scribe in (other, one):
            later = NOW + timedelta(seconds=seconds)
            _write(secret, Reason.PROVISIONED, later, scribe=scribe)
            assert str(secret.document) == before
    # A key that nobody has any more must not keep the Secret without a grant for ever.
    _write(secret, Reason.PROVISIONED, NOW + timedelta(seconds=REST), scribe=other)
    uid = secret.document["metadata"]["uid"]
    assert other.grants.read(secret.annotations["grants"], uid) == GRANT


@pytest.mark.parametrize("seconds", [120, 3600, 10**15], ids=["soon", "in an hour", "never"])
def test_a_made_up_time_does_not_keep_a_grant_from_being_written(seconds: int) -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    uid = secret.document["metadata"]["uid"]
    forged = Grants(Sensitive("a tenant's")).issue(uid, GRANT, int(NOW.timestamp()) + seconds)
    secret.document["metadata"]["annotations"][f"{PREFIX}grants"] = forged
    _write(secret, Reason.PROVISIONED)
    assert GRANTS.read(secret.annotations["grants"], uid) == GRANT


def test_a_grant_that_says_the_same_is_not_written_again() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.PROVISIONED)
    before = secret.annotations["grants"]
    _write(secret, Reason.PROVISIONED, NOW + timedelta(days=30))
    assert secret.annotations["grants"] == before
    _write(secret, Reason.PROVISIONED, NOW + timedelta(days=30), grant=None)
    assert secret.annotations["grants"] == before


def test_what_is_another_secrets_to_set_up_is_not_told_as_applied() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    request = SyncRequest.of(secret.document)
    claim = read(request.data, SETTINGS.rules)[0]
    outcome = Outcome(Reason.PROVISIONED, "Said.", grant=GRANT, applied=False)
    answer = SCRIBE.answer(request, outcome, claim, NOW)
    assert answer.annotations[f"{PREFIX}applied"] is None


def test_a_secret_that_was_never_ready_has_nothing_to_keep() -> None:
    secret = Secret.claiming("bucket", "user", SECRET)
    _write(secret, Reason.BACKEND_UNAVAILABLE)
    assert not {"bucket", "user", "grant", "grants", "applied"} & set(secret.annotations)


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
    assert not {"grant", "grants"} & set(secret.annotations)


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


@pytest.mark.parametrize("reason", [Reason.BUCKET_CLAIMED, Reason.ACCESS_KEY_CLAIMED])
@pytest.mark.parametrize("uid", ["a", "b", "ce43fd9e-6870-42f9-9f15-94948d720094"])
def test_who_waits_for_anothers_things_looks_ever_more_seldom(reason: Reason, uid: str) -> None:
    tries = [
        resync_after(reason, elapsed, uid) or 0
        for elapsed in (-5, 0, 30, 60, 120, 300, 600, 9999, 10**9)
    ]
    assert tries[:3] == [30, 30, 30]
    assert tries == sorted(tries)
    assert 30 < tries[4] < tries[5] < 300
    assert tries[-2:] == [300, 300]


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
