"""The other live Secrets, as the Kubernetes API has them.

Look-ups list metadata, which is small whatever is in the Secrets. The data of one is read only
where its metadata says that it matters, one after the other, and nothing of it is kept but the
names that it mentions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from backends.wire.deadline import Deadline
from hooks.claim.fieldkeys import KeyChoice
from hooks.claim.secret import Mentions, read_endpoint, read_mentions
from hooks.cluster.batch import Batches
from hooks.cluster.kube import Kube, Listing
from hooks.cluster.kubeerrors import KubeError
from hooks.contract.decorator import NotAHookRequest, SyncRequest
from hooks.contract.grant import Grants, Held, Holding, Kind
from hooks.contract.outcome import Reason, Refusal, Status
from hooks.contract.status import Keys, name_hash
from hooks.tenancy.takeover import Thing

# Of its own, and as many as there can be lists at once, three of each of four kinds: with a few for
# everything, those that wait for an API that hangs would keep the others from even asking.
_LISTS = 3
_THREADS = 4 * _LISTS
# Seconds between two lists of a kind. They are most of what a new Secret costs the Kubernetes API,
# and with many new ones there is always something else to do meanwhile.
_APART = 0.05
# Seconds for which a list of all holders may be used where that is said to be good enough.
_LATELY = 60.0
# A release of Helm's can have nearly a mebibyte, and is never annotated.
_NO_RELEASES = "type!=helm.sh/release.v1"
# Secrets whose data is read one by one; more are read page by page.
_SINGLY = 100
# Nothing longer can be the name of a bucket or a user, or a secret.
_LONGEST_NAME = 1024
# What the operator has answered a Secret that does not hold what it names,
_REFUSED = frozenset(
    {Reason.BUCKET_CLAIMED, Reason.ACCESS_KEY_CLAIMED, Reason.BUCKET_OWNED, Reason.USER_EXISTS}
)  # and one that can't have anything, or not here.
_NOTHING = frozenset({Status.INVALID, Status.SKIPPED})

Slot = tuple[str, str]
"""A Secret's namespace and name."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another live Secret of this operator's.

    Args:
        request: its metadata; without data.
        names: what its data mentions.
        held: what its grants say.
    """

    request: SyncRequest
    names: Mentions
    held: Held


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
    """

    def __init__(
        self,
        kube: Kube,
        keys: Keys,
        grants: Grants,
        endpoint: str | None,
        aliases: frozenset[str] = frozenset(),
        may: Callable[[str, Thing, str], bool] = lambda namespace, thing, name: True,
    ) -> None:
        self._kube = kube
        self._keys = keys
        self._grants = grants
        self._endpoints = None if endpoint is None else {endpoint, *aliases}
        self._may = may
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kubernetes")
        # A removal reads the Secrets of one namespace, whose tenants can make them many and large:
        # no look-up waits for that.
        self._removals = ThreadPoolExecutor(_LISTS, thread_name_prefix="kubernetes-removals")
        self._holders: dict[Thing, Batches[_Question, Found]] = {
            thing: self._batches(self._find_holders) for thing in Thing
        }
        self._unproven = self._batches(self._find_unproven)
        self._index = self._batches(self._find_lately)
        self._lately = _Lately(0.0, 0)

    async def holders(
        self, thing: Thing, name: str, origin: str, deadline: Deadline, *, lately: bool = False
    ) -> Found:
        """Those that have a valid ``own`` for a thing and still name it.

        Args:
            thing: what it is.
            name: its name.
            origin: the Secret that asks; it is none of the others.
            deadline: of the sync.
            lately: whether what was so a minute ago is good enough to find them by.

        Raises:
            Refusal: the API can't be asked; it is never taken for "there is none".
        """
        batches = self._index if lately else self._holders[thing]
        return await self._ask(batches, thing, name, origin, deadline)

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
            listing = self._list(until, namespace=namespace)
            slots = [
                (_slim(request), held)
                for request, held in self._granted(listing)
                if request.origin != origin and self._may_be_of(request, {user}) is not False
            ]
            others = [
                other
                for request, held in slots
                if (other := self._read(request, held, until))
                and (user in other.names.users or may_be_meant(other, Thing.USER, user))
            ]
            return Found(listing.second, tuple(others))

        left = deadline.remaining()
        until = time.monotonic() + left
        return await self._in_time(
            left, asyncio.get_running_loop().run_in_executor(self._removals, find, until)
        )

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

    async def _in_time(self, left: float, found: Awaitable[Found]) -> Found:
        try:
            async with asyncio.timeout(left):
                return await found
        except TimeoutError as error:
            raise _unavailable("The Kubernetes API did not answer in time.") from error
        except KubeError as error:
            raise _unavailable(error) from error

    def _find_holders(self, questions: Sequence[_Question], until: float) -> list[Found]:
        thing = questions[0].thing
        hashes = sorted({name_hash(question.name) for question in questions})
        label = self._keys[f"{thing.value}-hash"]
        listing = self._list(until, selector=f"{label} in ({','.join(hashes)})")
        names = {question.name for question in questions}
        candidates = [
            (request, held)
            for request, held in self._granted(listing)
            if any(_owns(held, thing, name) for name in names)
        ]
        return self._answers(questions, candidates, listing.second, until)

    def _find_lately(self, questions: Sequence[_Question], until: float) -> list[Found]:
        lately = self._lately
        if time.monotonic() >= lately.until:
            began = time.monotonic()
            slots: dict[tuple[Thing, str], list[Slot]] = {}
            listing = self._list(until, selector=self._keys["status"])
            for request, held in self._granted(listing):
                for key in _owned(held):
                    slots.setdefault(key, []).append((request.namespace, request.name))
            lately = self._lately = _Lately(began + _LATELY, listing.second, slots)
        candidates: dict[Slot, tuple[SyncRequest, Held]] = {}
        for question in questions:
            for slot in lately.slots.get((question.thing, question.name), ()):
                if "/".join(slot) == question.origin or slot in candidates:
                    continue
                if (candidate := self._look(slot, until)) is not None:
                    candidates[slot] = candidate
        return self._answers(questions, list(candidates.values()), lately.second, until)

    def _look(self, slot: Slot, until: float) -> tuple[SyncRequest, Held] | None:
        """A Secret as it is now, by its metadata."""
        found = self._kube.secret(*slot, timeout=until - time.monotonic(), metadata_only=True)
        if found is None:
            return None
        document = {**found, "apiVersion": "v1", "kind": "Secret"}
        return next(self._granted([document]), None)

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
                if request.origin != question.origin and _owns(held, question.thing, question.name)
            ]
            other = self._read(request, held, until) if asked else None
            if other is None:
                continue
            for question, found in asked:
                if _names(other.names, question.thing, question.name):
                    found.append(other)
        return [Found(second, tuple(found)) for found in others]

    def _find_unproven(self, questions: Sequence[_Question], until: float) -> list[Found]:
        listing = self._list(until, fields=_NO_RELEASES)
        candidates: list[tuple[SyncRequest, dict[int, Held]]] = []
        for request, held in self._granted(listing):
            asked = {
                number: proven
                for number, question in enumerate(questions)
                if request.origin != question.origin
                and (proven := self._may_confirm(request, held, question)) is not None
            }
            if asked:
                # Annotations may be large, and these many.
                candidates.append((_slim(request), asked))
        others: list[list[Other]] = [[] for _ in questions]
        wanted = {request.origin: (request, asked) for request, asked in candidates}
        for other in self._read_all([request for request, _ in candidates], until):
            for number, proven in wanted[other.request.origin][1].items():
                question = questions[number]
                if _names(other.names, question.thing, question.name):
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
        if mine is not None and mine.own:
            return proven
        if mine is not None and mine.kind is not Kind.UNGUARDED:
            return None
        labelled = self._may_be_of(request, question.owners)
        if held.last is not None and not _unguarded(held):
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

    def _list(
        self,
        until: float,
        *,
        namespace: str | None = None,
        selector: str | None = None,
        fields: str | None = None,
    ) -> Listing:
        # The time left is taken here, since a thread may have been waited for.
        return self._kube.secrets(
            namespace,
            selector,
            fields=fields,
            metadata_only=True,
            timeout=until - time.monotonic(),
            mentioning=self._keys.enabled,
        )

    def _granted(
        self, secrets: Iterable[Mapping[str, object]]
    ) -> Iterator[tuple[SyncRequest, Held]]:
        """Those of this operator's that live, with what their grants say."""
        enabled = self._keys.enabled
        for secret in secrets:
            # Nearly all of a cluster's Secrets end here, so it comes first.
            if not _is_annotated(secret, enabled):
                continue
            try:
                request = SyncRequest.of(secret)
            except NotAHookRequest:
                continue
            if not request.deleting and self._keys.enables(request):
                yield request, self._keys.evidence(request).held(self._grants)

    def _read_all(self, requests: Sequence[SyncRequest], until: float) -> Iterator[Other]:
        """What the data of several mentions; many are read page by page, a few each by itself.

        Many have no answer yet where an operator is new to a cluster.
        """
        if len(requests) <= _SINGLY:
            for request in requests:
                if (other := self._read(request, Held(), until)) is not None:
                    yield other
            return
        wanted = {request.origin: request for request in requests}
        listing = self._kube.secrets(fields=_NO_RELEASES, timeout=until - time.monotonic())
        for secret in listing:
            if not _is_annotated(secret, self._keys.enabled):
                continue
            try:
                now = SyncRequest.of(secret)
            except NotAHookRequest:
                continue
            found = wanted.get(now.origin)
            if found is not None and (other := self._mentions(found, now, Held())) is not None:
                yield other

    def _read(self, request: SyncRequest, held: Held, until: float) -> Other | None:
        """What a Secret's data mentions; None if it is gone, or another store's."""
        found = self._kube.secret(request.namespace, request.name, timeout=until - time.monotonic())
        if found is None:
            return None
        try:
            now = SyncRequest.of(found)
        except NotAHookRequest:
            return None
        return self._mentions(request, now, held)

    def _mentions(self, request: SyncRequest, now: SyncRequest, held: Held) -> Other | None:
        # Made again, deleted or taken out of the operator's hands since the list.
        if now.uid != request.uid or now.deleting or not self._keys.enables(now):
            return None
        choice = KeyChoice.of(now.annotations, self._keys["keys"])
        if self._endpoints is not None:
            named = read_endpoint(now.data, choice)
            if named is not None and named.endpoint.urls.isdisjoint(self._endpoints):
                return None
        return Other(request, _short(read_mentions(now.data, choice)), held)


