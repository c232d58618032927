"""Generated credentials in a sync: with which the store is asked, and when others are made."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from backends.base import Backend, Claim
from backends.capabilities import CAPABILITIES
from backends.wire.deadline import Deadline
from hooks.attachments.attachments import Attachments
from hooks.claim.fields import InvalidSecret
from hooks.claim.generated import Generator, Plan
from hooks.claim.policy import Policy
from hooks.contract.decorator import SyncRequest
from hooks.contract.derived import Derivation, Pair
from hooks.contract.grant import Grant, Grants
from hooks.contract.outcome import Outcome, Reason, Refusal, Status
from hooks.contract.status import Keys, is_anothers
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync import leftover, rotation
from hooks.tenancy.takeover import Takeover

MakeTakeover = Callable[[SyncRequest, Claim, Policy, Deadline, Pair | None], Takeover]
Reconcile = Callable[[SyncRequest, Takeover], Awaitable[Outcome]]


class Renewal:
    """Does a sync with generated credentials.

    Args:
        generator: tells which a Secret has.
        backend: the store.
        keys: names of the annotations.
        grants: verifies.
        attachments: tells whether applications have them.
        metrics: counted into.
        takeover: what decides for one claim.
        reconcile: makes the store what a claim says.
    """

    def __init__(
        self,
        generator: Generator,
        backend: Backend,
        keys: Keys,
        grants: Grants,
        attachments: Attachments,
        metrics: Metrics,
        takeover: MakeTakeover,
        reconcile: Reconcile,
    ) -> None:
        self._generator = generator
        self._backend = backend
        self._keys = keys
        self._grants = grants
        self._attachments = attachments
        self._metrics = metrics
        self._takeover = takeover
        self._reconcile = reconcile
        self._shown = {word: keys[word] for word in ("credentials-since", "next-rotation")}

    def plan(self, request: SyncRequest) -> Plan | None:
        """The pairs that a Secret may have; None where it brings its own.

        Raises:
            InvalidSecret: it asks for what can't be.
        """
        if not self._generator.concerns(request):
            # Of nearly every Secret, and asked three times in a sync.
            return None
        return self._generator.plan(request, self._held(request), int(time.time()))

    async def reconcile(
        self, request: SyncRequest, claim: Claim, plan: Plan, policy: Policy, deadline: Deadline
    ) -> tuple[Claim, Outcome, datetime | None]:
        """Makes the store what the Secret says, and changes its credentials when that is due.

        That begins only where the Secret was observed Ready and its connection Secret right, so
        applications have the former pair until the moment of the change, and the grant of that
        pair is written down.

        Args:
            request: the Secret.
            claim: what it asks for, with any of its pairs.
            plan: the pairs.
            policy: what its namespace may ask for.
            deadline: of the sync.

        Returns:
            The claim with the pair that is in use by now, what came of it, and when that pair
            took its place.

        Raises:
            Refusal: another replica with another SIGNING_KEY is at it.
            StoreError: the store can't be asked.
        """
        held = self._held(request)
        seconds = int(time.time())
        if held is None and is_anothers(self._keys, self._grants, request, seconds):
            raise Refusal(
                Reason.NOT_YET_VISIBLE,
                "Another replica has generated the credentials with a SIGNING_KEY that this one "
                "doesn't have: they are left alone for ten minutes.",
            )
        takeover = self._takeover(request, claim, policy, deadline, plan.pairs[0])
        pair = await rotation.pair_in_use(plan, claim, takeover.backend, deadline)
        claim = rotation.with_pair(claim, plan, pair)
        takeover = self._takeover(request, claim, policy, deadline, pair)
        takeover.own_users = _users(plan)
        outcome = await self._reconcile(request, takeover)
        if held is None or held.since is None:
            outcome = await leftover.listed(plan, pair, outcome, takeover.backend, deadline)
        # A grant is signed anew when its credentials change; where it doesn't name these yet, they
        # have just changed. Rounded up, so that the time of one call doesn't show in its answer.
        told = held is not None and held.since == pair.since
        just = datetime.fromtimestamp(seconds + 1, UTC)
        changed = datetime.fromtimestamp(held.signed, UTC) if held is not None and told else just
        if outcome.status is not Status.READY:
            return claim, outcome, changed
        made = self._attachments.check(request, claim, policy)
        right = self._keys.observed(
            request, "status"
        ) == Status.READY and self._attachments.is_right(request, made)
        if right and rotation.begins(plan, pair, held, outcome):
            wanted = rotation.with_pair(claim, plan, plan.target)
            takeover = self._takeover(request, wanted, policy, deadline, plan.target)
            takeover.own_users = _users(plan)
            renewed = await self._renew(request, takeover, plan)
            if renewed is not None:
                return wanted, renewed, just
        if right:
            outcome = await self.cleaned(request, claim, outcome, deadline)
        return claim, _awake(outcome, rotation.wake(plan, pair, seconds)), changed

    async def cleaned(
        self, request: SyncRequest, claim: Claim, outcome: Outcome, deadline: Deadline
    ) -> Outcome:
        """Removes the users of former credentials, once their grant is written down.

        Args:
            request: the Secret.
            claim: what it asks for.
            outcome: of its sync.
            deadline: of the sync.
        """
        grant = outcome.grant
        if outcome.status is not Status.READY or grant is None or not grant.former:
            return outcome
        takeover = self._takeover(request, claim, Policy(), deadline, None)
        return await rotation.without_former(outcome, self._held(request), takeover)

    async def told(self, request: SyncRequest, outcome: Outcome, deadline: Deadline) -> Outcome:
        """The outcome that tells of users left behind whose grant no key verifies any more.

        Args:
            request: the Secret.
            outcome: of its sync.
            deadline: of the sync.
        """
        return await leftover.told(
            self._keys, self._grants, request, outcome, self._backend, deadline
        )

    def shown(self, request: SyncRequest, outcome: Outcome) -> dict[str, str | None]:
        """The annotations that tell people of it, to be set or taken away.

        Args:
            request: the Secret.
            outcome: of its sync.
        """
        told: dict[str, str | None] = {}
        try:
            plan = self.plan(request)
        except InvalidSecret:
            return {}
        if plan is not None and outcome.status is not Status.SKIPPED:
            grant = outcome.grant or self._held(request)
            if rotation.overdue(plan, grant, int(time.time())):
                self._metrics.overdue()
            told = rotation.shown(plan, grant)
        return {
            name: told.get(word)
            for word, name in self._shown.items()
            if told.get(word) or request.annotations.get(name)
        }

    async def _renew(self, request: SyncRequest, takeover: Takeover, plan: Plan) -> Outcome | None:
        """What came of a rotation; None if it did not begin."""
        try:
            if await takeover.moment() < plan.target.since:
                return None
        except Refusal:
            return None
        outcome = await self._reconcile(request, takeover)
        if rotation.is_untouched(outcome):
            return None
        if outcome.accepted:
            self._metrics.rotated()
            outcome = _awake(outcome, rotation.wake(plan, plan.target, int(time.time())))
        return outcome

    def _held(self, request: SyncRequest) -> Grant | None:
        return self._keys.evidence(request).held(self._grants).grant


def generator_of(settings: Settings) -> Generator:
    """What generates credentials, by the operator's settings."""
    renames = not CAPABILITIES[settings.backend_name].rotation
    derivation = None
    if not settings.signing_key_is_derived:
        # A store's new name must not make other credentials of what applications have.
        derivation = Derivation(
            *settings.signing_keys, renames=renames, store=settings.store.first_name
        )
    return Generator(Keys(settings.annotation_key), derivation, renames=renames)


def _users(plan: Plan) -> frozenset[str]:
    """All that the Secret itself may have given its buckets to."""
    return frozenset(map(plan.user, plan.pairs))


def _awake(outcome: Outcome, seconds: float | None) -> Outcome:
    """The outcome, looked at again after so many seconds, or sooner if that is due."""
    if seconds is None or outcome.status is not Status.READY:
        return outcome
    return replace(outcome, again=min(seconds, outcome.again or seconds))
