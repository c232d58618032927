"""What the Dockerfile says; what its steps make is for test_image."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import dockerfile
from tests.manifests import container, pod
from tests.tools import report, script

ROOT = Path(__file__).parents[2]
PREFIX = "/opt/s3-resource-operator"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]
BUILD, FINAL = dockerfile.parse(ROOT / "Dockerfile")


def locked(name: str) -> dict[str, str]:
    """What a lock installs on this Python: name and version."""
    lines = re.findall(r"^(\S+==[^\\\n]+?) *\\$", (ROOT / name).read_text(), re.MULTILINE)
    assert lines
    requirements = [Requirement(line) for line in lines]
    return {
        canonicalize_name(found.name): str(found.specifier).removeprefix("==")
        for found in requirements
        if found.marker is None or found.marker.evaluate()
    }


def test_both_stages_have_one_base_pinned_by_version_and_digest() -> None:
    assert BUILD.base == FINAL.base
    name, digest = BUILD.base.split("@")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    found = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-[a-z]+", name)
    assert found
    assert f"Programming Language :: Python :: {found[1]}" in PROJECT["project"]["classifiers"]
    assert FINAL.merged("LABEL")["org.opencontainers.image.base.name"].endswith(f"/{name}")


def test_the_last_stage_takes_nothing_but_the_prefix() -> None:
    assert [copy.flags for copy in FINAL.all("COPY")] == [("--from=build",)]
    assert FINAL.one("COPY").words == [PREFIX, PREFIX]
    assert FINAL.one("RUN").words[:2] == ["rm", "-rf"]


def test_what_is_installed_is_checked_against_hashes() -> None:
    installs = [
        command
        for run in BUILD.all("RUN")
        for command in run.value.split("&&")
        if " install " in command
    ]
    assert len(installs) == 3
    *from_locks, project = installs
    for command in from_locks:
        assert "--require-hashes" in command
        # An sdist would run code of its own, and would need a compiler on some platform.
        assert "--only-binary :all:" in command
    assert "--no-deps" in project
    assert "--no-index" in project


def test_nothing_is_fetched_otherwise_and_nothing_depends_on_the_processor() -> None:
    names = {found.name for stage in (BUILD, FINAL) for found in stage.instructions}
    assert names.isdisjoint({"ADD", "HEALTHCHECK", "ONBUILD", "SHELL", "VOLUME"})
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"curl|wget|apt|--platform|TARGETARCH|amd64|arm64|x86|aarch", text)


def test_the_user_is_the_one_that_the_deployment_names() -> None:
    context = pod()["securityContext"]
    assert FINAL.one("USER").value == f"{context['runAsUser']}:{context['runAsGroup']}"
    # The last word on who runs: nothing is done afterwards as somebody else.
    assert all(
        found.name != "RUN"
        for found in FINAL.instructions[FINAL.instructions.index(FINAL.one("USER")) :]
    )


def test_it_starts_without_a_shell_and_serves_by_default() -> None:
    (program,) = FINAL.one("ENTRYPOINT").exec_form
    assert program in PROJECT["project"]["scripts"]
    assert FINAL.one("CMD").exec_form == ["serve"] == container()["args"]
    ports = [str(port["containerPort"]) for port in container()["ports"]]
    assert FINAL.one("EXPOSE").words == ports


def test_the_labels_are_those_of_the_project() -> None:
    prefix = "org.opencontainers.image."
    labels = {key.removeprefix(prefix): value for key, value in FINAL.merged("LABEL").items()}
    assert labels.keys() == {
        *("title", "description", "url", "source", "documentation", "vendor"),
        *("licenses", "base.name", "version", "revision"),
    }
    assert labels["description"] == PROJECT["project"]["description"]
    assert labels["licenses"] == PROJECT["project"]["license"]
    assert labels["vendor"] == PROJECT["project"]["authors"][0]["name"]
    arguments = FINAL.merged("ARG")
    assert labels["version"] == "${VERSION}"
    assert labels["revision"] == "${REVISION}"
    assert arguments.keys() == {"VERSION", "REVISION"}


def test_the_context_is_what_is_copied() -> None:
    copied = {word for copy in BUILD.all("COPY") for word in copy.words[:-1]}
    assert IGNORED[0] == "*"
    assert {line[1:] for line in IGNORED if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_build_backend_is_the_one_that_is_tested() -> None:
    build, dev = locked("requirements-build.lock"), locked("requirements-dev.lock")
    assert build.items() <= dev.items()
    wanted = [Requirement(text) for text in PROJECT["build-system"]["requires"]]
    assert all(requirement.specifier.contains(build[requirement.name]) for requirement in wanted)


def test_the_linter_has_nothing_to_say() -> None:
    assert report(script("hadolint"), "--no-color", "Dockerfile", cwd=ROOT) == ""
