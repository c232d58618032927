"""The locks: each package by its hash, and in a version that the project says it works with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DIRECT = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
DEVELOPMENT = EXTRAS["dev"] + EXTRAS["demo"]
BUILD = PROJECT["build-system"]["requires"]
LOCKS = {
    "requirements.lock": DIRECT,
    "requirements-dev.lock": DIRECT + DEVELOPMENT,
    "requirements-build.lock": BUILD,
}
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """The packages of a lock with what follows each."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line.split(" --hash=") for line in text.splitlines() if line.strip()]
    return [
        (Requirement(line[0]), [f"--hash={rest.strip()}" for rest in line[1:]]) for line in lines
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_locked_to_one_version_and_its_hashes(lock: str) -> None:
    found = locked(lock)
    assert found
    for requirement, hashes in found:
        assert re.fullmatch(r"==[0-9][^,*]*", str(requirement.specifier)), requirement
        assert requirement.url is None
        assert hashes
        assert all(map(_HASH.fullmatch, hashes)), requirement


@pytest.mark.parametrize(("lock", "wanted"), LOCKS.items())
def test_every_direct_dependency_is_locked_within_its_range(lock: str, wanted: list[str]) -> None:
    versions: dict[str, list[Requirement]] = {}
    for requirement, _ in locked(lock):
        versions.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    for text in wanted:
        direct = Requirement(text)
        candidates = versions.get(canonicalize_name(direct.name), [])
        assert candidates, f"{direct.name} is not in {lock}"
        assert any(direct.specifier.contains(version(each)) for each in candidates), direct


def test_extras_that_packages_ask_for_are_locked_with_them() -> None:
    """pip 23.2 takes a package's newest version for `name[extra]` where the lock has `name` alone,
    and then refuses it for being without a hash: the lock breaks on the day of a new release.
    """
    extras = {
        canonicalize_name(each.name): each.extras for each, _ in locked("requirements-dev.lock")
    }
    asked = 0
    for each, _ in locked("requirements-dev.lock"):
        try:
            wanted = [Requirement(text) for text in requires(each.name) or []]
        except PackageNotFoundError:  # for another machine than this one
            continue
        for requirement in wanted:
            name = canonicalize_name(requirement.name)
            if not requirement.extras or name not in extras:
                continue
            if requirement.marker and not any(
                requirement.marker.evaluate({"extra": extra}) for extra in {"", *each.extras}
            ):
                continue
            asked += 1
            assert requirement.extras <= extras[name], f"{each.name} wants {requirement}"
    assert asked


def test_development_has_the_versions_that_are_shipped() -> None:
    shipped = {(each.name, version(each)) for each, _ in locked("requirements.lock")}
    tested = {(each.name, version(each)) for each, _ in locked("requirements-dev.lock")}
    assert shipped <= tested


@pytest.mark.parametrize("lock", LOCKS)
def test_of_two_versions_only_one_is_for_a_machine(lock: str) -> None:
    found = [requirement for requirement, _ in locked(lock)]
    names = [each.name for each in found]
    environments = [
        {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": platform}
        for python in ("3.11", "3.12", "3.13", "3.14")
        for platform in ("linux", "darwin")
    ]
    for name in {name for name in names if names.count(name) > 1}:
        markers = [
            each.marker or Marker("python_version >= '3'") for each in found if each.name == name
        ]
        for environment in environments:
            assert sum(marker.evaluate(environment) for marker in markers) <= 1, name


def test_the_checks_of_dangerous_code_are_on() -> None:
    lint = PROJECT["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not [rule for rule in lint["ignore"] if rule.startswith("S")]
    # What the tests may do, the code that is shipped may not.
    assert set(lint["per-file-ignores"]) == {"tests/**"}


def version(requirement: Requirement) -> Version:
    """The one that a lock names."""
    return Version(str(requirement.specifier).removeprefix("=="))
