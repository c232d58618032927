"""One answer for all who ask the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from backends.errors import TimedOut
from backends.wire.deadline import Deadline

T = TypeVar("T")


class Shared(Generic[T]):
    """Something costly that is fetched once for everybody who waits for it.

    Nobody gets an answer that was begun before the question: who asks while one is fetched
    waits for the next. So any number of askers costs two fetches at most.

    Args:
        fetch: bounded in time by itself.
    """

    def __init__(self, fetch: Callable[[], Awaitable[T]]) -> None:
        self._fetch = fetch
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self, deadline: Deadline) -> T:
        """The answer.

        Args:
            deadline: how long to wait for it.

        Raises:
            TimedOut: it took longer.
            StoreError: what fetching it raised.
        """
        task = self._next or self._begin()
        try:
            async with asyncio.timeout(deadline.remaining()):
                # Whoever gives up takes it from nobody else.
                return await asyncio.shield(task)
        except TimeoutError:
            raise TimedOut("The store did not answer within the time of one sync.") from None

    def _begin(self) -> asyncio.Task[T]:
        before = self._running

        async def fetch() -> T:
            if before is not None:
                await asyncio.wait({before})
            self._running, self._next = self._next, None
            return await self._fetch()

        self._next = asyncio.create_task(fetch())
        # An error that nobody waits for any more is no bug.
        self._next.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._next
