"""What a Secret may not name: malformed, reserved and forbidden names, roles and ids."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.contract.outcome import Reason
from tests.claim.reading import FIELDS, RULES, claimed, encoded, refused, with_field


def data(**fields: str) -> dict[str, object]:
    """The usual Secret with other fields, `_` for `-`."""
    changed = {name.replace("_", "-"): value for name, value in fields.items()}
    return {name: encoded(value) for name, value in {**FIELDS, **changed}.items()}


@pytest.mark.parametrize(
    "name", ["abc", "a1b", "1.2.3.4a", "my-bucket", "my.bucket.x", "a--b", "1000", "x" * 63]
)
def test_a_bucket_name_by_the_rules_of_s3_is_taken(name: str) -> None:
    assert claimed({**FIELDS, "bucket-name": name})[0].bucket == name


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "x" * 64,
        "My-bucket",
        "my_bucket",
        "my bucket",
        "-bucket",
        "bucket-",
        ".bucket",
        "bucket.",
        "my..bucket",
        "b\u00fccket",
        "bucket\u0661",
        "192.168.5.4",
        "xn--bucket",
        "sthree-bucket",
        "sthree-configurator-x",
        "amzn-s3-demo-bucket",
        "bucket-s3alias",
        "bucket--ol-s3",
        "bucket.mrap",
        "bucket--x-s3",
        "bucket--table-s3",
    ],
)
def test_a_bucket_name_against_the_rules_of_s3_is_an_invalid_field(name: str) -> None:
    error = refused(with_field("BUCKET", name) | {"bucket-name": None})
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith("BUCKET ")
    assert name not in error.message


@pytest.mark.parametrize(
    "key", ["a", "AKIAIOSFODNN7EXAMPLE", "_x", "me@example.com", "a.b+c:d~e-f_g", "7" * 128]
)
def test_an_access_key_that_can_be_signed_is_taken(key: str) -> None:
    assert claimed({**FIELDS, "access-key": key})[0].user == key


@pytest.mark.parametrize(
    "key",
    [
        "a/b",
        "a,b",
        "a=b",
        "a b",
        " a",
        "a ",
        "-a",
        ".a",
        "..",
        "a*",
        "a?b",
        "a%2Fb",
        "a#b",
        "a\\b",
        "a'b",
        "\u00e4",
        "a\u200bb",
        "\u0661",
        "x" * 129,
    ],
)
def test_an_access_key_that_can_not_be_signed_is_an_invalid_field(key: str) -> None:
    error = refused(with_field("access-key", key))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith("access-key ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bucket-name", "../../etc/hunter2"),
        ("bucket-name", "..%2f..%2fhunter2"),
        ("bucket-name", "hunter2/../other"),
        ("bucket-name", "bucket?owner=hunter2"),
        ("bucket-name", "bucket&owner=hunter2"),
        ("bucket-name", "bucket#hunter2"),
        ("bucket-name", "hunter2\r\nx-vgw-owner: root"),
        ("bucket-name", "hunter2\x00"),
        ("bucket-name", "$(hunter2)"),
        ("access-key", "../hunter2"),
        ("access-key", "a</Access><Role>admin</Role><Access>hunter2"),
        ("access-key", "&hunter2;"),
        ("access-key", "<!DOCTYPE hunter2>"),
        ("access-key", "a&access=hunter2"),
        ("access-key", "a/20260101/us-east-1/s3/aws4_request, Signature=hunter2"),
        ("access-key", "hunter2\r\nAuthorization: x"),
        ("access-key", "hunter2\nx-vgw-owner: root"),
        ("access-secret", "hunter2\r\nSet-Cookie: x"),
        ("access-secret", "hunter2\x00"),
        ("endpoint-url", "http://169.254.169.254/hunter2?x=1"),
        ("endpoint-url", "http://s3\r\nHost: hunter2"),
        ("endpoint-url", "file:///etc/hunter2"),
        ("user-id", "1 OR 1=1"),
        ("user-id", "1500</UserID><Role>admin</Role>"),
        ("group-id", "0x10"),
    ],
)
def test_a_hostile_value_is_an_invalid_field_and_not_quoted(key: str, value: str) -> None:
    error = refused(with_field(key, value))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith(f"{key} ")
    assert "hunter2" not in error.message
    assert value not in error.message


@pytest.mark.parametrize(
    "role", ["admin", "User", "root", "user ", "user,admin", "user</Role><Role>admin", "hunter2"]
)
def test_a_role_outside_the_allowed_ones_is_refused_with_those(role: str) -> None:
    error = refused(with_field("role", role))
    assert error.reason is Reason.ROLE_NOT_ALLOWED
    assert "user, userplus" in error.message
    assert f" {role} " not in error.message


@pytest.mark.parametrize("number", ["-1", "+1", "1.0", "1e3", "0x3e8", " 1500", "1_500", "\u0661"])
@pytest.mark.parametrize("key", ["user-id", "group-id"])
def test_an_id_that_is_no_number_is_an_invalid_field(key: str, number: str) -> None:
    error = refused(with_field(key, number))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith(key)


@pytest.mark.parametrize("number", ["1000", "1999", "3000"])
def test_an_id_within_the_ranges_is_taken(number: str) -> None:
    assert claimed({**FIELDS, "user-id": number})[0].user_id == int(number)


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("user-id", "0"),
        ("user-id", "999"),
        ("user-id", "2000"),
        ("user-id", "3001"),
        ("USER_ID", "9999999999"),
        ("group-id", "0"),
        ("GROUP_ID", "2147483648"),
    ],
)
def test_an_id_outside_the_ranges_is_refused_with_those(key: str, number: str) -> None:
    error = refused(with_field(key, number))
    assert error.reason is Reason.ID_NOT_ALLOWED
    assert error.message.startswith(key)
    assert ("1000-1999, 3000-3000" if "user" in key.lower() else "1-2147483647") in error.message


@pytest.mark.parametrize("key", ["operator-key", "root", "adm", "admin", "adm.x"])
def test_a_reserved_access_key_is_refused(key: str) -> None:
    error = refused(with_field("access-key", key))
    assert error.reason is Reason.RESERVED_ACCESS_KEY
    assert error.message.startswith("access-key ")


@pytest.mark.parametrize("key", ["Root", "roots", "my-adm", "operator-key2", "Operator-Key"])
def test_an_access_key_like_a_reserved_one_is_not_reserved(key: str) -> None:
    assert claimed({**FIELDS, "access-key": key})[0].user == key


def test_the_operators_own_key_is_compared_to_the_letter_not_as_a_glob() -> None:
    rules = replace(RULES, own_access_keys=frozenset({"op[er]*"}))
    assert claimed({**FIELDS, "access-key": "operator"}, rules)[0].user == "operator"


@pytest.mark.parametrize("name", ["backup-1", "backup-my-bucket", "state"])
def test_a_reserved_bucket_is_refused(name: str) -> None:
    error = refused(with_field("bucket-name", name))
    assert error.reason is Reason.RESERVED_BUCKET
    assert error.message.startswith("bucket-name ")


@pytest.mark.parametrize("name", ["backup", "my-backup-1", "states"])
def test_a_bucket_like_a_reserved_one_is_not_reserved(name: str) -> None:
    assert claimed({**FIELDS, "bucket-name": name})[0].bucket == name


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param(
            {"bucket_name": "x", "access_key": "root", "access_secret": ""},
            Reason.MISSING_FIELD,
            id="a field missing, before one malformed",
        ),
        pytest.param(
            {"bucket_name": "state", "access_key": "root", "user_id": "x"},
            Reason.INVALID_FIELD,
            id="a number malformed, before a name reserved",
        ),
        pytest.param(
            {"access_key": "root", "endpoint_url": "x"},
            Reason.INVALID_FIELD,
            id="an endpoint malformed, before a name reserved",
        ),
        pytest.param(
            {"access_key": "operator-key", "role": "admin", "user_id": "0"},
            Reason.RESERVED_ACCESS_KEY,
            id="a name reserved, before a role not allowed",
        ),
        pytest.param(
            {"bucket_name": "state", "role": "admin"},
            Reason.RESERVED_BUCKET,
            id="a bucket reserved, before a role not allowed",
        ),
        pytest.param(
            {"role": "admin", "endpoint_url": "http://elsewhere"},
            Reason.ROLE_NOT_ALLOWED,
            id="a role not allowed, before another endpoint",
        ),
        pytest.param(
            {"user_id": "0", "endpoint_url": "http://elsewhere"},
            Reason.ID_NOT_ALLOWED,
            id="an id not allowed, before another endpoint",
        ),
    ],
)
def test_the_checks_run_in_the_documented_order(fields: dict[str, str], reason: Reason) -> None:
    assert refused(data(**fields)).reason is reason


def test_a_missing_field_comes_before_a_malformed_one_of_another() -> None:
    assert refused(with_field("bucket-name", b"\xff") | {"access-key": None}).reason is (
        Reason.MISSING_FIELD
    )
