"""The two statements that this operator writes into the policy of a bucket that changes hands.

An object stays the one's who wrote it, whoever the bucket's owner is: the former owner could read
on, and the new one couldn't (seen with Ceph 16.2.15). The statements turn that round. All others
in the policy are the owner's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from backends.errors import ServerFault
from backends.wire import jsonbody

OWNER_SID = "S3ResourceOperatorOwner"
FORMER_SID = "S3ResourceOperatorFormerOwners"

_VERSION = "2012-10-17"
_OURS = frozenset({OWNER_SID, FORMER_SID})
_USER = re.compile(r"arn:aws:iam::([^:]*):user/(.+)")
# A statement's conditions are its deepest part.
_DEPTH = 32
# Names of former owners that are kept; a tenant can write any number of them.
_MOST = 100

Document = dict[str, Any]


def parse(content: bytes) -> Document:
    """A bucket's policy.

    Raises:
        ServerFault: it is none.
    """
    document = jsonbody.document(content)
    if not _is_shallow(document):
        raise ServerFault("The store's answer is not the JSON that was expected.")
    return document


def others(document: Document | None) -> list[Any]:
    """The statements that are not this operator's."""
    return [statement for statement in _statements(document) if not _is_ours(statement)]


def is_marked(document: Document | None) -> bool:
    """Whether a statement of this operator's is in it."""
    return any(_is_ours(statement) for statement in _statements(document))


def formers(document: Document | None) -> set[str]:
    """Whom the operator's statement keeps out, so users whose objects the bucket may hold.

    Nothing but their names is taken from it, since an owner can write it too.
    """
    found: set[str] = set()
    for statement in _statements(document):
        if not (_is_ours(statement) and statement.get("Sid") == FORMER_SID):
            continue
        principal = statement.get("Principal")
        listed = principal.get("AWS") if isinstance(principal, dict) else None
        for arn in listed if isinstance(listed, list) else [listed]:
            if isinstance(arn, str) and (match := _USER.fullmatch(arn)):
                tenant, name = match.groups()
                found.add(f"{tenant}${name}" if tenant else name)
    return set(sorted(found)[:_MOST])


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
    return {
        **(document or {"Version": _VERSION}),
        "Statement": [*others(document), *_ours(bucket, owner, former)],
    }


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
    """As it is sent."""
    return json.dumps(document, separators=(",", ":")).encode()


def _ours(bucket: str, owner: str, former: Iterable[str]) -> list[Document]:
    arn = f"arn:aws:s3:::{bucket}"
    statements = [_statement(OWNER_SID, "Allow", [owner], [arn, f"{arn}/*"])]
    if former := sorted(former):
        # Of the bucket itself they have nothing but what its owner gives them. And one that is
        # still the owner, since the change was cut short, can be signed for.
        statements.append(_statement(FORMER_SID, "Deny", former, [f"{arn}/*"]))
    return statements


def _statement(sid: str, effect: str, names: Iterable[str], resources: list[str]) -> Document:
    return {
        "Sid": sid,
        "Effect": effect,
        "Principal": _principal(names),
        "Action": "s3:*",
        "Resource": resources,
    }


def _principal(names: Iterable[str]) -> Document:
    arns = []
    for name in names:
        tenant, _, user = name.rpartition("$")
        arns.append(f"arn:aws:iam::{tenant}:user/{user}")
    return {"AWS": arns}


def _is_shallow(document: Document) -> bool:
    """Whether it is nested no deeper than a policy can be: it is written again, and compared."""
    level: list[Any] = [document]
    for _ in range(_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return not level


def _statements(document: Mapping[str, Any] | None) -> list[Any]:
    found = (document or {}).get("Statement", [])
    return found if isinstance(found, list) else [found]


def _is_ours(statement: Any) -> bool:
    sid = statement.get("Sid") if isinstance(statement, dict) else None
    return isinstance(sid, str) and sid in _OURS
