"""Prometheus metrics, under the names of the contract. No name of a Secret is ever a label."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from backends.base import Observer
from hooks import __version__
from hooks.contract.outcome import Action, Outcome, Reason, Status

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
INTERNAL_ERROR = "InternalError"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# What whoever is on the other side has to change: the token, the request, or how many at once.
_REFUSALS = (400, 401, 413, 429, 431)
_FAILURES = (Status.RETRYING, Status.INVALID, Status.CONFLICT)


class Metrics:
    """The metrics of one process; several replicas are added up by Prometheus."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._processed = self._counter("secrets_processed", "Syncs answered.", "status")
        self._errors = self._counter("errors", "Syncs that did not end Ready.", "reason")
        self.sync_duration = self._histogram("sync_duration_seconds", "A whole hook call.")
        self.handle_duration = self._histogram(
            "handle_secret_duration_seconds", "The part of a hook call that reconciles."
        )
        self._refused = self._counter(
            "refused_calls", "Calls refused before a Secret was looked at.", "code"
        )
        ProcessCollector(registry=self.registry)
        self._users_created = self._counter("users_created", "Users made.")
        self._users_updated = self._counter("users_updated", "Users changed.")
        self._users_deleted = self._counter("users_deleted", "Users deleted.")
        self._buckets_created = self._counter("buckets_created", "Buckets made.")
        self._buckets_deleted = self._counter("buckets_deleted", "Buckets deleted.")
        self._owners_changed = self._counter("bucket_owners_changed", "Buckets given a new owner.")
        self._made_public = self._counter(
            "buckets_made_public", "Buckets of which everybody may read or do something since."
        )
        self._rotated = self._counter("credentials_rotated", "Generated credentials changed.")
        self._overdue = self._counter(
            "overdue_rotations", "Syncs of Secrets whose generated credentials should have changed."
        )
        self._requests = self._counter(
            "backend_requests", "Requests to the store.", "backend", "operation", "code"
        )
        self._request_duration = self._histogram(
            "backend_request_duration_seconds", "A request to the store.", "backend", "operation"
        )
        self._up = Gauge(
            "s3_operator_backend_up",
            "Whether the last request to the store was answered; NaN before the first.",
            registry=self.registry,
        )
        self._up.set(math.nan)
        Gauge(
            "s3_operator_build_info", "The operator's version.", ["version"], registry=self.registry
        ).labels(__version__).set(1)
        self._actions = {
            Action.CREATE_USER: self._users_created,
            Action.UPDATE_USER: self._users_updated,
            Action.CREATE_BUCKET: self._buckets_created,
            Action.CHANGE_OWNER: self._owners_changed,
            Action.MAKE_PUBLIC: self._made_public,
            Action.DELETE_USER: self._users_deleted,
            Action.DELETE_BUCKET: self._buckets_deleted,
        }
        # A series that isn't there has no rate: the first failure would not be seen.
        for status in Status:
            self._processed.labels(status.value)
        for reason in Reason:
            if reason.status in _FAILURES:
                self._errors.labels(reason.value)
        self._errors.labels(INTERNAL_ERROR)
        for code in _REFUSALS:
            self._refused.labels(str(code))

    def processed(self, outcome: Outcome) -> None:
        """Counts an answered sync."""
        self._processed.labels(outcome.status.value).inc()
        if outcome.status in _FAILURES:
            self._errors.labels(outcome.reason.value).inc()

    def changed(self, actions: Iterable[Action]) -> None:
        """Counts what was changed on the store, whether or not its answer was waited for."""
        for action in actions:
            if counter := self._actions.get(action):
                counter.inc()

    def rotated(self) -> None:
        """Counts generated credentials that were changed."""
        self._rotated.inc()

    def overdue(self) -> None:
        """Counts a sync of a Secret whose rotation has been due for a while."""
        self._overdue.inc()

    def refused(self, status: int) -> None:
        """Counts a call that was refused with an HTTP status."""
        self._refused.labels(str(status)).inc()

    def policy_observer(self) -> Callable[[bool], None]:
        """What is told whether the policy file could be used; nothing is exported without one."""
        gauge = Gauge(
            "s3_operator_policy_valid",
            "Whether the policy file, as it stands, is in force.",
            registry=self.registry,
        )
        return gauge.set

    def ca_bundle_observer(self) -> Callable[[bool], None]:
        """What is told whether S3_CA_BUNDLE could be used; nothing is exported without one."""
        gauge = Gauge(
            "s3_operator_ca_bundle_valid",
            "Whether the CA bundle, as it stands, is in use.",
            registry=self.registry,
        )
        return gauge.set

    def internal_error(self) -> None:
        """Counts a sync that a bug ended."""
        self._errors.labels(INTERNAL_ERROR).inc()

    def observer(self, backend: str) -> Observer:
        """What a backend calls after each of its requests."""
        children: dict[tuple[str, str], Counter] = {}
        histograms: dict[str, Histogram] = {}

        def observe(operation: str, code: str, seconds: float) -> None:
            # Looked up once: labels() is a lock and a tuple each time.
            counter = children.get((operation, code))
            if counter is None:
                counter = children[operation, code] = self._requests.labels(
                    backend, operation, code
                )
            histogram = histograms.get(operation)
            if histogram is None:
                histogram = histograms[operation] = self._request_duration.labels(
                    backend, operation
                )
            counter.inc()
            histogram.observe(seconds)
            self._up.set(0 if code in _DOWN else 1)

        return observe

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"s3_operator_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"s3_operator_{name}", text, labels, buckets=_BUCKETS, registry=self.registry
        )


_DOWN = frozenset({"timeout", "unavailable", "500", "502", "503", "504"})
