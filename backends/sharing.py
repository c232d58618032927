"""A second user on a bucket: what it may do, and what a store has to offer for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from backends.wire.deadline import Deadline

if TYPE_CHECKING:
    from backends.base import Claim, Probe


class Access(StrEnum):
    """What a second user may do with the objects of another's bucket."""

    READ_ONLY = "read-only"
    READ_WRITE = "read-write"

    def covers(self, other: Access) -> bool:
        """Whether who may do this may do the other."""
        return self is Access.READ_WRITE or other is Access.READ_ONLY


class Sharing(Protocol):
    """Access of a second user to a bucket that stays its owner's.

    Only what this operator has given is told and taken away. Methods raise and repeat as those of
    :class:`backends.base.Backend` do. Those that change something expect that the caller lets
    nobody else work on the bucket.
    """

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """One request, signed as the tenant, that reads an object which need not be there.

        It names no owner: a user with access is none.
        """
        ...

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether the tenant may write; asked by a request that could make nothing.

        The caller has had an accepted :meth:`probe`.
        """
        ...

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """Every user that was given access to the bucket; none where there is no bucket."""
        ...

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the claim's user the claim's access, and no more than that.

        False also where there is no such bucket or user, and where the user owns the bucket.

        Raises:
            Unsupported: the bucket has no room for another user.
            Withheld: the owner's own policy forbids it.
        """
        ...

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Takes the access away again; an owner keeps what it has as such.

        Raises:
            Disabled: the user is disabled, so it has none, and the store takes nothing from it.
        """
        ...
