"""The conflict guard: whether another live Secret holds what this one is about to take over.

Only Kubernetes knows of the other Secrets. It is asked on the rare paths where something would
be taken over, never for a Secret that is as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backends.base import Backend, Claim, Gap
from backends.deadline import Deadline
from hooks.decorator import NotAHookRequest, SyncRequest
from hooks.grant import Grants
from hooks.kube import Kube
from hooks.kubeerrors import KubeError
from hooks.outcome import Conflict, Reason, Refusal, Status
from hooks.secret import Names, read_endpoint, read_names
from hooks.status import Keys, name_hash
from hooks.takeover import Taking

# Of its own, and as many as the client has connections: with a few for everything, those that wait
# for an API that hangs would keep the others from even asking.
_THREADS = 32


@dataclass(frozen=True, slots=True)
class Other:
    """Another live Secret of this operator's, and what it names."""

    request: SyncRequest
    names: Names


class Others:
    """The other live Secrets, asked of the Kubernetes API.

    Args:
        kube: the API.
        keys: names of the annotations and labels.
        endpoint: the store's; a Secret that names another's is another operator's. None doesn't
            compare.
    """

    def __init__(self, kube: Kube, keys: Keys, endpoint: str | None) -> None:
        self._kube = kube
        self._keys = keys
        self._endpoint = endpoint
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kubernetes")

    async def labelled(self, label: str, name: str, origin: str, deadline: Deadline) -> list[Other]:
        """Those whose look-up label says that they name something.

        Args:
            label: ``bucket-hash`` or ``user-hash``.
            name: the bucket or user.
            origin: the Secret that asks; it is none of the others.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked; it is never taken for "there is none".
        """
        selector = f"{self._keys[label]}={name_hash(name)}"
        return await self._find(selector, origin, lambda _: True, deadline)

    async def invalid(
        self, origin: str, wanted: Callable[[Names], bool], deadline: Deadline
    ) -> list[Other]:
        """Those that name what is wanted and are Invalid: they have no look-up labels.

        Args:
            origin: the Secret that asks.
            wanted: picks them.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked.
        """
        selector = f"{self._keys['status']}={Status.INVALID}"
        return await self._find(selector, origin, wanted, deadline)

    async def all(
        self, origin: str, wanted: Callable[[Names], bool], deadline: Deadline
    ) -> list[Other]:
        """Those that name what is wanted, of all Secrets there are.

        Args:
            origin: the Secret that asks.
            wanted: picks them, since the whole list is never kept.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked.
        """
        return await self._find(None, origin, wanted, deadline)

    async def _find(
        self,
        selector: str | None,
        origin: str,
        wanted: Callable[[Names], bool],
        deadline: Deadline,
    ) -> list[Other]:
        seconds = deadline.remaining()

        def find() -> list[Other]:
            secrets = self._kube.secrets(selector=selector, timeout=seconds)
            return [other for other in self._live(secrets, origin) if wanted(other.names)]

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, find)
        except KubeError as error:
            raise Refusal(
                Reason.GUARD_UNAVAILABLE,
                f"Nothing is taken over while other Secrets can't be looked at: {error}",
            ) from error

    def _live(self, secrets: Iterable[dict[str, object]], origin: str) -> Iterable[Other]:
        for secret in secrets:
            try:
                request = SyncRequest.of(secret)
            except NotAHookRequest:
                continue
            if request.origin == origin or request.deleting or not self._keys.enables(request):
                continue
            if self._endpoint is not None:
                endpoint = read_endpoint(request.data)
                if endpoint is not None and endpoint != self._endpoint:
                    continue
            names = read_names(request.data)
            if names is not None:
                yield Other(request, names)


