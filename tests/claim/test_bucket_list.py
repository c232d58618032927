"""``bucket-names``: which buckets are meant, and which lists are none."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from hooks.claim.allowed import Pattern
from hooks.claim.fieldkeys import KeyChoice
from hooks.claim.policy import Policy
from hooks.claim.secret import InvalidSecret, read, read_mentions, read_names
from hooks.contract.outcome import Reason
from tests.claim.reading import FIELDS, KEYS, RULES, encoded, refused, refused_fields, whole

WITHOUT = {key: value for key, value in FIELDS.items() if key != "bucket-name"}
SIXTEEN = [f"bucket-{number}" for number in range(16, 0, -1)]


def listing(names: str, **more: str) -> dict[str, str]:
    """Fields of a Secret with a list; `_` in a name stands for `-` where it is in lower case."""
    fields = {key if key.isupper() else key.replace("_", "-"): more[key] for key in more}
    return {**WITHOUT, "bucket-names": names, **fields}


@pytest.mark.parametrize("key", ["bucket-names", "BUCKET_NAMES"])
@pytest.mark.parametrize("comma", [",", ", ", " , "])
def test_all_are_claimed_in_their_order(key: str, comma: str) -> None:
    reading = whole({**WITHOUT, key: comma.join(SIXTEEN)})
    assert reading.claim.buckets == tuple(SIXTEEN)
    assert reading.notes == ()
    each = reading.claim.each()
    assert [one.buckets for one in each] == [(name,) for name in SIXTEEN]
    assert {replace(one, bucket="") for one in each} == {
        replace(reading.claim, bucket="", more_buckets=())
    }


def test_a_list_of_one_is_like_any_other_key() -> None:
    assert whole(listing("my-bucket")).claim == whole(FIELDS).claim
    assert whole(listing("my-bucket", bucket_name="my-bucket")).claim == whole(FIELDS).claim
    assert whole(FIELDS).claim.each() == (whole(FIELDS).claim,)


@pytest.mark.parametrize("nothing", ["", "\n"])
def test_an_empty_list_is_none(nothing: str) -> None:
    assert whole({**FIELDS, "bucket-names": nothing}).claim == whole(FIELDS).claim
    error = refused_fields(listing(nothing))
    assert error.reason is Reason.MISSING_FIELD
    assert "bucket-names" in error.message


@pytest.mark.parametrize(
    ("fields", "both"),
    [
        (listing("one,two", bucket_name="one"), "bucket-name and bucket-names"),
        (listing("one,two", bucket_name="three"), "bucket-name and bucket-names"),
        (listing("one", bucket_name="two"), "bucket-name and bucket-names"),
        (listing("one,two", AWS_BUCKET_NAME="one"), "AWS_BUCKET_NAME and bucket-names"),
        (listing("one,two", BUCKET_NAMES="two,one"), "bucket-names and BUCKET_NAMES"),
        (listing("one,two", BUCKET_NAMES="one"), "bucket-names and BUCKET_NAMES"),
    ],
)
def test_what_says_something_else_beside_it_is_ambiguous(fields: dict[str, str], both: str) -> None:
    error = refused_fields(fields)
    assert error.reason is Reason.AMBIGUOUS_FIELD
    assert error.message.startswith(f"{both} mean the same and differ")


def test_the_same_list_twice_is_clear() -> None:
    claim = whole(listing("one,two", BUCKET_NAMES="one, two")).claim
    assert claim.buckets == ("one", "two")


def test_a_generic_key_beside_it_is_passed_over() -> None:
    reading = whole(listing("one,two", BUCKET="three", S3_BUCKET="two", bucket="s3://four"))
    assert reading.claim.buckets == ("one", "two")
    assert reading.notes == ("Not read: BUCKET (another key counts), bucket (another key counts).",)


def test_a_key_that_is_named_for_the_bucket_counts_alone() -> None:
    reading = whole({**listing("one,two"), "APP": "my-bucket"}, keys="bucket=APP")
    assert reading.claim == whole(FIELDS).claim
    assert reading.notes == ("Not read: bucket-names (another key counts).",)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("one,,two", "bucket-names must be names of buckets"),
        ("one,two,", "bucket-names must be names of buckets"),
        (",", "bucket-names must be names of buckets"),
        (" ", "bucket-names must be names of buckets"),
        ("one,two,one", "bucket-names must name each bucket once"),
        ("one, one", "bucket-names must name each bucket once"),
        (",".join([*SIXTEEN, "one-more"]), "bucket-names must name at most 16 buckets"),
        ("a," * 100_000, "bucket-names must name at most 16 buckets"),
        ("one,T_W_O,three", "Name 2 in bucket-names must be a bucket name"),
        ("one;two", "bucket-names must be a bucket name"),
        ("one two", "bucket-names must be a bucket name"),
        ("one,\ntwo", "bucket-names must not contain a line end"),
        ("one,two,xn--three", "Name 3 in bucket-names must not start with xn--"),
        ("one,10.0.0.1", "Name 2 in bucket-names must not be formatted as an IP address"),
    ],
)
def test_a_list_that_is_none_is_told_with_the_place(text: str, begins: str) -> None:
    error = refused_fields(listing(text))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith(begins)
    assert "T_W_O" not in error.message


def test_one_that_is_not_text_is_told() -> None:
    data: dict[str, object] = {key: encoded(value) for key, value in WITHOUT.items()}
    error = refused({**data, "bucket-names": encoded(b"one,\xfftwo")})
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith("bucket-names is not UTF-8 text")


def test_each_has_to_be_free_and_allowed() -> None:
    error = refused_fields(listing("one,backup-1"))
    assert error.reason is Reason.RESERVED_BUCKET
    assert error.message.startswith("Name 2 in bucket-names names a reserved bucket")


def test_the_policy_says_which_it_forbids() -> None:
    rules = replace(RULES, policy=Policy([Pattern.bucket("{namespace}-*")]))
    data: dict[str, object] = {
        key: encoded(value) for key, value in listing("team-1,other-2,team-3").items()
    }
    with pytest.raises(InvalidSecret) as caught:
        read(data, rules, namespace="team")
    assert caught.value.reason is Reason.NOT_ALLOWED
    begins = "Name 2 in bucket-names is not allowed by BUCKET_NAME_PATTERN"
    assert caught.value.message.startswith(begins)
    data["bucket-names"] = encoded("team-1,team-2")
    assert read(data, rules, namespace="team").claim.buckets == ("team-1", "team-2")


def test_all_names_are_mentioned_whatever_the_mistake() -> None:
    """A holder that makes a mistake in its list keeps what it was given."""
    for fields in (
        listing("one,two,three"),
        listing("one,two,three,one"),
        listing("one,two,,three", bucket_name="one"),
        listing(",".join(["one", "two", "three", *(f"Not_{number}" for number in range(50))])),
    ):
        data: dict[str, object] = {key: encoded(value) for key, value in fields.items()}
        assert read_mentions(data).buckets == {"one", "two", "three"}
    beside: dict[str, object] = {
        key: encoded(value) for key, value in listing("two,three", bucket_name="one").items()
    }
    assert read_mentions(beside).buckets == {"one", "two", "three"}
    named = KeyChoice.of({KEYS: "bucket=bucket-name"}, KEYS)
    assert read_mentions(beside, named).buckets == {"one"}
    broken = KeyChoice.of({KEYS: "bucket=bucket-name,"}, KEYS)
    assert read_mentions(beside, broken).buckets == {"one", "two", "three"}
    # However long it is, what is kept of it is small.
    data["bucket-names"] = encoded(",".join(f"bucket-{number}" for number in range(100_000)))
    mentioned = read_mentions(data).buckets
    assert len(mentioned) == 256
    assert all(fnmatchcase(name, "bucket-*") for name in mentioned)


def test_what_is_removed_later_is_all_of_it() -> None:
    names = read_names({key: encoded(value) for key, value in listing("one,two").items()})
    assert names is not None
    assert (names.bucket, names.more_buckets) == ("one", ("two",))
