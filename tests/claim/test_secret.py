"""A Secret's data read into a claim: which key decides a field."""

from __future__ import annotations

import itertools
import re

import pytest

from hooks.claim.secret import (
    Mentions,
    read,
    read_mentions,
    read_names,
)
from hooks.contract.outcome import Reason
from tests.claim.reading import (
    FIELDS,
    GENERIC,
    GENERIC_PAIRS,
    IMPOSSIBLE,
    OTHERS,
    PAIRS,
    RULES,
    SPECIFIC_PAIRS,
    VALUES,
    claimed,
    encoded,
    refused,
    refused_fields,
    whole,
    with_raw,
)


def test_three_fields_make_a_claim() -> None:
    claim, endpoint = claimed(FIELDS)
    assert (claim.bucket, claim.user, claim.secret.reveal()) == ("my-bucket", "my-user", "hunter2")
    assert claim.attributes == {}
    assert endpoint is None


def test_all_fields_make_a_claim() -> None:
    claim, endpoint = claimed(VALUES)
    assert claim.attributes == {"role": "userplus", "user-id": 1500, "group-id": 20}
    assert claim.bucket_attributes == {
        "quota-bytes": 1073741824,
        "quota-objects": 0,
        "versioning": "enabled",
    }
    assert endpoint == {"https://store.example.com"}


def test_other_keys_are_ignored() -> None:
    data = with_raw("notes", "not base64 at all")
    assert read(data, RULES) == whole(FIELDS)


@pytest.mark.parametrize(("key", "alias"), PAIRS)
def test_every_alias_is_the_field(key: str, alias: str) -> None:
    fields = {alias if name == key else name: value for name, value in VALUES.items()}
    assert claimed(fields) == claimed(VALUES)


@pytest.mark.parametrize(("key", "alias"), PAIRS)
@pytest.mark.parametrize("nothing", ["", "\n"])
def test_the_first_key_that_is_not_empty_counts(key: str, alias: str, nothing: str) -> None:
    assert claimed({**VALUES, alias: VALUES[key], key: nothing}) == claimed(VALUES)
    assert claimed({**VALUES, alias: nothing}) == claimed(VALUES)


@pytest.mark.parametrize(("key", "alias"), PAIRS)
def test_two_keys_of_one_field_that_agree_are_fine(key: str, alias: str) -> None:
    assert claimed({**VALUES, alias: f"{VALUES[key]}\n"}) == claimed(VALUES)


@pytest.mark.parametrize(("key", "alias"), SPECIFIC_PAIRS)
def test_two_specific_keys_that_differ_are_ambiguous(key: str, alias: str) -> None:
    error = refused_fields({**VALUES, alias: OTHERS[key]})
    assert error.reason is Reason.AMBIGUOUS_FIELD
    assert key in error.message
    assert alias in error.message
    assert VALUES[key] not in error.message
    assert OTHERS[key] not in error.message


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [(key, *pair) for key, aliases in GENERIC.items() for pair in itertools.pairwise(aliases)],
)
def test_two_generic_keys_that_count_and_differ_are_ambiguous(
    key: str, one: str, other: str
) -> None:
    fields = {name: value for name, value in VALUES.items() if name != key}
    error = refused_fields({**fields, one: VALUES[key], other: OTHERS[key]})
    assert error.reason is Reason.AMBIGUOUS_FIELD
    assert {one, other} <= set(re.findall(r"\w+", error.message))


@pytest.mark.parametrize(("key", "alias"), GENERIC_PAIRS)
def test_a_specific_key_decides_over_a_generic_one(key: str, alias: str) -> None:
    reading = whole({**VALUES, alias: OTHERS[key]})
    assert reading.claim == whole(VALUES).claim
    assert reading.endpoint == whole(VALUES).endpoint
    assert reading.notes == (f"Not read: {alias} (another key counts).",)


