"""Keys that the annotation names: then only these count for their field."""

from __future__ import annotations

import pytest

from hooks.claim.fieldkeys import WORDS, KeyChoice
from hooks.claim.secret import (
    read_mentions,
    read_names,
)
from hooks.contract.outcome import Reason
from tests.claim.reading import (
    FIELDS,
    GENERIC,
    KEYS,
    VALUES,
    claimed,
    encoded,
    refused_fields,
    whole,
)

APPS = {"APP_BUCKET": "my-bucket", "APP_KEY": "my-user", "APP_SECRET": "hunter2"}
NAMED = "bucket=APP_BUCKET,access-key=APP_KEY,secret=APP_SECRET"


def test_the_annotation_names_keys() -> None:
    assert claimed(APPS, keys=NAMED) == claimed(FIELDS)
    assert claimed(APPS, keys=f" {NAMED.replace(',', ' , ').replace('=', ' = ')} ")


def test_a_key_that_is_named_counts_alone() -> None:
    fields = {**FIELDS, **dict.fromkeys((*GENERIC["bucket-name"], "BUCKET_NAME"), "other")}
    reading = whole({**fields, "app.bucket": "my-bucket"}, keys="bucket=app.bucket")
    assert (reading.claim, reading.notes) == (whole(FIELDS).claim, ())
    assert reading.keys["bucket-name"] == "app.bucket"
    generic = {**FIELDS, "ROLE": "user", "ENDPOINT_URL": "https://api.example.com"}
    reading = whole(generic, keys="role=role,endpoint=endpoint-url")
    assert (reading.claim, reading.endpoint, reading.notes) == (whole(FIELDS).claim, None, ())


@pytest.mark.parametrize("word", list(WORDS))
def test_every_field_can_be_named(word: str) -> None:
    key = WORDS[word][0]
    fields = {"MY.key-1": VALUES[key], **{k: v for k, v in VALUES.items() if k != key}}
    assert claimed(fields, keys=f"{word}=MY.key-1") == claimed(VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "bucket",
        "bucket=",
        "=A",
        "bucket=A,",
        ",",
        "bucket=A;access-key=B",
        "bucket:A",
        "Bucket=A",
        "buckets=A",
        "bucket=A=B",
        "bucket=a key",
        "bucket=A/B",
        "bucket=\u00e4",
        f"bucket={'a' * 254}",
        "bucket=A,bucket=A",
        "bucket=A,secret=A",
        "access-key=AWS_SECRET_ACCESS_KEY",
        "access-key=SECRET_KEY",
        ",".join(f"{word}=A{word}" for word in (*WORDS, "role")),
        "bucket=A," * 20_000,
    ],
)
def test_a_mistake_in_the_annotation_names_it(text: str) -> None:
    error = refused_fields(VALUES, keys=text)
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith(f"The annotation {KEYS} ")
    assert len(error.message) < 512


@pytest.mark.parametrize(
    ("keys", "key"),
    [("bucket=APP_BUCKET", "APP_BUCKET"), ("bucket=BUCKET", "BUCKET"), ("role=APP", "APP")],
)
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_key_that_is_named_has_to_be_there(keys: str, key: str, nothing: str | None) -> None:
    fields = VALUES if nothing is None else {**VALUES, key: nothing}
    error = refused_fields(fields, keys=keys)
    assert error.reason is Reason.MISSING_FIELD
    assert error.message.startswith(
        f"The Secret has no {key}, or it is empty: the annotation {KEYS}"
    )


def test_a_mistake_in_the_annotation_gives_away_nothing() -> None:
    data: dict[str, object] = {key: encoded(value) for key, value in APPS.items()}
    data |= {"bucket-name": encoded("once"), "BUCKET": encoded("theirs")}
    broken = KeyChoice.of({KEYS: f"{NAMED},"}, KEYS)
    assert read_mentions(data, broken).buckets == {"my-bucket", "once"}
    assert read_mentions(data, broken).users == {"my-user"}
    names = read_names(data, broken)
    assert names is not None
    assert (names.bucket, names.user) == ("my-bucket", "my-user")
