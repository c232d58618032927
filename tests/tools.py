"""Linters that come with the development environment, as programs."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skips, but fails under CI=true: there, what is missing is a broken set-up."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def script(name: str) -> Path:
    """A program that the lock of the development environment brings."""
    program = Path(sysconfig.get_path("scripts")) / name
    if not program.exists():
        missing(f"{name} is not in this environment: run `make setup`")
    return program


def unmeasured() -> dict[str, str]:
    """This process's variables, for a program in Python that is no part of the operator.

    With coverage, each process in Python that is started would be measured too, and take twice as
    long for it.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COVERAGE_PROCESS_")
    }


def report(program: Path, *arguments: str, cwd: Path) -> str:
    """All that a linter says; empty when it ended well and said nothing."""
    # Other linters are found beside it, whatever PATH says.
    environ = {**unmeasured(), "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}
    done = subprocess.run(  # noqa: S603
        [program, *arguments],
        cwd=cwd,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout if done.stdout or done.returncode == 0 else f"exit code {done.returncode}"
