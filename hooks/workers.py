"""The threads that wait for the store, so that the event loop never does."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Busy(Exception):
    """All threads are at work; the caller is to come again."""


class Workers:
    """At most so many calls at a time, and none that waits in a queue of ours.

    Args:
        limit: SYNC_CONCURRENCY.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pool = ThreadPoolExecutor(limit, thread_name_prefix="sync")
        self._active = 0

    async def run(self, function: Callable[[], T], timeout: float) -> T:
        """Runs the function in a thread.

        Args:
            function: may block.
            timeout: seconds to wait for it; it goes on after that, and keeps its place until
                it ends.

        Raises:
            Busy: there is no thread for it now.
            TimeoutError: it isn't done yet.
        """
        if self._active >= self._limit:
            raise Busy
        self._active += 1
        loop = asyncio.get_running_loop()
        try:
            future = self._pool.submit(contextvars.copy_context().run, function)
        except RuntimeError:  # shut down
            self._active -= 1
            raise Busy from None
        waiter = asyncio.wrap_future(future, loop=loop)
        waiter.add_done_callback(self._free)
        done, _ = await asyncio.wait({waiter}, timeout=timeout)
        if not done:
            raise TimeoutError
        return waiter.result()

    @contextmanager
    def place(self) -> Iterator[None]:
        """A call that needs no thread still counts among those that are served at a time.

        Raises:
            Busy: there is no place for it now.
        """
        if self._active >= self._limit:
            raise Busy
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1

    def close(self) -> None:
        """Takes no more calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _free(self, waiter: asyncio.Future[Any]) -> None:
        self._active -= 1
        # A result that nobody waits for any more is still looked at, or asyncio complains.
        if not waiter.cancelled():
            waiter.exception()