def _is_annotated(secret: Mapping[str, object], key: str) -> bool:
    metadata = secret.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and key in annotations


def _owned(held: Held) -> Iterator[tuple[Thing, str]]:
    for grant in (held.grant, held.first):
        if grant is None:
            continue
        if _owns(held, Thing.USER, grant.user):
            yield Thing.USER, grant.user
        for bucket in grant.buckets:
            if _owns(held, Thing.BUCKET, bucket):
                yield Thing.BUCKET, bucket


def holding(held: Held, thing: Thing, name: str) -> Holding | None:
    """How a thing of that name is held."""
    return held.bucket(name) if thing is Thing.BUCKET else held.user(name)


def _owns(held: Held, thing: Thing, name: str) -> bool:
    found = holding(held, thing, name)
    return found is not None and found.own


def _unguarded(held: Held) -> bool:
    """Whether nothing that it holds was given with a look at the others."""
    grant = held.grant
    if grant is None:
        return False
    return all(found.kind is Kind.UNGUARDED for found in (grant.holding, *grant.buckets.values()))


def may_be_meant(other: Other, thing: Thing, name: str) -> bool:
    """Whether a Secret that names nothing of the kind was given this: it has a mistake."""
    named = other.names.buckets if thing is Thing.BUCKET else other.names.users
    return not named and holding(other.held, thing, name) is not None


def _slim(request: SyncRequest) -> SyncRequest:
    """What tells a Secret from others, and no more."""
    return replace(request, annotations={}, labels={})


def _names(names: Mentions, thing: Thing, name: str) -> bool:
    return name in (names.buckets if thing is Thing.BUCKET else names.users)


def _short(names: Mentions) -> Mentions:
    """Without what is too long to be a name, so that many of them stay small."""
    return Mentions(
        frozenset(bucket for bucket in names.buckets if len(bucket) <= _LONGEST_NAME),
        frozenset(user for user in names.users if len(user) <= _LONGEST_NAME),
        frozenset(secret for secret in names.secrets if len(secret.reveal()) <= _LONGEST_NAME),
    )


def _unavailable(why: object) -> Refusal:
    return Refusal(
        Reason.GUARD_UNAVAILABLE,
        f"Nothing is taken over while other Secrets can't be looked at: {why}",
    )
