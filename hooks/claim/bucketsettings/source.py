"""The data keys of a bucket's settings, and what stands under them as text or JSON.

Other fields are one line; a document may have any number of them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from backends.wire.settingforms import MOST_DAYS
from hooks.claim.fields import InvalidSecret, Value, malformed

LIMIT = 64 * 1024
"""Bytes of one document."""

LIFECYCLE = "lifecycle"
EXPIRE_DAYS = "expire-days"
EXPIRE_PREFIX = "expire-prefix"
ABORT_DAYS = "abort-uploads-days"
NONCURRENT_DAYS = "noncurrent-days"
CORS = "cors"
TAGS = "tags"
POLICY = "bucket-policy"
PUBLIC = "public-access"
LOCK = "object-lock"
RETENTION = "retention"
WORDS = (
    *(LIFECYCLE, EXPIRE_DAYS, EXPIRE_PREFIX, ABORT_DAYS, NONCURRENT_DAYS),
    *(CORS, TAGS, POLICY, PUBLIC, LOCK, RETENTION),
)
"""The specific keys; each has a generic one in upper case, with ``_`` for ``-``."""

_DAYS = re.compile(r"[1-9][0-9]{0,4}")
# JSON needs no others, and XML can carry none.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def generic(word: str) -> str:
    """The key that an application may mean something else by."""
    return word.upper().replace("-", "_")


_TO_THE_LETTER = frozenset({EXPIRE_PREFIX, generic(EXPIRE_PREFIX)})


def text(data: Mapping[str, object], key: str) -> Value | None:
    """What stands under a key, without blanks around it; None for nothing.

    Of a prefix only line ends are dropped: without a blank it would be of more objects.

    Raises:
        InvalidSecret: it is no text, or too long.
    """
    encoded = data.get(key)
    if encoded is None:
        return None
    if not isinstance(encoded, str):
        raise malformed(key, "must be a base64 string")
    # Four characters of base64 are three bytes.
    if len(encoded) > LIMIT * 3 // 2:
        raise malformed(key, f"is too long: {LIMIT // 1024} KiB is the most")
    try:
        found = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raise malformed(key, "is not UTF-8 text in base64") from None
    if _CONTROLS.search(found):
        raise malformed(key, "must not contain control characters but line ends and tabs")
    around = "\r\n" if key in _TO_THE_LETTER else None
    return Value(key, found.strip(around)) if found.strip() else None


def is_json(found: Value) -> bool:
    """Whether it is meant as JSON."""
    return found.text.startswith(("{", "["))


def parse(found: Value) -> Any:
    """The JSON that a value is.

    Raises:
        InvalidSecret: it is none, has a key twice, or is nested too deep.
    """
    try:
        return json.loads(found.text, object_pairs_hook=_once, parse_constant=_refuse)
    except _TwiceError:
        raise malformed(found.key, "has a key twice in one mapping") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise malformed(found.key, f"is not valid JSON ({where})") from None
    except (ValueError, RecursionError):
        raise malformed(found.key, "is not valid JSON") from None


def days(found: Value) -> int:
    """A number of days.

    Raises:
        InvalidSecret: it is none.
    """
    if not _DAYS.fullmatch(found.text) or int(found.text) > MOST_DAYS:
        raise malformed(found.key, f"must be a whole number of days, from 1 to {MOST_DAYS}")
    return int(found.text)


def word(found: Value, *words: str) -> str:
    """One of some words.

    Raises:
        InvalidSecret: it is another.
    """
    if found.text not in words:
        raise malformed(found.key, f"must be {' or '.join(words)}")
    return found.text


def wrong(found: Value, problem: object) -> InvalidSecret:
    """A document that can't be one: the place in it, and the rest of the sentence."""
    return malformed(found.key, f"can't be used: {problem}")


class _TwiceError(ValueError):
    """One key of a mapping is there twice, and who reads it takes either."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
