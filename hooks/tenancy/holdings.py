"""What a Secret holds, and what it is given now that the store has accepted its credentials."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from backends.base import Backend, Bucket, Claim, Gap
from backends.errors import TimedOut
from backends.wire.deadline import Deadline
from hooks.claim.adoption import Adoption
from hooks.contract.derived import Pair, former_users
from hooks.contract.grant import Grant, Held, Holding, Kind, Mark
from hooks.contract.outcome import Conflict, Refusal
from hooks.tenancy.standing import Guard, Holder, Standing, Thing, claimed

# Seconds after which a grant of the first version is in every list that may be used; a replica of
# that version may still be giving some.
_LONG_AGO = 180


Foreseen = Standing | Refusal
"""Who holds a thing, or why that can't be told."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What the settings let a namespace take over that nobody holds.

    Args:
        adoption: ADOPTION, or what the policy's rule says instead.
        keeps: whether a name pattern keeps a bucket's or user's name for the Secret's namespace.
    """

    adoption: Adoption
    keeps: Callable[[Thing, str], bool] = lambda thing, name: False


class Holdings:
    """What one Secret holds of what it claims, in one sync.

    Args:
        claim: what the Secret asks for.
        uid: the Secret's.
        held: what its own grants say.
        backend: the store.
        rights: what the settings allow.
        deadline: of the sync.
        guard: the other Secrets; None doesn't look at them.
        pair: the generated credentials in the claim, None for given ones.
    """

    def __init__(
        self,
        claim: Claim,
        uid: str,
        held: Held,
        backend: Backend,
        rights: Rights,
        deadline: Deadline,
        guard: Guard | None = None,
        pair: Pair | None = None,
    ) -> None:
        self.claim = claim
        self._pair = pair
        self.held = held
        self._uid = uid
        self.backend = backend
        self._rights = rights
        self.deadline = deadline
        self._guard = guard
        self._namespace = claim.origin.partition("/")[0]
        self._standings: dict[Thing, Foreseen] = {}
        self._gained: set[Thing] = set()
        self.shares_user = False
        """Whether the user that was asked for is another Secret's, with the same secret."""
        self.made_user = False
        """Whether the user was made in this sync."""
        self.user_written = False
        """Whether the user got the claim's secret, role and ids in this sync."""
        self.own_users: frozenset[str] = frozenset()
        """Further users that are the Secret's own, since it generates them."""
        self.told_user = ""
        """The user that the Secret's status names; whoever may write the Secret may change it."""
        self._mark: Mark | None = None

    def beside(self, claim: Claim, standing: Foreseen | None = None) -> Self:
        """For another bucket of the same Secret: what is known of the user stays known.

        Args:
            claim: with that bucket, and no more of them.
            standing: who holds that bucket, as it was foreseen.
        """
        other = copy.copy(self)
        other.claim = claim
        other._mark = None
        other._standings = dict(self._standings)
        other._standings.pop(Thing.BUCKET, None)
        if standing is not None:
            other._standings[Thing.BUCKET] = standing
        other._gained = self._gained - {Thing.BUCKET}
        return other

    async def foresee(self, thing: Thing, deadline: Deadline) -> Foreseen | None:
        """Asks who holds a thing before that is needed, so that several questions share a look-up.

        Where it can't be told, it is not asked again: an API that hangs takes the time of one
        question, and not of one for each bucket.

        Args:
            thing: what it is.
            deadline: for this question.
        """
        if self._guard is None:
            return None
        try:
            standing: Foreseen = await self._guard.standing(thing, self.claim, deadline)
        except Refusal as error:
            standing = error
        self._standings[thing] = standing
        return standing

    def is_to_be_asked(self, thing: Thing) -> bool:
        """Whether a sync that ends well asks who holds a thing.

        Not where its grant says how it is held, nor where that is of the first version, which a
        list of a minute ago is good enough for.
        """
        mine = self.holding(thing)
        return self._guard is not None and (mine is None or mine.kind is Kind.UNGUARDED)

    def rival(self, thing: Thing) -> Conflict | None:
        """The Conflict with a Secret that was foreseen to hold a thing, None without one."""
        standing = self._standings.get(thing)
        if not isinstance(standing, Standing):
            return None
        against = standing.against(self.holding(thing), self._uid)
        rival = next((holder for holder in against if holder.rival), None)
        if rival is None:
            return None
        return claimed(thing, self.claim, rival.namespace, rival.name)

    def holding(self, thing: Thing) -> Holding | None:
        """How the Secret holds what it claims, None if it doesn't."""
        if thing is Thing.BUCKET:
            return self.held.bucket(self.claim.bucket)
        return self.held.user(self.claim.user)

    def has(self, thing: Thing) -> bool:
        """Whether its own grant makes the thing the Secret's, as far as the grant itself says."""
        mine = self.holding(thing)
        return mine is not None and mine.alone

    @property
    def has_taken(self) -> bool:
        """Whether the bucket is the Secret's, and not just given by an administrator."""
        mine = self.holding(Thing.BUCKET)
        return mine is not None and mine.alone and mine.mark is not Mark.GIVEN

    @property
    def is_settled(self) -> bool:
        """Whether the bucket is the Secret's since a former sync, and for the user of today."""
        last = self.held.last
        return self.has_taken and last is not None and last.user == self.claim.user

    def is_anothers(self, bucket: Bucket) -> bool:
        """Whether a bucket that changes its owner was another's, who may have set it up.

        Not the user's own, nor that of the name which the Secret's user had before, nor the
        administrator's, who may have set it up for the next. One that nobody has may have been a
        deleted user's.
        """
        known = {self.claim.user, self.backend.administrator, *self.own_users}
        if self.has_taken:
            known |= {grant.user for grant in (self.held.grant, self.held.first) if grant}
            # A change of the user's name that was cut short and taken back has given some of the
            # buckets to a user that no grant names. The status does; who makes it up spares no
            # bucket but its own.
            known.add(self.told_user)
            return bool(bucket.owners - known)
        return not bucket.owners or bool(bucket.owners - known)

    async def shares_secret(self, bucket: Bucket) -> bool:
        """Whether a bucket of the Secret's is by now a user's that has the Secret's own secret.

        Nobody else has that, so it is a name that the Secret's user was to have: a change of it
        was killed half-way, and taken back.

        Raises:
            StoreError: the store can't be asked.
        """
        others = bucket.owners - {self.claim.user}
        if not (self.has_taken and others):
            return False
        for owner in sorted(others):
            claim = replace(self.claim, user=owner)
            if (await self.backend.probe(claim, self.deadline)).gap is not Gap.ACCEPTED:
                return False
        return True

    def mark(self, mark: Mark) -> None:
        """Remembers how the bucket was gained."""
        self._mark = mark

    async def grant(self) -> Grant | None:
        """What the Secret holds from now on, now that the store has accepted its credentials.

        None leaves it as it was, where the Kubernetes API can't be asked, or not in time.
        """
        things = (Thing.USER, Thing.BUCKET)
        before = [self.holding(thing) for thing in things]
        if self._guard is None and all(held and held.version == 1 for held in before):
            # Other Secrets have to be looked at to make it one of the second version.
            return None
        known = [self._known(thing, held) for thing, held in zip(things, before, strict=True)]
        try:
            user, bucket = [
                holding or await self._holding_now(thing)
                for thing, holding in zip(things, known, strict=True)
            ]
        except (Refusal, TimedOut):
            return None
        if bucket.own and before[1] is None and self._is_borrowed(user):
            bucket = replace(bucket, kind=Kind.SHARED)
        pair = self._pair
        return Grant(
            self.claim.user,
            user,
            {self.claim.bucket: bucket},
            None if pair is None else pair.since,
            "" if pair is None else pair.key,
            former_users(self.held.grant, self.claim.user),
        )

    async def is_elsewhere(self, user: str) -> bool:
        """Whether a former user of the Secret's is another's by now, or an administrator's.

        Args:
            user: its name.

        Raises:
            Refusal: the other Secrets can't be looked at.
            StoreError: the store can't be asked.
        """
        if self._guard is not None:
            former = replace(self.claim, user=user)
            if (await self._guard.standing(Thing.USER, former, self.deadline)).holders:
                return True
        found = await self.backend.find_user(user, self.deadline)
        return found is not None and bool(found.admin or found.refusal) and not found.uncertain

    async def still_owns(self, user: str) -> bool:
        """Whether a former user has a bucket still, so that it can't go yet.

        Raises:
            StoreError: the store can't be asked.
        """
        for name in self.claim.buckets:
            bucket = await self.backend.find_bucket(name, self.deadline)
            if bucket is not None and user in bucket.owners:
                return True
        return False

    async def moment(self) -> int:
        """The second by which a rotation is due or not, in Unix time.

        It is the Kubernetes API's, since the clock of one replica may be wrong; its own where
        that isn't asked.

        Raises:
            Refusal: the Kubernetes API can't be asked.
        """
        if self._guard is None:
            return int(time.time())
        return (await self._ask(Thing.USER, self._guard)).second

    async def lost(self) -> Holder | None:
        """Asks once more, after giving: who else has got the bucket meanwhile."""
        if self._guard is None:
            return None
        self._standings.pop(Thing.BUCKET, None)
        standing = await self._ask(Thing.BUCKET, self._guard)
        against = standing.against(self.holding(Thing.BUCKET), self._uid)
        return next((holder for holder in against if holder.rival), None)

    def outranked(self) -> Grant | None:
        """What is left of the Secret's grant where another turned out to have the better right.

        Two that were given a thing at the same moment both have it as their own. The one that is
        told Conflict for it must not come to have it when the other is gone. None if all is left.
        """
        grant = self.held.grant
        if grant is None:
            return None
        left = grant
        for thing, standing in self._standings.items():
            mine = self.holding(thing)
            if mine is None or mine.version == 1 or not mine.keeps_out(beside=False):
                continue
            if isinstance(standing, Refusal):
                continue
            # What is shared within a namespace stays so while another of it is the holder.
            if not any(
                holder.rival and (mine.own or holder.namespace != self._namespace)
                for holder in standing.against(mine, self._uid)
            ):
                continue
            lost = replace(mine, kind=Kind.SHARED)
            if thing is Thing.USER:
                left = replace(left, holding=lost)
            else:
                left = replace(left, buckets={**left.buckets, self.claim.bucket: lost})
        return None if left == grant else left

    def _is_borrowed(self, user: Holding) -> bool:
        """Whether a bucket that was there is the Secret's only by another's access key and secret.

        That one may have been given the bucket, and its Secret be gone: who has got hold of the
        pair can use what it opens, and comes to own none of it.
        """
        return (
            user.kind is Kind.SHARED
            and Thing.BUCKET not in self._gained
            and not self._rights.keeps(Thing.BUCKET, self.claim.bucket)
        )

    def _known(self, thing: Thing, mine: Holding | None) -> Holding | None:
        """What needs no question: it is held already, and nothing was gained."""
        if mine is None or mine.version == 1:
            return None
        mark = self._mark if thing is Thing.BUCKET else None
        if mark is None and mine.mark is Mark.GIVEN:
            mark = Mark.NONE  # taken: from here on it is like any other
        if mine.own:
            return mine if mark is None else replace(mine, mark=mark)
        asked = mine.kind is Kind.UNGUARDED and self._guard is not None
        return None if asked or thing in self._gained else mine

    async def _holding_now(self, thing: Thing) -> Holding:
        mine = self.holding(thing)
        mark = self._mark if thing is Thing.BUCKET else None
        if self._guard is None:
            second = int(time.time()) if mine is None else mine.second
            return Holding(second, Kind.UNGUARDED, mark or Mark.NONE)
        old = mine is not None and mine.version == 1 and time.time() - mine.second > _LONG_AGO
        if old and thing not in self._standings:
            # It was given before any list that is used: ten thousand Secrets of the former version
            # ask together.
            standing = await self._guard.standing(thing, self.claim, self.deadline, lately=True)
        else:
            standing = await self._ask(thing, self._guard)
        against = standing.against(mine, self._uid)
        if not against:
            second = mine.second if mine is not None and mine.own else standing.second
            return Holding(second, Kind.OWN, mark or Mark.NONE)
        within = all(holder.namespace == self._namespace for holder in against)
        return Holding(standing.second, Kind.SHARED_WITHIN if within else Kind.SHARED)

    async def _ask(self, thing: Thing, guard: Guard) -> Standing:
        """Who holds it, asked once in a sync."""
        if thing not in self._standings:
            self._standings[thing] = await guard.standing(thing, self.claim, self.deadline)
        standing = self._standings[thing]
        if isinstance(standing, Refusal):
            raise standing
        return standing

    def _name(self, thing: Thing) -> str:
        return self.claim.bucket if thing is Thing.BUCKET else self.claim.user
