"""JSON as stores' admin APIs speak it, read without trust."""

from __future__ import annotations

import json
import re
from typing import Any

_CODE = re.compile(r"[A-Za-z0-9]{1,64}")


def parse(content: str | bytes) -> dict[str, Any] | None:
    """An answer's object, None if it is anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def error(content: bytes, code_key: str, message_key: str) -> tuple[str, str]:
    """Code and message of an error under their names; empty strings where it isn't one."""
    document = parse(content) or {}
    code, message = document.get(code_key), document.get(message_key)
    return (
        code if isinstance(code, str) and _CODE.fullmatch(code) else "",
        message if isinstance(message, str) else "",
    )
