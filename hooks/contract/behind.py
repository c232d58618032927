"""What a Secret that moved to another store had on the one before: nothing of it is deleted.

Its grant keeps it in mind, so that the message goes on saying so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hooks.contract.grant import Evidence, Grants

# Stores that a grant keeps in mind at most: it has to stay small.
_LIMIT = 4


@dataclass(frozen=True, slots=True)
class Behind:
    """What stayed on one store.

    Args:
        store: its name.
        user: the user's.
        buckets: the buckets'.
    """

    store: str
    user: str
    buckets: tuple[str, ...]

    def document(self) -> list[object]:
        """As a grant has it."""
        return [self.store, self.user, *self.buckets]

    def __str__(self) -> str:
        several = "buckets" if len(self.buckets) > 1 else "bucket"
        return (
            f"The {several} {', '.join(self.buckets)} and the user {self.user} stayed on the store "
            f"{self.store}, with all that is in there."
        )


def left_behind(grants: Grants, evidence: Evidence) -> tuple[Behind, ...]:
    """What a Secret had on other stores, the latest first.

    Args:
        grants: the present store's; verifies.
        evidence: the Secret's grant, on whichever store.
    """
    document, _ = evidence.document(grants)
    if "behind" not in document and document.get("store", "") in ("", *grants.stores):
        # Nearly every Secret.
        return ()
    found = [_known(entry) for entry in _list(document.get("behind"))]
    if document and document.get("store") not in grants.stores:
        found.insert(0, _former(document))
    known = {
        each.store: each
        for each in reversed(found)
        if each is not None and each.store not in grants.stores
    }
    return tuple(reversed(known.values()))[:_LIMIT]


def _former(document: Mapping[str, Any]) -> Behind | None:
    try:
        return Behind(document["store"], document["user"][0], tuple(document["buckets"]))
    except (LookupError, TypeError):
        return None


def _known(entry: object) -> Behind | None:
    words = [word for word in _list(entry) if isinstance(word, str)]
    return Behind(words[0], words[1], tuple(words[2:])) if len(words) > 2 else None


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []
