"""The way of an unchanged Secret: one request from the event loop, no thread, no lock."""

from __future__ import annotations

import time

from backends.asyncpool import AsyncPool
from backends.base import Backend
from hooks.decorator import SyncRequest
from hooks.syncer import Result, Syncer


class Shortcut:
    """Answers for Secrets that are as they were, and leaves every other to the loop.

    It decides nothing that the loop wouldn't: only where the Secret's annotations say that it
    is Ready, its grant is valid, and the store accepts the tenant's request, the answer is the
    one that the loop would give. In doubt it has none.

    Args:
        syncer: reads the Secret and writes the answer.
        backend: signs the probe and reads what it says.
        pool: sends it.
    """

    def __init__(self, syncer: Syncer, backend: Backend, pool: AsyncPool) -> None:
        self._syncer = syncer
        self._backend = backend
        self._pool = pool

    async def unchanged(self, request: SyncRequest) -> Result | None:
        """The answer for an unchanged Secret, None for any other.

        Raises:
            TimeoutError: the store took longer.
        """
        started = time.perf_counter()
        claim = self._syncer.settled(request)
        if claim is None:
            return None
        url, headers = self._backend.ask(claim)
        answer = await self._pool.get(
            url, headers, operation="probe", timeout=self._syncer.store_time
        )
        if answer is None or not self._backend.accepts(answer, claim):
            return None
        return self._syncer.unchanged(request, claim, time.perf_counter() - started)
