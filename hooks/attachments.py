"""The connection Secret beside the tenant's own, and what must not be written over for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from backends.base import Claim
from backends.deadline import Deadline
from hooks.connection import Connections, as_observed
from hooks.decorator import SyncRequest
from hooks.kube import Kube
from hooks.kubeerrors import KubeError
from hooks.outcome import Conflict, Reason, Refusal

# As many as the client has connections.
_THREADS = 32
NO_ATTACHMENTS = (
    "There is no connection Secret: the operator's DecoratorController has no attachments of "
    "Secrets."
)


class Attachments:
    """Decides what a Secret's attachments are to be.

    Args:
        connections: makes connection Secrets.
        kube: tells what is there already; None can't be asked.
    """

    def __init__(self, connections: Connections, kube: Kube | None) -> None:
        self._connections = connections
        self._kube = kube
        # Of its own: the loop's few also resolve the store's name, which must not wait for an API
        # that hangs.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kubernetes")

    def check(self, request: SyncRequest, claim: Claim) -> None:
        """Looks at what the annotations ask for, before anything is made.

        Raises:
            InvalidSecret: it can't be.
        """
        self._connections.make(request, claim)

    def are_missing(self, request: SyncRequest) -> bool:
        """Whether a Secret asks for what its controller can't give."""
        return request.attached_secrets is None and bool(self._connections.wanted(request))

    async def refuse_foreign(self, request: SyncRequest, deadline: Deadline) -> None:
        """Looks whether the name is somebody else's, unless the attachment is known already.

        With server-side apply Metacontroller would write over a foreign Secret, and with the
        other strategy pass over it in silence.

        Args:
            request: the Secret.
            deadline: of the sync.

        Raises:
            Conflict: it is.
            Refusal: the Kubernetes API can't be asked.
        """
        name = self._connections.wanted(request)
        if name is None or request.attached_secrets is None or name in request.attached_secrets:
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

    def of(self, request: SyncRequest, claim: Claim | None) -> Sequence[Mapping[str, Any]]:
        """All that is to stay attached, since Metacontroller deletes what isn't answered.

        Args:
            request: the Secret.
            claim: what it was given, if it is Ready; None leaves everything as observed, so that
                no outage and no mistake takes an application's credentials away.
        """
        if claim is None:
            return [as_observed(found) for found in (request.attached_secrets or {}).values()]
        made = self._connections.make(request, claim)
        return [] if made is None else [made]


def _is_owned(secret: Mapping[str, Any], uid: str) -> bool:
    """Whether it was made for the Secret, but isn't in Metacontroller's cache yet."""
    references = secret["metadata"].get("ownerReferences") or []
    return any(
        reference.get("uid") == uid and reference.get("controller") is True
        for reference in references
    )
