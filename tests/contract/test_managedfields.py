"""What Kubernetes notes about changes: in the form that it really has, and in any other."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hooks.contract.decorator import SyncRequest
from hooks.contract.managedfields import ManagedFields
from tests.servers.api import Object

STATUS = ("metadata", "annotations", "s3-resource-operator.io/status")
LABEL = ("metadata", "labels", "team")


def entry(time: object, fields: object, operation: str = "Update") -> Object:
    return {"manager": "somebody", "operation": operation, "time": time, "fieldsV1": fields}


def test_a_recorded_secret_tells_when_it_was_changed() -> None:
    path = Path(__file__).parents[1] / "fixtures" / "metacontroller" / "sync-attachments.json"
    body = json.loads(path.read_text())["body"]
    fields = SyncRequest.parse(json.dumps(body).encode()).managed
    expected = datetime(2026, 11, 24, 18, 32, 51, tzinfo=UTC)
    assert fields.changed(("data",)) == expected
    assert fields.changed(STATUS) == expected
    assert fields.changed(("metadata", "annotations", "example.com/other")) is None


def test_the_last_change_of_any_of_the_fields_counts() -> None:
    fields = ManagedFields(
        [
            entry("2026-01-02T00:00:00Z", {"f:data": {"f:a": {}}}),
            entry("2026-01-03T00:00:00Z", {"f:metadata": {"f:labels": {"f:team": {}}}}),
            entry("2026-01-04T00:00:00Z", {"f:type": {}}),
        ]
    )
    assert fields.changed(("data",)) == datetime(2026, 1, 2, tzinfo=UTC)
    assert fields.changed(("data",), LABEL) == datetime(2026, 1, 3, tzinfo=UTC)
    assert fields.changed() is None


@pytest.mark.parametrize(
    "entries",
    [
        None,
        "f:data",
        {"time": "2026-01-02T00:00:00Z"},
        [None, 1, "f:data", []],
        [{}],
        [entry("2026-01-02T00:00:00Z", None)],
        [entry("2026-01-02T00:00:00Z", {"f:data": "yes"})],
        [entry("yesterday", {"f:data": {}})],
        [entry("2026-01-02T00:00:00", {"f:data": {}})],
        [entry(5, {"f:data": {}})],
        [entry("0001-01-01T00:00:00+14:00", {"f:data": {}})],
    ],
)
def test_what_has_another_form_says_nothing(entries: Any) -> None:
    assert ManagedFields(entries).changed(("data",)) is None
    assert ManagedFields(entries).applied(("data",), beside=LABEL) == frozenset()


def test_what_somebody_applied_is_told_from_what_others_did() -> None:
    def labels(*names: str) -> Object:
        return {"f:metadata": {"f:labels": {".": {}, **{f"f:{name}": {} for name in names}}}}

    fields = ManagedFields(
        [
            entry("2026-01-02T00:00:00Z", labels("team", "tier"), "Apply"),
            entry("2026-01-02T00:00:00Z", labels("others"), "Apply"),
            entry("2026-01-02T00:00:00Z", labels("team", "by-hand"), "Update"),
        ]
    )
    assert fields.applied(("metadata", "labels"), beside=LABEL) == {"team", "tier"}
