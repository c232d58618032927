"""Questions of several tasks, answered together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batches(Generic[Question, Answer]):
    """Asks as soon as it may, and for all that come meanwhile in one go.

    No answer is older than its question: what comes while others are being asked for waits for the
    next time.

    Args:
        answer: gives an answer to each question, in their order; what it raises is raised to all
            that asked.
        at_once: how many batches are asked for at the same time.
        most: questions in one batch.
        patience: seconds after which a batch counts no more among those, so that those which hang
            keep nobody waiting for long.
        limit: how many batches are asked for at the same time with those that hang. Those that
            are only slow become slower by each further one.
        apart: seconds from the beginning of a batch that several share to that of the next, so
            that more come together when many ask. Who is alone keeps nobody waiting.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        *,
        at_once: int = 1,
        most: int = 50,
        patience: float = 2.0,
        limit: int = 3,
        apart: float = 0.0,
    ) -> None:
        self._answer = answer
        self._at_once = at_once
        self._most = most
        self._patience = patience
        self._limit = limit
        self._apart = apart
        self._earliest = 0.0
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        # Begun and not hanging; begun and not done; begun and nothing taken yet.
        self._prompt = 0
        self._running = 0
        self._beginning = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        """The answer to a question; may be cancelled, which doesn't touch the others'."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._begin()
        return await future

    def _begin(self) -> None:
        """Asks for those that wait, unless enough is being asked for."""
        enough = self._prompt >= self._at_once or self._running >= self._limit
        if enough or self._beginning or not self._waiting:
            return
        self._prompt += 1
        self._running += 1
        # A task of its own, so that those who ask right after are asked for together.
        self._beginning = True
        task = asyncio.create_task(self._run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        late = False

        def give_way() -> None:
            nonlocal late
            late = True
            self._prompt -= 1
            self._begin()

        loop = asyncio.get_running_loop()
        batch: list[tuple[Question, asyncio.Future[Answer]]] = []
        timer: asyncio.TimerHandle | None = None
        try:
            try:
                early = self._earliest - loop.time()
                if early > 0:
                    await asyncio.sleep(early)
            finally:
                self._beginning = False
            batch = self._take()
            if len(batch) > 1:
                self._earliest = loop.time() + self._apart
            self._begin()
            timer = loop.call_later(self._patience, give_way)
            await self._answer_all(batch)
        finally:
            if timer is not None:
                timer.cancel()
            self._running -= 1
            self._prompt -= not late
            for _, future in batch:
                # All have their answer, unless the event loop ends.
                future.cancel()
        self._begin()

    async def _answer_all(self, batch: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        if not batch:
            return

        async def answer() -> list[tuple[asyncio.Future[Answer], Answer]]:
            answers = await self._answer([question for question, _ in batch])
            return list(zip((future for _, future in batch), answers, strict=True))

        [answered] = await asyncio.gather(answer(), return_exceptions=True)
        if isinstance(answered, BaseException):
            for _, future in batch:
                # Who has given up is not told.
                if not future.done():
                    future.set_exception(answered)
            return
        for future, one in answered:
            if not future.done():
                future.set_result(one)

    def _take(self) -> list[tuple[Question, asyncio.Future[Answer]]]:
        batch: list[tuple[Question, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._most:
            question, future = self._waiting.popleft()
            if not future.done():
                batch.append((question, future))
        return batch
