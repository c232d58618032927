"""What a Secret holds by its grants, read without the product's own code."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any


def document(marks: Mapping[str, str]) -> dict[str, Any]:
    """What the grants say; whether the operator signed them isn't looked at.

    Args:
        marks: the operator's annotations, without their prefix.
    """
    version, _, rest = marks.get("grants", "").partition(".")
    if version != "v2":
        return {}
    payload = rest.partition(".")[0]
    found: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return found


def given(marks: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """How each thing is held, by its kind and name."""
    found = document(marks)
    if not found:
        return {}
    user, _, kind, *_ = found["user"]
    return {
        ("user", user): kind,
        **{("bucket", bucket): entry[1] for bucket, entry in found["buckets"].items()},
    }
