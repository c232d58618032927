"""Configurations that need no library: a pod's service account, and kubeconfigs of one file.

The Kubernetes client takes 17 MB of memory and half a second to import, a third of what the whole
operator does, for what these say in a few lines. All that is less plain is left to it: programs and
providers that give credentials, several files, keys within the file.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hooks.cluster.access import Access

# Seconds, as the client has it: the kubelet renews a token long before it ends.
_FRESH = 60.0
_CLUSTER = frozenset(
    {
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "tls-server-name",
        "proxy-url",
        "extensions",
    }
)
_USER = frozenset({"token", "client-certificate", "client-key"})


class Token:
    """A pod's token, which is renewed in its file.

    Args:
        path: the file.

    Raises:
        OSError: it can't be read.
        ValueError: it is empty, or not text.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read()

    def __call__(self) -> str:
        """The header ``Authorization``."""
        if time.monotonic() >= self._until:
            self._read()
        return self._header

    def _read(self) -> None:
        # A token file that an editor wrote ends with a newline.
        token = self._path.read_text(encoding="utf-8").strip()
        if not token:
            raise ValueError("there is no token")
        self._header = f"Bearer {token}"
        self._until = time.monotonic() + _FRESH


def of_pod(environ: Mapping[str, str], folder: Path) -> Access:
    """What a pod's service account gives.

    Args:
        environ: the environment.
        folder: where it is mounted.

    Raises:
        OSError: a file is missing, or can't be read.
        ValueError: one is empty, or the environment names no port.
    """
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "")
    authority = folder / "ca.crt"
    if not port or not authority.read_bytes():
        raise ValueError("the port or the CA is missing")
    try:
        namespace = (folder / "namespace").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        namespace = ""
    return Access(
        f"https://{f'[{host}]' if ':' in host else host}:{port}",
        Token(folder / "token"),
        namespace or "default",
        ca_file=str(authority),
    )


def of_file(path: Path, context: str | None) -> Access | None:
    """What a kubeconfig says; None where it isn't plain, or isn't right.

    Args:
        path: the file.
        context: which one, None for its current one.
    """
    try:
        document = yaml.safe_load(path.read_bytes())
        name = context if context is not None else document["current-context"]
        chosen = _named(document["contexts"], name, "context")
        cluster = _named(document["clusters"], chosen["cluster"], "cluster")
        user = _named(document["users"], chosen["user"], "user")
        if not (cluster.keys() <= _CLUSTER and user.keys() <= _USER):
            return None
        return _access(path.absolute().parent, cluster, user, chosen)
    except (OSError, yaml.YAMLError, LookupError, ValueError, TypeError, AttributeError):
        # What is wrong with it, the client says.
        return None


def _access(
    folder: Path, cluster: Mapping[str, Any], user: Mapping[str, Any], context: Mapping[str, Any]
) -> Access:
    """
    Raises:
        ValueError: something of it isn't text, or a file isn't there.
    """
    parts = [*cluster.items(), *user.items()]
    if not all(isinstance(value, str) for key, value in parts if key != "extensions"):
        raise ValueError("not plain")
    # Sent by the client alone: what no header can hold is told there, once.
    token = user.get("token", "").strip()
    authority, data = (
        cluster.get(f"certificate-authority{suffix}") or None for suffix in ("", "-data")
    )
    own = [_file(folder, user[key]) for key in ("client-certificate", "client-key") if key in user]
    if len(own) == 1:
        raise ValueError("one without the other")
    return Access(
        cluster["server"].rstrip("/"),
        lambda: f"Bearer {token}" if token else "",
        str(context.get("namespace") or "default"),
        ca_file=None if data or not authority else _file(folder, authority),
        ca_data=base64.b64decode(data, validate=True).decode() if data else None,
        certificate=(own[0], own[1]) if own else None,
        server_name=cluster.get("tls-server-name", ""),
        proxy=cluster.get("proxy-url", ""),
    )


def _file(folder: Path, name: str) -> str:
    path = folder / name
    if not path.is_file():
        raise ValueError("there is no such file")
    return str(path)


def _named(entries: Any, name: object, kind: str) -> dict[str, Any]:
    (found,) = [entry[kind] for entry in entries if entry["name"] == name]
    if not isinstance(found, dict):
        raise TypeError(kind)
    return found