@pytest.mark.parametrize(("key", "alias"), GENERIC_PAIRS)
@pytest.mark.parametrize("odd", ["no text", "impossible"])
def test_a_generic_key_that_can_be_no_value_is_passed_over(key: str, alias: str, odd: str) -> None:
    raw = "%" if odd == "no text" else encoded(IMPOSSIBLE[key])
    data: dict[str, object] = {name: encoded(value) for name, value in VALUES.items()}
    beside = read({**data, alias: raw}, RULES)
    assert beside.claim == whole(VALUES).claim
    assert beside.notes == (f"Not read: {alias} (another key counts).",)
    del data[key]
    if key in FIELDS:
        # There is nothing else: that it is there is told, but it makes no value.
        error = refused({**data, alias: raw, "my-bucket": encoded("x")})
        assert error.reason is Reason.INVALID_FIELD
        assert error.message.startswith(alias)
        assert ("Not read, but there: my-bucket." in error.message) == (key == "bucket-name")
        assert IMPOSSIBLE[key] not in error.message
        # That something isn't there at all comes first.
        other = next(name for name in FIELDS if name != key)
        error = refused({**data, alias: raw, other: ""})
        assert error.reason is Reason.MISSING_FIELD
        assert error.message.startswith(f"Empty: {other}.")
        return
    alone = read({**data, alias: raw}, RULES)
    assert alone.claim == read(data, RULES).claim
    assert alone.notes == (f"Not read: {alias} (can't be one).",)


@pytest.mark.parametrize(
    "value", ["worker", "user", "1500", "0", "mail@example.com", "https://api.example.com"]
)
def test_an_applications_own_settings_do_not_matter_beside_ours(value: str) -> None:
    others = {key: value for keys in GENERIC.values() for key in keys}
    reading = whole({**others, **VALUES})
    assert reading.claim == whole(VALUES).claim
    assert len(reading.notes) == 1
    assert len(reading.notes[0]) < 200


def test_what_repeats_what_counts_is_not_told_of() -> None:
    twins = {"ROLE": "userplus\n", "BUCKET": "", "ENDPOINT_URL": "HTTPS://Store.example.com:443/"}
    assert whole({**VALUES, **twins}).notes == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"SECRET_KEY": "django", "AWS_SECRET_ACCESS_KEY": "hunter2"},
        {"SECRET_KEY": "hunter2"},
        {"SECRET_KEY": "x" * 1025, "secretKey": "hunter2"},
    ],
)
def test_mentions_are_what_is_read(fields: dict[str, str]) -> None:
    found = {"bucket-name": "my-bucket", "BUCKET": "theirs", "access-key": "my-user", **fields}
    data: dict[str, object] = {key: encoded(value) for key, value in found.items()}
    claim = read(data, RULES).claim
    assert read_mentions(data) == Mentions(
        frozenset({claim.bucket}), frozenset({claim.user}), frozenset({claim.secret})
    )
    names = read_names(data)
    assert names is not None
    assert (names.bucket, names.user, names.secret) == (claim.bucket, claim.user, claim.secret)


@pytest.mark.parametrize(
    ("fields", "buckets"),
    [
        ({"bucket-name": "one", "BUCKET_NAME": "two"}, {"one", "two"}),
        ({"BUCKET": "one", "S3_BUCKET": "two"}, {"one", "two"}),
        ({"BUCKET": "one", "S3_BUCKET": "s3://two"}, {"one"}),
        ({"bucket-name": "Not_One", "BUCKET": "one"}, {"one"}),
        ({"bucket-name": "one", "BUCKET_NAME": "Not_One", "BUCKET": "two"}, {"one"}),
        ({"bucket-name": "Not_One"}, {"Not_One"}),
        ({}, set()),
    ],
)
def test_a_mistake_gives_away_nothing_that_is_named(
    fields: dict[str, str], buckets: set[str]
) -> None:
    data: dict[str, object] = {key: encoded(value) for key, value in fields.items()}
    assert read_mentions(data).buckets == buckets


def test_a_specific_key_that_can_not_be_read_does_not_hide_a_generic_one() -> None:
    assert read_mentions({"bucket-name": "%", "BUCKET": encoded("one")}).buckets == {"one"}
