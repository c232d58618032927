"""What has to be undone though the time of the sync may be up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from backends.errors import TimedOut
from backends.wire.deadline import Deadline

log = logging.getLogger(__name__)

Undo = Callable[[Deadline], Awaitable[object]]
"""The work, given a time of its own."""

# Many changes of users at once have a MinIO take some seconds for each.
_SECONDS = 20.0
# What a process that ends still waits for; less than Events are given, see hooks.serving.server.
_GRACE = 0.5


class Cleanup:
    """Undoes what a step has left, in tasks that outlive the sync; of one event loop.

    What fails, or is under way when the process ends, is told in the log: there is nobody else.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, bucket: str, left: str, undo: Undo) -> asyncio.Task[None]:
        """Begins the work, after any that is still under way for the bucket.

        Args:
            bucket: whose it is; see :meth:`settled`.
            left: what stays if it fails, for the log.
            undo: the work.
        """
        before = self._tasks.get(bucket)

        async def work() -> None:
            if before is not None:
                await asyncio.wait({before})
            await undo(Deadline(_SECONDS))

        task = asyncio.create_task(work())
        self._tasks[bucket] = task

        def done(task: asyncio.Task[None]) -> None:
            if self._tasks.get(bucket) is task:
                del self._tasks[bucket]
            if task.cancelled() or task.exception() is not None:
                why = "the process ends" if task.cancelled() else type(task.exception()).__name__
                log.warning("Not undone, so it may be left on the store: %s (%s)", left, why)

        task.add_done_callback(done)
        return task

    async def run(self, bucket: str, left: str, undo: Undo, deadline: Deadline) -> None:
        """Begins the work and waits for it, as :meth:`start` and :meth:`settled` do.

        Raises:
            StoreError: it failed.
            TimedOut: the sync's time is up, and the work goes on.
        """
        task = self.start(bucket, left, undo)
        await _wait(task, deadline)
        task.result()

    async def settled(self, bucket: str, deadline: Deadline) -> None:
        """Waits until nothing is undone any more for the bucket, however that ends.

        Raises:
            TimedOut: the sync's time is up.
        """
        task = self._tasks.get(bucket)
        if task is not None:
            await _wait(task, deadline)

    async def close(self) -> None:
        """Lets what is under way come to its end, half a second at most."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=_GRACE)
            for task in late:
                task.cancel()
            # Until they have left their locks and connections.
            await asyncio.gather(*late, return_exceptions=True)


async def _wait(task: asyncio.Task[None], deadline: Deadline) -> None:
    # Unlike others of its kind it leaves the task alone, also when it is cancelled itself.
    _, pending = await asyncio.wait({task}, timeout=deadline.remaining())
    if pending:
        raise TimedOut("The store did not answer within the time of one sync.")
