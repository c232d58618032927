"""Logs: JSON for machines, text for people, and never a credential."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from hooks.terminal import printable

_request_id: ContextVar[str] = ContextVar("request_id", default="")

# At DEBUG these write signatures, headers and bodies: botocore the canonical request, the
# Kubernetes client whole Secrets.
_TALKATIVE = ("botocore", "boto3", "urllib3", "s3transfer", "kubernetes", "asyncio")


class request_id:  # noqa: N801 - used like a function
    """Puts one request's id on every line that is logged within."""

    __slots__ = ("_token", "_value")

    def __init__(self, value: str) -> None:
        self._value = value

    def __enter__(self) -> None:
        self._token = _request_id.set(self._value)

    def __exit__(self, *_: object) -> None:
        _request_id.reset(self._token)


def configure(level: str, style: str) -> None:
    """Sends everything to standard error.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        style: json or text.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["trace"] = _trace(record)
        return printable(json.dumps(line, ensure_ascii=False, default=str))


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = printable(f"{_time(record)} {record.levelname:<7} {record.getMessage()}{fields}")
        return f"{line}\n{_trace(record)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = dict(getattr(record, "fields", {}))
    if _request_id.get():
        fields["request_id"] = _request_id.get()
    return fields


def _trace(record: logging.LogRecord) -> str:
    """Where a bug struck, without the exception's text, which may quote a Secret's value."""
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    frames = traceback.extract_tb(record.exc_info[2])
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return "\n".join([*places, record.exc_info[0].__name__])
