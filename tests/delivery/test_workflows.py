"""The workflows: what they may, what they run, and when they end."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.require import require
from tests.tools import report, script

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").iterdir())
CLASSIFIERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]

Document = dict[str, Any]

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def load(path: Path) -> Document:
    # Not yaml.safe_load: that reads the key `on` as true.
    document: Document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    return document


def steps(document: Document) -> Iterator[Document]:
    for job in document["jobs"].values():
        yield from job.get("steps", [])


def make_targets() -> set[str]:
    lines = re.findall(r"^([a-z0-9 -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {target for line in lines for target in line.split()}


@every_workflow
def test_a_workflow_has_no_permission_but_what_a_job_asks_for(path: Path) -> None:
    document = load(path)
    assert document["permissions"] == {}
    text = path.read_text()
    for name, job in document["jobs"].items():
        assert isinstance(job["permissions"], dict), name
        assert set(job["permissions"].values()) <= {"read", "write"}, name
    # Each says what it is for.
    for line in re.findall(r"^ {6}[a-z-]+: (?:read|write)\b.*$", text, re.MULTILINE):
        assert re.search(r" # \w+", line), line


@every_workflow
def test_only_a_workflow_that_publishes_may_write(path: Path) -> None:
    document = load(path)
    writes = {
        f"{key}"
        for job in document["jobs"].values()
        for key, access in job["permissions"].items()
        if access == "write"
    }
    allowed = {
        "release": {"actions", "attestations", "contents", "id-token", "issues", "packages"}
        | {"pull-requests"},
        "publish": {"attestations", "contents", "id-token", "packages"},
        "facts": {"issues"},
        "lock": {"actions", "contents", "pull-requests"},
        "scorecard": {"id-token", "security-events"},
        "security": {"security-events"},
    }
    assert writes == allowed.get(path.stem, set())
    # Code of a pull request never runs with any of that.
    assert "pull_request_target" not in document["on"]
    if "pull_request" in document["on"]:
        assert writes <= {"security-events"}


@every_workflow
def test_every_job_ends_by_itself(path: Path) -> None:
    document = load(path)
    for name, job in document["jobs"].items():
        if job.get("uses", "").startswith("./"):
            continue
        assert 1 <= int(job["timeout-minutes"]) <= 90, name
        assert re.fullmatch(r"ubuntu-\d\d\.04", job["runs-on"]), name


@every_workflow
def test_only_a_pull_request_s_run_gives_way_to_the_next(path: Path) -> None:
    document = load(path)
    concurrency = document["concurrency"]
    triggers = document["on"].keys()
    if triggers == {"pull_request"}:
        assert concurrency["cancel-in-progress"] == "true"
    elif "pull_request" in triggers:
        expected = "${{ github.event_name == 'pull_request' }}"
        assert concurrency["cancel-in-progress"] == expected
    else:
        assert concurrency["cancel-in-progress"] == "false"


@every_workflow
def test_actions_are_pinned_by_commit_and_say_their_version(path: Path) -> None:
    for line in re.findall(r"uses: (.*)$", path.read_text(), re.MULTILINE):
        if line.startswith("./"):
            assert (ROOT / line.split()[0]).exists()
        else:
            assert re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, pin in re.findall(
            r"uses: ([\w.-]+/[\w.-]+)[\w/.-]*@(.*)$", path.read_text(), re.M
        ):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


@every_workflow
def test_a_checkout_leaves_no_credential_behind(path: Path) -> None:
    for step in steps(load(path)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@every_workflow
def test_what_is_done_is_a_make_target(path: Path) -> None:
    for step in steps(load(path)):
        if command := step.get("run"):
            # Starting another workflow is nothing that anybody does at home.
            if command.startswith("gh workflow run "):
                assert command.split()[3] in {found.name for found in WORKFLOWS}
                continue
            found = re.fullmatch(
                r"make (?:--silent )?([a-z0-9-]+)(?: >>\"\$GITHUB_OUTPUT\")?", command
            )
            assert found, command
            assert found[1] in make_targets(), command


def test_the_matrix_tries_every_python_that_is_promised() -> None:
    promised = re.findall(r"Python :: (3\.\d+)$", "\n".join(CLASSIFIERS), re.MULTILINE)
    matrix = load(GITHUB / "workflows" / "test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == promised


def test_a_required_job_waits_for_all_others() -> None:
    for name in ("test", "e2e"):
        jobs = load(GITHUB / "workflows" / f"{name}.yml")["jobs"]
        assert set(jobs["done"]["needs"]) == jobs.keys() - {"done"}
        assert jobs["done"]["if"] == "always()"


def test_a_release_grants_what_publishing_asks_for() -> None:
    granted = load(GITHUB / "workflows" / "release.yml")["jobs"]["publish"]["permissions"]
    for job in load(GITHUB / "workflows" / "publish.yml")["jobs"].values():
        for key, access in job["permissions"].items():
            # Whoever may write may read.
            assert granted[key] in {access, "write"}, key


def test_nothing_is_signed_or_tagged_before_the_scan() -> None:
    order = [
        step.get("uses", step.get("run", "")).partition("@")[0]
        for step in load(GITHUB / "workflows" / "publish.yml")["jobs"]["image"]["steps"]
    ]
    wanted = [
        "docker/build-push-action",
        "aquasecurity/trivy-action",
        "make sign",
        "actions/attest-build-provenance",
        "make tag-image",
    ]
    assert [step for step in order if step in wanted] == wanted


@pytest.mark.server
def test_actionlint_has_nothing_to_say() -> None:
    program = require("actionlint")
    files = [str(path) for path in WORKFLOWS]
    assert report(program, "-no-color", *files, cwd=ROOT) == ""


def test_zizmor_has_nothing_to_say() -> None:
    found = report(
        *(script("zizmor"), "--offline", "--no-progress", "--quiet", "--format", "json", ".github"),
        cwd=ROOT,
    )
    assert json.loads(found) == []
