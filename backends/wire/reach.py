"""How far a user's own policies reach: to buckets that they name one by one, or to anybody's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from backends.wire import jsonbody

_ARN = "arn:aws:s3:::"
_S3 = "s3:"
# They tell which buckets there are, and nothing of what is in them; clients with a window ask so.
_NAMES_ONLY = frozenset({"s3:listallmybuckets", "s3:getbucketlocation"})
_WILDCARD = re.compile(r"[*?]")


def reaches_any_bucket(policy: Mapping[str, Any]) -> bool:
    """Whether a policy allows something with buckets that it doesn't name in full.

    Any action of S3's counts but those that list names. Neither a condition nor a Deny makes it
    less: whether they leave anything open can't be told from the policy alone. A variable, such as
    ``${aws:username}``, is no wildcard: it stands for the user itself.

    Args:
        policy: the document, with texts or lists of them, as stores give it back.

    Raises:
        ServerFault: it is no policy.
    """
    return any(
        statement.get("Effect") == "Allow" and _is_anywhere(statement) and _does_anything(statement)
        for statement in jsonbody.mappings(policy, "Statement")
    )


def _is_anywhere(statement: Mapping[str, Any]) -> bool:
    if statement.get("NotResource"):
        # All buckets but some.
        return True
    return any(map(_is_pattern_of_buckets, _texts(statement.get("Resource"))))


def _is_pattern_of_buckets(resource: str) -> bool:
    """Whether a resource may be of more than one bucket, or of what is in more than one."""
    if resource.startswith(_ARN):
        bucket = resource.removeprefix(_ARN).partition("/")[0]
        return bool(_WILDCARD.search(bucket))
    # Whatever comes before its first wildcard may be the beginning of such a name.
    start, *more = _WILDCARD.split(resource, maxsplit=1)
    return bool(more) and _ARN.startswith(start)


def _does_anything(statement: Mapping[str, Any]) -> bool:
    if statement.get("NotAction"):
        return True
    actions = (action.lower() for action in _texts(statement.get("Action")))
    return any(action not in _NAMES_ONLY and _may_be_of_s3(action) for action in actions)


def _may_be_of_s3(action: str) -> bool:
    start = _WILDCARD.split(action, maxsplit=1)[0]
    return start.startswith(_S3) or (start != action and _S3.startswith(start))


def _texts(value: Any) -> list[str]:
    """One text or a list of some, as policies have them."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
