"""Shared buckets in a sync: whose part it is to give access, and whose to take it back."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from backends.base import Backend, Probe
from backends.errors import Disabled, StoreError, Unsupported
from backends.sharing import Access, Sharing
from hooks.claim.sharing import Slot, consents
from hooks.contract.access import Shares, Swept
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grant
from hooks.contract.outcome import Action, Outcome, Refusal, Status
from hooks.contract.status import Keys
from hooks.sync.bucketsettings import Keeper
from hooks.sync.guest import HOUR, reconcile_guest
from hooks.sync.reconcile import reconcile
from hooks.tenancy.consent import Consents
from hooks.tenancy.guest import Guest
from hooks.tenancy.takeover import Takeover

_AGAIN = 60.0
_AGAIN_KEPT = 300.0
UNLOOKED = "Whom it is shared with could not be looked at, so nothing of that is taken back yet."
KEPT = (
    "A user that it was shared with was disabled on the store, which takes nothing from it: its "
    "access is taken back once an administrator has enabled or deleted it."
)
ALONE = "It is shared with nobody, since the operator doesn't look at other Secrets."


class SharedBuckets:
    """Does both parts; for any number of tasks of one event loop.

    Args:
        keys: names of the annotations.
        backend: the store.
        consents: knows what holders say; None where other Secrets are not looked at.
    """

    def __init__(self, keys: Keys, backend: Backend, consents: Consents | None) -> None:
        self._keys = keys
        self._backend = backend
        self._consents = consents

    async def reconcile(
        self,
        request: SyncRequest,
        takeover: Takeover,
        *,
        applied: bool,
        unseen: bool,
        probed: Probe | None,
        keeper: Keeper,
    ) -> Outcome:
        """Makes the store what a claim says, be the bucket its own or another's.

        Args:
            request: the Secret.
            takeover: the claim, the store, and what may be gained.
            applied: as in :func:`hooks.sync.reconcile.reconcile`, as are the others.
            unseen: likewise.
            probed: likewise.
            keeper: likewise.
        """
        if isinstance(takeover, Guest):
            return await self._guest(takeover, applied, keeper)
        outcome = await reconcile(
            takeover, applied=applied, unseen=unseen, probed=probed, keeper=keeper
        )
        return await self._swept(request, takeover, outcome)

    async def _guest(self, takeover: Guest, applied: bool, keeper: Keeper) -> Outcome:
        sharing = self._backend.sharing
        if sharing is None:
            return Outcome.of(
                Unsupported(
                    f"This store can't share a bucket: remove the annotation {self._keys['access']}"
                    " and give the Secret the bucket's own credentials."
                )
            )
        if self._consents is None:
            return Outcome.of(
                Unsupported(
                    "Only the Secret of a bucket's holder tells whether it is shared, and this "
                    "operator doesn't look at other Secrets: have CONFLICT_GUARD switched on."
                )
            )
        return await reconcile_guest(takeover, sharing, self._consents, applied, keeper)

    async def _swept(self, request: SyncRequest, takeover: Takeover, outcome: Outcome) -> Outcome:
        """The outcome, with access taken back that is not shared any more.

        Of a bucket that the Secret holds that is what others have and it doesn't name; of what it
        had itself, before it wanted a bucket of its own, all. Where nothing has changed nobody is
        asked; a bucket that was there before the Secret had it is looked at once, since the Secret
        may have been made again and share it no more.
        """
        sharing = self._backend.sharing
        held = takeover.held.grant
        if sharing is None:
            return outcome
        try:
            if held is not None and held.shares.given:
                outcome = await self._left(takeover, sharing, held, outcome)
            return await self._taken_back(request, takeover, sharing, outcome)
        except StoreError as error:
            failed = Outcome.of(error, outcome.actions)
            return replace(failed, grant=outcome.grant, accepted=outcome.accepted)

    async def _left(
        self, takeover: Takeover, sharing: Sharing, held: Grant, outcome: Outcome
    ) -> Outcome:
        """With what the Secret had of others' buckets given back."""
        places = [(bucket, held.user) for bucket in sorted(held.shares.given)]
        actions = await _take(places, sharing, takeover)
        grant = outcome.grant or replace(held, shares=replace(held.shares, given={}))
        return replace(outcome, actions=(*outcome.actions, *actions), grant=grant)

    async def _taken_back(
        self, request: SyncRequest, takeover: Takeover, sharing: Sharing, outcome: Outcome
    ) -> Outcome:
        claim, held = takeover.claim, takeover.held.grant
        bucket = claim.bucket
        grant = outcome.grant or held
        before = {} if held is None else held.shares.swept
        if grant is None or outcome.status is not Status.READY:
            return outcome
        mine = grant.buckets.get(bucket)
        if mine is None or not mine.alone:
            return outcome
        shared = consents(request.annotations, self._keys)
        last = before.get(bucket)
        if not (shared or last is not None or _is_first(takeover, outcome)):
            return outcome
        if self._consents is None:
            if not shared and last is None:
                return outcome
            return replace(outcome, message=f"{outcome.message} {ALONE}")
        digest = _digest(shared)
        now = int(time.time())
        if last is None or last.digest != digest or now - last.second >= HOUR:
            try:
                allowed = await self._consents.users(shared, claim, takeover.deadline)
            except Refusal:
                message = f"{outcome.message} {UNLOOKED}"
                again = min(_AGAIN, outcome.again or _AGAIN)
                outcome = replace(outcome, message=message, again=again)
            else:
                try:
                    outcome, done = await _sweep(allowed, sharing, takeover, outcome)
                except StoreError as error:
                    failed = Outcome.of(error, outcome.actions)
                    outcome, done = replace(failed, accepted=outcome.accepted), False
                # What is left is looked at again, also where nobody is named any more.
                last = Swept(digest, now if done else 0) if shared or not done else None
        swept = {name: each for name, each in before.items() if name != bucket}
        if last is not None:
            swept[bucket] = last
        return replace(outcome, grant=replace(grant, shares=Shares(swept=swept)))


