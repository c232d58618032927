"""The one decision about gaining what may be somebody else's."""

from __future__ import annotations

from collections.abc import Set

from backends.base import Bucket
from hooks.claim.adoption import Adoption
from hooks.contract.grant import Holding, Kind
from hooks.contract.outcome import Conflict, Reason, Refusal
from hooks.tenancy.holdings import Holdings
from hooks.tenancy.standing import Taking, Thing, claimed


class Takeover(Holdings):
    """Decides for one claim, in one sync, and remembers what was gained by it.

    It takes the same arguments as :class:`hooks.tenancy.holdings.Holdings`.
    """

    async def authorise(
        self, taking: Taking, bucket: Bucket | None = None, *, broad: bool = False
    ) -> None:
        """Returns if the claim may have it; the order of the questions is part of the contract.

        Args:
            taking: what is to be done.
            bucket: with :attr:`Taking.BUCKET`, the bucket as it is.
            broad: with :attr:`Taking.USER`, whether that one may use other tenants' buckets.

        Raises:
            Conflict: it may not.
            Refusal: the other Secrets could not be looked at, or one that shares the user has to
                do it.
            StoreError: the store could not be asked.
        """
        thing, mine = taking.thing, self.holding(taking.thing)
        owners = bucket.owners if bucket else frozenset()
        standing = None
        if self._guard is not None:
            standing = await self._ask(thing, self._guard)
            against = standing.against(mine, self._uid)
            rivals = [holder for holder in against if holder.rival]
            if rivals:
                raise claimed(thing, self.claim, rivals[0].namespace, rivals[0].name)
            if against:
                # It shares what another holds. To make what is missing gives nobody anything that
                # it doesn't hold; everything else is that one's to do.
                if taking.exists and owners != {self.claim.user}:
                    raise Refusal(
                        Reason.NOT_YET_VISIBLE,
                        "Another Secret with the same access key and secret holds it: what the "
                        "store has to change is changed at that one's next sync.",
                    )
                self.shares_user = self.shares_user or thing is Thing.USER
                return
        # It is the user's already, and only a part of what belongs to an owner is missing: for
        # what is shared that changes nothing.
        mended = taking is Taking.BUCKET and owners == {self.claim.user}
        await self._may(taking, mine, owners, alone=standing is not None, broad=broad)
        if not mended or self._has_shared(mine, thing):
            self._gained.add(thing)

    async def _may(
        self,
        taking: Taking,
        mine: Holding | None,
        owners: Set[str],
        *,
        alone: bool,
        broad: bool,
    ) -> None:
        """Rules b to e: no other Secret has it as its own."""
        thing = taking.thing
        if mine is not None and mine.own:  # rotation, renaming, drift
            return
        if alone and self._has_shared(mine, thing):
            return
        # It is the user's already, and only a part of what belongs to an owner is missing.
        if taking is Taking.BUCKET and owners == {self.claim.user}:
            return
        if self._guard is not None and taking.exists:
            await self._guard.refuse_confirmed(
                thing, self.claim, owners, self.backend, self.deadline
            )
        # Nobody holds it.
        if mine is not None and mine.kind is Kind.UNGUARDED:
            return
        await self._adopt(taking, owners)
        if broad:
            raise Conflict(
                Reason.ADMIN_USER,
                "The user may use any tenant's buckets by its policies on the store, so it is "
                "never taken over: use its secret, choose another access key, or have an "
                "administrator grant it.",
            )

    def _has_shared(self, mine: Holding | None, thing: Thing) -> bool:
        """Whether what was shared is this Secret's, now that nobody holds it."""
        if mine is None or mine.kind not in {Kind.SHARED, Kind.SHARED_WITHIN}:
            return False
        return mine.kind is Kind.SHARED_WITHIN or self._rights.keeps(thing, self._name(thing))

    async def _adopt(self, taking: Taking, owners: Set[str]) -> None:
        """Rule e: what ADOPTION says of what nobody holds."""
        adoption = self._rights.adoption
        if adoption is Adoption.OWN_NAMES:
            kept = self._rights.keeps(taking.thing, self._name(taking.thing))
            adoption = Adoption.ANY if kept else Adoption.UNOWNED
        if adoption is Adoption.ANY or taking is Taking.NEW_BUCKET:
            return
        if taking is Taking.USER:
            raise Conflict(
                Reason.USER_EXISTS,
                "The user exists on the store with another secret, and ADOPTION forbids taking "
                "it over: use its secret, choose another access key, or have an administrator "
                "grant it.",
            )
        if taking is Taking.NEW_USER:
            if adoption is Adoption.NEVER:
                await self._check_remains()
        elif adoption is Adoption.NEVER or not await self._are_gone(owners):
            raise Conflict(
                Reason.BUCKET_OWNED,
                "The bucket exists on the store with another owner, and ADOPTION forbids taking "
                "it over: choose another name, or have an administrator grant it.",
            )

    async def _check_remains(self) -> None:
        """A deleted user's buckets go to whoever takes its name again."""
        if await self.backend.owns_buckets(self.claim.user, self.deadline):
            raise Conflict(
                Reason.USER_EXISTS,
                "A deleted or disabled user of this name still owns buckets on the store, and "
                "ADOPTION forbids taking them over: choose another access key, or have an "
                "administrator grant it.",
            )

    async def _are_gone(self, owners: Set[str]) -> bool:
        for owner in sorted(owners):
            if await self.backend.find_user(owner, self.deadline) is not None:
                return False
        return True
