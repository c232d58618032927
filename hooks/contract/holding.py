"""What a Secret was given, and what holding it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hooks.contract.access import Shares


class Kind(StrEnum):
    """What holding a thing comes to.

    ``own``: nobody else does. ``shared``: another has it as its own, and this one has the same user
    and secret: it may use it. ``shared-within``: the same, and all those are in its own namespace.
    ``unguarded``: given while other Secrets were not looked at.
    """

    OWN = "own"
    SHARED = "shared"
    SHARED_WITHIN = "shared-within"
    UNGUARDED = "unguarded"


class Mark(StrEnum):
    """How a bucket was gained, where that matters afterwards.

    ``given``: by an administrator, and not yet taken. ``adopted``: it was there before. ``wiped``:
    likewise, and the former owner's settings of it were removed.
    """

    NONE = ""
    GIVEN = "given"
    ADOPTED = "adopted"
    WIPED = "wiped"


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that a Secret holds.

    Args:
        second: when it was given, in Unix time.
        kind: what that comes to.
        mark: how a bucket was gained.
        version: of the grant that says so.
    """

    second: int
    kind: Kind
    mark: Mark = Mark.NONE
    version: int = 2

    @property
    def own(self) -> bool:
        """Whether it is the Secret's alone."""
        return self.kind is Kind.OWN

    @property
    def alone(self) -> bool:
        """Whether it may change the thing: what is shared may not."""
        return self.kind in {Kind.OWN, Kind.UNGUARDED}

    def keeps_out(self, *, beside: bool) -> bool:
        """Whether another Secret can't have it as its own meanwhile.

        What is shared within a namespace is that namespace's, also when the one Secret that had it
        as its own is gone: so it keeps out the others, and none of those beside it.

        Args:
            beside: whether the other one is in the same namespace.
        """
        return self.own or (self.kind is Kind.SHARED_WITHIN and not beside)

    def rank(self, uid: str) -> tuple[int, int, str]:
        """Of two that own one thing the one of the higher rank is right.

        The newer was given when nobody held it: an older one must not come back to life. Grants of
        the first version were given without asking, so of two the older one counts, and neither
        against one of the second. The uid decides between two of the same second, in one way for
        both.

        Args:
            uid: of the Secret that holds it.
        """
        return (2, self.second, uid) if self.version > 1 else (1, -self.second, uid)


@dataclass(frozen=True, slots=True)
class Grant:
    """All that a Secret was given.

    Args:
        user: the user's name.
        holding: how the Secret holds the user.
        buckets: how it holds each bucket.
        since: the second that generated credentials are bound to; None for given ones.
        key: the name of the signing key that they were derived from.
        former: users of former generated credentials that are still to be removed.
        left: those that may be there and that nobody removes, since no key proved their grant.
        signed: when it was signed, in Unix time; not part of what was given.
        current: whether the key that signs today signed it.
        shares: what it says of buckets that are shared, of which it holds none.
    """

    user: str
    holding: Holding
    buckets: Mapping[str, Holding]
    since: int | None = None
    key: str = ""
    former: tuple[str, ...] = ()
    left: tuple[str, ...] = field(default=(), kw_only=True)
    signed: int = field(default=0, compare=False)
    current: bool = field(default=True, compare=False)
    shares: Shares = field(default_factory=Shares, kw_only=True)
