"""The policy file read strictly: what it says, and each mistake with its place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hooks.claim import policyfile
from hooks.claim.adoption import Adoption
from hooks.claim.policyfile import SIZE_LIMIT, Deletion, PolicyError, parse

EXAMPLE = """
rules:
  - name: platform
    namespaces: [platform, "ci-*"]
    adoption: any
  - name: teams
    namespaces: ["team-*"]
    buckets: ["{namespace}.*", "shared-*"]
    access-keys: ["{namespace}.*"]
    roles: [user]
    user-ids: [1000-1999, 3000]
    group-ids: [1000-1999]
    adoption: never
    deletion: [retain, delete-user]
    settings: [lifecycle, cors, tags]
    connection-labels: ["example.com/*"]
    connection-annotations: ["{namespace}.example.com/owner"]
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    return caught.value.mistakes


def rule(lines: str, name: str = "teams") -> str:
    """One rule with more lines."""
    head = f"rules:\n  - name: {name}\n    namespaces: [team]\n"
    return head + "".join(f"    {line}\n" for line in lines.splitlines())


def test_the_example_is_read() -> None:
    platform, teams = parse(EXAMPLE)
    assert (platform.name, platform.adoption) == ("platform", Adoption.ANY)
    limits = (
        "buckets",
        "access_keys",
        "roles",
        "user_ids",
        "group_ids",
        "deletion",
        "connection_labels",
        "connection_annotations",
    )
    assert {getattr(platform, limit) for limit in limits} == {None}
    assert [pattern.text for pattern in teams.buckets or ()] == ["{namespace}.*", "shared-*"]
    assert [pattern.text for pattern in teams.access_keys or ()] == ["{namespace}.*"]
    assert teams.roles == ("user",)
    assert teams.user_ids == (range(1000, 2000), range(3000, 3001))
    assert teams.group_ids == (range(1000, 2000),)
    assert teams.adoption is Adoption.NEVER
    assert teams.deletion == (Deletion.RETAIN, Deletion.DELETE_USER)
    assert [pattern.text for pattern in teams.connection_labels or ()] == ["example.com/*"]
    assert [pattern.text for pattern in teams.connection_annotations or ()] == [
        "{namespace}.example.com/owner"
    ]


