"""The builds that are compared: this one, and the files of an earlier commit."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers.hook import ROOT


@dataclass(frozen=True)
class Build:
    """One that can be run.

    Args:
        name: for the table.
        root: the folder that its packages are in.
    """

    name: str
    root: Path


THIS = Build("this build", ROOT)


def of_commit(commit: str, directory: Path) -> Build:
    """The packages of a commit, run with the dependencies that are installed for this build.

    Args:
        commit: as git names it.
        directory: where its files go.

    Raises:
        ValueError: the repository doesn't have it.
    """
    if commit.startswith("-"):
        raise ValueError(f"{commit} is no commit")
    # No shell, and nothing of it is an option.
    found = subprocess.run(  # noqa: S603
        ["git", "-C", str(ROOT), "archive", f"{commit}^{{commit}}", "hooks", "backends"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if found.returncode:
        raise ValueError(f"there is no commit {commit} here: {found.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as files:
        files.extractall(directory, filter="data")
    return Build(commit[:12], directory)
