"""What each namespace may ask for, and a policy file that changes."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import Pattern
from hooks.claim.policy import Forbidden, Policy, PolicyFile
from hooks.claim.policyfile import PolicyError
from tests.claim.test_policyfile import EXAMPLE, rule

CLAIM = Claim("team-a.data", "team-a.app", Sensitive("hunter2"))
BY = "is not allowed by rule teams of the operator's policy"


def written(folder: Path, text: str = EXAMPLE) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Policy(file=PolicyFile(written(tmp_path)))


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_policy_every_namespace_may_ask_for_anything() -> None:
    for namespace in ("team", ""):
        assert Policy().forbids(namespace, CLAIM) is None
        assert Policy().adoption_for(namespace) is None
        assert Policy().deletion_allowed(namespace, "delete")


def test_a_claim_within_its_rule_is_not_forbidden(policy: Policy) -> None:
    assert policy.forbids("team-a", CLAIM) is None
    claim = replace(CLAIM, bucket="shared-x", role="user", user_id=3000, group_id=1000)
    assert policy.forbids("team-a", claim) is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"bucket": "team-b.data"}, Forbidden("bucket", f"{BY}: team-a.*, shared-*")),
        ({"bucket": "team-a-data"}, Forbidden("bucket", f"{BY}: team-a.*, shared-*")),
        ({"user": "team-b.app"}, Forbidden("access-key", f"{BY}: team-a.*")),
        ({"role": "userplus"}, Forbidden("role", f"{BY}: user")),
        ({"user_id": 2000}, Forbidden("user-id", f"{BY}: 1000-1999, 3000-3000")),
        ({"group_id": 3000}, Forbidden("group-id", f"{BY}: 1000-1999")),
    ],
)
def test_what_a_rule_forbids_names_the_rule_and_what_it_allows(
    policy: Policy, changed: dict[str, object], expected: Forbidden
) -> None:
    assert policy.forbids("team-a", replace(CLAIM, **changed)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("namespace", ["team", "other", "", "*", "team-\0"])
def test_a_namespace_without_a_rule_is_refused_everything(policy: Policy, namespace: str) -> None:
    forbidden = policy.forbids(namespace, CLAIM)
    assert forbidden == Forbidden("", "No rule of the operator's policy is for this namespace")
    assert policy.adoption_for(namespace) is Adoption.NEVER
    assert not policy.deletion_allowed(namespace, "delete-user")


def test_a_key_that_a_rule_leaves_out_limits_nothing(policy: Policy) -> None:
    claim = Claim("anything", "anybody", Sensitive("s"), role="admin", user_id=1, group_id=1)
    assert policy.forbids("platform", claim) is None
    assert policy.deletion_allowed("platform", "delete")


def test_the_first_rule_that_matches_counts(tmp_path: Path) -> None:
    text = rule("buckets: [a-*]") + "  - {name: rest, namespaces: ['*'], buckets: ['*']}\n"
    policy = Policy(file=PolicyFile(written(tmp_path, text)))
    assert policy.forbids("team", CLAIM) == Forbidden("bucket", f"{BY}: a-*")
    assert policy.forbids("other", CLAIM) is None


def test_a_rules_adoption_takes_the_place_of_the_setting(policy: Policy) -> None:
    assert policy.adoption_for("team-a") is Adoption.NEVER
    assert policy.adoption_for("platform") is Adoption.ANY


@pytest.mark.parametrize(
    ("word", "allowed"),
    [("retain", True), ("delete-user", True), ("delete", False), ("purge", False), ("", False)],
)
def test_a_rule_says_which_deletion_policies_may_be_named(
    policy: Policy, word: str, allowed: bool
) -> None:
    assert policy.deletion_allowed("team-a", word) is allowed


@pytest.mark.parametrize("namespace", ["team-a", "platform", "none"])
def test_retain_is_always_allowed_and_an_unknown_word_never(policy: Policy, namespace: str) -> None:
    for each in (policy, Policy()):
        assert each.deletion_allowed(namespace, "retain")
        assert not each.deletion_allowed(namespace, "purge")


def test_the_patterns_of_the_settings_hold_for_all_namespaces(tmp_path: Path) -> None:
    policy = Policy(
        [Pattern.bucket("{namespace}.*"), Pattern.bucket("tmp-*")],
        [Pattern.access_key("{namespace}.*")],
        PolicyFile(written(tmp_path)),
    )
    assert policy.forbids("team-a", CLAIM) is None
    by = "is not allowed by BUCKET_NAME_PATTERN: platform.*, tmp-*"
    assert policy.forbids("platform", CLAIM) == Forbidden("bucket", by)
    tmp = replace(CLAIM, bucket="tmp-x")
    by = "is not allowed by ACCESS_KEY_PATTERN: platform.*"
    assert policy.forbids("platform", tmp) == Forbidden("access-key", by)
    # Both have to allow it.
    assert policy.forbids("team-a", tmp) == Forbidden("bucket", f"{BY}: team-a.*, shared-*")


def test_a_refusal_names_no_other_namespace(policy: Policy) -> None:
    for changed in ({"bucket": "x.y"}, {"user": "x"}):
        forbidden = policy.forbids("team-a", replace(CLAIM, **changed))  # type: ignore[arg-type]
        assert forbidden
        assert not {"platform", "ci", "team-*"} & set(forbidden.problem.replace(",", " ").split())


def names(file: PolicyFile) -> list[str]:
    return [each.name for each in file.rules]


def settle(file: PolicyFile) -> None:
    """Waits for a reading that is under way."""
    for thread in threading.enumerate():
        if thread.name == "watched-file":
            thread.join(5)
    file.refresh()


def test_a_changed_file_is_read_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    path = written(tmp_path)
    file = PolicyFile(path, clock)
    path.write_text(rule("", name="new"))
    clock.now = 0.9
    assert names(file) == ["platform", "teams"]
    assert not any(thread.name == "watched-file" for thread in threading.enumerate())
    clock.now = 1.0
    # The caller isn't kept waiting for it.
    assert names(file) in (["platform", "teams"], ["new"])
    for thread in threading.enumerate():
        if thread.name == "watched-file":
            thread.join(5)
    assert names(file) == ["new"]


def test_a_mounted_config_map_is_swapped_by_its_links(tmp_path: Path) -> None:
    for version, name in (("..1", "one"), ("..2", "two")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "policy.yaml").write_text(rule("", name=name))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    file = PolicyFile(tmp_path / "policy.yaml")
    assert names(file) == ["one"]
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    file.refresh()
    assert names(file) == ["two"]


@pytest.mark.parametrize(
    "broken", ["rules: []", "rules: [", "\xff", None], ids=["empty", "cut", "latin", "gone"]
)
def test_a_broken_version_keeps_the_former_and_says_so_once(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path)
    file = PolicyFile(path)
    told: list[bool] = []
    file.watch(told.append)
    assert told == [True]
    if broken is None:
        path.unlink()
    else:
        path.write_bytes(broken.encode("latin-1"))
    with caplog.at_level(logging.INFO, "hooks.claim.policy"):
        for _ in range(3):
            file.refresh()
    assert names(file) == ["platform", "teams"]
    assert (file.valid, told) == (False, [True, False])
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "stay in force" in caplog.text
    path.write_text(rule("", name="mended"))
    file.refresh()
    assert names(file) == ["mended"]
    assert (file.valid, told) == (True, [True, False, True])


def test_a_file_that_comes_back_unchanged_is_valid_again(tmp_path: Path) -> None:
    path = written(tmp_path)
    file = PolicyFile(path)
    path.rename(tmp_path / "away")
    file.refresh()
    assert not file.valid
    (tmp_path / "away").rename(path)
    file.refresh()
    assert file.valid


def test_many_mistakes_are_told_in_a_line_that_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path)
    file = PolicyFile(path)
    path.write_text("rules: [" + "x, " * 500 + "x]")
    file.refresh()
    assert "and 491 more" in caplog.text
    assert len(caplog.text) < 3000


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "large", "broken"])
def test_a_file_that_can_not_be_used_is_an_error_at_the_start(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "policy.yaml"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "large":
        path.write_text("#" * 300_000)
    elif kind == "broken":
        path.write_text("rules: x")
    with pytest.raises(PolicyError) as caught:
        PolicyFile(path)
    assert len(caught.value.mistakes) == 1


def test_many_threads_read_while_the_file_changes(tmp_path: Path) -> None:
    path = written(tmp_path, rule("", name="v0"))
    clock = Clock()
    file = PolicyFile(path, clock)
    seen: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.update(names(file))
            clock.now += 1

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in range(1, 10):
        new = tmp_path / "new"
        new.write_text(rule("", name=f"v{version}"))
        new.replace(path)
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join(5)
    settle(file)
    assert names(file) == ["v9"]
    assert len(seen) > 1
    assert seen <= {f"v{version}" for version in range(10)}
    assert file.valid


def test_what_stands_at_the_start_holds_to_the_end_though_the_file_changes(tmp_path: Path) -> None:
    """Else a sync could be allowed by one version and take over by another."""
    clock = Clock()
    path = written(tmp_path, rule("adoption: never\nbuckets: [a]"))
    policy = Policy([Pattern.bucket("*")], file=PolicyFile(path, clock))
    standing = policy.standing()
    path.write_text(rule("adoption: any\nbuckets: [b]"))
    assert policy.file is not None
    policy.file.refresh()
    claims = [replace(CLAIM, bucket=bucket) for bucket in ("a", "b")]
    assert [policy.forbids("team", claim) is None for claim in claims] == [False, True]
    assert [standing.forbids("team", claim) is None for claim in claims] == [True, False]
    assert policy.adoption_for("team") is Adoption.ANY
    assert standing.adoption_for("team") is Adoption.NEVER
    assert standing.standing() is standing
    assert Policy().standing().forbids("any", CLAIM) is None
