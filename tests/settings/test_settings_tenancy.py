"""The settings of guards, policy, deletion, Events and connection Secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.claim.policy import Policy
from hooks.contract.status import ANNOTATIONS
from hooks.settings.settings import Switch
from tests.claim.test_policyfile import EXAMPLE
from tests.settings.loading import REQUIRED, load, mistakes, named

CLAIM = Claim("team-a.data", "team-a.app", Sensitive("s"))


def test_the_defaults_are_those_documented() -> None:
    settings = load()
    assert settings.conflict_guard is settings.events is Switch.AUTO
    assert settings.deletion is False
    assert settings.public_endpoint == REQUIRED["S3_ENDPOINT_URL"]
    assert settings.policy.file is None
    assert settings.policy.forbids("any", CLAIM) is None


@pytest.mark.parametrize("value", ["auto", "on", "off", "ON"])
def test_a_switch_is_one_of_three_words(value: str) -> None:
    settings = load(CONFLICT_GUARD=value, KUBERNETES_EVENTS=value)
    assert settings.conflict_guard == settings.events == value.lower()


@pytest.mark.parametrize("value", ["true", "yes", "1", "auto,on"])
@pytest.mark.parametrize("variable", ["CONFLICT_GUARD", "KUBERNETES_EVENTS", "DELETION"])
def test_another_word_is_a_mistake(variable: str, value: str) -> None:
    assert named(mistakes(**{variable: value})) == [variable]


def test_deletion_is_on_or_off() -> None:
    assert load(DELETION="on").deletion is True
    assert load(DELETION="on", CONFLICT_GUARD="on").deletion is True
    assert load(DELETION="off", CONFLICT_GUARD="off").deletion is False
    assert named(mistakes(DELETION="auto")) == ["DELETION"]


def test_deletion_without_the_conflict_guard_is_a_mistake() -> None:
    (mistake,) = mistakes(DELETION="on", CONFLICT_GUARD="off")
    assert mistake.startswith("DELETION: ")
    assert "CONFLICT_GUARD" in mistake


def test_the_public_endpoint_is_taken_to_the_letter() -> None:
    url = "https://S3.Public.example.com:443/store/"
    settings = load(S3_PUBLIC_ENDPOINT_URL=url)
    assert settings.public_endpoint == url
    assert settings.connection.endpoint == settings.rules.endpoint == REQUIRED["S3_ENDPOINT_URL"]
    assert load(S3_ENDPOINT_URL=url).public_endpoint == url


def test_a_store_has_the_names_that_are_told() -> None:
    own = REQUIRED["S3_ENDPOINT_URL"]
    assert load().rules.aliases <= {own}
    settings = load(
        S3_PUBLIC_ENDPOINT_URL="https://S3.Public.example.com:443/",
        S3_ENDPOINT_ALIASES="http://store.svc:80, STORE.svc.cluster.local:7070,10.0.0.1:443",
    )
    assert settings.rules.aliases == {
        "https://s3.public.example.com",
        "http://store.svc",
        "http://store.svc.cluster.local:7070",
        "https://store.svc.cluster.local:7070",
        "http://10.0.0.1:443",
        "https://10.0.0.1",
    }
    assert all(map(settings.rules.is_own, {own, *settings.rules.aliases}))
    assert not settings.rules.is_own("http://s3.public.example.com")


@pytest.mark.parametrize("alias", ["store", "ftp://s3", "https://u:hunter2@s3", "s3:1?a", ","])
def test_an_alias_that_is_no_endpoint_is_a_mistake(alias: str) -> None:
    found = mistakes(S3_ENDPOINT_ALIASES=alias)
    assert named(found) == ["S3_ENDPOINT_ALIASES"]
    assert "hunter2" not in found[0]


@pytest.mark.parametrize(
    "url", ["s3.example.com", "ftp://s3", "https://u:hunter2@s3", "https://s?a"]
)
def test_a_public_endpoint_that_is_none_is_a_mistake(url: str) -> None:
    found = mistakes(S3_PUBLIC_ENDPOINT_URL=url)
    assert named(found) == ["S3_PUBLIC_ENDPOINT_URL"]
    assert "hunter2" not in found[0]


def test_the_patterns_may_be_several() -> None:
    settings = load(BUCKET_NAME_PATTERN="{namespace}.*, tmp-*", ACCESS_KEY_PATTERN="{namespace}.*")
    assert settings.policy.forbids("team-a", CLAIM) is None
    forbidden = settings.policy.forbids("team-b", CLAIM)
    assert forbidden
    assert forbidden.field == "bucket"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BUCKET_NAME_PATTERN", "{team}-*"),
        ("BUCKET_NAME_PATTERN", "Team-*"),
        ("BUCKET_NAME_PATTERN", "a, [b"),
        ("BUCKET_NAME_PATTERN", " , "),
        ("ACCESS_KEY_PATTERN", "{namespace}/*"),
        ("ACCESS_KEY_PATTERN", ","),
    ],
)
def test_a_pattern_that_is_none_is_a_mistake(variable: str, value: str) -> None:
    assert named(mistakes(**{variable: value})) == [variable]


def test_the_policy_file_is_read_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(EXAMPLE)
    settings = load(POLICY_FILE=str(path))
    assert settings.policy.file is not None
    assert settings.policy is settings.rules.policy
    assert settings.policy.forbids("team-b", CLAIM) is not None


def test_every_mistake_of_a_policy_file_is_told_among_the_others(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("rules:\n  - name: a\n    roles: []\n")
    found = mistakes(POLICY_FILE=str(path), DELETION="x")
    assert sorted(found) == [
        "DELETION: must be one of off, on",
        "POLICY_FILE: line 2: rule 1: namespaces is missing",
        "POLICY_FILE: line 3: rule a: roles: must not be an empty list, which would allow nothing",
    ]


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_policy_file_that_can_not_be_read_is_a_mistake(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / kind
    assert named(mistakes(POLICY_FILE=str(path))) == ["POLICY_FILE"]


@pytest.mark.parametrize("word", sorted(ANNOTATIONS))
def test_the_key_is_no_annotation_that_means_something_else(word: str) -> None:
    assert named(mistakes(ANNOTATION_KEY=f"example.com/{word}")) == ["ANNOTATION_KEY"]


def test_a_policy_shows_what_it_was_made_of() -> None:
    assert repr(Policy()) == repr(load().policy)
    assert "tmp-*" in repr(load(BUCKET_NAME_PATTERN="tmp-*").policy)
