"""The other live Secrets, as the Kubernetes API has them.

Look-ups list metadata, which is small whatever is in the Secrets. The data of one is read only
where its metadata says that it matters, one after the other, and nothing of it is kept but the
names that it mentions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from backends.wire.deadline import Deadline
from hooks.claim.generated import Generator
from hooks.cluster.batch import Batches
from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import KubeError
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grants, Held, Kind
from hooks.contract.outcome import Reason, Refusal, Status
from hooks.contract.status import SEVERAL, Keys, name_hash
from hooks.tenancy.other import (
    Other,
    Slot,
    holding,
    is_unguarded,
    keeps,
    kept,
    may_be_meant,
    mentions,
    slim,
)
from hooks.tenancy.reading import NO_RELEASES, Reading
from hooks.tenancy.standing import Thing

T = TypeVar("T")

# Of its own, and as many as there can be lists at once, three of each of five kinds: with a few for
# everything, those that wait for an API that hangs would keep the others from even asking.
_LISTS = 3
_THREADS = 5 * _LISTS
# Seconds between two lists of a kind. They are most of what a new Secret costs the Kubernetes API,
# and with many new ones there is always something else to do meanwhile.
_APART = 0.05
# Seconds for which a list of all holders may be used where that is said to be good enough.
_LATELY = 60.0
# What the operator has answered a Secret that does not hold what it names,
_REFUSED = frozenset(
    {Reason.BUCKET_CLAIMED, Reason.ACCESS_KEY_CLAIMED, Reason.BUCKET_OWNED, Reason.USER_EXISTS}
)  # and one that can't have anything, or not here.
_NOTHING = frozenset({Status.INVALID, Status.SKIPPED})


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up came to.

    Args:
        second: when, by the API's clock in Unix time.
        others: what was looked for.
    """

    second: int
    others: tuple[Other, ...]


@dataclass(frozen=True, slots=True)
class _Question:
    """What one sync looks for."""

    thing: Thing
    name: str
    origin: str
    until: float
    owners: frozenset[str] = frozenset()
    """Names of users: one that has another isn't looked for. Empty looks for any."""


@dataclass(frozen=True, slots=True)
class _Lately:
    """All that holds anything, as it was not long ago."""

    until: float
    second: int
    slots: Mapping[tuple[Thing, str], Sequence[Slot]] = field(default_factory=dict)


