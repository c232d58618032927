"""What `status` shows of buckets that are shared: whom a Secret lets in, and what it was given.

It is read from annotations as everything else there, whoever wrote them; for people only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.sharing import Access
from hooks.claim.sharing import consents
from hooks.contract.grant import shares_told
from hooks.contract.status import Keys


@dataclass(frozen=True, slots=True)
class Shared:
    """Both sides of it for one Secret.

    Args:
        guests: the Secrets that it lets in, as NAMESPACE/NAME.
        wanted: the access to another's bucket that it asks for, in its own words.
        given: what its grant says that it has, by bucket.
    """

    guests: Mapping[str, Access] = field(default_factory=dict)
    wanted: str | None = None
    given: Mapping[str, Access] = field(default_factory=dict)

    @classmethod
    def of(cls, annotations: Mapping[str, str], keys: Keys) -> Shared:
        """What a Secret's annotations say."""
        named = consents(annotations, keys)
        given = shares_told(annotations.get(keys["grants"], "")).given
        return cls(
            {f"{namespace}/{name}": access for (namespace, name), access in named.items()},
            annotations.get(keys["access"]),
            {bucket: each.access for bucket, each in given.items()},
        )

    def __bool__(self) -> bool:
        return bool(self.guests or self.wanted or self.given)

    def document(self) -> dict[str, Any]:
        """For programs: each side only where there is something."""
        found: dict[str, Any] = {}
        if self.guests:
            found["shared_with"] = {name: access.value for name, access in self.guests.items()}
        if self.wanted or self.given:
            given = {bucket: access.value for bucket, access in self.given.items()}
            found["access"] = {"wanted": self.wanted, "given": given}
        return found

    def text(self) -> str:
        """For people; empty for nothing."""
        parts = [f"{access} on {bucket}" for bucket, access in self.given.items()]
        if self.wanted and self.wanted not in self.given.values():
            parts.append(f"{self.wanted} asked for")
        if self.guests:
            named = ", ".join(f"{name}:{access}" for name, access in self.guests.items())
            parts.append(f"with {named}")
        return "; ".join(parts)
