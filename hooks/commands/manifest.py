"""Secret manifests as files hold them: several documents, lists, and stringData."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hooks.contract.decorator import NotAHookRequest, SyncRequest


class ManifestError(Exception):
    """A file can't be read as manifests; the text names file and document."""


def read(files: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The Secrets in the files, as the API server would have stored them.

    Args:
        files: paths; ``-`` is standard input. Objects of other kinds are passed over.

    Raises:
        ManifestError: not readable, or not YAML (JSON is).
    """
    for file in files:
        name = "standard input" if file == "-" else file
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise ManifestError(f"{name}: can't be read ({error.strerror})") from None
        except ValueError:
            raise ManifestError(f"{name}: is not UTF-8 text") from None
        try:
            documents = list(yaml.safe_load_all(text))
        except (yaml.YAMLError, *_NOT_YAML) as error:
            # The error's own text quotes the file, and with it credentials.
            mark = getattr(error, "problem_mark", None)
            where = f" (line {mark.line + 1})" if mark else ""
            raise ManifestError(f"{name}: is not valid YAML{where}") from None
        for number, document in enumerate(documents, 1):
            where = f"{name}, document {number}"
            try:
                yield from _secrets(document, where)
            except RecursionError:
                raise ManifestError(f"{where}: is a list that holds itself") from None


# What PyYAML 6 raises for values that it can't make, and for deep nesting.
_NOT_YAML = (ValueError, KeyError, AttributeError, TypeError, RecursionError)
_NO_LINES = str.maketrans("", "", "\r\n")


def _secrets(document: object, where: str) -> Iterator[dict[str, Any]]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise ManifestError(f"{where}: is not a Kubernetes object")
    kind = document.get("kind")
    if kind in ("List", "SecretList"):
        items = document.get("items")
        # The API server leaves out what the list's kind says already.
        implied = {"apiVersion": "v1", "kind": "Secret"} if kind == "SecretList" else {}
        for item in items if isinstance(items, list) else []:
            yield from _secrets({**implied, **item} if isinstance(item, dict) else item, where)
    elif kind == "Secret":
        yield _stored(document, where)


def _stored(secret: dict[str, Any], where: str) -> dict[str, Any]:
    """stringData merged into data, as the API server does on every write."""
    metadata = secret.get("metadata")
    # YAML makes something else of a name like off or 1234, which is told further below.
    if not isinstance(metadata, dict) or metadata.get("name") in (None, ""):
        raise ManifestError(f"{where}: the Secret has no metadata.name")
    # The API server takes base64 in lines, as `base64` and a block of YAML have it.
    data = {
        key: value.translate(_NO_LINES) if isinstance(value, str) else value
        for key, value in _mapping(secret, "data", where).items()
    }
    for key, value in _mapping(secret, "stringData", where).items():
        if not isinstance(value, str):
            raise ManifestError(f"{where}: stringData.{key} is not a string: put it into quotes")
        try:
            data[key] = base64.b64encode(value.encode()).decode()
        except UnicodeEncodeError:
            raise ManifestError(f"{where}: stringData.{key} is not text") from None
    stored = {key: value for key, value in secret.items() if key != "stringData"}
    # An empty one is none: templates are rendered so.
    metadata = {**metadata, "namespace": metadata.get("namespace") or "default"}
    stored = {**stored, "metadata": metadata, "data": data}
    try:
        SyncRequest.of(stored)
    except NotAHookRequest as error:
        raise ManifestError(f"{where}: {error}") from None
    return stored


def _mapping(secret: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = secret.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ManifestError(f"{where}: {key} is not a mapping")
    return dict(value)
