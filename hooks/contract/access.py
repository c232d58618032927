"""What a grant says of buckets that are shared: what a Secret was given, or has looked after.

It stands beside what the Secret holds and is no holding: on its strength nothing is owned, set up
or deleted. Versions of this operator that don't know it pass it over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.sharing import Access
from hooks.contract.seconds import second

_GIVEN = "access"
_SWEPT = "sharing"


@dataclass(frozen=True, slots=True)
class Given:
    """Access to another's bucket.

    Args:
        second: when the bucket's holder was last seen to share it, in Unix time.
        access: what the Secret's user may do.
        restored: when it was last added again after somebody took it away, in Unix time.
    """

    second: int
    access: Access
    restored: int = 0


@dataclass(frozen=True, slots=True)
class Swept:
    """When a holder has last taken back what it doesn't share.

    Args:
        digest: of what it shares.
        second: when, in Unix time.
    """

    digest: str
    second: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Both sides of it.

    Args:
        given: what the Secret has, by bucket.
        swept: what it has looked after, by bucket; none that it shares with nobody.
    """

    given: Mapping[str, Given] = field(default_factory=dict)
    swept: Mapping[str, Swept] = field(default_factory=dict)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Shares:
        """What a grant's payload says.

        Raises:
            LookupError: and ValueError, TypeError, AttributeError: it isn't one.
        """
        if _GIVEN not in document and _SWEPT not in document:
            return cls()
        given = {
            bucket: Given(second(seen), Access(access), second(restored))
            for bucket, (seen, access, restored) in document.get(_GIVEN, {}).items()
        }
        swept = {
            bucket: Swept(str(digest), second(last))
            for bucket, (digest, last) in document.get(_SWEPT, {}).items()
        }
        return cls(given, swept)

    @classmethod
    def of_each(cls, parts: Mapping[str, Shares]) -> Shares:
        """What is said of several buckets of one Secret, each by what came of it.

        Args:
            parts: by the bucket; what each says of others doesn't count.
        """
        told = {
            bucket: part.swept[bucket] for bucket, part in parts.items() if bucket in part.swept
        }
        return cls(swept=told)

    def entries(self) -> dict[str, object]:
        """The same for a payload; nothing where there is nothing."""
        found: dict[str, object] = {}
        if self.given:
            found[_GIVEN] = {
                bucket: [given.second, given.access.value, given.restored]
                for bucket, given in self.given.items()
            }
        if self.swept:
            found[_SWEPT] = {
                bucket: [swept.digest, swept.second] for bucket, swept in self.swept.items()
            }
        return found
