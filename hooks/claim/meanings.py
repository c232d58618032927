"""What a value of each field comes to, if it can be one at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hooks.claim.allowed import ROLES
from hooks.claim.endpoint import Endpoint
from hooks.claim.fieldkeys import (
    ACCESS_KEY,
    BUCKET,
    ENDPOINT,
    GROUP_ID,
    QUOTA_BYTES,
    QUOTA_OBJECTS,
    ROLE,
    SECRET,
    USER_ID,
    VERSIONING,
    Keys,
)
from hooks.claim.fields import InvalidSecret, Value, malformed
from hooks.claim.names import check_access_key, check_bucket

_NUMBER = re.compile(r"[0-9]{1,19}")
_LARGEST_QUOTA = 2**63 - 1
_VERSIONING = ("enabled", "suspended")
_SECRET_LENGTH = 1024


def check_secret(found: Value) -> str:
    """A user's secret.

    Raises:
        InvalidSecret: it is too long.
    """
    if len(found.text.encode()) > _SECRET_LENGTH:
        raise malformed(found.key, f"must have at most {_SECRET_LENGTH} bytes")
    return found.text


def check_endpoint(found: Value) -> Endpoint:
    """What somebody calls a store.

    Raises:
        InvalidSecret: it is neither a URL nor a host and port.
    """
    try:
        return Endpoint.of(found.text)
    except ValueError as error:
        raise malformed(found.key, f"can't be used: {error}") from None


def check_versioning(found: Value) -> str:
    """One of two words.

    Raises:
        InvalidSecret: it is another.
    """
    if found.text not in _VERSIONING:
        raise malformed(found.key, f"must be {' or '.join(_VERSIONING)}")
    return found.text


def can_be(names: Keys, value: Value) -> bool:
    """Whether a value can be one of the field."""
    try:
        MEANINGS[names](value)
    except InvalidSecret:
        return False
    return True


def _role(found: Value) -> str:
    if found.text not in ROLES:
        raise malformed(found.key, f"must be one of {', '.join(ROLES)}")
    return found.text


def _quota(found: Value) -> int:
    number = _number(found)
    if number > _LARGEST_QUOTA:
        raise malformed(found.key, f"must be at most {_LARGEST_QUOTA}")
    return number


def _number(found: Value) -> int:
    if not _NUMBER.fullmatch(found.text):
        raise malformed(found.key, "must be a whole number of at most 19 digits, without a sign")
    return int(found.text)


MEANINGS: Mapping[Keys, Callable[[Value], Any]] = {
    BUCKET: check_bucket,
    ACCESS_KEY: check_access_key,
    SECRET: check_secret,
    ENDPOINT: check_endpoint,
    ROLE: _role,
    USER_ID: _number,
    GROUP_ID: _number,
    QUOTA_BYTES: _quota,
    QUOTA_OBJECTS: _quota,
    VERSIONING: check_versioning,
}
"""By field; each raises InvalidSecret where the value can't be one."""
