"""Lifecycle rules: the JSON that AWS's own tools take, or its short forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.bucketsettings import Document
from backends.wire.settingforms import LIFECYCLE as SHAPE
from backends.wire.settingforms import check_lifecycle, lifecycle
from backends.wire.shapes import ShapeError, Text
from hooks.claim.bucketsettings import source
from hooks.claim.bucketsettings.source import (
    ABORT_DAYS,
    EXPIRE_DAYS,
    EXPIRE_PREFIX,
    LIFECYCLE,
    NONCURRENT_DAYS,
)
from hooks.claim.fields import Value, malformed

SHORT = (EXPIRE_DAYS, EXPIRE_PREFIX, ABORT_DAYS, NONCURRENT_DAYS)
_PREFIX = Text()


def read_document(found: Value) -> Document:
    """The rules of a document.

    Raises:
        InvalidSecret: it is none, or a rule means nothing.
    """
    document = source.parse(found)
    try:
        SHAPE.check(document, "")
        check_lifecycle(document)
    except ShapeError as error:
        raise source.wrong(found, error) from None
    return lifecycle(document)


def read_prefix(found: Value) -> str:
    """How the names of the objects begin that expire.

    Raises:
        InvalidSecret: no name can begin so.
    """
    try:
        _PREFIX.check(found.text, "")
    except ShapeError as error:
        raise malformed(found.key, str(error)) from None
    return found.text


def read_short(found: Mapping[str, Value]) -> Document:
    """The rules that the short forms come to: one for each.

    The prefix is about what expires, and about former versions; unfinished uploads are removed
    whatever their names.

    Args:
        found: the values that are there, by their specific keys; at least one.

    Raises:
        InvalidSecret: a value can't be one, or the prefix is there alone.
    """
    prefix = found.get(EXPIRE_PREFIX)
    if prefix is not None and EXPIRE_DAYS not in found and NONCURRENT_DAYS not in found:
        raise malformed(prefix.key, f"needs {EXPIRE_DAYS} or {NONCURRENT_DAYS} beside it")
    beginning = {"Prefix": prefix.text if prefix else ""}
    rules = []
    for word, id_, filter_, action in (
        (EXPIRE_DAYS, "expire", beginning, _expire),
        (NONCURRENT_DAYS, "noncurrent", beginning, _noncurrent),
        (ABORT_DAYS, "abort-uploads", {"Prefix": ""}, _abort),
    ):
        if value := found.get(word):
            part = action(source.days(value))
            rules.append({"ID": id_, "Status": "Enabled", "Filter": filter_, **part})
    return lifecycle({"Rules": rules})


def key(found: Mapping[str, Value]) -> str:
    """The key that a message names."""
    return next(found[word].key for word in (LIFECYCLE, *SHORT) if word in found)


def _expire(days: int) -> dict[str, Any]:
    return {"Expiration": {"Days": days}}


def _noncurrent(days: int) -> dict[str, Any]:
    return {"NoncurrentVersionExpiration": {"NoncurrentDays": days}}


def _abort(days: int) -> dict[str, Any]:
    return {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days}}
