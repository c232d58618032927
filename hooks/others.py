"""The other live Secrets, as the Kubernetes API has them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backends.deadline import Deadline
from hooks.batch import Batches
from hooks.decorator import NotAHookRequest, SyncRequest
from hooks.fieldkeys import KeyChoice
from hooks.kube import Kube
from hooks.kubeerrors import KubeError
from hooks.outcome import Reason, Refusal, Status
from hooks.secret import Mentions, read_endpoint, read_mentions
from hooks.status import Keys, name_hash

# Of its own, and as many as there can be lists at once, three of each of four kinds: with a few for
# everything, those that wait for an API that hangs would keep the others from even asking.
_LISTS = 3
_THREADS = 4 * _LISTS
# Seconds between two lists of a kind. They are most of what a new Secret costs the Kubernetes API,
# and with many new ones there is always something else to do meanwhile.
_APART = 0.05


@dataclass(frozen=True, slots=True)
class Other:
    """Another live Secret of this operator's, and what it names."""

    request: SyncRequest
    names: Mentions


@dataclass(frozen=True, slots=True)
class _Question:
    """What one sync looks for; a value of None is any."""

    value: str | None
    origin: str
    wanted: Callable[[Mentions], bool]
    until: float


class Others:
    """The other live Secrets, asked of the Kubernetes API.

    Look-ups of the same kind that come at the same time share one list: the API reads all Secrets
    for each of them, whatever the label.

    Args:
        kube: the API.
        keys: names of the annotations and labels.
        endpoint: the store's; a Secret that names another's is another operator's. None doesn't
            compare.
        aliases: further names of the same store.
    """

    def __init__(
        self,
        kube: Kube,
        keys: Keys,
        endpoint: str | None,
        aliases: frozenset[str] = frozenset(),
    ) -> None:
        self._kube = kube
        self._keys = keys
        self._endpoints = None if endpoint is None else {endpoint, *aliases}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kubernetes")
        self._batches: dict[str | None, Batches[_Question, list[Other]]] = {}

    async def labelled(
        self,
        label: str,
        name: str,
        origin: str,
        wanted: Callable[[Mentions], bool],
        deadline: Deadline,
    ) -> list[Other]:
        """Those that name what is wanted, of those whose look-up label says so.

        Args:
            label: ``bucket-hash`` or ``user-hash``.
            name: the bucket or user.
            origin: the Secret that asks; it is none of the others.
            wanted: picks them: a label proves nothing.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked; it is never taken for "there is none".
        """
        return await self._ask(label, name_hash(name), origin, wanted, deadline)

    async def invalid(
        self, origin: str, wanted: Callable[[Mentions], bool], deadline: Deadline
    ) -> list[Other]:
        """Those that name what is wanted and are Invalid: they have no look-up labels.

        Args:
            origin: the Secret that asks.
            wanted: picks them.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked.
        """
        return await self._ask("status", Status.INVALID, origin, wanted, deadline)

    async def all(
        self, origin: str, wanted: Callable[[Mentions], bool], deadline: Deadline
    ) -> list[Other]:
        """Those that name what is wanted, of all Secrets there are.

        Args:
            origin: the Secret that asks.
            wanted: picks them, since the whole list is never kept.
            deadline: of the sync.

        Raises:
            Refusal: the API can't be asked.
        """
        return await self._ask(None, None, origin, wanted, deadline)

    async def _ask(
        self,
        label: str | None,
        value: str | None,
        origin: str,
        wanted: Callable[[Mentions], bool],
        deadline: Deadline,
    ) -> list[Other]:
        left = deadline.remaining()
        batches = self._batches.get(label)
        if batches is None:

            def answer(questions: Sequence[_Question]) -> Awaitable[list[list[Other]]]:
                values = sorted({question.value for question in questions if question.value})
                selector = f"{self._keys[label]} in ({','.join(values)})" if label else None
                return self._find(selector, questions)

            batches = self._batches[label] = Batches(answer, limit=_LISTS, apart=_APART)
        try:
            async with asyncio.timeout(left):
                return await batches.ask(_Question(value, origin, wanted, time.monotonic() + left))
        except TimeoutError as error:
            raise _unavailable("The Kubernetes API did not answer in time.") from error
        except KubeError as error:
            raise _unavailable(error) from error

    async def _find(
        self, selector: str | None, questions: Sequence[_Question]
    ) -> list[list[Other]]:
        """What each question wants, from one list; no longer than the last of them waits."""
        until = max(question.until for question in questions)

        def find() -> list[list[Other]]:
            found: list[list[Other]] = [[] for _ in questions]
            # Here, since it may have been waited for a thread.
            seconds = until - time.monotonic()
            for other in self._live(self._kube.secrets(selector=selector, timeout=seconds)):
                origin = other.request.origin
                for question, others in zip(questions, found, strict=True):
                    if origin != question.origin and question.wanted(other.names):
                        others.append(other)
            return found

        return await asyncio.get_running_loop().run_in_executor(self._threads, find)

    def _live(self, secrets: Iterable[dict[str, object]]) -> Iterable[Other]:
        for secret in secrets:
            try:
                request = SyncRequest.of(secret)
            except NotAHookRequest:
                continue
            if request.deleting or not self._keys.enables(request):
                continue
            choice = KeyChoice.of(request.annotations, self._keys["keys"])
            if self._endpoints is not None:
                named = read_endpoint(request.data, choice)
                if named is not None and named.endpoint.urls.isdisjoint(self._endpoints):
                    continue
            yield Other(request, read_mentions(request.data, choice))


def _unavailable(why: object) -> Refusal:
    return Refusal(
        Reason.GUARD_UNAVAILABLE,
        f"Nothing is taken over while other Secrets can't be looked at: {why}",
    )