class ConflictGuard:
    """Rules a and d about taking over; see :class:`hooks.takeover.Takeover` for the others.

    Args:
        others: the other Secrets.
        keys: names of the annotations.
        grants: verifies the grants of the others.
    """

    def __init__(self, others: Others, keys: Keys, grants: Grants) -> None:
        self._others = others
        self._keys = keys
        self._grants = grants

    async def refuse_granted(
        self, taking: Taking, claim: Claim, uid: str, since: int | None, deadline: Deadline
    ) -> None:
        """Looks for a Secret that was given it, and later than this one.

        Labels only find candidates: what they name and were given is checked.

        Args:
            taking: what is about to be done.
            claim: for whom.
            uid: of the Secret that asks.
            since: when it was given the thing itself, None if it wasn't.
            deadline: of the sync.

        Raises:
            Conflict: there is one; it holds it.
            Refusal: Kubernetes can't be asked.
        """
        label, name = (
            ("bucket-hash", claim.bucket) if taking is Taking.BUCKET else ("user-hash", claim.user)
        )
        others = await self._others.labelled(label, name, claim.origin, deadline)
        if since is not None or taking is Taking.NEW_USER:
            # Else every Secret is looked at later, see refuse_confirmed.
            others += await self._others.invalid(
                claim.origin, lambda names: _wants(taking, claim, names), deadline
            )
        for other in others:
            if not _wants(taking, claim, other.names):
                continue
            given = self._given(taking, other)
            # The newer was given when nobody held the thing: an older one must not come back to
            # life. The uid decides between two of the same second, in one way for both.
            if given is not None and (since is None or (given, other.request.uid) > (since, uid)):
                raise _claimed(taking, claim, other)

    async def refuse_confirmed(
        self,
        taking: Taking,
        claim: Claim,
        owners: Set[str],
        backend: Backend,
        deadline: Deadline,
    ) -> None:
        """Looks for a Secret that has no grant yet, but is right about the store.

        A grant counts here too: a Secret that is Invalid has no look-up labels, and one that isn't
        Ready no longer says for which user it was given the bucket, but the store does.

        Args:
            taking: what is about to be done.
            claim: for whom.
            owners: of the bucket.
            backend: the store, which confirms.
            deadline: of the sync.

        Raises:
            Conflict: there is one; it holds it.
            Refusal: Kubernetes can't be asked.
            StoreError: the store can't be.
        """
        others = await self._others.all(
            claim.origin, lambda names: _wants(taking, claim, names), deadline
        )
        for other in others:
            confirmed = taking is Taking.BUCKET and other.names.user in owners
            if confirmed or self._given(taking, other, owners) is not None:
                raise _claimed(taking, claim, other)
        if taking is Taking.BUCKET:
            return
        refused: set[str] = set()
        for other in others:
            secret = other.names.secret.reveal()
            if secret in refused:
                continue
            # For this Secret's own bucket: the other's name may be none that a store takes.
            probe = await backend.probe(
                Claim(claim.bucket, other.names.user, other.names.secret), deadline
            )
            if probe.gap not in {Gap.NO_USER, Gap.WRONG_SECRET}:
                raise _claimed(taking, claim, other)
            refused.add(secret)

    def _given(self, taking: Taking, other: Other, owners: Set[str] = frozenset()) -> int | None:
        evidence = self._keys.evidence(other.request)
        claim = Claim(other.names.bucket, other.names.user, other.names.secret)
        if taking is Taking.BUCKET:
            return evidence.bucket_since(self._grants, claim, owners)
        return evidence.user_since(self._grants, claim)


def _wants(taking: Taking, claim: Claim, names: Names) -> bool:
    """Whether a Secret names the same thing for something else.

    Secrets with the same user and the same secret share it.
    """
    if taking is Taking.BUCKET:
        return names.bucket == claim.bucket and names.user != claim.user
    return names.user == claim.user and names.secret.reveal() != claim.secret.reveal()


def _claimed(taking: Taking, claim: Claim, other: Other) -> Conflict:
    """Who holds it is told within the namespace only."""
    namespace = claim.origin.partition("/")[0]
    holder = (
        f"The Secret {other.request.name}"
        if other.request.namespace == namespace
        else "A Secret of another namespace"
    )
    if taking is Taking.BUCKET:
        return Conflict(Reason.BUCKET_CLAIMED, f"{holder} holds the bucket: choose another name.")
    return Conflict(
        Reason.ACCESS_KEY_CLAIMED,
        f"{holder} holds the access key with another secret: choose another access key.",
    )
