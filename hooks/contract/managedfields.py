"""What Kubernetes notes on an object about who set which field, and when: its managedFields.

It is the one memory of a change that needs none of our own. Anybody who may write the object may
also take it away, so it never decides what a Secret may have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Path = Sequence[str]
"""The names down to a field, such as ``("metadata", "labels", "team")``."""


@dataclass(frozen=True, slots=True)
class ManagedFields:
    """The entries of one object; what isn't of their form counts as not there.

    Args:
        entries: ``metadata.managedFields``.
    """

    entries: object = field(default=(), repr=False)

    def changed(self, *paths: Path) -> datetime | None:
        """When any of the fields was last changed, to the second; None if nobody says.

        It is never too early, but may be too late: who has several fields has one time for all.
        """
        times = (
            time_of(entry.get("time"))
            for entry in self._entries()
            if any(_below(entry, path) is not None for path in paths)
        )
        return max((time for time in times if time is not None), default=None)

    def applied(self, path: Path, beside: Path) -> frozenset[str]:
        """The names below a field of whoever applied it on the server's side.

        Args:
            path: the field.
            beside: a field that tells the one who is meant from others.
        """
        return frozenset(
            name.removeprefix("f:")
            for entry in self._entries()
            if entry.get("operation") == "Apply" and _below(entry, beside) is not None
            for name in _below(entry, path) or ()
            if name.startswith("f:")
        )

    def _entries(self) -> Iterator[Mapping[str, Any]]:
        if isinstance(self.entries, Sequence):
            yield from (entry for entry in self.entries if isinstance(entry, Mapping))


def _below(entry: Mapping[str, Any], path: Path) -> Mapping[str, Any] | None:
    """What an entry has of a field, None if it hasn't the field."""
    found = entry.get("fieldsV1")
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(f"f:{name}")
    return found if isinstance(found, Mapping) else None


def time_of(text: object) -> datetime | None:
    """A time as Kubernetes writes it, None if it can't be read or has no zone."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        # One without a zone can't be compared.
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
