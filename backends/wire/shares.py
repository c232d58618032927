"""The statements of a bucket policy that let further users in: one for each kind of access.

A statement lists all its users, since a policy's size is limited. What an owner's policy says
besides stays, so an owner can still deny what these allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backends.sharing import Access
from backends.wire import policydocument
from backends.wire.policydocument import OURS, Statement

SIDS: Mapping[Access, str] = {
    Access.READ_ONLY: f"{OURS}ReadOnly",
    Access.READ_WRITE: f"{OURS}ReadWrite",
}
_ALL_SIDS = frozenset(SIDS.values())
# Where a bucket is clients ask before all else. No setting of a bucket's is among these.
ACTIONS: Mapping[Access, tuple[str, ...]] = {
    Access.READ_ONLY: ("s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"),
    Access.READ_WRITE: (
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
    ),
}
"""What a user with an access may do with a bucket and its objects; never its former versions."""


def is_share(statement: Statement) -> bool:
    """Whether a statement is one of these."""
    return policydocument.sid(statement) in _ALL_SIDS


def told(
    document: Mapping[str, Any] | None, name: Callable[[str], str | None]
) -> dict[str, Access]:
    """Whom a policy's own statements let in, and for what; who stands in both for the more.

    An owner can write them too, so nothing but names is taken from them.

    Args:
        document: the policy.
        name: the user that a principal means; None for nobody.
    """
    found: dict[str, Access] = {}
    for access, sid in SIDS.items():
        for each in policydocument.statements(document):
            if policydocument.sid(each) == sid:
                users = map(name, principals(each))
                found |= {user: access for user in users if user}
    return found


def written(
    shares: Mapping[str, Access], bucket: str, principal: Callable[[Iterable[str]], Any]
) -> list[Statement]:
    """The statements for users; none where there are none.

    Args:
        shares: the users, and what each may do.
        bucket: its name.
        principal: how the store names users in a statement.
    """
    made = []
    for access, sid in SIDS.items():
        users = sorted(user for user, kind in shares.items() if kind is access)
        if users:
            made.append(
                policydocument.allows(sid, principal(users), ACTIONS[access], bucket, objects=False)
            )
    return made


def canned(access: Access, bucket: str) -> dict[str, Any]:
    """The same as a policy of a user's own, for stores where access is the users'."""
    statement = policydocument.allows("", None, ACTIONS[access], bucket, objects=False)
    del statement["Sid"], statement["Principal"]
    return {"Version": "2012-10-17", "Statement": [statement]}


def principals(statement: Statement) -> list[str]:
    """Whom a statement is for, in the store's words; empty where that can't be told."""
    principal = statement.get("Principal") if isinstance(statement, dict) else None
    listed = principal.get("AWS") if isinstance(principal, dict) else principal
    return [
        name for name in (listed if isinstance(listed, list) else [listed]) if isinstance(name, str)
    ]
