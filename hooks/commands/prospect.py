"""What the store and the other Secrets say of what a Secret would be given; only looks."""

from __future__ import annotations

from dataclasses import dataclass

from backends import Backend
from backends.base import Bucket, Claim, Gap, Probe, User
from backends.wire.deadline import Deadline
from hooks.contract.grant import Holding
from hooks.tenancy.guard import is_rival
from hooks.tenancy.other import Other, holding
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Thing

_ACCOUNT = frozenset({Gap.NO_USER, Gap.WRONG_SECRET})


@dataclass(frozen=True, slots=True)
class View:
    """What the store says.

    Args:
        probe: to the Secret's own credentials.
        user: the user, None if there is none.
        bucket: the bucket, None if there is none.
        remains: whether buckets still name the missing user as their owner.
    """

    probe: Probe
    user: User | None
    bucket: Bucket | None
    remains: bool


@dataclass(frozen=True, slots=True)
class Claimant:
    """Another live Secret that has a word in it.

    Args:
        thing: the bucket or the user.
        other: the Secret.
        holding: how it holds the thing; None if it has no grant, but the store says that it is its.
        rival: whether the two can't both have it.
    """

    thing: Thing
    other: Other
    holding: Holding | None
    rival: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What was found out about one bucket and the user.

    Args:
        claim: of the one bucket.
        view: what the store says.
        claimants: the other Secrets that have a word in it.
    """

    claim: Claim
    view: View
    claimants: tuple[Claimant, ...]


async def look_at_each(
    claim: Claim, backend: Backend, others: Others, deadline: Deadline
) -> tuple[int, list[Look]]:
    """Looks at all buckets of a claim, one after the other.

    Args:
        claim: what the Secret names.
        backend: the store.
        others: the other Secrets.
        deadline: for all that is asked.

    Returns:
        The latest second of the Kubernetes API's answers, and what was found.

    Raises:
        Refusal: Kubernetes can't be asked.
        StoreError: the store can't be.
    """
    second = 0
    looks: list[Look] = []
    for one in claim.each():
        prospect = Prospect(one, backend, others, deadline)
        view = await prospect.view()
        asked, claimants = await prospect.claimants(view)
        second = max(second, asked)
        # The user is the same for all.
        found = [each for each in claimants if each.thing is Thing.BUCKET or not looks]
        looks.append(Look(one, view, tuple(found)))
    return second, looks


class Prospect:
    """Looks, for one claim.

    Args:
        claim: what the Secret names.
        backend: the store.
        others: the other Secrets.
        deadline: for all that is asked.
    """

    def __init__(self, claim: Claim, backend: Backend, others: Others, deadline: Deadline) -> None:
        self._claim = claim
        self._backend = backend
        self._others = others
        self._deadline = deadline

    async def view(self) -> View:
        """What the store says.

        Raises:
            StoreError: it can't be asked.
        """
        claim = self._claim
        probe = await self._backend.probe(claim, self._deadline)
        user = await self._backend.find_user(claim.user, self._deadline)
        bucket = await self._backend.find_bucket(claim.bucket, self._deadline)
        remains = user is None and await self._backend.owns_buckets(claim.user, self._deadline)
        return View(probe, user, bucket, remains)

    async def claimants(self, view: View) -> tuple[int, list[Claimant]]:
        """Those that have the bucket or the user, and the second of the Kubernetes API's answer.

        Raises:
            Refusal: Kubernetes can't be asked.
            StoreError: the store can't be.
        """
        claim = self._claim
        found: list[Claimant] = []
        second = 0
        for thing, name, owners in (
            (Thing.BUCKET, claim.bucket, view.bucket.owners if view.bucket else frozenset()),
            (Thing.USER, claim.user, frozenset({claim.user}) if view.user else frozenset()),
        ):
            holders = await self._others.holders(thing, name, claim.origin, self._deadline)
            others = list(holders.others)
            second = max(second, holders.second)
            if owners:
                # Those without a grant, whom only the store confirms.
                origins = {other.request.origin for other in others}
                unproven = await self._others.unproven(
                    thing, name, owners, claim.origin, self._deadline
                )
                second = max(second, unproven.second)
                others += [each for each in unproven.others if each.request.origin not in origins]
            for other in others:
                held = holding(other.held, thing, name)
                beside = other.request.namespace == claim.origin.partition("/")[0]
                kept = held if held is not None and held.keeps_out(beside=beside) else None
                rival = is_rival(thing, claim, other.names)
                if kept or (rival and await self._confirms(thing, other, owners)):
                    found.append(Claimant(thing, other, kept, rival))
        return second, found

    async def _confirms(self, thing: Thing, other: Other, owners: frozenset[str]) -> bool:
        """Whether the store says that a thing is another Secret's."""
        claim = self._claim
        if thing is Thing.BUCKET:
            return not owners.isdisjoint(other.names.users)
        for secret in other.names.secrets - {claim.secret}:
            probe = await self._backend.probe(
                Claim(claim.bucket, claim.user, secret), self._deadline
            )
            if probe.gap not in _ACCOUNT:
                return True
        return False
