"""What a Secret holds by its grants, read without the product's own code."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping


def given(marks: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """What the grants say of each thing; whether the operator signed them isn't looked at.

    Args:
        marks: the operator's annotations, without their prefix.
    """
    version, _, rest = marks.get("grants", "").partition(".")
    if version != "v2":
        return {}
    payload = rest.partition(".")[0]
    document = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    user, _, kind, *_ = document["user"]
    buckets = {("bucket", bucket): entry[1] for bucket, entry in document["buckets"].items()}
    return {("user", user): kind, **buckets}
