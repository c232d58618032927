"""The two annotations by which a bucket is shared: who wants access, and who is let in.

Names in them are exact: whoever may make a Secret of a name that a pattern fits would be let in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from backends.sharing import Access
from hooks.claim.fields import InvalidSecret
from hooks.claim.secret import Reading
from hooks.contract.outcome import Reason
from hooks.contract.status import Keys

Slot = tuple[str, str]
"""A Secret's namespace and name."""

MOST = 64
"""Secrets that a holder can name: each is read where what is shared is looked after."""
_LONGEST = 64 * 1024
_ENTRY = re.compile(
    r"(?P<namespace>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)"
    r"/(?P<name>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)"
    r"(?::(?P<access>[a-z-]+))?"
)
_WORDS = {access.value: access for access in Access}
_IGNORED = (
    "The bucket's settings are for the Secret that holds it to set, so this Secret's are ignored."
)


def read_access(annotations: Mapping[str, str], keys: Keys) -> Access | None:
    """What a Secret wants of another's bucket; None where it wants one of its own.

    Args:
        annotations: the Secret's.
        keys: the annotations' names.

    Raises:
        InvalidSecret: one of the two annotations can't be read.
    """
    wanted = annotations.get(keys["access"])
    shared = annotations.get(keys["share-with"])
    if shared is not None:
        _check(shared, keys["share-with"])
    if wanted is None:
        return None
    access = _WORDS.get(wanted)
    if access is None:
        raise _invalid(keys["access"], f"must be one of {', '.join(Access)}")
    if shared is not None:
        raise _invalid(
            keys["share-with"],
            f"can't stand beside {keys['access']}: only the Secret that holds a bucket shares it",
        )
    return access


def consents(annotations: Mapping[str, str], keys: Keys) -> dict[Slot, Access]:
    """Whom a holder lets in, and to do what.

    A mistake in one entry takes nothing from those that others name: of these all count that can be
    read.

    Args:
        annotations: the holder's.
        keys: the annotations' names.
    """
    text = annotations.get(keys["share-with"], "")
    if not text or len(text) > _LONGEST:
        return {}
    found: dict[Slot, Access] = {}
    twice: set[Slot] = set()
    for entry in _entries(text)[:MOST]:
        if (consent := _consent(entry)) is not None:
            slot, access = consent
            if slot in found and found[slot] is not access:
                twice.add(slot)
            found[slot] = access
    return {slot: access for slot, access in found.items() if slot not in twice}


def as_guest(reading: Reading, keys: Keys) -> Reading:
    """What a Secret asks for: with access nothing of the bucket's settings.

    Args:
        reading: its data.
        keys: the annotations' names.

    Raises:
        InvalidSecret: it wants access to several buckets.
    """
    claim = reading.claim
    if claim.access is not None and claim.more_buckets:
        raise _invalid(
            keys["access"], "is for one bucket: name it alone, and others in Secrets of their own"
        )
    if claim.access is None or not (claim.bucket_attributes or claim.settings):
        return reading
    claim = replace(claim, quota_bytes=None, quota_objects=None, versioning=None, settings=())
    return reading._replace(claim=claim, notes=(*reading.notes, _IGNORED))


def _check(text: str, key: str) -> None:
    """Looks for mistakes in whom a holder lets in.

    Raises:
        InvalidSecret: there is one.
    """
    entries = _entries(text)
    if len(text) > _LONGEST or len(entries) > MOST:
        raise _invalid(key, f"must name at most {MOST} Secrets")
    found: dict[Slot, Access] = {}
    for number, entry in enumerate(entries, 1):
        consent = _consent(entry)
        if consent is None:
            raise _invalid(
                key,
                f"must list Secrets as NAMESPACE/NAME or NAMESPACE/NAME:read-write, by exact names "
                f"and separated by commas; entry {number} is none",
            )
        slot, access = consent
        if found.setdefault(slot, access) is not access:
            raise _invalid(key, f"names a Secret twice, in entry {number} with another access")


def _entries(text: str) -> list[str]:
    return [entry for part in text.split(",") if (entry := part.strip())]


def _consent(entry: str) -> tuple[Slot, Access] | None:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        return None
    access = _WORDS.get(match["access"] or Access.READ_ONLY)
    return None if access is None else ((match["namespace"], match["name"]), access)


def _invalid(key: str, problem: str) -> InvalidSecret:
    return InvalidSecret(Reason.INVALID_FIELD, f"The annotation {key} {problem}.")
