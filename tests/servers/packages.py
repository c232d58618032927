"""``python packages.py FOLDER NAME…``: unpacks packages of this system into a folder, without root.

What `apt-get` would install beside them comes along as far as it is a library. For servers that
nobody builds from source in a test, and that needn't be installed either.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def needed(names: Sequence[str]) -> list[str]:
    """These packages, and the libraries that are not installed here."""
    planned = _run(["apt-get", "--simulate", "--no-install-recommends", "install", *names])
    found = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
    return sorted({*names, *(name for name in found if name.startswith("lib"))})


def unpack(folder: Path, names: Sequence[str]) -> None:
    """Downloads the packages with apt's own lists and checks, and unpacks each of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as downloads:
        _run(["apt-get", "--quiet", "download", *needed(names)], cwd=Path(downloads))
        for package in sorted(Path(downloads).glob("*.deb")):
            _run(["dpkg", "--extract", str(package), str(folder)])


def _run(command: list[str], cwd: Path | None = None) -> str:
    # No shell, and the names come from the table of servers.
    done = subprocess.run(  # noqa: S603
        command, cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:2])} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), sys.argv[2:])
