"""Connection Secrets as a file, for who has no cluster; nobody else is to read it."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

STDOUT = "-"
_OWNER_ONLY = 0o600


class NotWritten(Exception):
    """The file can't be written; the text says why."""


def check(file: str) -> None:
    """Looks before anything is done whether credentials may go there.

    Args:
        file: a path, or ``-`` for standard output.

    Raises:
        NotWritten: it is a terminal, a link, or no ordinary file.
    """
    if file == STDOUT:
        if sys.stdout.isatty():
            raise NotWritten(
                "standard output is a terminal, where credentials stay to be read: name a file "
                "behind --connection, or redirect it"
            )
        return
    path = Path(file)
    if path.is_symlink():
        # Who planted it names a victim; and root would put a file in the place of /dev/stdout.
        raise NotWritten(
            f"{file}: is a symbolic link, which is neither followed nor replaced: name the file "
            f"itself, or {STDOUT} for standard output"
        )
    if path.exists() and not path.is_file():
        raise NotWritten(f"{file}: is no ordinary file")
    if not path.parent.is_dir():
        raise NotWritten(f"{file}: there is no folder for it")


def read(file: str) -> list[Any]:
    """What a run before has written, which may be anything by now; nothing of standard output.

    A file of somebody else's in a folder for everybody is not believed: it may be kept as it is.

    Args:
        file: a path, or ``-``.
    """
    if file == STDOUT:
        return []
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as opened:
            found = os.fstat(descriptor)
            # Who owns the folder can put another file there anyway.
            believed = {os.geteuid(), Path(file).parent.stat().st_uid}
            if not stat.S_ISREG(found.st_mode) or found.st_uid not in believed:
                return []
            return list(yaml.safe_load_all(opened.read()))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return []


def write(file: str, secrets: Sequence[Mapping[str, Any]]) -> None:
    """Writes manifests that only the owner can read, all of them or none.

    Args:
        file: a path, or ``-`` for standard output.
        secrets: what to write.

    Raises:
        NotWritten: it can't be.
    """
    text = yaml.safe_dump_all(secrets, sort_keys=False) if secrets else ""
    try:
        if file == STDOUT:
            descriptor = sys.stdout.fileno()
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                # The shell that redirected made it for everybody.
                os.fchmod(descriptor, _OWNER_ONLY)
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        path = Path(file)
        # 0600 from the beginning; what stood there before stays until this is whole.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NotWritten(f"{file}: can't be written ({error.strerror})") from None
