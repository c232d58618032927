"""The conflict guard: whether another live Secret holds what this one is about to take over.

Only Kubernetes knows of the other Secrets. It is asked on the rare paths where something would
be taken over, never for a Secret that is as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set

from backends.base import Backend, Claim, Gap
from backends.deadline import Deadline
from hooks.grant import Grants
from hooks.others import Other, Others
from hooks.outcome import Conflict, Reason
from hooks.secret import Mentions
from hooks.status import Keys
from hooks.takeover import Taking


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
        self,
        taking: Taking,
        claim: Claim,
        owners: Set[str],
        uid: str,
        since: int | None,
        deadline: Deadline,
    ) -> None:
        """Looks for a Secret that was given it, and later than this one.

        Labels only find candidates: what they name and were given is checked. One that isn't Ready
        may not say any more for which user it was given the bucket, but the store does.

        Args:
            taking: what is about to be done.
            claim: for whom.
            owners: of the bucket.
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

        def wanted(names: Mentions) -> bool:
            return _wants(taking, claim, names)

        looks = [self._others.labelled(label, name, claim.origin, wanted, deadline)]
        if since is not None or taking is Taking.NEW_USER:
            # Else every Secret is looked at later, see refuse_confirmed.
            looks.append(self._others.invalid(claim.origin, wanted, deadline))
        others = [other for found in await asyncio.gather(*looks) for other in found]
        for other in others:
            given = self._given(taking, claim, owners, other)
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

        A grant counts here too: a Secret that is Invalid has no look-up labels.

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
            confirmed = taking is Taking.BUCKET and not owners.isdisjoint(other.names.users)
            if confirmed or self._given(taking, claim, owners, other) is not None:
                raise _claimed(taking, claim, other)
        if taking is Taking.BUCKET:
            return
        # Its own secret says nothing about whose the user is.
        tried = {claim.secret}
        for other in others:
            for secret in other.names.secrets - tried:
                # For this Secret's own bucket: the other's name may be none that a store takes.
                probe = await backend.probe(Claim(claim.bucket, claim.user, secret), deadline)
                if probe.gap not in {Gap.NO_USER, Gap.WRONG_SECRET}:
                    raise _claimed(taking, claim, other)
                tried.add(secret)

    def _given(self, taking: Taking, claim: Claim, owners: Set[str], other: Other) -> int | None:
        """When the other was given what the claim wants, None if it wasn't."""
        evidence, names = self._keys.evidence(other.request), other.names
        if taking is Taking.BUCKET:
            return evidence.bucket_since(self._grants, claim.bucket, names.users | owners)
        return evidence.user_since(self._grants, claim.user, names.buckets)


def _wants(taking: Taking, claim: Claim, names: Mentions) -> bool:
    """Whether a Secret names the same thing, and not for the very same.

    Secrets with the same user and the same secret share it.
    """
    if taking is Taking.BUCKET:
        return claim.bucket in names.buckets and names.users != {claim.user}
    return claim.user in names.users and names.secrets != {claim.secret}


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
