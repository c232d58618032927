"""A bucket policy: about this bucket alone, and none that keeps its own owner out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import Any

from backends.bucketsettings import BUCKET_PLACE, Document, canonical
from backends.wire import policydocument as policies
from hooks.claim.bucketsettings import source
from hooks.claim.bucketsettings.actions import is_action
from hooks.claim.fields import Value

_ARN = "arn:aws:s3:::"
_VERSION = "2012-10-17"
_MOST = 100
_LONGEST = 2048
# Bytes; of no store more is known to be taken, and it is looked through in every sync.
_LIMIT = 20 * 1024
# Each is made into an expression, which is what a policy costs.
_PATTERNS = 100
_KNOWN = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})
_NEGATED = frozenset({"NotAction", "NotPrincipal", "NotResource"})
_SID = re.compile(r"[A-Za-z0-9 _-]{0,128}")
# Without these a bucket's owner, and so the operator for it, can't mend the policy any more, nor
# be told from somebody to whom the bucket doesn't belong.
_OWNERS = (
    *("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
    *("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket"),
)


class _Mistake(ValueError):
    """The place in the document, and what is wrong there; quotes nothing."""


def read(found: Value, bucket: str, user: str) -> Document:
    """The policy's statements in the one form, with a place for the bucket's name.

    Args:
        found: the value.
        bucket: the one that the policy has to be about.
        user: the bucket's owner.

    Raises:
        InvalidSecret: it can't be used.
    """
    document = source.parse(found)
    try:
        return _statements(document, bucket, user)
    except _Mistake as error:
        raise source.wrong(found, error) from None


def _statements(document: Any, bucket: str, user: str) -> Document:
    if not isinstance(document, dict) or not policies.is_shallow(document):
        raise _Mistake("it must be a mapping with Version and Statement")
    if len(canonical(document)) > _LIMIT:
        raise _Mistake(f"it has more than {_LIMIT // 1024} KiB")
    if not document.keys() <= {"Version", "Id", "Statement"}:
        raise _Mistake("it has a key that is none of Version, Id, Statement")
    if document.get("Version", _VERSION) != _VERSION:
        raise _Mistake(f"Version must be {_VERSION}")
    statements = policies.statements(document)
    if not statements or len(statements) > _MOST:
        raise _Mistake(f"Statement must be a list of 1 to {_MOST} statements")
    if len(_patterns(statements)) > _PATTERNS:
        raise _Mistake(f"its Actions must have at most {_PATTERNS} different patterns in all")
    for number, statement in enumerate(statements):
        _check(statement, f"Statement[{number}]", bucket, user)
    return policies.unplaced(statements, bucket)


def _patterns(statements: Iterable[Any]) -> set[str]:
    """All actions with a wildcard, of statements that are not checked yet."""
    found = (each.get("Action") for each in statements if isinstance(each, dict))
    listed = (each if isinstance(each, list) else [each] for each in found)
    texts = {text for texts in listed for text in texts if isinstance(text, str)}
    return {text for text in texts if "*" in text or "?" in text}


def _check(statement: Any, place: str, bucket: str, user: str) -> None:
    if not isinstance(statement, dict):
        raise _Mistake(f"{place} must be a mapping")
    if found := sorted(_NEGATED & statement.keys()):
        raise _Mistake(
            f"{place} has {found[0]}, which some stores pass over: say what is meant instead"
        )
    if not statement.keys() <= _KNOWN:
        raise _Mistake(f"{place} has a key that is none of {', '.join(sorted(_KNOWN))}")
    for key in sorted(_KNOWN - {"Sid", "Condition"} - statement.keys()):
        raise _Mistake(f"{place} lacks {key}")
    id_ = statement.get("Sid", "")
    if not isinstance(id_, str) or not _SID.fullmatch(id_):
        raise _Mistake(f"{place}.Sid must be letters and digits")
    if id_.startswith(policies.OURS):
        raise _Mistake(f"{place}.Sid begins with {policies.OURS}, which is the operator's own")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _Mistake(f"{place}.Effect must be Allow or Deny")
    names = _principals(statement["Principal"], f"{place}.Principal")
    actions = _texts(statement["Action"], f"{place}.Action")
    if not all(map(is_action, actions)):
        raise _Mistake(f"{place}.Action must name actions such as s3:GetObject, each of them S3's")
    resources = _texts(statement["Resource"], f"{place}.Resource")
    for resource in resources:
        if not _is_of(resource, bucket):
            raise _Mistake(
                f"{place}.Resource must be this bucket or what is in it: {_ARN}{BUCKET_PLACE} or "
                f"{_ARN}{BUCKET_PLACE}/*"
            )
    _check_condition(statement.get("Condition", {}), f"{place}.Condition")
    of_bucket = any("/" not in resource for resource in resources)
    if statement["Effect"] == "Deny" and of_bucket and _may_be(user, names):
        denied = _denied(actions)
        if denied is not None:
            raise _Mistake(
                f"{place} would lock the bucket's owner out, since it denies {denied}: name "
                "other actions or other principals"
            )


def _denied(actions: Iterable[str]) -> str | None:
    """The first of the owner's actions that a pattern covers, None for none."""
    # Each pattern is made into an expression once: that is what a long policy costs.
    patterns = [re.compile(translate(each)) for each in {each.lower() for each in actions}]
    return next(
        (
            action
            for action in _OWNERS
            if any(pattern.match(action.lower()) for pattern in patterns)
        ),
        None,
    )


def _principals(found: Any, place: str) -> list[str]:
    if found == "*":
        return ["*"]
    if not isinstance(found, dict) or found.keys() != {"AWS"}:
        raise _Mistake(f'{place} must be "*" or a mapping with AWS')
    return _texts(found["AWS"], f"{place}.AWS")


def _texts(found: Any, place: str) -> list[str]:
    listed = found if isinstance(found, list) else [found]
    if not listed or not all(
        isinstance(each, str) and each and len(each) <= _LONGEST for each in listed
    ):
        raise _Mistake(f"{place} must be text or a list of texts")
    return listed


def _check_condition(found: Any, place: str) -> None:
    if not isinstance(found, dict) or not all(isinstance(keys, dict) for keys in found.values()):
        raise _Mistake(f"{place} must be a mapping of mappings")
    for keys in found.values():
        for values in keys.values():
            listed = values if isinstance(values, list) else [values]
            if not all(isinstance(each, str | bool | int) for each in listed):
                raise _Mistake(f"{place} must have texts as values")


def _is_of(resource: str, bucket: str) -> bool:
    name, _, _ = resource.removeprefix(_ARN).partition("/")
    return resource.startswith(_ARN) and name in {bucket, BUCKET_PLACE}


def _may_be(user: str, names: Iterable[str]) -> bool:
    """Whether a principal may be the owner: by a pattern, its name, or an ARN that ends with it."""
    ends = (user, f"/{user}", f":{user}")
    return any("*" in name or name.endswith(ends) for name in names)
