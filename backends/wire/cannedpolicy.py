"""Policies of users, as MinIO has them: what gives a bucket away, and what administers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from backends.wire import jsonbody


def full_use(bucket: str, *, locked: bool = False) -> dict[str, Any]:
    """Everything on one bucket and its objects, nothing elsewhere.

    Args:
        bucket: its name.
        locked: without leave to delete what a retention in governance mode keeps.
    """
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": ["s3:*"],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
    ]
    if locked:
        statements.append(
            {
                "Effect": "Deny",
                "Action": ["s3:BypassGovernanceRetention"],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def same(policy: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two policies are the same; stores give lists back in an order of their own."""
    try:
        return bool(_sorted(policy) == _sorted(other))
    except RecursionError:
        # No policy has lists in lists that deep.
        return False


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(item) for item in value), key=repr)
    return value


def grants_administration(
    policy: Mapping[str, Any],
    kinds: Collection[str] = ("admin:",),
    but: Collection[str] = frozenset(),
) -> bool:
    """Whether a policy, as the store gives it back, allows any action of the admin API.

    Args:
        policy: the document.
        kinds: how such actions begin.
        but: those of them that users need for objects.

    Raises:
        ServerFault: it is no policy.
    """
    for statement in jsonbody.mappings(policy, "Statement"):
        # What allows all but something hardly ever leaves out all of administration.
        broad = bool(statement.get("NotAction"))
        if statement.get("Effect") == "Allow" and (
            broad
            or any(
                _is_one_of(kind, action)
                for action in jsonbody.texts(statement, "Action")
                if action not in but
                for kind in kinds
            )
        ):
            return True
    return False


def _is_one_of(kind: str, action: str) -> bool:
    """Whether an action, or a pattern of some, begins so."""
    start = re.split(r"[*?]", action)[0]
    return start.startswith(kind) or (start != action and kind.startswith(start))
