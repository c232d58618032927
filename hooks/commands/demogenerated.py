"""The demo's Secret without credentials of its own: `sync` puts what it makes into a file."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hooks.commands.processes import ProcessError

BUCKET = "my-app-uploads"
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Handed:
    """What an application finds in the file.

    Args:
        file: the file's name.
        mode: who may read it, as `chmod` has it.
        keys: of the connection Secret.
        access_key: of the pair in it.
        access_secret: of the pair in it.
    """

    file: str
    mode: str
    keys: tuple[str, ...]
    access_key: str
    access_secret: str = field(repr=False)


class GeneratedSecret:
    """A manifest in a folder, for the program's own command.

    Args:
        folder: for manifest and connection Secret.
        environ: the operator's settings, SIGNING_KEY among them.
        prefix: of the annotations.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], prefix: str) -> None:
        self._manifest = folder / "my-app.yaml"
        self._connection = folder / "my-app-s3.yaml"
        self._environ = dict(environ)
        self._prefix = prefix

    def sync(self, rotate: str | None = None) -> Handed:
        """Runs ``s3-resource-operator sync --connection``.

        Args:
            rotate: a time in the past: new credentials once.

        Raises:
            ProcessError: the Secret has not become Ready.
        """
        asked = {
            "enabled": "true",
            "credentials": "generated",
            "connection-secret": "my-app-s3",
            **({} if rotate is None else {"rotate": rotate}),
        }
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "my-app",
                "annotations": {f"{self._prefix}{word}": value for word, value in asked.items()},
            },
            "stringData": {"bucket-name": BUCKET},
        }
        self._manifest.write_text(yaml.safe_dump(manifest), encoding="utf-8")
        command = [sys.executable, "-m", "hooks", "sync", "-f", str(self._manifest)]
        command += ["--connection", str(self._connection)]
        try:
            # No shell, and the program's own command.
            done = subprocess.run(  # noqa: S603
                command,
                env=self._environ,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProcessError(f"sync: not done in {_TIMEOUT:g} s") from None
        if done.returncode:
            raise ProcessError(f"sync: {done.stdout}{done.stderr}")
        made: Mapping[str, Any] = yaml.safe_load(self._connection.read_text(encoding="utf-8"))
        data: Mapping[str, str] = made["data"]
        return Handed(
            self._connection.name,
            f"{stat.S_IMODE(self._connection.stat().st_mode):04o}",
            tuple(data),
            _plain(data["AWS_ACCESS_KEY_ID"]),
            _plain(data["AWS_SECRET_ACCESS_KEY"]),
        )


def _plain(value: str) -> str:
    return base64.b64decode(value).decode()
