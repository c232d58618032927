"""Builds the tool of a Go module with another version of what it requires.

Run as a program: the module's folder, the package, the requirement, its version, the folder that
the program goes into. The module itself stays as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def build(module: Path, package: str, requirement: str, version: str, folder: Path) -> None:
    """Builds it.

    Raises:
        subprocess.CalledProcessError: a step failed.
    """
    with tempfile.TemporaryDirectory() as copy:
        for name in ("go.mod", "go.sum"):
            shutil.copy(module / name, copy)
        product = folder / package.rsplit("/", 1)[1]
        built = ["go", "build", "-mod=mod", "-trimpath", "-buildvcs=false", "-o", str(product)]
        for command in (["go", "get", f"{requirement}@{version}"], [*built, package]):
            subprocess.run(command, check=True, cwd=copy)  # noqa: S603 - no shell


if __name__ == "__main__":
    where, what, needed, wanted, into = sys.argv[1:]
    build(Path(where), what, needed, wanted, Path(into))
