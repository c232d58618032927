"""One hook call from the Secret to the answer."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from backends.base import Backend, Claim, Gap, Probe
from backends.errors import StoreError, TimedOut
from backends.wire.deadline import Deadline
from hooks.attachments.attachments import Attachments, Made
from hooks.claim.bucketsettings.reading import with_settings
from hooks.claim.fieldkeys import KeyChoice
from hooks.claim.policy import Policy
from hooks.claim.policyfile import DELETIONS, Deletion
from hooks.claim.secret import (
    InvalidSecret,
    NamedEndpoint,
    Reading,
    Rules,
    check_supported,
    read,
    read_endpoint,
)
from hooks.claim.sharing import as_guest, read_access
from hooks.contract.applied import Applied
from hooks.contract.decorator import SyncRequest, SyncResponse
from hooks.contract.derived import Pair
from hooks.contract.outcome import Outcome, Reason, Refusal, Status
from hooks.contract.status import Keys, Scribe, is_anothers, is_applied
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync import former, signatures
from hooks.sync.bucketsettings import Keeper
from hooks.sync.closed import ClosedBuckets
from hooks.sync.locks import KeyedLocks
from hooks.sync.placement import Placement, of_one_store
from hooks.sync.recent import Recent
from hooks.sync.recogniser import Recogniser
from hooks.sync.renewal import Renewal, generator_of
from hooks.sync.several import reconcile_each
from hooks.sync.sharing import SharedBuckets
from hooks.tenancy.guest import Guest
from hooks.tenancy.holdings import Rights
from hooks.tenancy.standing import Guard, Thing, claimed
from hooks.tenancy.takeover import Takeover

# What is left to the answer when the store has used up its share.
_MARGIN = 0.25
_REMEMBERED = 1000
_CLAIMED = {Thing.BUCKET: Reason.BUCKET_CLAIMED, Thing.USER: Reason.ACCESS_KEY_CLAIMED}


@dataclass(frozen=True, slots=True)
class Result:
    """What a hook call came to; no outcome if the Secret is none of this operator's.

    Args:
        outcome: how it ended.
        response: the answer.
        seconds: how long it took, None where that isn't known.
        store: the name of the store, where there are several.
    """

    outcome: Outcome | None
    response: SyncResponse
    seconds: float | None = None
    store: str = ""


class Syncer:
    """Does for a Secret what the hook promises; for any number of tasks of one event loop.

    Args:
        settings: the operator's.
        backend: the store.
        metrics: counted into.
        locks: held while something is done for a bucket and a user.
        attachments: decides about connection Secrets.
        shared: gives and takes back access to shared buckets.
        guard: knows what other Secrets hold; None doesn't ask.
        placement: which store a Secret belongs to; None where there is one only.
    """

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        metrics: Metrics,
        locks: KeyedLocks,
        attachments: Attachments,
        shared: SharedBuckets,
        guard: Guard | None = None,
        placement: Placement | None = None,
    ) -> None:
        self._backend = backend
        self._placement = placement or of_one_store(settings)
        self._metrics = metrics
        self._rules: Rules = settings.rules
        self._adoption = settings.adoption
        self._store_time = store_time(settings)
        self._grants = settings.grants
        self._keys = Keys(settings.annotation_key)
        self._scribe = Scribe(self._keys, self._grants, settings.connection.endpoint)
        self._locks = locks
        self._attachments = attachments
        self._guard = guard
        self._shared = shared
        self._renewal = Renewal(
            generator_of(settings),
            backend,
            self._keys,
            self._grants,
            attachments,
            metrics,
            self._takeover,
            self._reconciled,
        )
        self._recogniser = Recogniser(
            settings.backend_name, settings.connection, settings.listed_as
        )
        self._provisioned: Recent[tuple[str, str]] = Recent(_REMEMBERED)
        self._closed = ClosedBuckets()
        connection = settings.connection
        self._two_ways = connection.endpoint != connection.admin_endpoint

    async def sync(self, request: SyncRequest) -> Result:
        """Makes the store what the Secret says, in somewhat less than SYNC_TIMEOUT_SECONDS."""
        if request.deleting or not self._keys.enables(request):
            return Result(None, SyncResponse())
        started = time.perf_counter()
        claim, outcome = await self._handle(request)
        if outcome is None:
            return Result(None, SyncResponse())
        seconds = time.perf_counter() - started
        self._metrics.handle_duration.observe(seconds)
        self._metrics.changed(outcome.actions)
        return Result(outcome, self._answer(request, claim, outcome), seconds)

    def reading(self, request: SyncRequest) -> Reading:
        """What a Secret of this operator's asks for, by all that a sync looks at before the store.

        Raises:
            Refusal: it asks for what can't be, or it is another operator's.
        """
        rules = self._standing_rules()
        if self._placement.is_anothers(request):
            raise Refusal(Reason.ENDPOINT_MISMATCH, "Another operator reports on it.")
        found = self._read(request, rules)
        if (refusal := self._placement.refusal(request, found.endpoint)) is not None:
            raise refusal
        check_supported(found.claim, self._backend.capabilities, found.keys)
        self._attachments.check(request, found.claim, rules.policy)
        return found

    def connection_secret(self, request: SyncRequest) -> Made | None:
        """The connection Secret of a Secret that no controller shows, None if it asks for none.

        Raises:
            Refusal: it asks for what can't be, or it is another operator's.
        """
        claim = self.reading(request).claim
        alone = replace(request, attached_secrets={})
        return self._attachments.check(alone, claim, self._standing_rules().policy)

    def _standing_rules(self) -> Rules:
        """The rules, with one version of the policy file."""
        if self._rules.policy.file is None:
            return self._rules
        return replace(self._rules, policy=self._rules.policy.standing())

    def timed_out(self, request: SyncRequest) -> Result:
        """The answer when :meth:`sync` is not done in time, whatever keeps it."""
        try:
            claim: Claim | None = self._read(request, self._rules).claim
        except InvalidSecret:
            claim = None
        error = TimedOut("The store did not answer within the time of one sync.")
        outcome = Outcome.of(error)
        return Result(outcome, self._answer(request, claim, outcome))

    async def _handle(self, request: SyncRequest) -> tuple[Claim | None, Outcome | None]:
        """Claim and outcome; no outcome if another operator reports on the Secret."""
        if self._placement.is_anothers(request):
            return None, None
        rules = self._standing_rules()
        try:
            reading = self._read(request, rules)
        except InvalidSecret as error:
            return None, Outcome.of(error)
        claim = reading.claim
        if (refusal := self._placement.refusal(request, reading.endpoint)) is not None:
            return claim, Outcome.of(refusal)
        deadline = Deadline(self._store_time)
        try:
            check_supported(claim, self._backend.capabilities, reading.keys)
            made = self._attachments.check(request, claim, rules.policy)
            # Before anything is made: what is refused afterwards would have no grant, and be
            # written anew at each try.
            await self._attachments.refuse_foreign(request, deadline)
            await self._refuse_contender(request, claim, deadline)
            bucket = () if claim.more_buckets else claim.bucket  # they have their turns later
            async with self._locks.hold(deadline, bucket=bucket, user=claim.user):
                plan = self._renewal.plan(request)
                if plan is None:
                    takeover = self._takeover(request, claim, rules.policy, deadline, None)
                    outcome = await self._reconciled(request, takeover)
                    outcome = await self._renewal.cleaned(request, claim, outcome, deadline)
                    changed = None
                else:
                    claim, outcome, changed = await self._renewal.reconcile(
                        request, claim, plan, rules.policy, deadline
                    )
                    made = self._attachments.check(request, claim, rules.policy)
                held = self._keys.evidence(request).held(self._grants).grant
                outcome = await former.closed(
                    self._keys, request, claim, held, outcome, self._backend, deadline
                )
            outcome = await self._renewal.told(request, outcome, deadline)
            if outcome.status is Status.READY:
                if reading.notes:
                    message = " ".join([outcome.message, *reading.notes])
                    outcome = replace(outcome, message=message)
                outcome = self._attachments.judge(request, made, outcome, _now(), changed)
            return claim, outcome
        except (Refusal, StoreError) as error:
            return claim, Outcome.of(error)

    async def _refuse_contender(
        self, request: SyncRequest, claim: Claim, deadline: Deadline
    ) -> None:
        """Tells who wants what is another's so, before it waits for what others need.

        Many that name one bucket or user would else wait for one another, and whoever calls could
        call for nobody else meanwhile. So they share one look-up. It gives nobody anything: who
        isn't refused here is asked about again.

        Raises:
            Conflict: another Secret holds it.
            Refusal: the other Secrets can't be looked at.
            StoreError: the store can't be asked.
        """
        if self._guard is None:
            return
        names = {Thing.USER: claim.user, Thing.BUCKET: claim.bucket}
        if claim.access is not None or claim.more_buckets:
            del names[Thing.BUCKET]
        reason = self._keys.observed(request, "reason")
        # Of two things that are others' it is told of one, always the same.
        asked = [thing for thing in names if _CLAIMED[thing] == reason]
        busy = [thing for thing in names if self._locks.is_held(thing.value, names[thing])]
        if not asked and not busy:
            # A Secret whose names nobody is at work on takes no further question.
            return
        held = self._keys.evidence(request).held(self._grants, {claim.bucket}, {claim.user})
        mine = {Thing.USER: held.user(claim.user), Thing.BUCKET: held.bucket(claim.bucket)}
        if not asked:
            # Whether it was given them its grant alone tells: its status may be another name's, or
            # made up.
            asked = [thing for thing in busy if mine[thing] is None]
        for thing in asked:
            try:
                standing = await self._guard.standing(thing, claim, deadline)
            except Refusal:
                if self._keys.observed(request, "status") == Status.READY:
                    # It may have become so without a grant, while Kubernetes couldn't be asked.
                    return
                raise
            against = standing.against(mine[thing], request.uid)
            rival = next((holder for holder in against if holder.rival), None)
            # What the store accepts is never called less than Ready.
            if (
                rival is not None
                and (await self._backend.probe(claim, deadline)).gap is not Gap.ACCEPTED
            ):
                raise claimed(thing, claim, rival.namespace, rival.name)

    def _takeover(
        self,
        request: SyncRequest,
        claim: Claim,
        policy: Policy,
        deadline: Deadline,
        pair: Pair | None,
    ) -> Takeover:
        evidence = self._keys.evidence(request)
        adoption = policy.adoption_for(request.namespace) or self._adoption
        kind = Takeover if claim.access is None else Guest
        made = kind(
            claim,
            request.uid,
            evidence.held(self._grants, set(claim.buckets), {claim.user}),
            self._backend,
            Rights(adoption, partial(_keeps, policy, request.namespace)),
            deadline,
            self._guard,
            pair,
        )
        made.told_user = self._keys.observed(request, "user")
        return made

    async def _reconciled(
        self, request: SyncRequest, takeover: Takeover, probed: Probe | None = None
    ) -> Outcome:
        claim = takeover.claim
        if claim.more_buckets:
            return await reconcile_each(takeover, partial(self._reconciled, request), self._locks)
        names = claim.bucket, claim.user
        told = Applied.of(self._keys.observed(request, "applied"))
        outcome = await self._shared.reconcile(
            request,
            takeover,
            applied=is_applied(self._grants, request, told.digest, claim)
            or is_anothers(self._keys, self._grants, request, int(time.time())),
            # What was just made is shown once more before Metacontroller sees its own write.
            unseen=probed is None
            and not self._keys.observed(request, "status")
            and names not in self._provisioned,
            probed=probed,
            keeper=Keeper(
                self._grants,
                told,
                {claim.bucket},
                settled=takeover.is_settled,
                closed=self._closed.of(request) if self._rules.public_access else None,
            ),
        )
        outcome = await self._recogniser.explained(outcome, takeover.deadline)
        if self._two_ways:
            outcome = await signatures.explained(outcome, takeover.backend, takeover.deadline)
        if outcome.status is Status.READY:
            self._provisioned.add(names)
        return outcome

    def _read(self, request: SyncRequest, rules: Rules) -> Reading:
        """What the Secret says.

        Raises:
            InvalidSecret: data or annotations ask for what can't be.
        """
        choice = self._choice(request)
        plan = self._renewal.plan(request)
        data = request.data if plan is None else plan.data(request.data)
        chosen = plan is None or bool(plan.named)
        access = read_access(request.annotations, self._keys)
        where = request.origin, request.namespace
        found = read(data, rules, *where, choice, chosen=chosen, access=access)
        request.memo["endpoint"] = found.endpoint
        found = as_guest(with_settings(found, data, rules, request.namespace), self._keys)
        key = self._keys["deletion-policy"]
        deletion = request.annotations.get(key, Deletion.RETAIN)
        if deletion not in DELETIONS:
            raise InvalidSecret(
                Reason.INVALID_FIELD,
                f"The annotation {key} must be one of {', '.join(Deletion)}.",
            )
        if not rules.policy.deletion_allowed(request.namespace, deletion):
            raise InvalidSecret(
                Reason.NOT_ALLOWED, f"The operator's policy forbids {key}: {deletion} here."
            )
        return found

    def _choice(self, request: SyncRequest) -> KeyChoice:
        return KeyChoice.of(request.annotations, self._keys["keys"])

    def _endpoint(self, request: SyncRequest) -> str | None:
        """By which name the Secret means the store; None if it doesn't say, or can't."""
        if self._rules.endpoint is None:
            return None
        if "endpoint" in request.memo:
            named: NamedEndpoint | None = request.memo["endpoint"]
        else:
            # Something else couldn't be read.
            named = read_endpoint(request.data, self._choice(request))
        return None if named is None else self._rules.own_name(named.endpoint)

    def _answer(self, request: SyncRequest, claim: Claim | None, outcome: Outcome) -> SyncResponse:
        endpoint = self._endpoint(request)
        response = self._scribe.answer(request, outcome, claim, _now(), endpoint)
        accepted = claim if outcome.accepted else None
        shown = self._renewal.shown(request, outcome)
        attachments = self._attachments.of(request, accepted)
        if not (shown or attachments):
            return response
        annotations = {**response.annotations, **shown}
        return replace(response, annotations=annotations, attachments=attachments)


def store_time(settings: Settings) -> float:
    """Seconds of a call that the store may take."""
    return max(settings.sync_timeout - _MARGIN, settings.sync_timeout / 2)


def _keeps(policy: Policy, namespace: str, thing: Thing, name: str) -> bool:
    if thing is Thing.BUCKET:
        return policy.keeps_bucket(namespace, name)
    return policy.keeps_access_key(namespace, name)


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
