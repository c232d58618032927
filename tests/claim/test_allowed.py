"""Patterns for names: what they allow, what can't be one, and that they never take long."""

from __future__ import annotations

import glob
import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hooks.claim.allowed import Pattern, id_range, role, shown_ranges

NAMESPACES = some.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = some.text("ab01.-", min_size=1, max_size=12)
PARTS = some.sampled_from(
    ["*", "**", "?", "[a-c]", "[!a0]", "[b-]", "{namespace}", "a", "b", "-.", "0", "10"]
)
GLOBS = some.lists(PARTS, min_size=1, max_size=6).map("".join)


@given(text=GLOBS, name=NAMES, namespace=NAMESPACES)
def test_a_pattern_allows_what_its_glob_does_with_the_namespace_in_it(
    text: str, name: str, namespace: str
) -> None:
    expected = fnmatchcase(name, text.replace("{namespace}", glob.escape(namespace)))
    assert Pattern.bucket(text).allows(name, namespace) is expected


@given(namespace=NAMESPACES, rest=NAMES)
def test_every_namespace_has_the_names_after_its_own(namespace: str, rest: str) -> None:
    pattern = Pattern.bucket("{namespace}.*")
    assert pattern.allows(f"{namespace}.{rest}", namespace)
    assert not pattern.allows(f"x{namespace}.{rest}", namespace)


@pytest.mark.parametrize("text", ["0", "00", "000", "0a", "10", "7*", "101-*"])
def test_a_pattern_may_begin_with_digits(text: str) -> None:
    pattern = Pattern.bucket(text)
    name = text.replace("*", "x")
    assert pattern.allows(name, "team")
    assert not pattern.allows(name[1:], "team")


@pytest.mark.parametrize("digits", ["0", "1", "00", "100", "123"])
def test_digits_may_follow_a_namespace(digits: str) -> None:
    pattern = Pattern.bucket(f"{{namespace}}{digits}")
    assert pattern.allows(f"team{digits}", "team")
    assert not pattern.allows(f"team{digits}", "other")
    assert not pattern.allows("@", "team")


@given(one=NAMESPACES, other=NAMESPACES, rest=NAMES)
def test_a_dot_keeps_any_two_namespaces_apart(one: str, other: str, rest: str) -> None:
    pattern = Pattern.bucket("{namespace}.*")
    assert pattern.allows(f"{one}.{rest}", other) is (one == other)


@pytest.mark.parametrize("namespace", ["*", "?", "[a-z]", "t*", "", "{namespace}", ".*", "a|b"])
def test_a_namespace_is_never_a_glob_itself(namespace: str) -> None:
    assert not Pattern.bucket("{namespace}-*").allows("team-data", namespace)


@pytest.mark.parametrize("namespace", ["", "team\0", "\0team", "team\0team-data"])
def test_a_namespace_that_is_no_name_is_allowed_nothing(namespace: str) -> None:
    for text in ("*", "{namespace}*", "team*"):
        assert not Pattern.bucket(text).allows("team-data", namespace)


@pytest.mark.parametrize(
    ("text", "name", "allowed"),
    [
        ("team", "team", True),
        ("team", "teams", False),
        ("team", "Team", False),
        ("a.b", "axb", False),
        ("a+b", "a+b", True),
        ("*@example.com", "me@example.com", True),
        ("*@example.com", "me@example.com.org", False),
        ("[A-Z]*", "Key", True),
        ("[A-Z]*", "key", False),
        ("x*", "x\n", True),
    ],
)
def test_a_pattern_is_compared_with_the_whole_name(text: str, name: str, allowed: bool) -> None:
    assert Pattern.access_key(text).allows(name, "team") is allowed


def test_a_pattern_is_shown_as_it_is_for_the_namespace() -> None:
    assert Pattern.bucket("{namespace}-*-{namespace}").shown("team") == "team-*-team"


@pytest.mark.parametrize(
    "text",
    ["", "x" * 257, "Team-*", "a_b", "a/b", "a b", " a", "{name}", "{namespace", "a}", "{}"],
)
def test_a_pattern_of_other_characters_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="a pattern"):
        Pattern.bucket(text)


@pytest.mark.parametrize(
    "text",
    ["[a", "a]", "[]", "[!]", "[z-a]", "[a-Z]", "[.-a]", "[*]", "[[a]", "[{namespace}]", "[a^]"],
)
def test_a_set_that_no_bucket_can_match_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|range|character"):
        Pattern.bucket(text)


@pytest.mark.parametrize("text", ["{namespace}", "team.a", "Team", "a_b"])
def test_a_pattern_for_namespaces_knows_their_characters_only(text: str) -> None:
    with pytest.raises(ValueError, match="a pattern is made of"):
        Pattern.namespace(text)


def test_no_name_makes_a_pattern_slow() -> None:
    pattern = Pattern.access_key("*a" * 100 + "*b")
    started = time.perf_counter()
    assert not pattern.allows("a" * 128, "team")
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize("text", ["0", "7", "1000-1999", " 5 - 6 ", "2147483647"])
def test_a_range_holds_both_its_ends(text: str) -> None:
    first, _, last = text.replace(" ", "").partition("-")
    ids = id_range(text)
    assert (ids[0], ids[-1]) == (int(first), int(last or first))


@pytest.mark.parametrize("text", ["", "-1", "2-1", "1-2-3", "x", "1-2147483648", "\u0661"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ranges such as"):
        id_range(text)


def test_ranges_are_shown_with_both_ends() -> None:
    assert shown_ranges([range(1, 10), range(12, 13)]) == "1-9, 12-12"


def test_a_role_is_one_that_there_is() -> None:
    assert role("userplus") == "userplus"
    with pytest.raises(ValueError, match="user, userplus, admin"):
        role("root")
