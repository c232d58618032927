"""One hook call from the Secret to the answer."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from backends.base import Backend, Claim
from backends.deadline import Deadline
from backends.errors import TimedOut
from hooks.decorator import SyncRequest, SyncResponse
from hooks.grant import Grants
from hooks.locks import KeyedLocks
from hooks.metrics import Metrics
from hooks.outcome import Outcome, Reason, Refusal, Status
from hooks.reconcile import reconcile
from hooks.secret import InvalidSecret, Rules, read, read_endpoint
from hooks.settings import Settings
from hooks.status import Keys, Scribe

log = logging.getLogger(__name__)

# What is left to the answer when the store has used up its share.
_MARGIN = 0.25


@dataclass(frozen=True, slots=True)
class Result:
    """What a hook call came to; no outcome if the Secret is none of this operator's."""

    outcome: Outcome | None
    response: SyncResponse
    seconds: float | None = None


class Syncer:
    """Does for a Secret what the hook promises; for any number of tasks of one event loop.

    Args:
        settings: the operator's.
        backend: the store.
        metrics: counted into.
    """

    def __init__(self, settings: Settings, backend: Backend, metrics: Metrics) -> None:
        self._backend = backend
        self._metrics = metrics
        self._rules: Rules = settings.rules
        self._adoption = settings.adoption
        self._store_time = max(settings.sync_timeout - _MARGIN, settings.sync_timeout / 2)
        self._grants = Grants(settings.signing_key)
        self._keys = Keys(settings.annotation_key)
        self._scribe = Scribe(self._keys, self._grants, settings.connection.endpoint)
        self._locks = KeyedLocks()

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

    def timed_out(self, request: SyncRequest) -> Result:
        """The answer when :meth:`sync` is not done in time, whatever keeps it."""
        try:
            claim: Claim | None = read(request.data, self._rules)[0]
        except InvalidSecret:
            claim = None
        error = TimedOut("The store did not answer within the time of one sync.")
        outcome = Outcome.of(error)
        return Result(outcome, self._answer(request, claim, outcome))

    def record(self, request: SyncRequest, result: Result) -> None:
        """Counts and logs an answer that was given; one that came too late is not."""
        if result.outcome is not None:
            self._metrics.processed(result.outcome)
            self._log(request, result.outcome, result.seconds)

    async def _handle(self, request: SyncRequest) -> tuple[Claim | None, Outcome | None]:
        """Claim and outcome; no outcome if another operator reports on the Secret."""
        if self._is_reported_on_by_another(request):
            return None, None
        try:
            claim, endpoint = read(request.data, self._rules, request.origin)
        except InvalidSecret as error:
            return None, Outcome.of(error)
        if endpoint is not None and endpoint != self._rules.endpoint:
            # Every operator that sees the Secret has to write the same words here, or they
            # would write over one another for ever: so neither's own endpoint is named.
            message = "endpoint-url names a store that no operator has reported on: left alone."
            return claim, Outcome(Reason.ENDPOINT_MISMATCH, message)
        if claim.role is not None and claim.role not in self._backend.capabilities.roles:
            return claim, _unsupported("role")
        deadline = Deadline(self._store_time)
        try:
            async with self._locks.hold(deadline, bucket=claim.bucket, user=claim.user):
                return claim, await reconcile(
                    claim,
                    self._keys.evidence(request),
                    self._backend,
                    self._grants,
                    self._adoption,
                    applied=self._keys.observed(request, "applied"),
                    deadline=deadline,
                )
        except TimedOut as error:
            return claim, Outcome.of(error)

    def _is_reported_on_by_another(self, request: SyncRequest) -> bool:
        """Looked at before all else: what one operator allows, another may call Invalid."""
        observed = self._keys.observed(request, "endpoint")
        if observed in {"", self._rules.endpoint} or self._rules.endpoint is None:
            return False
        return observed == read_endpoint(request.data)

    def _answer(self, request: SyncRequest, claim: Claim | None, outcome: Outcome) -> SyncResponse:
        return self._scribe.answer(request, outcome, claim, datetime.now(UTC))

    def _log(self, request: SyncRequest, outcome: Outcome, seconds: float | None) -> None:
        observed = self._keys.observed
        changed = bool(outcome.actions) or (
            (observed(request, "status"), observed(request, "reason"))
            != (outcome.status.value, outcome.reason.value)
        )
        good = outcome.status in {Status.READY, Status.SKIPPED}
        level = logging.DEBUG if not changed else logging.INFO if good else logging.WARNING
        if not log.isEnabledFor(level):
            return
        log.log(
            level,
            "%s",
            outcome.status.value if good else f"{outcome.status.value}: {outcome.message}",
            extra={
                "fields": {
                    "secret": request.origin,
                    "status": outcome.status.value,
                    "reason": outcome.reason.value,
                    "action": ",".join(outcome.actions) or "none",
                    "duration_ms": None if seconds is None else round(seconds * 1000, 1),
                }
            },
        )


def _unsupported(field: str) -> Outcome:
    return Outcome.of(Refusal(Reason.NOT_SUPPORTED, f"This store can't give a user a {field}."))
