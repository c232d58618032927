"""What is told of an answer besides the answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hooks.cluster.events import Events, EventSpec, Subject
from hooks.contract.decorator import SyncRequest, SyncResponse
from hooks.contract.outcome import Action, Outcome, Reason
from hooks.contract.status import Keys
from hooks.metrics import Metrics
from hooks.sync.reporter import Reporter
from hooks.sync.syncer import Result
from tests.support import PREFIX, Secret

SECRET = "hunter2-hunter2"
READY = Outcome(Reason.PROVISIONED, "All is well.")
BUSY = Outcome(Reason.TIMEOUT, "No answer.")


class Told(Events):
    """Keeps what would be written."""

    def __init__(self) -> None:
        self.specs: list[tuple[str, EventSpec]] = []

    def emit(self, subject: Subject, spec: EventSpec) -> None:
        self.specs.append((subject.name, spec))

    @property
    def words(self) -> list[tuple[str, str]]:
        return [(spec.type, spec.reason) for _, spec in self.specs]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def reporter(metrics: Metrics, told: Told) -> Reporter:
    return Reporter(Keys(f"{PREFIX}enabled"), metrics, told)


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG, "hooks.sync.reporter"):
        yield


def request(status: str = "", reason: str = "", *, finalizing: bool = False) -> SyncRequest:
    secret = Secret.claiming("my-bucket", "my-user", SECRET)
    annotations = secret.document["metadata"]["annotations"]
    if status:
        annotations |= {f"{PREFIX}status": status, f"{PREFIX}reason": reason}
    return replace(SyncRequest.of(secret.document), finalizing=finalizing)


def result(outcome: Outcome | None, *actions: Action, seconds: float | None = 0.0123) -> Result:
    if outcome is not None:
        outcome = replace(outcome, actions=actions)
    return Result(outcome, SyncResponse(), seconds)


def fields(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, object]]]:
    """Level and fields of each line."""
    return [(record.levelname, record.__dict__["fields"]) for record in caplog.records]


def test_an_answer_that_is_none_of_this_operators_is_not_told_of(
    reporter: Reporter, told: Told, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(request(), result(None))
    assert told.specs == []
    assert caplog.records == []
    read = metrics.registry.get_sample_value
    assert not read("s3_operator_secrets_processed_total", {"status": "Ready"})


def test_news_is_counted_logged_and_told_in_an_event(
    reporter: Reporter, told: Told, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(request(), result(READY, Action.CREATE_USER, Action.CREATE_BUCKET))
    assert told.words == [("Normal", "Provisioned")]
    assert told.specs[0][0] == "my-bucket-my-user"
    assert fields(caplog) == [
        (
            "INFO",
            {
                "secret": "team/my-bucket-my-user",
                "status": "Ready",
                "reason": "Provisioned",
                "action": "create-user,create-bucket",
                "duration_ms": 12.3,
            },
        )
    ]
    processed = metrics.registry.get_sample_value(
        "s3_operator_secrets_processed_total", {"status": "Ready"}
    )
    assert processed == 1


def test_no_news_is_counted_and_nothing_else(
    reporter: Reporter, told: Told, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(request("Ready", "Provisioned"), result(READY))
    assert told.specs == []
    assert [level for level, _ in fields(caplog)] == ["DEBUG"]
    assert metrics.registry.get_sample_value(
        "s3_operator_secrets_processed_total", {"status": "Ready"}
    )


def test_trouble_is_told_once(
    reporter: Reporter, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(request("Ready", "Provisioned"), result(BUSY, seconds=None))
    reporter.record(request("Retrying", "Timeout"), result(BUSY))
    assert told.words == [("Warning", "Timeout")]
    assert [level for level, _ in fields(caplog)] == ["WARNING", "DEBUG"]
    assert fields(caplog)[0][1]["duration_ms"] is None


def test_a_connection_secret_that_is_awaited_is_no_trouble(
    reporter: Reporter, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(request(), result(Outcome(Reason.CONNECTION_SECRET_PENDING, "Not yet.")))
    assert told.words == []
    assert [level for level, _ in fields(caplog)] == ["INFO"]


def test_another_reason_for_the_same_status_is_news(reporter: Reporter, told: Told) -> None:
    reporter.record(request("Retrying", "BackendUnavailable"), result(BUSY))
    assert told.words == [("Warning", "Timeout")]


def test_a_rotation_is_told_although_the_status_stays(
    reporter: Reporter, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(request("Ready", "Provisioned"), result(READY, Action.UPDATE_USER))
    assert told.words == [("Normal", "SecretRotated")]
    assert [level for level, _ in fields(caplog)] == ["INFO"]


def test_what_a_finalizer_removed_is_told_and_what_it_found_gone_is_not(
    reporter: Reporter, told: Told
) -> None:
    going = request("Retrying", "BucketNotEmpty", finalizing=True)
    reporter.record(going, result(READY))
    assert told.specs == []
    reporter.record(going, result(READY, Action.DELETE_BUCKET, Action.DELETE_USER))
    assert told.words == [("Normal", "Deleted")]


def test_nothing_of_the_secrets_data_is_in_any_of_it(
    reporter: Reporter, told: Told, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(request(), result(READY))
    reporter.record(request(), result(BUSY))
    logged = json.dumps([record.__dict__ for record in caplog.records], default=str)
    seen = logged + repr(told.specs) + metrics.render().decode()
    assert SECRET not in seen
    assert "my-user" not in metrics.render().decode()


def test_without_events_all_else_is_told(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    Reporter(Keys(f"{PREFIX}enabled"), metrics).record(request(), result(READY))
    assert [level for level, _ in fields(caplog)] == ["INFO"]
