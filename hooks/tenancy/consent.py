"""Whether a bucket's holder shares it with another Secret: only its own Secret tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backends.base import Claim
from backends.sharing import Access
from backends.wire.deadline import Deadline
from hooks.claim.sharing import Slot, consents
from hooks.contract.outcome import Conflict, Reason
from hooks.contract.status import Keys
from hooks.tenancy.other import Other, holding
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Thing


@dataclass(frozen=True, slots=True)
class Consent:
    """That a holder lets a Secret in, as it was said at one moment.

    Args:
        second: when, by the Kubernetes API's clock in Unix time.
        access: what it lets the Secret's user do.
    """

    second: int
    access: Access


class Consents:
    """Asks the other Secrets.

    Args:
        others: the other Secrets.
        keys: names of the annotations.
    """

    def __init__(self, others: Others, keys: Keys) -> None:
        self._others = others
        self._keys = keys

    async def require(self, claim: Claim, deadline: Deadline) -> Consent:
        """What the holder of the claim's bucket says of the Secret that the claim is of.

        A holder is who has a valid ``own`` for the bucket and still names it; of two the one that
        is right.

        Args:
            claim: what the Secret asks for, with the access that it wants.
            deadline: of the sync.

        Raises:
            Conflict: there is no holder, or it doesn't share the bucket, or not to that extent. Who
                isn't named isn't told which.
            Refusal: Kubernetes can't be asked.
        """
        found = await self._others.holders(Thing.BUCKET, claim.bucket, claim.origin, deadline)
        ranked = [
            (held.rank(other.request.uid), other)
            for other in found.others
            if (held := holding(other.held, Thing.BUCKET, claim.bucket)) is not None and held.own
        ]
        if not ranked or claim.access is None:
            raise not_shared(claim)
        _, holder = max(ranked, key=lambda each: each[0])
        access = consents(holder.request.annotations, self._keys).get(_slot(claim))
        if access is None:
            raise not_shared(claim)
        if not access.covers(claim.access):
            raise Conflict(
                Reason.NOT_SHARED,
                f"The bucket's holder shares it with this Secret {access.value}: set the "
                f"annotation {self._keys['access']} to {access.value}, or have it shared "
                f"{claim.access.value}.",
            )
        return Consent(found.second, access)

    async def users(
        self, shared: Mapping[Slot, Access], claim: Claim, deadline: Deadline
    ) -> dict[str, Access]:
        """Whose access a holder has consented to, and how far.

        It is the user that a Secret names for this bucket, or that it was given where it has a
        mistake and names none. A Secret that is gone, or that wants no access any more, has none.

        Args:
            shared: the Secrets that the holder lets in.
            claim: the holder's.
            deadline: of the sync.

        Raises:
            Refusal: Kubernetes can't be asked.
        """
        if not shared:
            return {}
        users: dict[str, Access] = {}
        for other in await self._others.named(tuple(shared), deadline):
            access = shared[other.request.namespace, other.request.name]
            for user in self._users_of(other, claim.bucket):
                if user not in users or access.covers(users[user]):
                    users[user] = access
        return users

    def _users_of(self, other: Other, bucket: str) -> frozenset[str]:
        if not self._keys.observed(other.request, "access"):
            return frozenset()
        names, grant = other.names, other.held.grant
        if bucket in names.buckets and names.users:
            return names.users
        given = grant is not None and bucket in grant.shares.given
        if grant is None or not given or (names.buckets and names.users):
            return frozenset()
        return frozenset({grant.user})


def not_shared(claim: Claim) -> Conflict:
    """What is said to whom nobody shares a bucket with, whether or not there is one."""
    return Conflict(
        Reason.NOT_SHARED,
        "No Secret that holds this bucket shares it with this one: have its holder add "
        f"{claim.origin} to its annotation share-with.",
    )


def _slot(claim: Claim) -> Slot:
    namespace, _, name = claim.origin.partition("/")
    return namespace, name
