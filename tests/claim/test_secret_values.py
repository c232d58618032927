"""What is said of fields that are missing or malformed, and what is dropped of a value."""

from __future__ import annotations

import pytest

from hooks.claim.fieldkeys import WORDS
from hooks.contract.outcome import Reason
from tests.claim.reading import (
    FIELDS,
    GENERIC,
    SPECIFIC,
    VALUES,
    claimed,
    encoded,
    refused,
    refused_fields,
    with_field,
    with_raw,
)


@pytest.mark.parametrize("key", list(FIELDS))
@pytest.mark.parametrize("value", [None, "", encoded("\n"), encoded("\r\n")])
def test_a_field_that_is_missing_is_named_with_its_aliases(key: str, value: object) -> None:
    error = refused(with_raw(key, value))
    assert error.reason is Reason.MISSING_FIELD
    assert error.message.startswith(f"Empty: {key}.")
    for name in (key, *SPECIFIC[key], *GENERIC[key]):
        assert name in error.message


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("bucket-name", "bucketName"),
        ("bucket-name", "Bucket"),
        ("bucket-name", "bucket_name"),
        ("bucket-name", "AWS_S3_BUCKET"),
        ("bucket-name", "WAL_S3_BUCKET"),
        ("bucket-name", "COSI_S3_BUCKET_ID"),
        ("bucket-name", "bucketnames"),
        ("bucket-name", "etcd-s3-bucket"),
        ("bucket-name", "BUCKT_NAME"),
        ("access-key", "aws_access_key_id"),
        ("access-key", "accessKeyId"),
        ("access-key", "S3_ACCESS_KEY"),
        ("access-key", "AWS_ACCESS_KEY"),
        ("access-key", "REGISTRY_STORAGE_S3_ACCESSKEY"),
        ("access-key", "s3.client.default.access_key"),
        ("access-key", "rootUser"),
        ("access-key", "acces-key"),
        ("access-secret", "aws_secret_access_key"),
        ("access-secret", "secretAccessKey"),
        ("access-secret", "accessSecret"),
        ("access-secret", "S3_SECRET_KEY"),
        ("access-secret", "COSI_S3_ACCESS_SECRET_KEY"),
        ("access-secret", "repo1-s3-key-secret"),
        ("access-secret", "rootPassword"),
        ("access-secret", "secret"),
        ("access-secret", "acess-secret"),
    ],
)
def test_a_near_miss_is_named_where_a_field_is_missing(key: str, near: str) -> None:
    fields = {near if name == key else name: value for name, value in FIELDS.items()}
    error = refused_fields({**fields, "password": "hunter3", "BUCKET_HOST": "h", "username": "u"})
    assert error.reason is Reason.MISSING_FIELD
    assert error.message.startswith(f"Not read, but there: {near}. ")
    assert FIELDS[key] not in error.message
    assert f"no {key} " in error.message
    # It can be named then.
    word = next(word for word, keys in WORDS.items() if keys[0] == key)
    assert claimed(fields, keys=f"{word}={near}") == claimed(FIELDS)


def test_many_near_misses_leave_a_message_of_a_messages_length() -> None:
    keys = [f"{'x' * number}-bucket" for number in range(200)] + ["\x1b[1m-bucket", "a b bucket"]
    error = refused_fields(dict.fromkeys(keys, "hunter2"))
    assert len(error.message) < 512
    assert "and" in error.message
    assert error.message.isprintable()


def test_no_data_at_all_is_a_missing_field() -> None:
    assert refused({}).reason is Reason.MISSING_FIELD


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_line_end_is_dropped(end: str) -> None:
    fields = {key: f"{value}{end}" for key, value in VALUES.items()}
    assert claimed(fields) == claimed(VALUES)


@pytest.mark.parametrize("key", list(VALUES))
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r\n", "\n\r\n", "\r"])
def test_no_more_than_one_line_end_is_dropped(key: str, end: str) -> None:
    error = refused(with_field(key, VALUES[key] + end))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith(f"{key} must not contain a line end")


@pytest.mark.parametrize("inside", ["\n", "\r\n", "\r"])
def test_a_line_end_inside_is_called_one(inside: str) -> None:
    error = refused(with_field("access-secret", f"hunter{inside}2"))
    assert error.message.startswith("access-secret must not contain a line end")
    error = refused(with_field("access-secret", "hunter\t2"))
    assert error.message == "access-secret must not contain control characters."


@pytest.mark.parametrize("secret", [" hunter2 ", "\u00fc\u4e16\U0001f511", "<&>\"']]>%00&a=b/\\"])
def test_nothing_else_of_a_secret_is_changed(secret: str) -> None:
    assert claimed({**FIELDS, "access-secret": secret})[0].secret.reveal() == secret


@pytest.mark.parametrize("key", list(VALUES))
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("hunter2!", id="not base64"),
        pytest.param("aHVudGVyMg", id="no padding"),
        pytest.param(" aHVudGVyMg==", id="a space"),
        pytest.param("aHVudGVyMg==\n", id="a newline"),
        pytest.param("\u00e9", id="not ASCII"),
        pytest.param(encoded(b"\xff\xfe"), id="not UTF-8"),
        pytest.param(encoded(b"\xed\xa0\x80"), id="a surrogate"),
        pytest.param(encoded("\x00hunter2"), id="NUL"),
        pytest.param(encoded("hunter\x1b2"), id="an escape"),
        pytest.param(encoded("hunter\t2"), id="a tab"),
        pytest.param(encoded("hunter\x7f2"), id="DEL"),
        pytest.param(encoded("hunter\x852"), id="a C1 control"),
        pytest.param(encoded("hunter\ufffe2"), id="a non-character"),
        pytest.param(7, id="a number"),
        pytest.param(["aHVudGVyMg=="], id="a list"),
    ],
)
def test_a_value_that_is_no_text_is_an_invalid_field(key: str, raw: object) -> None:
    error = refused(with_raw(key, raw))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith(key)
    assert "hunter" not in error.message


def test_a_malformed_alias_is_told_although_another_key_is_fine() -> None:
    error = refused(with_raw("AWS_SECRET_ACCESS_KEY", "%"))
    assert (error.reason, error.message.split()[0]) == (
        Reason.INVALID_FIELD,
        "AWS_SECRET_ACCESS_KEY",
    )


@pytest.mark.parametrize("length", [1, 1024])
def test_a_secret_may_have_up_to_1024_bytes(length: int) -> None:
    assert claimed({**FIELDS, "access-secret": "x" * length})[0].secret


@pytest.mark.parametrize("secret", ["x" * 1025, "\u00fc" * 513])
def test_a_longer_secret_is_an_invalid_field(secret: str) -> None:
    assert refused(with_field("access-secret", secret)).reason is Reason.INVALID_FIELD
