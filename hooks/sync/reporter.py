"""What is told of an answered call besides the answer: metrics, a log line, an Event."""

from __future__ import annotations

import logging

from hooks.cluster.events import Events, event_for
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Outcome, Reason, Status
from hooks.contract.status import Keys
from hooks.metrics import Metrics
from hooks.sync.syncer import Result

log = logging.getLogger(__name__)


class Reporter:
    """Tells of answers that were given; one that came too late is not.

    Args:
        keys: the annotations' names.
        metrics: counted into.
        events: written to; None writes none.
    """

    def __init__(self, keys: Keys, metrics: Metrics, events: Events | None = None) -> None:
        self._keys = keys
        self._metrics = metrics
        self._events = events

    def record(self, request: SyncRequest, result: Result) -> None:
        """Tells of one call.

        Args:
            request: the Secret as it was observed.
            result: what it came to.
        """
        outcome = result.outcome
        if outcome is None:
            return
        self._metrics.of_store(result.store).processed(outcome)
        observed = (
            self._keys.observed(request, "status"),
            self._keys.observed(request, "reason"),
        )
        self._log(request, observed, outcome, result)
        if self._events is not None and (
            event := event_for(*observed, outcome, finalizing=request.finalizing)
        ):
            self._events.emit(request, event)

    def _log(
        self,
        request: SyncRequest,
        observed: tuple[str, str],
        outcome: Outcome,
        result: Result,
    ) -> None:
        changed = bool(outcome.actions) or observed != (outcome.status, outcome.reason)
        good = outcome.status in {Status.READY, Status.SKIPPED}
        # Each new connection Secret is awaited for a moment.
        expected = good or outcome.reason is Reason.CONNECTION_SECRET_PENDING
        level = logging.DEBUG if not changed else logging.INFO if expected else logging.WARNING
        if not log.isEnabledFor(level):
            return
        seconds = result.seconds
        log.log(
            level,
            "%s",
            outcome.status.value if good else f"{outcome.status.value}: {outcome.message}",
            extra={
                "fields": {
                    "secret": request.origin,
                    **({"store": result.store} if result.store else {}),
                    "status": outcome.status.value,
                    "reason": outcome.reason.value,
                    "action": ",".join(outcome.actions) or "none",
                    "duration_ms": None if seconds is None else round(seconds * 1000, 1),
                }
            },
        )
