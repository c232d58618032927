"""SeaweedFS's policies: the one that gives a bucket away, and what others give."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from backends.errors import ServerFault
from backends.wire import jsonbody

_ALL_BUCKETS = re.compile(r"\*|arn:aws:s3:::[*?].*")


def full_use(bucket: str) -> dict[str, Any]:
    """Everything on one bucket and its objects, nothing elsewhere."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:*"],
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


def parse(document: str) -> dict[str, Any]:
    """A policy as an answer tells it.

    Raises:
        ServerFault: it is none.
    """
    # AWS's own IAM encodes it, SeaweedFS 4.53 doesn't.
    text = unquote(document) if document.startswith("%7B") else document
    found = jsonbody.parse(text)
    if found is None:
        raise ServerFault("The store's answer is not the policy that was expected.")
    return found


def encoded(policy: Mapping[str, Any]) -> str:
    """A policy as it is sent."""
    return json.dumps(policy, separators=(",", ":"))


def same(policy: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two policies say the same; a list of one may come back as its only member."""
    return _statements(policy) == _statements(other)


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            # Empty ones stand for those that aren't there.
            name: sorted(_texts(value)) if name in {"Action", "Resource"} else value
            for name, value in statement.items()
            if value not in (None, "", [], {})
        }
        for statement in jsonbody.mappings(policy, "Statement")
    ]


def administers(policy: Mapping[str, Any]) -> bool:
    """Whether a policy makes its users administrators: of users, or of all buckets.

    `s3:*` on every resource is what makes one an IAM administrator (seen with SeaweedFS 4.53).
    """
    for statement in jsonbody.mappings(policy, "Statement"):
        if statement.get("Effect") != "Allow":
            continue
        # What allows all but something hardly ever leaves out all of administration.
        if statement.get("NotAction") or statement.get("NotResource"):
            return True
        everywhere = any(map(_ALL_BUCKETS.fullmatch, _texts(statement.get("Resource"))))
        for action in _texts(statement.get("Action")):
            if _administers(action) or (everywhere and action.lower() == "s3:*"):
                return True
    return False


def _administers(action: str) -> bool:
    """Whether an action, or a pattern of some, is one of the IAM API's."""
    start = re.split(r"[*?]", action.lower())[0]
    return start.startswith("iam:") or (start != action.lower() and "iam:".startswith(start))


def _texts(value: Any) -> list[str]:
    """One text or a list of some, as policies have them."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return []
