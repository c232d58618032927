"""Questions of several tasks, answered together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batches(Generic[Question, Answer]):
    """Asks at once, and for all that come meanwhile in one go.

    No answer is older than its question: what comes while others are being asked for waits for the
    next time.

    Args:
        answer: gives an answer to each question, in their order; what it raises is raised to all
            that asked.
        at_once: how many batches are asked for at the same time, so that one that hangs doesn't
            keep all others waiting.
        most: questions in one batch.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        *,
        at_once: int = 2,
        most: int = 50,
    ) -> None:
        self._answer = answer
        self._at_once = at_once
        self._most = most
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        """The answer to a question; may be cancelled, which doesn't touch the others'."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._running < self._at_once:
            self._running += 1
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self) -> None:
        try:
            while batch := self._take():
                await self._answer_all(batch)
        finally:
            # Here and not when the task is done, which is told later: who asks in between would
            # wait for a task that looks no more.
            self._running -= 1

    async def _answer_all(self, batch: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        questions = [question for question, _ in batch]
        [answers] = await asyncio.gather(self._answer(questions), return_exceptions=True)
        for place, (_, future) in enumerate(batch):
            if future.done():
                # Whoever asked has given up.
                continue
            if isinstance(answers, BaseException):
                future.set_exception(answers)
            else:
                future.set_result(answers[place])

    def _take(self) -> list[tuple[Question, asyncio.Future[Answer]]]:
        batch: list[tuple[Question, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._most:
            question, future = self._waiting.popleft()
            if not future.done():
                batch.append((question, future))
        return batch
