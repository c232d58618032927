"""What a test does when a server that it needs is not there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.build import find, in_ci, server
from tests.servers.recipes import BuildError


def require(name: str) -> Path:
    """The program of a server that can be built here.

    Without it the test is skipped, but under CI=true it fails: there, a missing server is a
    broken set-up, which a skip would hide. One that is built on request only skips there too.
    """
    try:
        found = find(name)
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)
    if found is not None:
        return found
    reason = f"{name} is not built: run `python -m tests.servers build {name}`"
    if in_ci() and not server(name).on_request:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class NotInstalledError(Exception):
    """What comes with Metacontroller's release isn't where the user can tell us to look."""


@dataclass(frozen=True)
class MetacontrollerFiles:
    program: Path
    crds: Path


def find_metacontroller() -> MetacontrollerFiles:
    """Metacontroller's program and its CRDs, which come from its release, not from a build."""
    named = os.environ.get("METACONTROLLER_BIN") or shutil.which("metacontroller")
    if not named:
        raise NotInstalledError(
            "Metacontroller is not there: copy the program out of its release image (4.16 or "
            "newer), then set METACONTROLLER_BIN to it or put it on PATH"
        )
    program = Path(named)
    if not os.access(program, os.X_OK) or program.is_dir():
        raise NotInstalledError(f"METACONTROLLER_BIN names {program}, which is no program")
    return MetacontrollerFiles(program.resolve(), find_crds())


def find_crds() -> Path:
    """The manifest of Metacontroller's CRDs."""
    named = os.environ.get("METACONTROLLER_CRDS")
    if not named:
        raise NotInstalledError(
            "Metacontroller's CRDs are not there: they come with its release, which no build here "
            "provides, so set METACONTROLLER_CRDS to its metacontroller-crds-v1.yaml"
        )
    if not Path(named).is_file():
        raise NotInstalledError(f"METACONTROLLER_CRDS names {named}, which is no file")
    return Path(named).resolve()


def require_metacontroller() -> MetacontrollerFiles:
    """Like `find_metacontroller`; a missing one skips everywhere, as no build can provide it."""
    try:
        return find_metacontroller()
    except NotInstalledError as error:
        pytest.skip(str(error))


def require_crds() -> Path:
    """Like `find_crds`, and missing ones skip for the same reason."""
    try:
        return find_crds()
    except NotInstalledError as error:
        pytest.skip(str(error))
