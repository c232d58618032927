"""What has to be undone though the time of the sync may be up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backends.deadline import Deadline

# Many changes of users at once have a MinIO take some seconds for each.
_SECONDS = 20.0
# What a process that ends still waits for; less than Events are given, see hooks.server.
_GRACE = 0.5


class Cleanup:
    """Undoes what a step has left, in tasks that outlive the sync; of one event loop.

    A process that is killed meanwhile undoes nothing.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, undo: Callable[[Deadline], Awaitable[object]]) -> None:
        """Waits for the work; it goes on where the caller is cancelled.

        Args:
            undo: the work, with a time of its own.

        Raises:
            StoreError: it failed.
        """

        async def work() -> None:
            await undo(Deadline(_SECONDS))

        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Lets what is under way come to its end, half a second at most."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_GRACE)
            for task in late:
                task.cancel()
            # Until they have left their locks and connections.
            await asyncio.gather(*late, return_exceptions=True)
