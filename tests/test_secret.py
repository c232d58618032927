"""A Secret's data read into a claim, with each rule that refuses one."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from backends.base import Claim
from hooks.outcome import Reason
from hooks.secret import InvalidSecret, Rules, read

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
ALIASES = {
    "bucket-name": ["BUCKET_NAME", "AWS_BUCKET_NAME", "BUCKET"],
    "access-key": ["ACCESS_KEY", "ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"],
    "access-secret": [
        "secret-key",
        "ACCESS_SECRET",
        "SECRET_KEY",
        "SECRET_ACCESS_KEY",
        "AWS_SECRET_ACCESS_KEY",
    ],
    "endpoint-url": ["ENDPOINT_URL", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINTS"],
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
PAIRS = [(key, alias) for key, aliases in ALIASES.items() for alias in aliases]


def encoded(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return base64.b64encode(raw).decode()


def claimed(fields: dict[str, str], rules: Rules = RULES) -> tuple[Claim, str | None]:
    return read({key: encoded(value) for key, value in fields.items()}, rules)


def refused(data: dict[str, object], rules: Rules = RULES) -> InvalidSecret:
    with pytest.raises(InvalidSecret) as caught:
        read(data, rules)
    return caught.value


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
    assert endpoint == "https://store.example.com"


def test_other_keys_are_ignored() -> None:
    data = with_raw("notes", "not base64 at all")
    assert read(data, RULES) == claimed(FIELDS)


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


@pytest.mark.parametrize(("key", "alias"), PAIRS)
def test_two_keys_of_one_field_that_differ_are_ambiguous(key: str, alias: str) -> None:
    fields = {**VALUES, alias: OTHERS[key]}
    error = refused({name: encoded(value) for name, value in fields.items()})
    assert error.reason is Reason.AMBIGUOUS_FIELD
    assert key in error.message
    assert alias in error.message
    assert VALUES[key] not in error.message
    assert OTHERS[key] not in error.message


@pytest.mark.parametrize("key", list(FIELDS))
@pytest.mark.parametrize("value", [None, "", encoded("\n")])
def test_a_field_that_is_missing_is_named_with_its_aliases(key: str, value: object) -> None:
    error = refused(with_raw(key, value))
    assert error.reason is Reason.MISSING_FIELD
    for name in (key, *ALIASES[key]):
        assert name in error.message


def test_no_data_at_all_is_a_missing_field() -> None:
    assert refused({}).reason is Reason.MISSING_FIELD


def test_one_trailing_newline_is_dropped() -> None:
    fields = {key: f"{value}\n" for key, value in VALUES.items()}
    assert claimed(fields) == claimed(VALUES)


@pytest.mark.parametrize("key", list(VALUES))
@pytest.mark.parametrize("end", ["\n\n", "\r\n", "\r"])
def test_no_more_than_one_trailing_newline_is_dropped(key: str, end: str) -> None:
    error = refused(with_field(key, VALUES[key] + end))
    assert error.reason is Reason.INVALID_FIELD
    assert key in error.message


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
    assert claimed({**FIELDS, "endpoint-url": url})[1] == expected


def test_two_spellings_of_one_endpoint_agree() -> None:
    fields = {**FIELDS, "endpoint-url": ENDPOINT, "AWS_ENDPOINT_URL": f"{ENDPOINT.upper()}/"}
    assert claimed(fields)[1] == ENDPOINT


@pytest.mark.parametrize(
    "url", ["s3.example.com", "ftp://s3", "https://u:hunter2@s3", "http://s3?a=hunter2", "http://"]
)
def test_an_endpoint_that_is_no_url_is_an_invalid_field(url: str) -> None:
    error = refused(with_field("AWS_ENDPOINT_URL", url))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith("AWS_ENDPOINT_URL")
    assert "hunter2" not in error.message


def test_the_endpoint_is_not_looked_at_where_it_is_not_compared() -> None:
    rules = replace(RULES, endpoint=None)
    assert claimed({**FIELDS, "endpoint-url": "anything"}, rules) == claimed(FIELDS, rules)
