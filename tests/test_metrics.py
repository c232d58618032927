"""The metrics' names and labels, which dashboards rely on."""

from __future__ import annotations

import math

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from hooks import __version__
from hooks.contract.outcome import Action, Outcome, Reason, Status
from hooks.metrics import Metrics

LABELS = {
    "s3_operator_secrets_processed_total": {"status"},
    "s3_operator_errors_total": {"reason"},
    "s3_operator_refused_calls_total": {"code"},
    "s3_operator_sync_duration_seconds_count": set(),
    "s3_operator_handle_secret_duration_seconds_count": set(),
    "s3_operator_users_created_total": set(),
    "s3_operator_users_updated_total": set(),
    "s3_operator_users_deleted_total": set(),
    "s3_operator_buckets_created_total": set(),
    "s3_operator_buckets_deleted_total": set(),
    "s3_operator_bucket_owners_changed_total": set(),
    "s3_operator_buckets_made_public_total": set(),
    "s3_operator_credentials_rotated_total": set(),
    "s3_operator_overdue_rotations_total": set(),
    "s3_operator_backend_requests_total": {"backend", "operation", "code"},
    "s3_operator_backend_request_duration_seconds_count": {"backend", "operation"},
    "s3_operator_backend_up": set(),
    "s3_operator_build_info": {"version"},
}
PROCESS: dict[str, set[str]] = {
    "process_cpu_seconds_total": set(),
    "process_max_fds": set(),
    "process_open_fds": set(),
    "process_resident_memory_bytes": set(),
    "process_start_time_seconds": set(),
    "process_virtual_memory_bytes": set(),
}
UP = "s3_operator_backend_up"


def families(metrics: Metrics) -> list[Metric]:
    return list(text_string_to_metric_families(metrics.render().decode()))


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_names_and_labels_are_those_of_the_contract(metrics: Metrics) -> None:
    metrics.observer("versitygw")("probe", "200", 0.1)
    found: dict[str, set[str]] = {}
    for family in families(metrics):
        for sample in family.samples:
            name = sample.name
            if name.endswith(("_bucket", "_sum")) and family.type == "histogram":
                continue
            found.setdefault(name, set()).update(sample.labels)
    assert found == LABELS | PROCESS


def test_a_policy_file_has_a_metric_only_where_there_is_one(metrics: Metrics) -> None:
    name = "s3_operator_policy_valid"
    assert value(metrics, name) is None
    observe = metrics.policy_observer()
    observe(True)
    assert value(metrics, name) == 1
    observe(False)
    assert value(metrics, name) == 0


def test_no_created_series_is_exported(metrics: Metrics) -> None:
    metrics.observer("versitygw")("probe", "200", 0.1)
    assert "_created " not in metrics.render().decode().replace("users_created", "")
    assert b"_created{" not in metrics.render()


def test_every_metric_is_explained(metrics: Metrics) -> None:
    assert [family.name for family in families(metrics) if not family.documentation] == []


def test_statuses_and_reasons_are_there_before_they_happen(metrics: Metrics) -> None:
    for status in Status:
        assert value(metrics, "s3_operator_secrets_processed_total", status=status) == 0
    for reason in Reason:
        expected = None if reason.status in {Status.READY, Status.SKIPPED} else 0
        assert value(metrics, "s3_operator_errors_total", reason=reason) == expected
    for name, labels in LABELS.items():
        if name.endswith("_total") and not labels:
            assert value(metrics, name) == 0


@pytest.mark.parametrize("reason", list(Reason))
def test_every_answered_sync_counts_and_every_failure_by_its_reason(
    metrics: Metrics, reason: Reason
) -> None:
    for _ in range(2):
        metrics.processed(Outcome(reason, "message"))
    counted = {
        status: value(metrics, "s3_operator_secrets_processed_total", status=status)
        for status in Status
    }
    assert counted == {status: 2 if status is reason.status else 0 for status in Status}
    failed = reason.status in {Status.RETRYING, Status.INVALID, Status.CONFLICT}
    assert value(metrics, "s3_operator_errors_total", reason=reason) == (2 if failed else None)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (Action.CREATE_USER, "s3_operator_users_created_total"),
        (Action.UPDATE_USER, "s3_operator_users_updated_total"),
        (Action.CREATE_BUCKET, "s3_operator_buckets_created_total"),
        (Action.CHANGE_OWNER, "s3_operator_bucket_owners_changed_total"),
        (Action.MAKE_PUBLIC, "s3_operator_buckets_made_public_total"),
    ],
)
def test_a_change_counts_in_its_own_metric(metrics: Metrics, action: Action, name: str) -> None:
    metrics.changed([action])
    moved = [
        other
        for other, labels in LABELS.items()
        if other.endswith("_total") and not labels and value(metrics, other)
    ]
    assert moved == [name]


@pytest.mark.parametrize("action", list(Action))
def test_every_action_has_a_metric(metrics: Metrics, action: Action) -> None:
    metrics.processed(Outcome(Reason.PROVISIONED, "message", (action,)))


def test_a_bug_is_an_error_of_its_own(metrics: Metrics) -> None:
    metrics.internal_error()
    assert value(metrics, "s3_operator_errors_total", reason="InternalError") == 1


def test_requests_to_the_store_count_by_operation_and_code(metrics: Metrics) -> None:
    observe = metrics.observer("versitygw")
    for code, seconds in [("200", 0.5), ("200", 1.5), ("404", 1.0)]:
        observe("probe", code, seconds)
    observe("create_user", "201", 1.0)
    requests = "s3_operator_backend_requests_total"
    duration = "s3_operator_backend_request_duration_seconds"
    probe = {"backend": "versitygw", "operation": "probe"}
    assert value(metrics, requests, **probe, code="200") == 2
    assert value(metrics, requests, **probe, code="404") == 1
    assert value(metrics, f"{duration}_count", **probe) == 3
    assert value(metrics, f"{duration}_sum", **probe) == 3.0


@pytest.mark.parametrize("code", ["200", "204", "400", "403", "404", "409"])
def test_a_store_that_answers_is_up(metrics: Metrics, code: str) -> None:
    metrics.observer("versitygw")("probe", code, 0.1)
    assert value(metrics, UP) == 1


@pytest.mark.parametrize("code", ["timeout", "unavailable", "500", "503"])
def test_a_store_that_does_not_answer_or_fails_is_down(metrics: Metrics, code: str) -> None:
    metrics.observer("versitygw")("probe", code, 0.1)
    assert value(metrics, UP) == 0


def test_the_last_request_decides_whether_the_store_is_up(metrics: Metrics) -> None:
    up = value(metrics, UP)
    assert up is not None
    assert math.isnan(up)
    observe = metrics.observer("versitygw")
    seen = []
    for code in ("200", "unavailable", "403"):
        observe("probe", code, 0.1)
        seen.append(value(metrics, UP))
    assert seen == [1, 0, 1]


def test_the_version_is_told(metrics: Metrics) -> None:
    assert value(metrics, "s3_operator_build_info", version=__version__) == 1


def test_two_operators_of_one_process_do_not_share_metrics(metrics: Metrics) -> None:
    Metrics().internal_error()
    assert value(metrics, "s3_operator_errors_total", reason="InternalError") == 0
