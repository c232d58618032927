"""Several buckets of one Secret in one sync: each by itself, and one outcome of all.

Each has its own probe, guard, grant and repair, so that one that can't be had leaves the others as
they are. The user is one: what is found out about it for a bucket counts for the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from backends.base import Claim, Gap, Probe
from backends.errors import StoreError
from backends.wire.deadline import Deadline
from hooks.contract.outcome import Outcome, Reason, Refusal
from hooks.sync.locks import KeyedLocks
from hooks.sync.parts import gathered, merged
from hooks.tenancy.holdings import Foreseen
from hooks.tenancy.standing import Thing
from hooks.tenancy.takeover import Takeover

One = Callable[[Takeover, Probe | None], Awaitable[Outcome]]
"""Does it for one bucket; the probe is the store's answer where it was asked already."""

# What is wrong with the store is wrong with every bucket on it.
_OF_THE_STORE = frozenset(
    {
        Reason.BACKEND_UNAVAILABLE,
        Reason.TIMEOUT,
        Reason.OPERATOR_CREDENTIALS_REJECTED,
        Reason.OPERATOR_MISCONFIGURED,
        Reason.CLOCK_SKEW,
    }
)
# Probes of one Secret on their way at a time.
_AT_ONCE = 4


async def reconcile_each(takeover: Takeover, one: One, locks: KeyedLocks) -> Outcome:
    """Makes the store what the claim says of all its buckets; never raises a store's error.

    Killed between two of them, the next call goes on from there.

    Args:
        takeover: of the whole claim; the user's lock is held.
        one: does it for one bucket.
        locks: each bucket's is held while something is done for it.
    """
    return await _Several(takeover, one, locks).outcome()


class _Several:
    def __init__(self, takeover: Takeover, one: One, locks: KeyedLocks) -> None:
        self.takeover = takeover
        self.claim = takeover.claim
        self.deadline = takeover.deadline
        self.one = one
        self.locks = locks
        self.probes: dict[str, Probe] = {}

    async def outcome(self) -> Outcome:
        each = self.claim.each()
        parts: dict[str, Outcome] = {}
        standings = await self._foreseen(each)
        takeover = self.takeover
        known = False
        for number, claim in enumerate(each, 1):
            # What was found out about the user for the one before goes on.
            takeover = takeover.beside(claim, standings.get(claim.bucket))
            outcome = parts[claim.bucket] = await self._outcome_of(takeover)
            if outcome.reason in _OF_THE_STORE or self._is_cut_short(claim.bucket, outcome):
                break
            if outcome.accepted and not known:
                # The user is there with this secret: all others can be asked for at once.
                known = True
                await self._probe(each[number:])
        return merged(self.claim, parts, gathered(self.claim, self.takeover.held, parts))

    async def _outcome_of(self, takeover: Takeover) -> Outcome:
        claim = takeover.claim
        try:
            # Who is refused doesn't wait for what others need, and what the store accepts is never
            # called less than Ready.
            if (rival := takeover.rival(Thing.BUCKET)) and not await self._is_accepted(claim):
                raise rival
            async with self.locks.hold(self.deadline, bucket=claim.bucket):
                return await self.one(takeover, self.probes.get(claim.bucket))
        except (Refusal, StoreError) as error:
            return Outcome.of(error)

    async def _is_accepted(self, claim: Claim) -> bool:
        if claim.bucket not in self.probes:
            self.probes[claim.bucket] = await self.takeover.backend.probe(claim, self.deadline)
        return self.probes[claim.bucket].gap is Gap.ACCEPTED

    async def _foreseen(self, each: Sequence[Claim]) -> Mapping[str, Foreseen]:
        """Who holds the buckets about which there will be a question, and the user: all at once.

        It takes no more than half of the time: a probe that is accepted is Ready also where the
        Kubernetes API hangs.
        """
        asked = [
            takeover
            for takeover in map(self.takeover.beside, each)
            if takeover.is_to_be_asked(Thing.BUCKET)
        ]
        if not asked:
            return {}
        limit = Deadline(self.deadline.remaining() / 2)
        questions = [takeover.foresee(Thing.BUCKET, limit) for takeover in asked]
        if self.takeover.is_to_be_asked(Thing.USER):
            questions.append(self.takeover.foresee(Thing.USER, limit))
        answers = await asyncio.gather(*questions)
        # The user's, which comes last, is the takeover's own to keep.
        pairs = zip(asked, answers, strict=False)
        return {takeover.claim.bucket: answer for takeover, answer in pairs if answer is not None}

    async def _probe(self, claims: Sequence[Claim]) -> None:
        """Asks for several buckets at a time; one that fails is asked for again by itself."""
        turn = asyncio.Semaphore(_AT_ONCE)

        async def ask(claim: Claim) -> None:
            async with turn:
                with suppress(StoreError):
                    await self._is_accepted(claim)

        await asyncio.gather(*map(ask, claims))

    def _is_cut_short(self, bucket: str, outcome: Outcome) -> bool:
        """Whether a change of the user's name has to begin here at the next call.

        The first bucket tells how far generated credentials came that are another user's, so none
        gets ahead of one before it.
        """
        grant, mine = self.takeover.held.last, self.takeover.held.bucket(bucket)
        if grant is None or grant.user == self.claim.user or outcome.accepted:
            return False
        return mine is not None and mine.alone
