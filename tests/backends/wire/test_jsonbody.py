"""Admin APIs' JSON, read without trust."""

from __future__ import annotations

import json

import pytest

from backends.errors import ServerFault
from backends.wire import jsonbody


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


def test_lists_and_objects_are_taken_as_they_were_expected() -> None:
    answer = {"names": ["a"], "keys": [{"id": "a"}], "quotas": {"maxSize": 1}, "none": None}
    assert jsonbody.texts(answer, "names") == ["a"]
    assert jsonbody.mappings(answer, "keys") == [{"id": "a"}]
    assert jsonbody.mapping(answer, "quotas") == {"maxSize": 1}
    for key in ("none", "missing"):
        assert jsonbody.texts(answer, key) == []
        assert jsonbody.mappings(answer, key) == []
        assert jsonbody.mapping(answer, key) == {}


@pytest.mark.parametrize("odd", [0, False, "", "text", {}, {"a": 1}, [None], [1], [[]], ["a", {}]])
def test_what_is_no_such_list_is_an_answer_that_makes_no_sense(odd: object) -> None:
    for read in (jsonbody.texts, jsonbody.mappings):
        with pytest.raises(ServerFault):
            read({"key": odd}, "key")


@pytest.mark.parametrize("odd", [0, False, "", "text", [], [{}]])
def test_what_is_no_object_is_an_answer_that_makes_no_sense(odd: object) -> None:
    with pytest.raises(ServerFault):
        jsonbody.mapping({"key": odd}, "key")


@pytest.mark.parametrize(
    ("answer", "number"),
    [({}, None), ({"key": None}, None), ({"key": -1}, None), ({"key": 0}, 0), ({"key": 5}, 5)],
)
def test_a_count_is_a_number_or_none(answer: dict[str, object], number: int | None) -> None:
    assert jsonbody.count(answer, "key") == number


@pytest.mark.parametrize("odd", [False, True, "5", 1.5, [], {}])
def test_what_is_no_count_is_an_answer_that_makes_no_sense(odd: object) -> None:
    with pytest.raises(ServerFault):
        jsonbody.count({"key": odd}, "key")
