"""What the two annotations say by which a bucket is shared."""

from __future__ import annotations

from typing import Any

import pytest

from backends.sharing import Access
from hooks.claim.fields import InvalidSecret
from hooks.claim.sharing import MOST, consents, read_access
from hooks.contract.outcome import Reason
from hooks.contract.status import Keys

KEYS = Keys("example.com/enabled")
READ, WRITE = Access.READ_ONLY, Access.READ_WRITE


def told(**values: str) -> dict[str, str]:
    return {f"example.com/{name.replace('_', '-')}": text for name, text in values.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" , ", {}),
        ("team-b/reader", {("team-b", "reader"): READ}),
        (
            "team-b/reader, team-c/writer:read-write",
            {("team-b", "reader"): READ, ("team-c", "writer"): WRITE},
        ),
        ("b/a.b-c:read-only,b/a.b-c", {("b", "a.b-c"): READ}),
    ],
)
def test_a_holder_names_secrets(text: str, expected: dict[Any, Any]) -> None:
    found = told(share_with=text)
    assert consents(found, KEYS) == expected
    assert read_access(found, KEYS) is None


@pytest.mark.parametrize(
    "text",
    [
        "reader",
        "team-b/*",
        "*/reader",
        "team-b/reader:write",
        "team-b/reader:read-write:read-only",
        "team-b/reader/more",
        "Team/reader",
        "team-b/rea der",
        "team-b/reader;team-c/writer",
        "a/b, " + "x" * 70_000,
        "team-b/reader,team-b/reader:read-write",
        ",".join(f"team/n{number}" for number in range(MOST + 1)),
    ],
)
def test_a_mistake_is_told_by_the_annotations_name_and_not_by_what_it_says(text: str) -> None:
    with pytest.raises(InvalidSecret) as caught:
        read_access(told(share_with=text), KEYS)
    assert caught.value.reason is Reason.INVALID_FIELD
    assert "example.com/share-with" in caught.value.message
    assert "team" not in caught.value.message.replace("example.com/share-with", "")


def test_a_mistake_in_one_entry_takes_nothing_from_the_others() -> None:
    found = told(share_with="team-b/reader, team-c/*, x, team-d/w:read-write")
    assert consents(found, KEYS) == {("team-b", "reader"): READ, ("team-d", "w"): WRITE}


def test_who_is_named_with_two_kinds_of_access_is_let_in_by_neither() -> None:
    found = told(share_with="b/a, b/a:read-write, c/d")
    assert consents(found, KEYS) == {("c", "d"): READ}


@pytest.mark.parametrize(("text", "expected"), [("read-only", READ), ("read-write", WRITE)])
def test_a_second_secret_says_what_it_wants(text: str, expected: Access) -> None:
    assert read_access(told(access=text), KEYS) is expected


@pytest.mark.parametrize("text", ["", "write", "READ-ONLY", "read-only ", "true"])
def test_any_other_word_is_a_mistake(text: str) -> None:
    with pytest.raises(InvalidSecret, match=r"example.com/access must be one of read-only, read-w"):
        read_access(told(access=text), KEYS)


def test_who_has_access_shares_nothing() -> None:
    with pytest.raises(InvalidSecret, match="only the Secret that holds a bucket shares it"):
        read_access(told(access="read-only", share_with="a/b"), KEYS)


@pytest.mark.parametrize(
    ("one", "other", "covers"),
    [(WRITE, WRITE, True), (WRITE, READ, True), (READ, READ, True), (READ, WRITE, False)],
)
def test_who_may_write_may_read(one: Access, other: Access, covers: bool) -> None:
    assert one.covers(other) is covers