def _is_first(takeover: Takeover, outcome: Outcome) -> bool:
    """Whether the Secret has come to have a bucket that was there."""
    had = takeover.held.bucket(takeover.claim.bucket)
    return had is None and Action.CREATE_BUCKET not in outcome.actions


async def _sweep(
    allowed: Mapping[str, Access], sharing: Sharing, takeover: Takeover, outcome: Outcome
) -> tuple[Outcome, bool]:
    """The outcome with all taken back that isn't allowed, and whether all of it could be.

    Raises:
        StoreError: the store fails.
    """
    bucket = takeover.claim.bucket
    there = await sharing.shares(bucket, takeover.deadline)
    done = True
    for user in _too_much(there, allowed):
        try:
            actions = await _take([(bucket, user)], sharing, takeover)
        except Disabled:
            # It can't use what it has, and whose bucket it is has nothing to do with that.
            done = False
        else:
            outcome = replace(outcome, actions=(*outcome.actions, *actions))
    if done:
        return outcome, True
    again = min(_AGAIN_KEPT, outcome.again or _AGAIN_KEPT)
    return replace(outcome, message=f"{outcome.message} {KEPT}", again=again), False


async def _take(
    places: Iterable[tuple[str, str]], sharing: Sharing, takeover: Takeover
) -> list[Action]:
    """Takes access back: of each bucket that of a user; one action for each that had any."""
    return [
        Action.UNSHARE
        for bucket, user in places
        if await sharing.unshare(bucket, user, takeover.deadline)
    ]


def _too_much(there: Mapping[str, Access], allowed: Mapping[str, Access]) -> list[str]:
    """Users that can do what they may not."""
    return sorted(
        user
        for user, access in there.items()
        if user not in allowed or not allowed[user].covers(access)
    )


def _digest(shared: Mapping[Slot, Access]) -> str:
    """What tells one list of Secrets from another."""
    listed = sorted([*slot, access.value] for slot, access in shared.items())
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]
