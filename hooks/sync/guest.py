"""A second user on another's bucket, in one sync: its own access, and nothing else of the bucket.

What is given away is the holder's to say, so its Secret is looked at before access is given, once
more after that, and each hour; a Secret that is as it was asks the store once and nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from backends.base import Gap
from backends.errors import StoreError, Withheld
from backends.sharing import Access, Sharing
from hooks.contract.access import Given
from hooks.contract.grant import Grant
from hooks.contract.outcome import Action, Conflict, Outcome, Reason, Refusal
from hooks.sync.bucketsettings import Keeper
from hooks.sync.reconcile import Run
from hooks.tenancy.consent import Consents, not_shared
from hooks.tenancy.guest import Guest
from hooks.tenancy.standing import Thing

HOUR = 3600
"""Seconds after which a consent is looked for again, though nothing has changed."""
_RESTORED_EVERY = 300.0
_OF_USER = frozenset({Gap.NO_USER, Gap.WRONG_SECRET})
READY = "The store accepts the Secret's credentials, and a bucket is shared with its user:"
_WORDS = {Access.READ_ONLY: "it may read.", Access.READ_WRITE: "it may read and write."}


async def reconcile_guest(
    takeover: Guest, sharing: Sharing, consents: Consents, applied: bool, keeper: Keeper
) -> Outcome:
    """Gives a Secret's user the access that it wants, as far as the bucket's holder lets it.

    It never raises a store's error. Killed between any two steps, the next call goes on from there.

    Args:
        takeover: the claim, the store, and what may be gained.
        sharing: the store's.
        consents: knows what holders say.
        applied: whether role and ids were written.
        keeper: of a bucket's settings, of which a guest writes none.
    """
    run = _GuestRun(takeover, sharing, consents, applied, keeper)
    try:
        return await run.guests_outcome()
    except Withheld as error:
        # The holder's own policy, or the holder, is in the way.
        outcome = Outcome(Reason.NOT_SHARED, str(error), tuple(run.actions))
    except (Refusal, StoreError) as error:
        outcome = Outcome.of(error, tuple(run.actions))
    return replace(outcome, grant=run.grant or takeover.outranked(), accepted=run.accepted)


class _GuestRun(Run):
    def __init__(
        self,
        takeover: Guest,
        sharing: Sharing,
        consents: Consents,
        applied: bool,
        keeper: Keeper,
    ) -> None:
        super().__init__(takeover, applied, keeper)
        self.guest = takeover
        self.sharing = sharing
        self.consents = consents
        self.access = takeover.claim.access or Access.READ_ONLY

    async def guests_outcome(self) -> Outcome:
        given = self.guest.given
        gap = await self._gap()
        kept = gap is Gap.ACCEPTED and given is not None and given.access is self.access
        if given is not None and kept and time.time() - given.second < HOUR:
            return await self._shared(given)
        try:
            consent = await self.consents.require(self.claim, self.deadline)
        except Conflict:
            await self._leave(self._all_given())
            raise
        except Refusal:
            if given is not None and kept:
                # What the store accepts is never less than Ready; it is asked again soon.
                return await self._shared(given)
            raise
        await self._leave(self._stale())
        if given is not None and kept:
            return await self._shared(replace(given, second=consent.second))
        restored = 0 if given is None or given.access is not self.access else given.restored
        if gap is Gap.DENIED and restored and time.time() - restored < _RESTORED_EVERY:
            return self._waiting(restored)
        if gap in _OF_USER:
            await self._repair_user(gap)
        await self._share()
        # Somebody else took it away from a user that is there: not more often than now and then.
        lost = gap is Gap.DENIED and given is not None and given.access is self.access
        given = Given(consent.second, self.access, consent.second if lost else restored)
        self.grant = await self._having(given)
        await self._ask_again()
        await self._prove()
        return await self._shared(given)

    async def _gap(self) -> Gap:
        return (await self.sharing.probe(self.claim, self.deadline)).gap

    async def _repair_user(self, gap: Gap) -> None:
        """Makes the Secret's own user, or gives it the Secret's secret."""
        user = await self._refuse_administrator() if gap is Gap.WRONG_SECRET else None
        if self.takeover.user_written:
            return
        await self._authorise_user(user)
        if user is not None:
            await self._update_user()
        elif not await self._create_user():
            # It exists and yet isn't known to the probe: a disabled one looks so.
            await self._refuse_administrator(tried=True)

    async def _share(self) -> None:
        """Gives the access.

        Raises:
            Conflict: the user is an owner of the bucket, or an administrator.
            Refusal: there is no such bucket.
        """
        bucket = await self.backend.find_bucket(self.claim.bucket, self.deadline)
        if bucket is None:
            raise Refusal(
                Reason.NOT_YET_VISIBLE, "The bucket is shared, but its holder has yet to make it."
            )
        if self.claim.user in bucket.owners:
            raise not_shared(self.claim)
        if not self.takeover.made_user:
            await self._refuse_administrator()
        await self._do(Action.SHARE, self.sharing.share)

    async def _ask_again(self) -> None:
        """Whether the holder still shares it, now that it was given.

        Raises:
            Conflict: it doesn't any more; the access is taken back.
            Refusal: Kubernetes can't be asked.
        """
        try:
            await self.consents.require(self.claim, self.deadline)
        except Conflict:
            await self._take(self.claim.bucket, self.claim.user)
            if self.grant is not None:
                self.grant = _with(self.grant, {})
            raise

    async def _prove(self) -> None:
        """Looks whether the user may do what it is to do, and no more.

        Raises:
            Refusal: it may not, or may do more.
        """
        gap = await self._gap()
        if gap is not Gap.ACCEPTED:
            raise Refusal(
                Reason.NOT_YET_VISIBLE,
                f"Everything was applied, but the store still answers: {gap.value}. A policy of "
                "the bucket's owner may say so.",
            )
        may_write = await self.sharing.may_write(self.claim, self.deadline)
        if may_write and self.access is Access.READ_ONLY:
            raise Refusal(
                Reason.NOT_YET_VISIBLE,
                "The bucket is shared for reading, but the store lets the user write, too: what it "
                "knows of the user may be old, or another policy on the store allows it.",
            )
        if not may_write and self.access is Access.READ_WRITE:
            raise Refusal(
                Reason.NOT_YET_VISIBLE,
                "The bucket is shared for writing, but the store lets the user only read: what it "
                "knows of the user may be old, or a policy of the bucket's owner says so.",
            )

    async def _shared(self, given: Given) -> Outcome:
        self.accepted = True
        grant = await self._having(given)
        self.grant = grant or self.grant
        user = self.takeover.holding(Thing.USER) if grant is None else grant.holding
        applied = await self._apply(user, None)
        return Outcome(
            Reason.PROVISIONED,
            f"{READY} {_WORDS[self.access]}",
            tuple(self.actions),
            self.grant,
            applied=applied,
            accepted=True,
        )

    def _waiting(self, restored: int) -> Outcome:
        left = restored + _RESTORED_EVERY - time.time()
        return Outcome(
            Reason.NOT_YET_VISIBLE,
            "Somebody keeps taking the user's access out of the bucket's policy: it is added again "
            "every five minutes.",
            tuple(self.actions),
            again=min(max(1.0, round(left, 1)), _RESTORED_EVERY),
        )

    async def _having(self, given: Given) -> Grant | None:
        return await self.guest.having({self.claim.bucket: given})

    def _all_given(self) -> Mapping[str, Given]:
        grant = self.takeover.held.grant
        return {} if grant is None else grant.shares.given

    def _stale(self) -> Mapping[str, Given]:
        """Access that the Secret has no use for: to another bucket, or by another user."""
        grant = self.takeover.held.grant
        if grant is None or grant.user != self.claim.user:
            return self._all_given()
        given = grant.shares.given
        return {bucket: given[bucket] for bucket in given if bucket != self.claim.bucket}

    async def _leave(self, stale: Mapping[str, Given]) -> None:
        """Gives access back, and writes down what is left."""
        grant = self.takeover.held.grant
        if grant is None or not stale:
            return
        for bucket in sorted(stale):
            await self._take(bucket, grant.user)
        left = grant.shares.given.keys() - stale.keys()
        self.grant = _with(grant, {bucket: grant.shares.given[bucket] for bucket in left})

    async def _take(self, bucket: str, user: str) -> None:
        if await self.sharing.unshare(bucket, user, self.deadline):
            self.actions.append(Action.UNSHARE)


def _with(grant: Grant, given: Mapping[str, Given]) -> Grant:
    return replace(grant, shares=replace(grant.shares, given=given))
