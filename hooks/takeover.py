"""The one decision about taking over what may be somebody else's."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol

from backends.base import Backend, Bucket, Claim
from backends.deadline import Deadline
from hooks.grant import Evidence, Grants
from hooks.outcome import Conflict, Reason


class Adoption(StrEnum):
    """ADOPTION: what may be taken over that no Secret holds.

    ``any``: everything. ``unowned``: a bucket whose owner is gone from the store. ``never``:
    nothing.
    """

    ANY = "any"
    UNOWNED = "unowned"
    NEVER = "never"


class Taking(Enum):
    """What is about to be done."""

    USER = "update an existing user's secret, role or ids"
    NEW_USER = "make a user whose name may still own buckets"
    BUCKET = "change the owner of an existing bucket"


class Guard(Protocol):
    """Knows the other Secrets; see :class:`hooks.guard.ConflictGuard`."""

    async def refuse_granted(
        self,
        taking: Taking,
        claim: Claim,
        owners: Set[str],
        uid: str,
        since: int | None,
        deadline: Deadline,
    ) -> None:
        """Raises Conflict if another was given it later than `since`."""
        ...

    async def refuse_confirmed(
        self,
        taking: Taking,
        claim: Claim,
        owners: Set[str],
        backend: Backend,
        deadline: Deadline,
    ) -> None:
        """Raises Conflict if the store says that another has it."""
        ...


@dataclass(frozen=True, slots=True)
class Takeover:
    """Decides for one claim.

    Args:
        claim: what the Secret asks for.
        evidence: its own grant.
        grants: verifies it.
        backend: the store.
        adoption: the setting.
        deadline: of the sync.
        guard: the other Secrets; None doesn't look at them.
    """

    claim: Claim
    evidence: Evidence
    grants: Grants
    backend: Backend
    adoption: Adoption
    deadline: Deadline
    guard: Guard | None = None

    async def authorise(self, taking: Taking, bucket: Bucket | None = None) -> None:
        """Returns if the claim may have it; the order of the questions is part of the contract.

        Args:
            taking: what is to be done.
            bucket: with :attr:`Taking.BUCKET`, the bucket as it is.

        Raises:
            Conflict: it may not.
            Refusal: the other Secrets could not be looked at.
            StoreError: the store could not be asked.
        """
        owners = bucket.owners if bucket else frozenset()
        # When this Secret was given it. A grant for a bucket says nothing about what else a user
        # of a new name may still own.
        since = (
            self.evidence.bucket_since(self.grants, self.claim.bucket, {self.claim.user, *owners})
            if taking is Taking.BUCKET
            else self.evidence.user_since(self.grants, self.claim.user, {self.claim.bucket})
        )
        if self.guard is not None:
            await self.guard.refuse_granted(
                taking, self.claim, owners, self.evidence.uid, since, self.deadline
            )
        if since is not None:  # rotation, renaming, drift
            return
        # The administrator made the bucket, to hand it over; or it is the user's already and
        # only a part of what belongs to an owner is missing.
        if taking is Taking.BUCKET and owners in (
            {self.backend.administrator},
            {self.claim.user},
        ):
            return
        if self.guard is not None and taking is not Taking.NEW_USER:
            await self.guard.refuse_confirmed(
                taking, self.claim, owners, self.backend, self.deadline
            )
        # Nobody holds it.
        if self.adoption is Adoption.ANY:
            return
        if taking is Taking.USER:
            raise Conflict(
                Reason.USER_EXISTS,
                "The user exists on the store with another secret, and ADOPTION forbids taking "
                "it over: use its secret, or choose another access key.",
            )
        if taking is Taking.NEW_USER:
            await self._check_remains()
        elif self.adoption is Adoption.NEVER or not await self._are_gone(owners):
            raise Conflict(
                Reason.BUCKET_OWNED,
                "The bucket exists on the store with another owner, and ADOPTION forbids taking "
                "it over: choose another name.",
            )

    async def _check_remains(self) -> None:
        """A deleted user's buckets go to whoever takes its name again."""
        if self.adoption is Adoption.NEVER and await self.backend.owns_buckets(
            self.claim.user, self.deadline
        ):
            raise Conflict(
                Reason.USER_EXISTS,
                "A deleted or disabled user of this name still owns buckets on the store, and "
                "ADOPTION forbids taking them over: choose another access key.",
            )

    async def _are_gone(self, owners: frozenset[str]) -> bool:
        for owner in owners:
            if await self.backend.find_user(owner, self.deadline) is not None:
                return False
        return True
