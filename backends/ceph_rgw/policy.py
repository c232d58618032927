"""The statements that this operator writes into the policy of a bucket that changes hands.

An object stays the one's who wrote it, whoever the bucket's owner is: the former owner could read
on, and the new one couldn't (seen with Ceph 16.2.15). The statements turn that round. All others
in the policy are the owner's own, or let in whom the owner shares the bucket with.

A former owner whom the bucket is shared with stands in a statement of its own: what it once wrote
it may read with the rest, and still not open to others. So does who may write: its objects are its
own, too, which it could read when the bucket is shared no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from backends.sharing import Access
from backends.wire import policydocument, shares
from backends.wire.policydocument import OURS, OWNER_SID, Document

FORMER_SID = f"{OURS}FormerOwners"
FORMER_GUEST_SID = f"{OURS}FormerOwnersSharing"
LIMIT = 20 * 1024
"""Bytes of a policy at most, by the rules of S3."""

_FORMER = frozenset({FORMER_SID, FORMER_GUEST_SID})
_OURS = frozenset({OWNER_SID, *_FORMER})
_USER = re.compile(r"arn:aws:iam::([^:]*):user/(.+)")
# What an object's owner may do with it without leave of the bucket's. An ACL that comes with an
# object can't be kept out: one of an upload in parts is no condition (Ceph 16.2.15).
_OF_AN_OWNER = ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"]
# Names of former owners that are kept; a tenant can write any number of them.
_MOST = 100


def others(document: Document | None) -> list[Any]:
    """The statements that are not this operator's."""
    return [
        statement
        for statement in policydocument.statements(document)
        if not policydocument.is_ours(statement)
    ]


def is_marked(document: Document | None) -> bool:
    """Whether a statement of this operator's is in it."""
    return any(_is_ours(statement) for statement in policydocument.statements(document))


def formers(document: Document | None) -> set[str]:
    """Whom the operator's statement keeps out, so users whose objects the bucket may hold.

    Nothing but their names is taken from it, since an owner can write it too.
    """
    found: set[str] = set()
    for statement in policydocument.statements(document):
        if policydocument.sid(statement) in _FORMER:
            found |= {name for arn in shares.principals(statement) if (name := user(arn))}
    return set(sorted(found)[:_MOST])


def user(principal: str) -> str | None:
    """The user that a principal of a statement means; None where it means another thing."""
    match = _USER.fullmatch(principal)
    if match is None:
        return None
    tenant, name = match.groups()
    return f"{tenant}${name}" if tenant else name


def handed_over(
    document: Document | None, bucket: str, owner: str, former: Iterable[str]
) -> Document:
    """The policy with statements for an owner and against former ones.

    Args:
        document: as it is; None for none. What isn't the operator's stays.
        bucket: its name.
        owner: who has the bucket from now on.
        former: whose objects it may hold.
    """
    own = _ours(bucket, owner, former, shares.told(document, user))
    new = policydocument.replaced(document, _is_ours, own)
    # There is one for the owner at least.
    return new or {}


def shared(
    document: Document | None, bucket: str, owner: str, wanted: Mapping[str, Access]
) -> Document | None:
    """The policy with statements for those whom the bucket is shared with; None for nothing.

    Who may write, or could until now, counts as a former owner: the bucket may hold its objects.

    Args:
        document: as it is.
        bucket: its name.
        owner: who has the bucket.
        wanted: those, and what each may do.
    """
    told = [*shares.told(document, user).items(), *wanted.items()]
    former = formers(document) | {name for name, access in told if access is Access.READ_WRITE}
    new = policydocument.replaced(
        document, shares.is_share, shares.written(wanted, bucket, _principal)
    )
    if not (is_marked(document) or former):
        return new
    own = _ours(bucket, owner, former - {owner}, wanted)
    return policydocument.replaced(new, _is_ours, own)


def bare(
    document: Document | None, bucket: str, owner: str, former: Iterable[str]
) -> Document | None:
    """What is left of the policy without its owner's own statements; None for nothing.

    Args:
        document: as it is.
        bucket: its name.
        owner: who has the bucket.
        former: as in :func:`handed_over`.
    """
    if not is_marked(document):
        return None
    return handed_over(None, bucket, owner, former)


def encoded(document: Document) -> bytes:
    """As it is sent.

    Raises:
        Unsupported: it is longer than a policy may be.
    """
    return policydocument.encoded(document, LIMIT)


def _ours(
    bucket: str, owner: str, former: Iterable[str], guests: Mapping[str, Access]
) -> list[Document]:
    arn = f"arn:aws:s3:::{bucket}"
    statements = [_statement(OWNER_SID, "Allow", [owner], "s3:*", [arn, f"{arn}/*"])]
    # Of the bucket itself they have nothing but what its owner gives them. And one that is
    # still the owner, since the change was cut short, can be signed for.
    out, guests_of_them = sorted(set(former) - set(guests)), sorted(set(former) & set(guests))
    objects = [f"{arn}/*"]
    if out:
        statements.append(_statement(FORMER_SID, "Deny", out, "s3:*", objects))
    if guests_of_them:
        statements.append(
            _statement(FORMER_GUEST_SID, "Deny", guests_of_them, _OF_AN_OWNER, objects)
        )
    return statements


def _statement(
    sid: str, effect: str, names: Iterable[str], actions: str | list[str], resources: list[str]
) -> Document:
    return {
        "Sid": sid,
        "Effect": effect,
        "Principal": _principal(names),
        "Action": actions,
        "Resource": resources,
    }


def _principal(names: Iterable[str]) -> Document:
    arns = []
    for name in names:
        tenant, _, user = name.rpartition("$")
        arns.append(f"arn:aws:iam::{tenant}:user/{user}")
    return {"AWS": arns}


def _is_ours(statement: Any) -> bool:
    return policydocument.sid(statement) in _OURS
