"""Secrets' data, and what it is read as."""

from __future__ import annotations

import base64

import pytest

from backends.base import Claim
from hooks.claim.fieldkeys import KeyChoice
from hooks.claim.secret import (
    InvalidSecret,
    Reading,
    Rules,
    read,
)

ENDPOINT = "https://s3.example.com:7070"
RULES = Rules(
    roles=frozenset({"user", "userplus"}),
    user_ids=(range(1000, 2000), range(3000, 3001)),
    group_ids=(range(1, 2147483648),),
    reserved_access_keys=("root", "adm*"),
    reserved_buckets=("backup-*", "state"),
    own_access_keys=frozenset({"operator-key"}),
    endpoint=ENDPOINT,
)

FIELDS = {"bucket-name": "my-bucket", "access-key": "my-user", "access-secret": "hunter2"}
SPECIFIC = {
    "bucket-name": ["BUCKET_NAME", "AWS_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"],
    "access-key": ["AWS_ACCESS_KEY_ID"],
    "access-secret": ["secret-key", "AWS_SECRET_ACCESS_KEY"],
    "endpoint-url": ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINTS"],
}

GENERIC = {
    "bucket-name": ["BUCKET", "S3_BUCKET", "bucket"],
    "access-key": ["ACCESS_KEY", "ACCESS_KEY_ID", "accesskey", "accessKey", "access_key_id"],
    "access-secret": [
        "ACCESS_SECRET",
        "ACCESS_SECRET_KEY",
        "SECRET_KEY",
        "SECRET_ACCESS_KEY",
        "secretkey",
        "secretKey",
        "access_key_secret",
        "secret_access_key",
    ],
    "endpoint-url": ["ENDPOINT_URL", "AWS_ENDPOINT_URL"],
    "role": ["ROLE"],
    "user-id": ["USER_ID"],
    "group-id": ["GROUP_ID"],
    "quota-bytes": ["QUOTA_BYTES"],
    "quota-objects": ["QUOTA_OBJECTS"],
    "versioning": ["VERSIONING"],
}

VALUES = {
    **FIELDS,
    "endpoint-url": "https://store.example.com",
    "role": "userplus",
    "user-id": "1500",
    "group-id": "20",
    "quota-bytes": "1073741824",
    "quota-objects": "0",
    "versioning": "enabled",
}

OTHERS = {
    "bucket-name": "other-bucket",
    "access-key": "other-user",
    "access-secret": "hunter3",
    "endpoint-url": "https://other.example.com",
    "role": "user",
    "user-id": "1501",
    "group-id": "21",
    "quota-bytes": "1073741825",
    "quota-objects": "1",
    "versioning": "suspended",
}

# Each of these is text, and none can be a value of its field.
IMPOSSIBLE = {
    "bucket-name": "s3://backups/daily",
    "access-key": "a key with blanks",
    "access-secret": "x" * 1025,
    "endpoint-url": "production",
    "role": "worker",
    "user-id": "mail@example.com",
    "group-id": "staff",
    "quota-bytes": "10Gi",
    "quota-objects": "9" * 19,
    "versioning": "on",
}

KEYS = "s3-resource-operator.io/keys"
SPECIFIC_PAIRS = [(key, alias) for key, aliases in SPECIFIC.items() for alias in aliases]
GENERIC_PAIRS = [(key, alias) for key, aliases in GENERIC.items() for alias in aliases]
PAIRS = [*SPECIFIC_PAIRS, *GENERIC_PAIRS]


def encoded(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return base64.b64encode(raw).decode()


def whole(fields: dict[str, str], rules: Rules = RULES, keys: str = "") -> Reading:
    data = {key: encoded(value) for key, value in fields.items()}
    return read(data, rules, keys=KeyChoice.of({KEYS: keys}, KEYS))


def claimed(
    fields: dict[str, str], rules: Rules = RULES, keys: str = ""
) -> tuple[Claim, set[str] | None]:
    """The claim, and what the endpoint may be."""
    reading = whole(fields, rules, keys)
    return reading.claim, None if reading.endpoint is None else set(reading.endpoint.endpoint.urls)


def refused(data: dict[str, object], rules: Rules = RULES, keys: str = "") -> InvalidSecret:
    with pytest.raises(InvalidSecret) as caught:
        read(data, rules, keys=KeyChoice.of({KEYS: keys}, KEYS))
    return caught.value


def refused_fields(fields: dict[str, str], keys: str = "") -> InvalidSecret:
    return refused({key: encoded(value) for key, value in fields.items()}, keys=keys)


def with_raw(key: str, value: object) -> dict[str, object]:
    return {**{name: encoded(text) for name, text in FIELDS.items()}, key: value}


def with_field(key: str, value: str | bytes) -> dict[str, object]:
    return with_raw(key, encoded(value))
