"""Events on Secrets, for `kubectl events`: best effort, and never in a sync's way."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from hooks.cluster.kube import Kube
from hooks.cluster.kubecall import Object
from hooks.cluster.kubeerrors import AlreadyExists, Forbidden, KubeError
from hooks.cluster.pace import Pace
from hooks.contract.outcome import Action, Outcome, Reason, Status

log = logging.getLogger(__name__)

COMPONENT = "s3-resource-operator"
PUBLIC = "BucketPublic"
"""Everybody may do something with the bucket from now on."""

_LENGTH = 1024
_QUEUE = 2000
# A rollout of many Secrets has a piece of news for each, and the Kubernetes API and this process
# have better to do just then. Controllers commonly ask it for less in all.
_PER_SECOND = 20.0
_BURST = 50
_REQUEST_SECONDS = 5.0
_BETWEEN_LINES = 60.0
_DELETIONS = frozenset({Action.DELETE_USER, Action.DELETE_BUCKET})
_NAME_LENGTH = 253


class Subject(Protocol):
    """The Secret that an Event is about."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str: ...


@dataclass(frozen=True, slots=True)
class EventSpec:
    """What an Event says.

    Args:
        type: Normal or Warning.
        reason: one word.
        message: for a person; never a credential.
        action: what was done or tried.
    """

    type: str
    reason: str
    message: str
    action: str = "sync"


def event_for(
    observed_status: str, observed_reason: str, outcome: Outcome, *, finalizing: bool = False
) -> EventSpec | None:
    """The Event that an outcome is worth, None if it is no news.

    Args:
        observed_status: the Secret's status annotation before the sync, empty if it has none.
        observed_reason: its reason annotation likewise.
        outcome: how the sync ended.
        finalizing: whether the Secret is on its way out, and Ready means that all is removed.
    """
    if outcome.reason is Reason.CONNECTION_SECRET_PENDING:
        # Each new one passes through it; only what was done meanwhile is news.
        reason = _done(outcome.actions)
        return None if reason is None else _of_actions(reason, outcome)
    unchanged = (observed_status, observed_reason) == (outcome.status, outcome.reason)
    if outcome.status is not Status.READY:
        if unchanged:
            return None
        return EventSpec("Warning", outcome.reason.value, outcome.message)
    reason = _done(outcome.actions)
    if reason is None:
        return (
            None if unchanged or finalizing else EventSpec("Normal", "Provisioned", outcome.message)
        )
    return _of_actions(reason, outcome)


def _of_actions(reason: str, outcome: Outcome) -> EventSpec:
    done = ", ".join(outcome.actions)
    message = f"{outcome.message} Done on the store: {done}."
    return EventSpec("Normal", reason, message, outcome.actions[-1].value)


def _done(actions: tuple[Action, ...]) -> str | None:
    """The word for what was changed on the store, None for nothing.

    What is new isn't changed: a store without owners gives a new bucket its owner in a second
    step, and another one a new user its ids.
    """
    done = set(actions)
    if done & _DELETIONS:
        return "Deleted"
    if Action.CHANGE_OWNER in done and Action.CREATE_BUCKET not in done:
        return "OwnerChanged"
    if Action.MAKE_PUBLIC in done:
        return PUBLIC
    if Action.UPDATE_USER in done and Action.CREATE_USER not in done:
        return "SecretRotated"
    return "Provisioned" if done else None


@dataclass(frozen=True, slots=True)
class _Entry:
    """What waits to be written; not the request, which holds the Secret's data."""

    namespace: str
    name: str
    uid: str
    spec: EventSpec
    at: datetime


