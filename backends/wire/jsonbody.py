"""JSON as stores' admin APIs speak it, read without trust."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from backends.errors import ServerFault

_CODE = re.compile(r"[A-Za-z0-9]{1,64}")


def parse(content: str | bytes) -> dict[str, Any] | None:
    """An answer's object, None if it is anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def document(content: str | bytes) -> dict[str, Any]:
    """An answer's object.

    Raises:
        ServerFault: it is anything else.
    """
    found = parse(content)
    if found is None:
        raise ServerFault("The store's answer is not the JSON that was expected.")
    return found


def error(content: bytes, code_key: str, message_key: str) -> tuple[str, str]:
    """Code and message of an error under their names; empty strings where it isn't one."""
    found = parse(content) or {}
    code, message = found.get(code_key), found.get(message_key)
    return (
        code if isinstance(code, str) and _CODE.fullmatch(code) else "",
        message if isinstance(message, str) else "",
    )


def texts(document: Mapping[str, Any], key: str) -> list[str]:
    """The list of texts there; empty where there is none.

    Raises:
        ServerFault: something else is there.
    """
    return _list(document, key, str)


def mappings(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of objects there; empty where there is none.

    Raises:
        ServerFault: something else is there.
    """
    return _list(document, key, dict)


def mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object there; empty where there is none.

    Raises:
        ServerFault: something else is there.
    """
    found = document.get(key)
    if found is not None and not isinstance(found, dict):
        raise ServerFault(f"The store's answer has no object under {key} as it was expected.")
    return found or {}


def count(document: Mapping[str, Any], key: str) -> int | None:
    """The number there; None where there is none, or one below zero, which is a lack of limits.

    Raises:
        ServerFault: something else is there.
    """
    found = document.get(key)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool):
        raise ServerFault(f"The store's answer has no number under {key} as it was expected.")
    return found if found >= 0 else None


def _list(document: Mapping[str, Any], key: str, kind: type) -> list[Any]:
    found = document.get(key)
    # Go writes null for an empty list.
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, kind) for item in found):
        raise ServerFault(f"The store's answer has no list under {key} as it was expected.")
    return found
