"""Which version of a store is built: the one that the tests are written for, or another.

`VERSITYGW_VERSION=v1.9.0` asks for one, so that an upgrade of a store can be tried before it is
made. What is newest, `python -m tests.servers newest` asks where the programs come from.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping

MODULES: Mapping[str, str] = {
    "versitygw": "github.com/versity/versitygw",
    "minio": "github.com/minio/minio",
    "seaweedfs": "github.com/seaweedfs/seaweedfs",
}
"""The stores that are Go modules."""
CRATES: Mapping[str, str] = {"garage": "garage", "rustfs": "rustfs"}
"""The stores that are crates."""

_SECONDS = 120


def variable(name: str) -> str:
    """What asks for another version of a store."""
    return name.upper().replace("-", "_") + "_VERSION"


def asked(name: str, tested: str) -> str:
    """The version of a store to build: `tested`, unless its variable names another."""
    return os.environ.get(variable(name)) or tested


def is_asked(name: str) -> bool:
    """Whether a version of the store is asked for, so that no other will do."""
    return bool(os.environ.get(variable(name)))


def newest(name: str) -> str | None:
    """The newest release of a store; None where it can't be asked for, as of system packages.

    A store that gives its releases other names than Go's has its newest commit there.

    Raises:
        subprocess.SubprocessError: the tool that knows failed, or took too long.
        ValueError: it named no version.
    """
    if name in MODULES:
        return _said("go", "list", "-m", "-f", "{{.Version}}", f"{MODULES[name]}@latest").strip()
    if name in CRATES:
        found = re.search(
            r"^version: (\S+)", _said("cargo", "info", CRATES[name]), flags=re.MULTILINE
        )
        if found is None:
            raise ValueError(f"cargo names no version of {CRATES[name]}")
        return found[1]
    return None


def _said(*command: str) -> str:
    done = subprocess.run(  # noqa: S603 - no shell, and nothing of the command is anybody's input
        command, capture_output=True, text=True, check=True, timeout=_SECONDS, cwd="/"
    )
    return done.stdout
