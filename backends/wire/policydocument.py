"""A bucket's policy: statements of several writers in one document, told apart by their ids.

Those whose id begins with the operator's word are the operator's: who owns the bucket, who is kept
out, who shares it, that everybody may read. All others are the tenant's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backends.bucketsettings import BUCKET_PLACE, canonical
from backends.errors import ServerFault, Unsupported
from backends.wire import jsonbody

OURS = "S3ResourceOperator"
"""How the ids of the operator's own statements begin."""
OWNER_SID = f"{OURS}Owner"
KEEP_SID = f"{OURS}Keep"
PUBLIC_SID = f"{OURS}PublicRead"
EVERYBODY = {"AWS": ["*"]}

_ARN = "arn:aws:s3:::"
_VERSION = "2012-10-17"
# A statement's conditions are its deepest part.
_DEPTH = 32

Document = dict[str, Any]
Statement = Any


def parse(content: bytes) -> Document:
    """A bucket's policy as a store tells it.

    Raises:
        ServerFault: it is none.
    """
    document = jsonbody.document(content)
    if not is_shallow(document):
        raise ServerFault("The store's answer is not the JSON that was expected.")
    return document


def is_shallow(document: Document) -> bool:
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


def statements(document: Mapping[str, Any] | None) -> list[Statement]:
    """All statements; a document may have one without a list around it."""
    found = (document or {}).get("Statement", [])
    return found if isinstance(found, list) else [found]


def sid(statement: Statement) -> str:
    """A statement's id, empty where it has none."""
    found = statement.get("Sid") if isinstance(statement, dict) else None
    return found if isinstance(found, str) else ""


def is_ours(statement: Statement) -> bool:
    """Whether a statement is the operator's."""
    return sid(statement).startswith(OURS)


def is_owners(statement: Statement) -> bool:
    """Whether it is one of those that :func:`owner_statements` makes."""
    return sid(statement) in {OWNER_SID, KEEP_SID}


def replaced(
    document: Mapping[str, Any] | None,
    which: Callable[[Statement], bool],
    by: Iterable[Statement],
) -> Document | None:
    """The policy with some statements in place of some others; None where none is left.

    Args:
        document: as it is; None for none.
        which: the statements that go. All others stay, in their order.
        by: those that come, at the end.
    """
    kept = [statement for statement in statements(document) if not which(statement)]
    new = [*kept, *by]
    return {**(document or {"Version": _VERSION}), "Statement": new} if new else None


def encoded(document: Document, limit: int) -> bytes:
    """As it is sent.

    Args:
        document: the policy.
        limit: how many bytes it may have.

    Raises:
        Unsupported: it has more.
    """
    content = json.dumps(document, separators=(",", ":")).encode()
    if len(content) > limit:
        raise Unsupported(
            f"The bucket's policy would have {len(content)} bytes, and the store takes {limit}: "
            "shorten bucket-policy."
        )
    return content


def allows(
    name: str, principal: Any, actions: Iterable[str], bucket: str, *, objects: bool
) -> Statement:
    """A statement of the operator's.

    Args:
        name: its id.
        principal: who.
        actions: what.
        bucket: of which bucket.
        objects: of its objects alone, rather than of the bucket, too.
    """
    arn = f"{_ARN}{bucket}"
    return {
        "Sid": name,
        "Effect": "Allow",
        "Principal": principal,
        "Action": sorted(actions),
        "Resource": [f"{arn}/*"] if objects else [arn, f"{arn}/*"],
    }


def owner_statements(bucket: str, principal: Any) -> list[Statement]:
    """The owner may do everything but delete what a retention keeps.

    Without the second the first would give it more than it has without any policy (VersityGW
    1.8.0): leave to bypass governance.

    Args:
        bucket: its name.
        principal: the owner, as a policy of the store calls it.
    """
    keep = allows(KEEP_SID, principal, ["s3:BypassGovernanceRetention"], bucket, objects=True)
    return [
        allows(OWNER_SID, principal, ["s3:*"], bucket, objects=False),
        {**keep, "Effect": "Deny"},
    ]


def public_read(bucket: str) -> Statement:
    """Everybody may read every object."""
    return allows(PUBLIC_SID, EVERYBODY, ["s3:GetObject"], bucket, objects=True)


def form(found: Iterable[Statement]) -> list[Statement]:
    """Statements in the one form in which they are compared.

    What may stand as one or as a list is a sorted list, and everybody is written in one way: some
    stores answer a policy as they understood it (MinIO), others to the letter.
    """
    return sorted(map(_form, found), key=canonical)


def placed(found: Iterable[Statement], bucket: str) -> list[Statement]:
    """Statements about one bucket, for such with a place for its name."""
    return [_about(statement, BUCKET_PLACE, bucket) for statement in found]


def unplaced(found: Iterable[Statement], bucket: str) -> list[Statement]:
    """Statements in the one form with a place for a bucket's name, for such about that bucket."""
    return form(_about(statement, bucket, BUCKET_PLACE) for statement in found)


def principals(found: Iterable[Statement]) -> set[str]:
    """Whom statements of the one form name."""
    return {name for statement in found for name in statement["Principal"]["AWS"]}


def is_public(found: Iterable[Statement]) -> bool:
    """Whether a statement of the one form gives anything to everybody."""
    return any(
        statement.get("Effect") == "Allow" and "*" in statement["Principal"].get("AWS", [])
        for statement in found
        if isinstance(statement, dict) and isinstance(statement.get("Principal"), dict)
    )


def _about(statement: Statement, name: str, other: str) -> Statement:
    """A statement about another bucket, where it is about the one of a name."""
    if not isinstance(statement, dict) or "Resource" not in statement:
        return statement
    resources = []
    for resource in _listed(statement["Resource"]):
        arn, slash, rest = str(resource).partition("/")
        resources.append(f"{_ARN}{other}{slash}{rest}" if arn == f"{_ARN}{name}" else resource)
    return {**statement, "Resource": resources}


def _form(statement: Statement) -> Statement:
    if not isinstance(statement, dict):
        return statement
    shown = {key: value for key, value in statement.items() if value not in ("", [], {})}
    for key in ("Action", "Resource"):
        if key in shown:
            shown[key] = _listed(shown[key])
    principal = shown.get("Principal")
    if isinstance(principal, str):
        principal = {"AWS": principal}
    if isinstance(principal, dict):
        shown["Principal"] = {kind: _listed(names) for kind, names in principal.items()}
    conditions = shown.get("Condition")
    if isinstance(conditions, dict):
        shown["Condition"] = {
            operator: {key: _listed(values) for key, values in keys.items()}
            if isinstance(keys, dict)
            else keys
            for operator, keys in conditions.items()
        }
    return shown


def _listed(value: Any) -> Any:
    if not isinstance(value, list):
        return [value]
    return sorted(value, key=canonical)
