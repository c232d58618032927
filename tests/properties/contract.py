"""What every answer of a hook keeps to, whatever was asked."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NoReturn

from hooks.contract.outcome import Reason
from tests.support import PREFIX

ANNOTATIONS = frozenset(
    PREFIX + name
    for name in (
        "status",
        "reason",
        "message",
        "endpoint",
        "bucket",
        "user",
        "last-transition-time",
        "grants",
        "applied",
    )
)
LABELS = frozenset(PREFIX + name for name in ("status", "bucket-hash", "user-hash"))
_SYNC = {"annotations", "labels", "resyncAfterSeconds", "attachments"}
_ATTACHMENT = {"apiVersion", "kind", "type", "metadata", "data"}
_METADATA = {"name", "namespace", "labels", "annotations"}


def strict_json(content: bytes) -> Any:
    """A document as Go reads it, who knows neither NaN nor Infinity."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(content, parse_constant=refuse)


def check_answer(content: bytes, *, finalize: bool = False) -> dict[str, Any]:
    """The answer, which is one that the contract knows."""
    answer = strict_json(content)
    assert isinstance(answer, dict)
    assert set(answer) <= _SYNC | ({"finalized"} if finalize else set())
    if finalize and answer:
        assert isinstance(answer["finalized"], bool)
    annotations, labels = answer.get("annotations", {}), answer.get("labels", {})
    assert set(annotations) in (set(), ANNOTATIONS)
    assert set(labels) in (set(), LABELS)
    assert bool(annotations) is bool(labels)
    for attachment in answer.get("attachments", []):
        assert set(attachment) <= _ATTACHMENT
        assert set(attachment["metadata"]) <= _METADATA
    delay = answer.get("resyncAfterSeconds")
    assert delay is None or 2 <= delay <= 300
    if annotations:
        check_status(
            {name.removeprefix(PREFIX): value for name, value in annotations.items()},
            {name.removeprefix(PREFIX): value for name, value in labels.items()},
        )
    return answer


def check_status(annotations: dict[str, str | None], labels: dict[str, str | None]) -> None:
    """A status says why, in the words of the contract and at the length that it allows."""
    reason = Reason(annotations["reason"] or "")
    assert annotations["status"] == labels["status"] == reason.status
    message = annotations["message"]
    assert message
    assert len(message) <= 512
    assert message.isprintable()
    since = datetime.fromisoformat(annotations["last-transition-time"] or "")
    assert since.strftime("%Y-%m-%dT%H:%M:%SZ") == annotations["last-transition-time"]
    for name in ("bucket-hash", "user-hash"):
        value = labels[name]
        assert value is None or (len(value) == 16 and int(value, 16) >= 0)


def told(answer: dict[str, Any]) -> str:
    """What an answer lets everybody read who may read metadata.

    Connection Secrets aren't a part of it: what they are for is the credentials.
    """
    return json.dumps({key: value for key, value in answer.items() if key != "attachments"})