class Events:
    """Writes Events from a queue, in a thread of its own.

    The same reason for the same Secret is one Event whose count goes up, however often a Secret
    goes back and forth. Many at once are written by and by, 20 a second, each with the time at
    which it happened; what waits when the process is killed is lost. An account that may not
    create Events switches them off, with one warning; every other failure is logged once a minute
    at most, and forgotten.

    Args:
        kube: the Kubernetes API.
        instance: which replica reports, the host's name unless given.
        size: how many may wait; further ones are dropped.
        now: the time, with a zone.
    """

    def __init__(
        self,
        kube: Kube,
        *,
        instance: str = "",
        size: int = _QUEUE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kube = kube
        self._instance = (instance or socket.gethostname() or COMPONENT)[:128]
        self._size = size
        self._now = now
        self._queue: deque[_Entry] = deque()
        self._pace = Pace(_PER_SECOND, _BURST)
        self._change = threading.Condition()
        self._closing = False
        self._off = False
        self._end = float("inf")
        self._dropped = 0
        self._failed = 0
        self._failure = ""
        self._next_line = 0.0
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def emit(self, subject: Subject, spec: EventSpec) -> None:
        """Queues an Event; never waits and never raises.

        Args:
            subject: the Secret.
            spec: what to say of it.
        """
        entry = _Entry(subject.namespace, subject.name, subject.uid, spec, self._now())
        with self._change:
            if self._closing or self._off:
                return
            if len(self._queue) >= self._size:
                self._dropped += 1
                return
            self._queue.append(entry)
            if len(self._queue) == 1:
                # With more of them it waits for nothing but the time.
                self._change.notify()

    def close(self, timeout: float) -> None:
        """Writes what waits, for `timeout` seconds at most and at full speed; ends the thread.

        The client is the caller's to close.
        """
        with self._change:
            self._closing = True
            self._end = time.monotonic() + timeout
            self._change.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        while (entry := self._take()) is not None:
            try:
                self._write(entry)
            except KubeError as error:
                self._fail(entry, error)
            except Exception:
                # A bug in the telling is no reason to stop telling.
                log.exception("an Event was not written because of a bug")
            self._report()
        self._report(last=True)

    def _take(self) -> _Entry | None:
        with self._change:
            while not self._closing and (not self._queue or self._pace.wait() > 0):
                if self._off:
                    return None
                self._change.wait(self._pace.wait() if self._queue else None)
            if not self._queue:
                return None
            if self._left() <= 0:
                log.warning("%d Events were not written before the end", len(self._queue))
                self._queue.clear()
                return None
            self._pace.done()
            return self._queue.popleft()

    def _left(self) -> float:
        return min(self._end - time.monotonic(), _REQUEST_SECONDS)

    def _write(self, entry: _Entry) -> None:
        body = event(entry.spec, entry, entry.at, self._instance)
        namespace, name = entry.namespace, body["metadata"]["name"]
        try:
            self._kube.create_event(namespace, body, timeout=self._left())
        except AlreadyExists:
            # The answer tells the rest, for which Events would have to be readable otherwise.
            reporter = {"reportingInstance": self._instance}
            found = self._kube.patch_event(namespace, name, reporter, timeout=self._left())
            more = {
                "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
                "count": int(found.get("count") or 1) + 1,
            }
            # Another replica may have written a later one, while this one waited.
            if str(found.get("lastTimestamp") or "") <= body["lastTimestamp"]:
                more |= {key: body[key] for key in ("lastTimestamp", "message", "action")}
            self._kube.patch_event(namespace, name, more, timeout=self._left())

    def _fail(self, entry: _Entry, error: KubeError) -> None:
        if isinstance(error, Forbidden) and self._forbidden(entry.namespace):
            with self._change:
                self._off = True
                self._queue.clear()
            log.warning(
                "Events are off until the next start: this account may not create and patch them"
            )
            return
        self._failed += 1
        self._failure = str(error)

    def _forbidden(self, namespace: str) -> bool:
        """Whether it is the account: a namespace that is being deleted answers 403 too.

        That is in a tenant's hands, and must not silence the others' Events.
        """
        try:
            return not all(
                self._kube.may(verb, "events", namespace=namespace, timeout=self._left())
                for verb in ("create", "patch")
            )
        except KubeError:
            return False

    def _report(self, *, last: bool = False) -> None:
        """Says what was lost since the last such line."""
        if not last and time.monotonic() < self._next_line:
            return
        with self._change:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("%d Events were dropped: too many waited to be written", dropped)
        if self._failed:
            log.warning("%d Events could not be written: %s", self._failed, self._failure)
            self._failed = 0
        elif not dropped:
            return
        self._next_line = time.monotonic() + _BETWEEN_LINES


def event(spec: EventSpec, subject: Subject, at: datetime, instance: str) -> Object:
    """A v1 Event, of the older kind that counts: what every `kubectl` shows.

    Its name is the same for the same Secret and reason, so that a second one finds the first.
    """
    digest = hashlib.sha256("\0".join([subject.uid, spec.type, spec.reason]).encode()).hexdigest()
    suffix = f".{digest[:16]}"
    stem = subject.name[: _NAME_LENGTH - len(suffix)].rstrip("-.")
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{stem}{suffix}", "namespace": subject.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Secret",
            "namespace": subject.namespace,
            "name": subject.name,
            "uid": subject.uid,
        },
        "type": spec.type,
        "reason": spec.reason,
        "message": shortened(spec.message),
        "action": spec.action,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": instance,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def shortened(message: str) -> str:
    """A message of at most 1,024 bytes; a longer one loses its middle."""
    encoded = message.encode(errors="replace")
    if len(encoded) <= _LENGTH:
        return encoded.decode()
    half = (_LENGTH - len("…".encode())) // 2
    return f"{encoded[:half].decode(errors='ignore')}…{encoded[-half:].decode(errors='ignore')}"
