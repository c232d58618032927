"""The connection Secret beside the tenant's own, and what must not be written over for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from backends.base import Claim
from backends.wire.deadline import Deadline
from hooks.attachments.connection import Connections, as_observed, holds
from hooks.claim.policy import Policy
from hooks.claim.secret import InvalidSecret
from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import KubeError
from hooks.contract.decorator import SyncRequest
from hooks.contract.managedfields import ManagedFields
from hooks.contract.outcome import Conflict, Outcome, Reason, Refusal
from hooks.contract.status import resync_after

Made = Mapping[str, Any]
"""A connection Secret."""

_ASKED = ("connection-secret", "connection-format", "connection-defaults")
# Seconds until the next try, at least.
_SOONEST = 2.0
# As many as the client has connections.
_THREADS = 32
NO_ATTACHMENTS = (
    "There can be no connection Secret: the operator's DecoratorController has no attachments of "
    "Secrets. Have them switched on, or remove the annotation connection-secret."
)
MAKER = "metacontroller.k8s.io/decorator-controller"
"""What Metacontroller (4.17.2) tells its attachments by."""
NOT_BY_HAND = "The connection Secret is left to Metacontroller."
PENDING = "Bucket and user are ready on the store, but the connection Secret isn't up to date yet."
REFUSED = (
    "Bucket and user are ready on the store, but Kubernetes refuses the connection Secret: an "
    "admission policy, a quota, or an immutable Secret. Metacontroller's Events on this Secret and "
    "its log say why."
)
# Seconds for which Ready stands while what has just changed is written.
GRACE = 60.0
# Seconds until what isn't written counts as refused. Metacontroller writes the annotations before
# the attachments, and leaves those for the next time when it has an old version of the Secret.
PATIENCE = 60.0


class Attachments:
    """Decides what a Secret's attachments are to be.

    Args:
        connections: makes connection Secrets.
        kube: tells what is there already; None can't be asked.

    Attributes:
        began: since when connection Secrets are made with these settings.
    """

    def __init__(self, connections: Connections, kube: Kube | None) -> None:
        self._connections = connections
        self._kube = kube
        self.began = datetime.now(UTC)
        # Of its own: the loop's few also resolve the store's name, which must not wait for an API
        # that hangs.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kubernetes")

    def check(self, request: SyncRequest, claim: Claim, policy: Policy) -> Made | None:
        """The connection Secret as it is to be, looked at before anything is made.

        Args:
            request: the Secret.
            claim: what it asks for.
            policy: what its namespace may ask for.

        Returns:
            None if there is to be none, or none can be made by hand.

        Raises:
            InvalidSecret: the annotations ask for what can't be, or may not.
        """
        if not self._connections.concerns(request):
            return None
        made = self._connections.make(request, claim)
        marks = self._connections.marks(request)
        forbidden = policy.forbids_marks(request.namespace, marks.labels, marks.annotations)
        if forbidden is not None:
            annotation = self._connections.keys[forbidden.field]
            raise InvalidSecret(
                Reason.NOT_ALLOWED, f"The annotation {annotation} {forbidden.problem}."
            )
        if request.by_controller and self._are_missing(request):
            raise InvalidSecret(Reason.NOT_SUPPORTED, NO_ATTACHMENTS)
        return made

    def judge(
        self,
        request: SyncRequest,
        made: Made | None,
        outcome: Outcome,
        now: datetime,
        changed: datetime | None = None,
    ) -> Outcome:
        """What a Ready outcome comes to, as long as the connection Secret isn't right.

        Nothing is remembered: what became of it before stands in the Secret's annotations, and
        when it was changed in what Kubernetes notes about that.

        Args:
            request: the Secret.
            made: the connection Secret as it is to be, None if there is to be none.
            outcome: Ready.
            now: the time, with a zone.
            changed: when generated credentials last changed, which the Secret itself doesn't show.
        """
        if made is None:
            if not self._are_missing(request):
                return outcome
            return replace(outcome, message=f"{outcome.message} {NOT_BY_HAND}")
        attached = request.attached_secrets or {}
        if self.is_right(request, made):
            return outcome
        keys = self._connections.keys
        reason = keys.observed(request, "reason")
        # Only a Ready that was told before may stand, and never beside nothing at all.
        if reason == Reason.PROVISIONED and attached:
            last = self._changed(request)
            left = GRACE - (now - max(last, changed or last)).total_seconds()
            if left > 0:
                # Clocks differ.
                return _again(outcome, min(left, GRACE))
        waited = 0.0
        if reason == Reason.CONNECTION_SECRET_PENDING:
            # The status may have been Retrying for other reasons long before.
            noted = request.managed.changed(("metadata", "annotations", keys["reason"]))
            since = noted or keys.last_transition(request) or now
            waited = max((now - since).total_seconds(), 0.0)
        if reason == Reason.CONNECTION_SECRET_REFUSED or waited >= PATIENCE:
            return replace(outcome, reason=Reason.CONNECTION_SECRET_REFUSED, message=REFUSED)
        pending = replace(outcome, reason=Reason.CONNECTION_SECRET_PENDING, message=PENDING)
        again = resync_after(pending.reason, waited, request.uid) or _SOONEST
        return _again(pending, min(again, PATIENCE - waited))

    def is_right(self, request: SyncRequest, made: Made | None) -> bool:
        """Whether the connection Secret was observed as it is to be; without one it isn't.

        Args:
            request: the Secret.
            made: the connection Secret as it is to be.
        """
        attached = request.attached_secrets or {}
        return made is not None and holds(attached.get(made["metadata"]["name"]), made)

    def _are_missing(self, request: SyncRequest) -> bool:
        """Whether a Secret asks for what nobody here makes."""
        asked = self._connections.keys["connection-secret"] in request.annotations
        return asked and request.attached_secrets is None

    def _changed(self, request: SyncRequest) -> datetime:
        """When that last changed of which a connection Secret is made, or itself."""
        keys = self._connections.keys
        asked = (("metadata", "annotations", keys[word]) for word in _ASKED)
        times = (
            self.began,
            request.managed.changed(("data",), *asked),
            *(
                ManagedFields(found["metadata"].get("managedFields")).changed(("data",))
                for found in (request.attached_secrets or {}).values()
            ),
        )
        return max(time for time in times if time is not None)

    async def refuse_foreign(self, request: SyncRequest, deadline: Deadline) -> None:
        """Looks whether the name is somebody else's, unless the attachment is known already.

        With server-side apply Metacontroller would write over a foreign Secret, and with the
        other strategy pass over it in silence. So it does with one that a controller of another
        name made for this very Secret, since it tells by an annotation whose an attachment is.

        Args:
            request: the Secret.
            deadline: of the sync.

        Raises:
            Conflict: it is.
            Refusal: the Kubernetes API can't be asked.
        """
        if request.attached_secrets is None:
            return
        name = self._connections.wanted(request)
        if name is None or name in request.attached_secrets:
            return
        if self._kube is None:
            raise Refusal(
                Reason.GUARD_UNAVAILABLE,
                "The connection Secret isn't made: without access to the Kubernetes API the "
                "operator can't tell whether its name is taken.",
            )
        try:
            look_up = partial(
                self._kube.secret, request.namespace, name, timeout=deadline.remaining()
            )
            found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        except KubeError as error:
            raise Refusal(
                Reason.GUARD_UNAVAILABLE,
                f"The connection Secret isn't made while its name can't be looked up: {error}",
            ) from error
        if found is not None and not _is_owned(found, request.uid):
            raise Conflict(
                Reason.CONNECTION_SECRET_TAKEN,
                "There is another Secret of the name in connection-secret, which is never "
                "written over: choose another name.",
            )
        if found is not None and request.controller not in {"", _maker(found)}:
            raise Conflict(
                Reason.CONNECTION_SECRET_TAKEN,
                f"The connection Secret was made through a controller of another name than "
                f"{request.controller}, by its annotation {MAKER}, so this one never changes it: "
                "delete it, and it is made anew, or set the annotation to that name.",
            )

    def of(self, request: SyncRequest, claim: Claim | None) -> Sequence[Mapping[str, Any]]:
        """All that is to stay attached, since Metacontroller deletes what isn't answered.

        Args:
            request: the Secret.
            claim: what it was given, if the store has just accepted that; None leaves everything
                as observed, so that no outage and no mistake takes an application's credentials
                away.
        """
        attached = request.attached_secrets or {}
        if claim is None:
            return [as_observed(found) for found in attached.values()]
        made = self._connections.make(request, claim)
        if made is None:
            return []
        name = made["metadata"]["name"]
        if holds(attached.get(name), made):
            return [made]
        # Under its former name it goes when applications find it under the new one.
        return [
            made,
            *(_kept(found, former, made) for former, found in attached.items() if former != name),
        ]


def _again(outcome: Outcome, seconds: float) -> Outcome:
    """The outcome, looked at again after so many seconds, or sooner if that is due."""
    seconds = round(max(seconds, _SOONEST), 1)
    return replace(outcome, again=min(seconds, outcome.again or seconds))


def _kept(found: Made, name: str, made: Made) -> Made:
    """A connection Secret under its former name, with credentials that the store takes."""
    if holds(found, made):
        return as_observed(found)
    return {**made, "metadata": {**made["metadata"], "name": name}}


def _maker(secret: Mapping[str, Any]) -> str | None:
    """The controller that Metacontroller takes an attachment for, None for none."""
    maker: str | None = (secret["metadata"].get("annotations") or {}).get(MAKER)
    return maker


def _is_owned(secret: Mapping[str, Any], uid: str) -> bool:
    """Whether it was made for the Secret, but isn't in Metacontroller's cache yet."""
    references = secret["metadata"].get("ownerReferences") or []
    return any(
        reference.get("uid") == uid and reference.get("controller") is True
        for reference in references
    )
