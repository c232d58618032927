"""The conflict guard: whether another live Secret holds what this one is about to gain.

Only Kubernetes knows of the other Secrets. It is asked where something would be gained, never for a
Secret that is as it was.
"""

from __future__ import annotations

from collections.abc import Set

from backends.base import Backend, Claim, Gap
from backends.wire.deadline import Deadline
from hooks.claim.secret import Mentions
from hooks.contract.outcome import Conflict
from hooks.tenancy.other import Other, holding
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Holder, Standing, Thing, claimed


class ConflictGuard:
    """Rules a and d about gaining; see :class:`hooks.tenancy.takeover.Takeover` for the others.

    Args:
        others: the other Secrets.
    """

    def __init__(self, others: Others) -> None:
        self._others = others

    async def standing(
        self, thing: Thing, claim: Claim, deadline: Deadline, *, lately: bool = False
    ) -> Standing:
        """Who holds the claim's bucket or user.

        Args:
            thing: which of the two.
            claim: who asks, and for what.
            deadline: of the sync.
            lately: whether a list up to a minute old is good enough.

        Raises:
            Refusal: Kubernetes can't be asked.
        """
        name = _name(thing, claim)
        found = await self._others.holders(thing, name, claim.origin, deadline, lately=lately)
        return Standing(
            found.second,
            tuple(
                Holder(
                    other.request.namespace,
                    other.request.name,
                    other.request.uid,
                    held,
                    rival=is_rival(thing, claim, other.names),
                )
                for other in found.others
                if (held := holding(other.held, thing, name)) is not None
            ),
        )

    async def refuse_confirmed(
        self,
        thing: Thing,
        claim: Claim,
        owners: Set[str],
        backend: Backend,
        deadline: Deadline,
    ) -> None:
        """Looks for a Secret that has no grant yet, or none any more, but is right about the store.

        One that turns out to have a grant needs no confirmation.

        Args:
            thing: what is about to be taken over.
            claim: for whom.
            owners: of the bucket.
            backend: the store, which confirms.
            deadline: of the sync.

        Raises:
            Conflict: there is one; it holds it.
            Refusal: Kubernetes can't be asked.
            StoreError: the store can't be.
        """
        users = owners if thing is Thing.BUCKET else {claim.user}
        if not users:
            return
        found = await self._others.unproven(
            thing, _name(thing, claim), users, claim.origin, deadline
        )
        others = [other for other in found.others if is_rival(thing, claim, other.names)]
        for other in others:
            mine = holding(other.held, thing, _name(thing, claim))
            beside = other.request.namespace == claim.origin.partition("/")[0]
            if mine is not None and mine.keeps_out(beside=beside):
                raise _claimed(thing, claim, other)
        if thing is Thing.BUCKET:
            for other in others:
                if not owners.isdisjoint(other.names.users):
                    raise _claimed(thing, claim, other)
            return
        # Its own secret says nothing about whose the user is.
        tried = {claim.secret}
        refused = False
        for other in others:
            for secret in other.names.secrets - tried:
                # For this Secret's own bucket: the other's name may be none that a store takes.
                probe = await backend.probe(Claim(claim.bucket, claim.user, secret), deadline)
                if probe.gap not in {Gap.NO_USER, Gap.WRONG_SECRET}:
                    raise _claimed(thing, claim, other)
                refused = refused or probe.gap is Gap.WRONG_SECRET
                tried.add(secret)
        if refused:
            # Where no signature counts, every holder looks like none.
            await backend.prove_signatures(deadline)


def _name(thing: Thing, claim: Claim) -> str:
    return claim.bucket if thing is Thing.BUCKET else claim.user


def is_rival(thing: Thing, claim: Claim, names: Mentions) -> bool:
    """Whether a Secret names the same thing, and not for the very same.

    Secrets with the same user and the same secret share it.
    """
    if thing is Thing.BUCKET:
        return names.users != {claim.user}
    return names.secrets != {claim.secret}


def _claimed(thing: Thing, claim: Claim, other: Other) -> Conflict:
    request = other.request
    return claimed(thing, claim, request.namespace, request.name)
