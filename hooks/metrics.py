"""Prometheus metrics, under the names of the contract. No name of a Secret is ever a label."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterable
from typing import TypeVar

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


Kind = TypeVar("Kind", Counter, Gauge, Histogram)


class Metrics:
    """The metrics of one process; several replicas are added up by Prometheus.

    Args:
        by_store: whether the label ``store`` tells several stores apart. Without a list of stores
            there is no such label, so that what was made for one store goes on as it was.
    """

    def __init__(self, *, by_store: bool = False) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._by_store = ("store",) if by_store else ()
        self._store: tuple[str, ...] = ("",) if by_store else ()
        self._gauges: dict[str, Gauge] = {}
        self._views: dict[str, Metrics] = {}
        self._answered: dict[Status, Counter] = {}
        self._processed = self._counter(
            "secrets_processed", "Syncs answered.", *self._by_store, "status"
        )
        self._errors = self._counter(
            "errors", "Syncs that did not end Ready.", *self._by_store, "reason"
        )
        self.sync_duration = self._histogram("sync_duration_seconds", "A whole hook call.")
        self._handle_duration = self._histogram(
            "handle_secret_duration_seconds",
            "The part of a hook call that reconciles.",
            *self._by_store,
        )
        self._refused = self._counter(
            "refused_calls", "Calls refused before a Secret was looked at.", "code"
        )
        ProcessCollector(registry=self.registry)
        self._users_created = self._counter("users_created", "Users made.", *self._by_store)
        self._users_updated = self._counter("users_updated", "Users changed.", *self._by_store)
        self._users_deleted = self._counter("users_deleted", "Users deleted.", *self._by_store)
        self._buckets_created = self._counter("buckets_created", "Buckets made.", *self._by_store)
        self._buckets_deleted = self._counter(
            "buckets_deleted", "Buckets deleted.", *self._by_store
        )
        self._owners_changed = self._counter(
            "bucket_owners_changed", "Buckets given a new owner.", *self._by_store
        )
        self._made_public = self._counter(
            "buckets_made_public",
            "Buckets of which everybody may read or do something since.",
            *self._by_store,
        )
        self._rotated = self._counter(
            "credentials_rotated", "Generated credentials changed.", *self._by_store
        )
        self._overdue = self._counter(
            "overdue_rotations",
            "Syncs of Secrets whose generated credentials should have changed.",
            *self._by_store,
        )
        self._requests = self._counter(
            "backend_requests",
            "Requests to the store.",
            *self._by_store,
            "backend",
            "operation",
            "code",
        )
        self._request_duration = self._histogram(
            "backend_request_duration_seconds",
            "A request to the store.",
            *self._by_store,
            "backend",
            "operation",
        )
        self._up = self._gauge(
            "backend_up",
            "Whether the last request to the store was answered; NaN before the first.",
        )
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
        if not by_store:
            self._begin()
        self._errors.labels(*self._store, INTERNAL_ERROR)
        for code in _REFUSALS:
            self._refused.labels(str(code))

    def of_store(self, name: str) -> Metrics:
        """The same metrics, for what is about one store.

        Args:
            name: the store's, which is never a Secret's word.
        """
        if not self._by_store or not name:
            return self
        if name not in self._views:
            found = self._views[name] = copy.copy(self)
            found._store = (name,)
            found._answered = {}
            found._begin()
        return self._views[name]

    def forget(self) -> None:
        """Drops what tells how the store is, when it isn't served any more."""
        if self._by_store:
            self._views.pop(self._store[0], None)
            for gauge in self._gauges.values():
                with contextlib.suppress(KeyError):
                    gauge.remove(*self._store)

    def _begin(self) -> None:
        # A series that isn't there has no rate: the first failure would not be seen.
        for status in Status:
            self._processed.labels(*self._store, status.value)
        for reason in Reason:
            if reason.status in _FAILURES:
                self._errors.labels(*self._store, reason.value)
        for counter in self._actions.values():
            self._of(counter)
        for counter in (self._rotated, self._overdue):
            self._of(counter)
        self._of(self._handle_duration)
        self._of(self._up).set(math.nan)

    @property
    def handle_duration(self) -> Histogram:
        """The part of a hook call that reconciles, in seconds."""
        return self._of(self._handle_duration)

    def processed(self, outcome: Outcome) -> None:
        """Counts an answered sync."""
        # Looked up once: labels() is a lock and a tuple each time.
        answered = self._answered.get(outcome.status)
        if answered is None:
            answered = self._processed.labels(*self._store, outcome.status.value)
            self._answered[outcome.status] = answered
        answered.inc()
        if outcome.status in _FAILURES:
            self._errors.labels(*self._store, outcome.reason.value).inc()

    def changed(self, actions: Iterable[Action]) -> None:
        """Counts what was changed on the store, whether or not its answer was waited for."""
        for action in actions:
            if counter := self._actions.get(action):
                self._of(counter).inc()

    def rotated(self) -> None:
        """Counts generated credentials that were changed."""
        self._of(self._rotated).inc()

    def overdue(self) -> None:
        """Counts a sync of a Secret whose rotation has been due for a while."""
        self._of(self._overdue).inc()

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
        """What is told whether a store's CAs could be used; nothing is exported without any."""
        return self._of(
            self._gauge("ca_bundle_valid", "Whether the CA bundle, as it stands, is in use.")
        ).set

    def forget_ca_bundle(self) -> None:
        """Drops what tells of a store's CAs, when it has none of its own any more."""
        gauge = self._gauges.get("ca_bundle_valid")
        if self._by_store and gauge is not None:
            with contextlib.suppress(KeyError):
                gauge.remove(*self._store)

    def stores_observer(self) -> Callable[[bool], None]:
        """What is told whether the list of stores could be used; nothing is exported without."""
        gauge = Gauge(
            "s3_operator_stores_valid",
            "Whether the list of stores, as it stands, is in force.",
            registry=self.registry,
        )
        return gauge.set

    def internal_error(self) -> None:
        """Counts a sync that a bug ended."""
        self._errors.labels(*self._store, INTERNAL_ERROR).inc()

    def observer(self, backend: str) -> Observer:
        """What a backend calls after each of its requests."""
        children: dict[tuple[str, str], Counter] = {}
        histograms: dict[str, Histogram] = {}
        up = self._of(self._up)
        was_up: bool | None = None

        def observe(operation: str, code: str, seconds: float) -> None:
            nonlocal was_up
            # Looked up once: labels() is a lock and a tuple each time.
            counter = children.get((operation, code))
            if counter is None:
                counter = children[operation, code] = self._requests.labels(
                    *self._store, backend, operation, code
                )
            histogram = histograms.get(operation)
            if histogram is None:
                histogram = histograms[operation] = self._request_duration.labels(
                    *self._store, backend, operation
                )
            counter.inc()
            histogram.observe(seconds)
            is_up = code not in _DOWN
            if is_up is not was_up:
                was_up = is_up
                up.set(is_up)

        return observe

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _of(self, metric: Kind) -> Kind:
        """A metric's series of this store."""
        return metric.labels(*self._store) if self._by_store else metric

    def _gauge(self, name: str, text: str) -> Gauge:
        """One for each store, made when the first needs it."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(
                f"s3_operator_{name}", text, self._by_store, registry=self.registry
            )
        return self._gauges[name]

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"s3_operator_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"s3_operator_{name}", text, labels, buckets=_BUCKETS, registry=self.registry
        )


_DOWN = frozenset({"timeout", "unavailable", "500", "502", "503", "504"})