class Others:
    """The other live Secrets, asked of the Kubernetes API.

    Look-ups of the same kind that come at the same time share one list: the API reads all Secrets
    for each of them, whatever the label.

    Args:
        kube: the API.
        keys: names of the annotations and labels.
        grants: verifies what their grants say.
        endpoint: the store's; a Secret that names another's is another operator's. None doesn't
            compare.
        aliases: further names of the same store.
        may: whether the policy lets a namespace have a bucket or user of that name; one that may
            not can't hold it.
        generator: tells what Secrets name that bring no credentials.
        here: whether a Secret, with its data, may mean this store; in place of the endpoints.
    """

    def __init__(
        self,
        kube: Kube,
        keys: Keys,
        grants: Grants,
        endpoint: str | None,
        aliases: frozenset[str] = frozenset(),
        may: Callable[[str, Thing, str], bool] = lambda namespace, thing, name: True,
        generator: Generator | None = None,
        here: Callable[[SyncRequest], bool] | None = None,
    ) -> None:
        self._keys = keys
        self._grants = grants
        self._reading = Reading(kube, keys, grants, endpoint, aliases, generator, here)
        self._may = may
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kubernetes")
        # A removal reads the Secrets of one namespace, whose tenants can make them many and large:
        # no look-up waits for that.
        self._removals = ThreadPoolExecutor(_LISTS, thread_name_prefix="kubernetes-removals")
        self._holders: dict[Thing, Batches[_Question, Found]] = {
            thing: self._batches(self._find_holders) for thing in Thing
        }
        self._several = self._batches(self._find_among_several)
        self._unproven = self._batches(self._find_unproven)
        self._index = self._batches(self._find_lately)
        self._lately = _Lately(0.0, 0)

    async def holders(
        self, thing: Thing, name: str, origin: str, deadline: Deadline, *, lately: bool = False
    ) -> Found:
        """Those that have a valid ``own`` for a thing and still name it.

        Of another namespace those, too, that share it within theirs, see `Holding.keeps_out`.

        Args:
            thing: what it is.
            name: its name.
            origin: the Secret that asks; it is none of the others.
            deadline: of the sync.
            lately: whether what was so a minute ago is good enough to find them by.

        Raises:
            Refusal: the API can't be asked; it is never taken for "there is none".
        """
        if lately:
            return await self._ask(self._index, thing, name, origin, deadline)
        found = self._ask(self._holders[thing], thing, name, origin, deadline)
        if thing is not Thing.BUCKET:
            return await found
        # The label has one bucket of a Secret; those with more of them have another.
        return _all(
            *await asyncio.gather(found, self._ask(self._several, thing, name, origin, deadline))
        )

    async def unproven(
        self, thing: Thing, name: str, owners: Set[str], origin: str, deadline: Deadline
    ) -> Found:
        """Those that name a thing and have no grant for it, so that only the store tells.

        All Secrets are listed for it: one whose labels were removed counts too, and so does one
        that has a grant and can't be found by it.

        Args:
            thing: what it is.
            name: its name.
            owners: those with another user are passed over; for a user itself that one.
            origin: the Secret that asks.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked.
        """
        return await self._ask(self._unproven, thing, name, origin, deadline, frozenset(owners))

    async def sharing(self, user: str, origin: str, deadline: Deadline) -> Found:
        """Those of the same namespace that name a user, whatever their grants say.

        One that was given it and names none at all any more has a mistake, and is among them.

        Args:
            user: its name.
            origin: the Secret that asks.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked.
        """
        namespace = origin.partition("/")[0]

        def find(until: float) -> Found:
            listing = self._reading.listing(until, namespace=namespace)
            others = [
                other
                for request, held in [
                    (slim(request), held)
                    for request, held in self._reading.granted(listing)
                    if request.origin != origin and self._may_be_of(request, {user}) is not False
                ]
                if (other := self._reading.read(request, held, until))
                and (user in other.names.users or may_be_meant(other, Thing.USER, user))
            ]
            return Found(listing.second, tuple(others))

        return await self._aside(find, deadline)

    async def named(self, slots: Sequence[Slot], deadline: Deadline) -> tuple[Other, ...]:
        """Those of these names that live and are this operator's; each is read by itself."""
        return await self._aside(lambda until: self._reading.named(slots, until), deadline)

    async def _aside(self, find: Callable[[float], T], deadline: Deadline) -> T:
        """Looks for what no new Secret waits for."""
        left = deadline.remaining()
        until = time.monotonic() + left
        running = asyncio.get_running_loop().run_in_executor(self._removals, find, until)
        return await self._in_time(left, running)

    def _batches(
        self, find: Callable[[Sequence[_Question], float], list[Found]]
    ) -> Batches[_Question, Found]:
        def answer(questions: Sequence[_Question]) -> Awaitable[list[Found]]:
            # No longer than the last of them waits.
            until = max(question.until for question in questions)
            loop = asyncio.get_running_loop()
            return loop.run_in_executor(self._threads, find, questions, until)

        return Batches(answer, limit=_LISTS, apart=_APART)

    async def _ask(
        self,
        batches: Batches[_Question, Found],
        thing: Thing,
        name: str,
        origin: str,
        deadline: Deadline,
        owners: frozenset[str] = frozenset(),
    ) -> Found:
        left = deadline.remaining()
        question = _Question(thing, name, origin, time.monotonic() + left, owners)
        return await self._in_time(left, batches.ask(question))

    async def _in_time(self, left: float, found: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(left):
                return await found
        except TimeoutError as error:
            raise _unavailable("The Kubernetes API did not answer in time.") from error
        except KubeError as error:
            raise _unavailable(error) from error

    def _find_holders(self, questions: Sequence[_Question], until: float) -> list[Found]:
        hashes = sorted({name_hash(question.name) for question in questions})
        label = self._keys[f"{questions[0].thing.value}-hash"]
        return self._find_by(f"{label} in ({','.join(hashes)})", questions, until)

    def _find_among_several(self, questions: Sequence[_Question], until: float) -> list[Found]:
        return self._find_by(self._keys[SEVERAL], questions, until)

    def _find_by(self, selector: str, questions: Sequence[_Question], until: float) -> list[Found]:
        """Those among the Secrets with a label that have a grant for what is asked for."""
        thing = questions[0].thing
        listing = self._reading.listing(until, selector=selector)
        names = {question.name for question in questions}
        candidates = [
            (request, held)
            for request, held in self._reading.granted(listing)
            if any(keeps(held, thing, name) for name in names)
        ]
        return self._answers(questions, candidates, listing.second, until)

    def _find_lately(self, questions: Sequence[_Question], until: float) -> list[Found]:
        lately = self._lately
        if time.monotonic() >= lately.until:
            began = time.monotonic()
            slots: dict[tuple[Thing, str], list[Slot]] = {}
            listing = self._reading.listing(until, selector=self._keys["status"])
            for request, held in self._reading.granted(listing):
                for key in kept(held):
                    slots.setdefault(key, []).append((request.namespace, request.name))
            lately = self._lately = _Lately(began + _LATELY, listing.second, slots)
        candidates: dict[Slot, tuple[SyncRequest, Held]] = {}
        for question in questions:
            for slot in lately.slots.get((question.thing, question.name), ()):
                if "/".join(slot) == question.origin or slot in candidates:
                    continue
                if (candidate := self._reading.look(slot, until)) is not None:
                    candidates[slot] = candidate
        return self._answers(questions, list(candidates.values()), lately.second, until)

    def _answers(
        self,
        questions: Sequence[_Question],
        candidates: Iterable[tuple[SyncRequest, Held]],
        second: int,
        until: float,
    ) -> list[Found]:
        """Which of those with a grant still name what is asked for; each is read once at most."""
        others: list[list[Other]] = [[] for _ in questions]
        for request, held in candidates:
            asked = [
                (question, found)
                for question, found in zip(questions, others, strict=True)
                if request.origin != question.origin
                and keeps(held, question.thing, question.name, _is_beside(request, question))
            ]
            other = self._reading.read(request, held, until) if asked else None
            if other is None:
                continue
            for question, found in asked:
                if mentions(other.names, question.thing, question.name):
                    found.append(other)
        return [Found(second, tuple(found)) for found in others]

    def _find_unproven(self, questions: Sequence[_Question], until: float) -> list[Found]:
        listing = self._reading.listing(until, fields=NO_RELEASES)
        candidates: list[tuple[SyncRequest, dict[int, Held]]] = []
        for request, held in self._reading.granted(listing):
            asked = {
                number: proven
                for number, question in enumerate(questions)
                if request.origin != question.origin
                and (proven := self._may_confirm(request, held, question)) is not None
            }
            if asked:
                # Annotations may be large, and these many.
                candidates.append((slim(request), asked))
        others: list[list[Other]] = [[] for _ in questions]
        wanted = {request.origin: (request, asked) for request, asked in candidates}
        for other in self._reading.read_all([request for request, _ in candidates], until):
            for number, proven in wanted[other.request.origin][1].items():
                question = questions[number]
                if mentions(other.names, question.thing, question.name):
                    others[number].append(replace(other, held=proven))
        return [Found(listing.second, tuple(found)) for found in others]

    def _may_confirm(self, request: SyncRequest, held: Held, question: _Question) -> Held | None:
        """What a Secret's grants say, if the store may say that a thing is its; None if not.

        Such are those that hold it and lost the label by which holders are found, those whose grant
        is for what they had before a change that isn't answered yet, and those without a grant.
        None is read that was refused what it names or can't have anything: a tenant with many of
        them would keep everybody waiting.
        """
        thing, name = question.thing, question.name
        if not self._may(request.namespace, thing, name):
            return None
        proven = held
        if held.last is None and thing is Thing.BUCKET:
            # In Conflict and Invalid the former version took away the names that its grant was for.
            proven = self._keys.evidence(request).held(self._grants, {name}, question.owners)
        mine = holding(proven, thing, name)
        if mine is not None and mine.keeps_out(beside=_is_beside(request, question)):
            return proven
        if mine is not None and mine.kind is not Kind.UNGUARDED:
            return None
        labelled = self._may_be_of(request, question.owners)
        if held.last is not None and not is_unguarded(held):
            return proven if labelled else None
        answered = self._keys.observed(request, "status")
        if answered in _NOTHING or self._keys.observed(request, "reason") in _REFUSED:
            return None
        return None if labelled is False else proven

    def _may_be_of(self, request: SyncRequest, users: Set[str]) -> bool | None:
        """Whether a Secret's data may name one of the users, by its label; None without one.

        A label is the tenant's own to change, and to its own harm alone.
        """
        label = request.labels.get(self._keys["user-hash"])
        if not users:
            return True
        return None if label is None else label in {name_hash(user) for user in users}


def _all(one: Found, other: Found) -> Found:
    """What two look-ups for the same came to, as of the earlier."""
    there = {found.request.origin for found in one.others}
    more = tuple(found for found in other.others if found.request.origin not in there)
    return Found(min(one.second, other.second), one.others + more)


def _is_beside(request: SyncRequest, question: _Question) -> bool:
    return request.namespace == question.origin.partition("/")[0]


def _unavailable(why: object) -> Refusal:
    return Refusal(
        Reason.GUARD_UNAVAILABLE,
        f"Nothing is taken over while other Secrets can't be looked at: {why}",
    )
