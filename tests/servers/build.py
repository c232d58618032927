"""Builds the programs of the test servers that are not there, and finds those that are.

Programs are built into the user's cache folder, one folder a version, so that every clone of the
repository shares them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tests.servers.recipes import BuildError, Step
from tests.servers.table import SERVERS, Server
from tests.servers.versions import is_asked

_PROGRESS_SECONDS = 15
_UNFINISHED = ".building-"


def server(name: str) -> Server:
    try:
        return SERVERS[name]
    except KeyError:
        raise BuildError(f"no server {name!r}; there are: {', '.join(SERVERS)}") from None


def find(name: str) -> Path | None:
    """The program of a server: the one its variable names, one on PATH, or one built before."""
    wanted = server(name)
    if named := os.environ.get(wanted.variable):
        path = Path(named)
        if not os.access(path, os.X_OK) or path.is_dir():
            raise BuildError(f"{wanted.variable} names {path}, which is no program")
        return path.resolve()
    if wanted.on_path and not is_asked(name) and (found := shutil.which(name)):
        return Path(found)
    return wanted.built if wanted.built.exists() else None


def is_dispensable(name: str) -> bool:
    """Whether a server that isn't there and can't be built is done without: its tests skip."""
    wanted = server(name)
    if not wanted.optional or in_ci() or find(name) is not None:
        return False
    return shutil.which(wanted.step(Path()).tool) is None


def in_ci() -> bool:
    """Where a missing server is a broken set-up."""
    return os.environ.get("CI", "").lower() == "true"


def build(name: str, *, out: TextIO = sys.stderr) -> Path:
    """The program of a server, built first if it is not there."""
    wanted = server(name)
    if found := find(name):
        print(f"{name}: have {found}", file=out, flush=True)
        return found
    target = wanted.cached
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.parent / ".lock", name, out):
        # Whoever held the lock may have built it, or been killed halfway.
        if not target.exists():
            for left in target.parent.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left)
            _build_into(wanted, target, out)
    return wanted.built


def _build_into(wanted: Server, target: Path, out: TextIO) -> None:
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=target.parent) as folder:
        step = wanted.step(Path(folder))
        if shutil.which(step.tool) is None:
            raise BuildError(
                f"{wanted.name} is not there and `{step.tool}` is not on PATH to build it: "
                f"install {step.tool}, or set {wanted.variable} to a ready program"
            )
        print(f"{wanted.name}: building {wanted.version} ({wanted.about})", file=out, flush=True)
        started = time.monotonic()
        log = Path(folder) / "build.log"
        status = _run(wanted, step, log, out)
        if status != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise BuildError(f"{' '.join(step.command)} ended with {status}:\n{tail}")
        # A rename is atomic: nobody ever sees half a program.
        step.product.replace(target)
    print(f"{wanted.name}: built in {time.monotonic() - started:.0f} s", file=out, flush=True)


def _run(wanted: Server, step: Step, log: Path, out: TextIO) -> int:
    started = time.monotonic()
    env = {**os.environ, **step.env}
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - no shell, and the command is a row of the table above
            step.command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=step.cwd
        ) as child,
    ):
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return child.wait(_PROGRESS_SECONDS)
                elapsed = time.monotonic() - started
                print(f"{wanted.name}: still building, {elapsed:.0f} s", file=out, flush=True)
        except BaseException:
            child.terminate()
            raise


@contextlib.contextmanager
def _lock(path: Path, name: str, out: TextIO) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name}: another build of it is under way, waiting", file=out, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
