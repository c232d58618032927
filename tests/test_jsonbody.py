"""Admin APIs' JSON, read without trust."""

from __future__ import annotations

import json

import pytest

from backends import jsonbody


@pytest.mark.parametrize(
    "content", [b"", b"fine", b"\xff", b"[]", b"null", b"[" * 100_000, b"9" * 10_000]
)
def test_what_is_no_object_is_none(content: bytes) -> None:
    assert jsonbody.parse(content) is None
    assert jsonbody.error(content, "code", "message") == ("", "")


def test_an_error_has_a_code_and_a_message_under_their_names() -> None:
    content = json.dumps({"Code": "XMinioAdminNoSuchUser", "Message": "It isn't there."}).encode()
    assert jsonbody.parse(content) == json.loads(content)
    assert jsonbody.error(content, "Code", "Message") == (
        "XMinioAdminNoSuchUser",
        "It isn't there.",
    )
    assert jsonbody.error(content, "code", "message") == ("", "")


@pytest.mark.parametrize(
    "code", ["", 5, None, "two words", "new\nline", "A" * 65, "Schlüssel", "٣", "\ud800"]
)
def test_a_code_that_is_none_is_not_told(code: object) -> None:
    """It stands in messages, which have room for a word."""
    content = json.dumps({"code": code, "message": 5}).encode()
    assert jsonbody.error(content, "code", "message") == ("", "")
