"""The finalize hook: what is removed from the store before a Secret goes."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime

from backends.base import Backend, Claim, Gap
from backends.errors import StoreError, TimedOut
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.claim.fieldkeys import KeyChoice
from hooks.claim.fields import InvalidSecret
from hooks.claim.generated import Plan
from hooks.claim.policyfile import Deletion
from hooks.claim.secret import read_mentions, read_names
from hooks.contract.decorator import SyncRequest, SyncResponse
from hooks.contract.derived import left_users
from hooks.contract.grant import Kind
from hooks.contract.outcome import Outcome, Reason, Refusal, Status
from hooks.contract.status import Keys, Scribe
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.locks import KeyedLocks
from hooks.sync.placement import Placement, of_one_store
from hooks.sync.removal import Holdings, not_settled, remove
from hooks.sync.renewal import generator_of
from hooks.sync.syncer import Result, store_time
from hooks.tenancy.others import Others

log = logging.getLogger(__name__)

# What is shared within a namespace is whoever's is left of it.
_REMOVABLE = frozenset({Kind.OWN, Kind.SHARED_WITHIN})

# Seconds that are added to a store's own, since clocks differ and a secret may have changed last.
_MARGIN = 30
# Seconds until a secret is tried again that the store may only not know yet.
_AGAIN = 10.0

_GONE = Result(None, SyncResponse(finalized=True))


class Finalizer:
    """Does for a Secret on its way out what its deletion policy says.

    Metacontroller calls it for live Secrets too, since a controller needs a sync hook, and when
    a Secret stops asking for a policy: then nothing is removed.

    Args:
        settings: the operator's.
        backend: the store.
        metrics: counted into.
        locks: the same as the syncs hold.
        others: the other Secrets; None can't tell what they use, so nothing is removed.
        placement: which store a Secret belongs to; None where there is one only.
    """

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        metrics: Metrics,
        locks: KeyedLocks,
        others: Others | None,
        placement: Placement | None = None,
    ) -> None:
        self._placement = placement or of_one_store(settings)
        self._enabled = settings.deletion
        self._policy = settings.rules.policy
        self._backend = backend
        self._metrics = metrics
        self._locks = locks
        self._others = others
        self._store_time = store_time(settings)
        self._grants = settings.grants
        self._generator = generator_of(settings)
        self._keys = Keys(settings.annotation_key)
        self._scribe = Scribe(self._keys, self._grants, settings.connection.endpoint)

    async def finalize(self, request: SyncRequest) -> Result:
        """Removes what may be, in somewhat less than SYNC_TIMEOUT_SECONDS.

        The answer lets the Secret go, unless a removal was begun and has to go on.
        """
        if not request.finalizing:
            return Result(None, SyncResponse())
        policy = self._wanted(request)
        if policy is None:
            return _GONE
        held = self._held(request)
        started = time.perf_counter()
        deadline = Deadline(self._store_time)
        try:
            held = held or await self._derived(request, deadline)
            if held is None:
                self._tell_of_no_grant(request)
                return _GONE
            outcome = await self._remove(policy, request, held, deadline)
        except (Refusal, StoreError) as error:
            outcome = Outcome.of(error)
        if outcome.reason is Reason.NOT_YET_VISIBLE:
            # Not ever later, as other tries are: it has an end.
            outcome = replace(outcome, again=_AGAIN)
        seconds = time.perf_counter() - started
        self._metrics.handle_duration.observe(seconds)
        self._metrics.changed(outcome.actions)
        return Result(outcome, self._answer(request, held, outcome), seconds)

    def timed_out(self, request: SyncRequest) -> Result:
        """The answer when :meth:`finalize` is not done in time, whatever keeps it."""
        outcome = Outcome.of(TimedOut("The store did not answer within the time of one sync."))
        return Result(outcome, self._answer(request, self._held(request), outcome))

    def _wanted(self, request: SyncRequest) -> Deletion | None:
        """The policy, if the Secret is deleted under one that is switched on and allowed."""
        text = request.annotations.get(self._keys["deletion-policy"], "")
        if not (self._enabled and request.deleting and self._keys.enables(request)):
            return None
        if text not in {Deletion.DELETE_USER, Deletion.DELETE}:
            return None
        # What another operator reported on is on another operator's store.
        observed = self._keys.observed(request, "endpoint")
        if observed and not self._placement.is_own(observed):
            return None
        if not self._policy.deletion_allowed(request.namespace, text):
            log.warning("%s: the policy forbids its deletion policy: kept", request.origin)
            return None
        return Deletion(text)

    def _held(self, request: SyncRequest) -> Holdings | None:
        """What a valid grant says that the Secret holds, whatever it names by now."""
        choice = KeyChoice.of(request.annotations, self._keys["keys"])
        plan = self._plan(request)
        data = request.data if plan is None else plan.data(request.data)
        names = read_names(data, choice)
        held = self._keys.evidence(request).held(
            self._grants,
            set() if names is None else {names.bucket, *names.more_buckets},
            set() if names is None else {names.user},
        )
        grant = held.last
        if grant is None:
            return None
        owned = {name: mine.kind in _REMOVABLE for name, mine in grant.buckets.items()}
        # Of one that has access to another's there is a user alone.
        owned = owned or dict.fromkeys(grant.shares.given, False)
        if not owned:
            return None
        bucket = next(iter(owned))
        mentions = read_mentions(data, choice)
        former = held.grant.former if held.grant is not None else ()
        if plan is not None:
            former += tuple(plan.user(pair) for pair in plan.pairs)
        # Of several secrets none is known to be the user's.
        secrets = mentions.secrets if mentions.users == {grant.user} else frozenset()
        if plan is not None and len(plan.pairs) > 1:
            # A rotation may have been cut short at any step: the grant alone speaks for the user.
            secrets = frozenset()
        return Holdings(
            request.origin,
            request.uid,
            grant.user,
            bucket,
            owns_user=grant.holding.kind in _REMOVABLE,
            owns_bucket=owned.pop(bucket),
            more_buckets=owned,
            secret=next(iter(secrets)) if len(secrets) == 1 else None,
            former=tuple(user for user in dict.fromkeys(former) if user != grant.user),
            shared=tuple(grant.shares.given),
        )

    async def _derived(self, request: SyncRequest, deadline: Deadline) -> Holdings | None:
        """What a Secret without a grant holds by generated credentials that the store accepts.

        They are bound to its namespace and name, so that nobody else can have them.

        Raises:
            StoreError: the store can't be asked.
        """
        plan = self._plan(request)
        choice = KeyChoice.of(request.annotations, self._keys["keys"])
        names = None if plan is None else read_names(plan.data(request.data), choice)
        if plan is None or names is None:
            return None
        refused = False
        for pair in plan.pairs:
            user = plan.user(pair)
            claim = Claim(names.bucket, user, pair.secret, origin=request.origin)
            gap = (await self._backend.probe(claim, deadline)).gap
            refused |= gap is Gap.WRONG_SECRET
            if gap is not Gap.ACCEPTED:
                continue
            others = dict.fromkeys(plan.user(other) for other in plan.pairs)
            return Holdings(
                request.origin,
                request.uid,
                user,
                names.bucket,
                owns_user=True,
                owns_bucket=True,
                secret=pair.secret,
                former=tuple(other for other in others if other != user),
                more_buckets=dict.fromkeys(names.more_buckets, True),
            )
        if refused:
            if not self._settled(request):
                raise not_settled()
            await self._backend.prove_signatures(deadline)
        return None

    def _settled(self, request: SyncRequest) -> bool:
        """Whether the store has had the time to forget what a user's secret was before.

        Counted from the deletion, so that no Secret waits for longer: a time in the future, which
        clocks that differ can make of it, counts from the same distance.
        """
        if request.deleted is None:
            return True
        waited = (datetime.now(UTC) - request.deleted).total_seconds()
        cache = self._backend.capabilities.account_cache
        return not cache or abs(waited) > cache + _MARGIN

    def _tell_of_no_grant(self, request: SyncRequest) -> None:
        """Says that nothing is removed, and what may be left of generated credentials."""
        evidence = self._keys.evidence(request)
        lost = self._grants.unverified(evidence.token, evidence.uid)
        if left := left_users(None, lost, ""):
            log.warning(
                "%s goes with a grant that no SIGNING_KEY verifies: nothing is removed from the "
                "store, where %s may be left",
                request.origin,
                ", ".join(left),
            )
            return
        log.info("%s goes without a valid grant: nothing is removed from the store", request.origin)

    def _plan(self, request: SyncRequest) -> Plan | None:
        """The generated credentials of a Secret, as far as they can be told."""
        grant = self._keys.evidence(request).held(self._grants).grant
        try:
            return self._generator.plan(request, grant, int(time.time()))
        except InvalidSecret:
            return None

    async def _remove(
        self, policy: Deletion, request: SyncRequest, held: Holdings, deadline: Deadline
    ) -> Outcome:
        if self._others is None:
            raise Refusal(
                Reason.GUARD_UNAVAILABLE,
                "Nothing is removed without access to the Kubernetes API, which alone tells what "
                "other Secrets use.",
            )
        async with self._locks.hold(deadline, bucket=held.buckets, user=held.user):
            return await remove(
                policy,
                held,
                self._others,
                self._backend,
                deadline,
                settled=self._settled(request),
            )

    def _answer(
        self, request: SyncRequest, held: Holdings | None, outcome: Outcome
    ) -> SyncResponse:
        if outcome.status is Status.READY:
            return SyncResponse(finalized=True)
        claim = None
        if held is not None:
            bucket, *more = held.buckets
            claim = Claim(bucket, held.user, Sensitive(""), more_buckets=tuple(more))
        endpoint = self._keys.observed(request, "endpoint")
        answer = self._scribe.answer(request, outcome, claim, datetime.now(UTC), endpoint)
        return replace(answer, finalized=False)