def test_the_example_of_the_documentation_is_the_one_tested() -> None:
    documented = re.search(r"::\n\n(    rules:.*?)\n\n`name`", policyfile.__doc__ or "", re.DOTALL)
    assert documented
    assert parse(documented[1]) == parse(EXAMPLE)


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [("platform", 0), ("ci-build", 0), ("team-a", 1), ("team", None), ("ci", None), ("", None)],
)
def test_a_rule_is_for_the_namespaces_that_it_names(namespace: str, expected: int | None) -> None:
    rules = parse(EXAMPLE)
    found = [number for number, each in enumerate(rules) if each.is_for(namespace)]
    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "is empty: it must have the key rules", id="nothing"),
        pytest.param("# later\n", "is empty: it must have the key rules", id="a comment"),
        pytest.param("[]", "line 1: must be a mapping with the keys rules", id="a list"),
        pytest.param("allow all", "line 1: must be a mapping with the keys rules", id="a word"),
        pytest.param("{}", "line 1: rules is missing", id="no rules"),
        pytest.param("rules: []", "line 1: rules: must not be an empty list", id="no rule"),
        pytest.param("rules:", "line 1: rules: must be a list", id="rules null"),
        pytest.param("rules: {a: b}", "line 1: rules: must be a list", id="rules a mapping"),
        pytest.param("rules: [x]", "line 1: rule 1: must be a mapping", id="a rule a word"),
        pytest.param(
            rule("") + "rule: 1\n", "line 4: rule is unknown (known: rules)", id="another key"
        ),
        pytest.param(rule("") + rule(""), "line 4: rules is there twice", id="rules twice"),
        pytest.param(
            "rules:\n  - namespaces: [team]\n", "line 2: rule 1: name is missing", id="no name"
        ),
        pytest.param(
            "rules:\n  - name: a\n", "line 2: rule 1: namespaces is missing", id="no namespaces"
        ),
        pytest.param(
            rule("bucket: [a]"), "line 4: rule 1: bucket is unknown (known: name, ", id="a typo"
        ),
        pytest.param(rule("name: b"), "line 4: rule 1: name is there twice", id="a key twice"),
        pytest.param(
            rule("? [a]\n: b"), "line 4: rule 1: a key that is no word is unknown", id="an odd key"
        ),
        pytest.param(
            rule("<<: {roles: [admin]}"), "line 4: rule 1: << is unknown", id="a merge key"
        ),
        pytest.param(
            rule("", name="'a\\b'"), "line 2: rule 1: name: must be 1 to 63", id="a bad name"
        ),
        pytest.param(rule("", name="[a]"), "line 2: rule 1: name: must be text", id="name a list"),
        pytest.param(rule("", name="yes"), "line 2: rule 1: name: must be text", id="name a bool"),
        pytest.param(
            rule("buckets: a"), "line 4: rule teams: buckets: must be a list", id="no list"
        ),
        pytest.param(
            rule("buckets: []"), "line 4: rule teams: buckets: must not be an empty", id="empty"
        ),
        pytest.param(
            rule("buckets:\n  - a\n  - B"), "line 6: rule teams: buckets: a pattern is", id="a glob"
        ),
        pytest.param(
            rule("buckets: ['[a']"), "line 4: rule teams: buckets: a pattern is", id="an open set"
        ),
        pytest.param(
            rule("buckets: [1]"), "line 4: rule teams: buckets: must be text (put ", id="a number"
        ),
        pytest.param(
            rule("buckets: [~]"), "line 4: rule teams: buckets: must be text (put ", id="null"
        ),
        pytest.param(
            rule("buckets: [[a]]"), "line 4: rule teams: buckets: must be text (put ", id="nested"
        ),
        pytest.param(
            rule("access-keys: [a/b]"), "line 4: rule teams: access-keys: a pattern", id="a key"
        ),
        pytest.param(
            rule("roles: [root]"), "line 4: rule teams: roles: must be some of user", id="a role"
        ),
        pytest.param(
            rule("user-ids: [2-1]"), "line 4: rule teams: user-ids: must be ranges", id="a range"
        ),
        pytest.param(
            rule("group-ids: [0x10]"), "line 4: rule teams: group-ids: must be ranges", id="hex"
        ),
        pytest.param(
            rule("user-ids: [1.5]"), "line 4: rule teams: user-ids: must be text", id="a fraction"
        ),
        pytest.param(
            rule("adoption: [any]"), "line 4: rule teams: adoption: must be text", id="adoption"
        ),
        pytest.param(
            rule("adoption: all"), "line 4: rule teams: adoption: must be one of any", id="all"
        ),
        pytest.param(
            rule("deletion: [purge]"), "line 4: rule teams: deletion: must be one of", id="purge"
        ),
        pytest.param(
            rule("adoption: !!python/name:os.system x"),
            "line 4: rule teams: adoption: must be text",
            id="a tag",
        ),
        pytest.param("rules: [", "line 1: is not valid YAML (", id="cut off"),
        pytest.param("rules:\n\t- a", "line 2: is not valid YAML (", id="a tab"),
        pytest.param("a: 1\n---\nb: 1", "line 2: is not valid YAML (", id="two documents"),
        pytest.param("a: \0", "is not valid YAML", id="a control character"),
        pytest.param("[" * 1_000, "is not valid YAML", id="deep"),
        pytest.param('"\\UFFFFFFFF"', "is not valid YAML", id="a character there isn't"),
        pytest.param("#" * (SIZE_LIMIT + 1), "has more than 256 KiB", id="too large"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_rule(text: str, expected: str) -> None:
    found = mistakes(text)
    assert found[0].startswith(expected)
    assert len(found) == 1


def test_all_mistakes_are_told_at_once() -> None:
    text = rule("buckets: []\nroles: [root]\nadoption: all\nkeys: [a]")
    assert [mistake.split()[:5] for mistake in mistakes(text)] == [
        ["line", "7:", "rule", "1:", "keys"],
        ["line", "4:", "rule", "teams:", "buckets:"],
        ["line", "5:", "rule", "teams:", "roles:"],
        ["line", "6:", "rule", "teams:", "adoption:"],
    ]


def test_two_rules_of_one_name_are_a_mistake() -> None:
    text = rule("") + "  - name: teams\n    namespaces: [other]\n"
    assert mistakes(text) == ["line 4: rule teams: line 2 has that name too"]


@pytest.mark.parametrize("everybody", ["*", "**"])
def test_a_rule_that_none_comes_to_is_a_mistake(everybody: str) -> None:
    text = f"rules:\n  - name: all\n    namespaces: [a, '{everybody}']\n" + rule("")[7:]
    assert mistakes(text) == ["line 4: rule teams: comes after rule all, which is for all"]


def test_a_list_may_be_named_and_used_again() -> None:
    (found,) = parse(rule("buckets: &names ['{namespace}-*']\naccess-keys: *names"))
    assert [pattern.text for pattern in found.access_keys or ()] == ["{namespace}-*"]


def test_a_list_that_is_used_very_often_is_a_mistake() -> None:
    patterns = ", ".join(f"b{number}" for number in range(1000))
    rules = [
        f"  - {{name: r{number}, namespaces: [n], buckets: *names}}\n" for number in range(2, 99)
    ]
    text = f"rules:\n  - {{name: r, namespaces: [n], buckets: &names [{patterns}]}}\n" + "".join(
        rules
    )
    assert "10000 items" in mistakes(text)[0]


@given(some.text(max_size=200))
def test_no_text_makes_anything_but_rules_or_mistakes(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(f"rules: [{text}]")
    assert caught.value.mistakes
