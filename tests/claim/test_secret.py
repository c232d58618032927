"""A Secret's data read into a claim, with each rule that refuses one."""

from __future__ import annotations

import base64
import itertools
import re
from dataclasses import replace

import pytest

from backends.base import Claim
from hooks.claim.endpoint import Endpoint
from hooks.claim.fieldkeys import WORDS, KeyChoice
from hooks.claim.secret import (
    InvalidSecret,
    Mentions,
    Reading,
    Rules,
    read,
    read_mentions,
    read_names,
)
from hooks.contract.outcome import Reason

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


# Keys that the annotation names


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


# Fields that are missing


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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://S3.Example.com:7070/", ENDPOINT),
        ("http://other:80", "http://other"),
        ("https://[::1]:443//", "https://[::1]"),
    ],
)
def test_the_endpoint_is_normalised(url: str, expected: str) -> None:
    assert claimed({**FIELDS, "endpoint-url": url})[1] == {expected}


def test_two_spellings_of_one_endpoint_agree() -> None:
    fields = {**FIELDS, "endpoint-url": ENDPOINT, "AWS_ENDPOINTS": f"{ENDPOINT.upper()}/"}
    assert claimed(fields)[1] == {ENDPOINT}
    assert claimed({**fields, "AWS_ENDPOINT_URL_S3": "s3.example.com:7070"})[1] == {ENDPOINT}


def test_an_endpoint_without_a_scheme_is_of_either() -> None:
    urls = {"http://s3.example.com:7070", ENDPOINT}
    assert claimed({**FIELDS, "endpoint-url": "S3.example.com:7070/"})[1] == urls
    assert claimed({**FIELDS, "AWS_ENDPOINTS": "s3.example.com:7070"})[1] == urls
    reading = whole({**FIELDS, "AWS_ENDPOINTS": "s3.example.com:7070"})
    assert reading.endpoint is not None
    assert (reading.endpoint.key, reading.endpoint.generic) == ("AWS_ENDPOINTS", False)
    assert RULES.own_name(reading.endpoint.endpoint) == ENDPOINT
    other = {**FIELDS, "endpoint-url": "http://s3.example.com", "AWS_ENDPOINTS": "s3.example.com:1"}
    assert refused_fields(other).reason is Reason.AMBIGUOUS_FIELD


def test_the_store_has_several_names() -> None:
    rules = replace(RULES, aliases=frozenset({"http://public.example.com", "http://a.svc"}))
    for text, name in {
        ENDPOINT: ENDPOINT,
        "public.example.com": "http://public.example.com",
        "http://a.svc:80/": "http://a.svc",
        "https://public.example.com": None,
        "http://elsewhere.example.com": None,
    }.items():
        assert rules.own_name(Endpoint.of(text)) == name


# The region


@pytest.mark.parametrize("key", ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_S3_REGION_NAME"])
def test_another_region_is_told_of(key: str) -> None:
    rules = replace(RULES, region="us-east-1")
    assert whole({**FIELDS, key: "us-east-1\n"}, rules).notes == ()
    assert whole({**FIELDS, key: ""}, rules).notes == ()
    (note,) = whole({**FIELDS, key: "hunter-9"}, rules).notes
    assert note.startswith(f"{key} isn't us-east-1")
    assert "hunter" not in note
    assert whole({**FIELDS, key: "hunter-9"}).notes == ()


@pytest.mark.parametrize(
    "url",
    [
        "s3",
        "s3:",
        "ftp://s3",
        "u:hunter2@s3:80",
        "s3:80?hunter2",
        "https://u:hunter2@s3",
        "http://s3?a=hunter2",
        "http://",
    ],
)
def test_an_endpoint_that_is_no_url_is_an_invalid_field(url: str) -> None:
    error = refused(with_field("AWS_ENDPOINTS", url))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith("AWS_ENDPOINTS")
    assert "hunter2" not in error.message


def test_the_endpoint_is_not_looked_at_where_it_is_not_compared() -> None:
    rules = replace(RULES, endpoint=None)
    assert claimed({**FIELDS, "endpoint-url": "anything"}, rules) == claimed(FIELDS, rules)
    assert whole({**FIELDS, "ENDPOINT_URL": "anything"}, rules).notes == ()
