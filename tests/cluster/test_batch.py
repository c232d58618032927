"""Questions that come while one is being answered are answered together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from hooks.cluster.batch import Batches

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Oracle:
    """Answers with the question's square, once it is let."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.open = asyncio.Event()

    async def answer(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        await self.open.wait()
        return [100 // question if question else 1 // question for question in questions]


async def asked(batches: Batches[int, int], questions: Sequence[int]) -> list[asyncio.Task[int]]:
    """The questions, all waited for."""
    tasks = [asyncio.create_task(batches.ask(question)) for question in questions]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_comes_while_others_are_asked_for_is_asked_for_together() -> None:
    oracle = Oracle()
    batches = Batches(oracle.answer, at_once=2, most=3)
    tasks = [
        *await asked(batches, [1]),
        *await asked(batches, [2]),
        *await asked(batches, [4, 5, 10, 20, 25]),
    ]
    assert oracle.asked == [[1], [2]]
    oracle.open.set()
    assert await asyncio.gather(*tasks) == [100, 50, 25, 20, 10, 5, 4]
    assert oracle.asked[2:] == [[4, 5, 10], [20, 25]]


async def test_no_answer_is_older_than_its_question() -> None:
    oracle = Oracle()
    batches = Batches(oracle.answer, at_once=1)
    first = await asked(batches, [1])
    second = await asked(batches, [1])
    oracle.open.set()
    assert await asyncio.gather(*first, *second) == [100, 100]
    assert oracle.asked == [[1], [1]]


async def test_one_that_gives_up_does_not_touch_the_others() -> None:
    oracle = Oracle()
    batches = Batches(oracle.answer, at_once=1)
    [running] = await asked(batches, [1])
    waiting, other = await asked(batches, [2, 4])
    running.cancel()
    waiting.cancel()
    oracle.open.set()
    assert await other == 25
    assert oracle.asked == [[1], [4]]
    assert running.cancelled()
    assert waiting.cancelled()


async def test_a_failure_is_told_to_all_of_its_batch_and_to_no_other() -> None:
    oracle = Oracle()
    batches = Batches(oracle.answer, at_once=1, most=2)
    tasks = await asked(batches, [1]) + await asked(batches, [2, 0, 4])
    oracle.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert (answers[0], answers[3]) == (100, 25)
    assert [type(answer) for answer in answers[1:3]] == [ZeroDivisionError] * 2
    assert await batches.ask(5) == 20


@pytest.mark.parametrize("at_once", [1, 2])
async def test_who_asks_again_at_once_is_not_forgotten(at_once: int) -> None:
    oracle = Oracle()
    oracle.open.set()
    batches = Batches(oracle.answer, at_once=at_once, most=1)

    async def ask_in_turn() -> list[int]:
        return [await batches.ask(question) for question in (1, 2, 4)]

    async with asyncio.timeout(10):
        answers = await asyncio.gather(*[ask_in_turn() for _ in range(at_once)])

    assert answers == [[100, 50, 25]] * at_once


async def test_those_that_hang_keep_the_others_waiting_for_a_while_only() -> None:
    never = asyncio.Event()
    asked_for: list[int] = []

    async def answer(questions: Sequence[int]) -> list[int]:
        asked_for.extend(questions)
        if max(questions) < 10:
            await never.wait()
        return list(questions)

    batches = Batches(answer, at_once=2, most=1, patience=0.05, limit=5)
    hanging = await asked(batches, [1, 2])
    assert await asyncio.gather(*await asked(batches, [10, 11, 12])) == [10, 11, 12]
    hanging += await asked(batches, [3, 4, 5, 6])
    await asyncio.sleep(0.5)
    assert asked_for == [1, 2, 10, 11, 12, 3, 4, 5]
    never.set()
    assert await asyncio.gather(*hanging) == [1, 2, 3, 4, 5, 6]
    assert await batches.ask(7) == 7


async def test_batches_that_come_apart_gather_those_who_ask_meanwhile() -> None:
    oracle = Oracle()
    oracle.open.set()
    loop = asyncio.get_running_loop()
    batches = Batches(oracle.answer, apart=1.0)
    started = loop.time()
    assert await asyncio.gather(*await asked(batches, [1, 2])) == [100, 50]
    # The first are kept waiting by nothing.
    assert oracle.asked == [[1, 2]]
    tasks = await asked(batches, [4])
    tasks += await asked(batches, [5, 10])
    assert oracle.asked == [[1, 2]]
    assert await asyncio.gather(*tasks) == [25, 20, 10]
    assert loop.time() - started >= 0.95
    assert oracle.asked == [[1, 2], [4, 5, 10]]


async def test_who_asks_alone_keeps_nobody_waiting() -> None:
    """New Secrets that come one by one: each would wait for a crowd that isn't there."""
    oracle = Oracle()
    oracle.open.set()
    batches = Batches(oracle.answer, apart=60.0)
    async with asyncio.timeout(5):
        for question in (1, 2, 4):
            assert await batches.ask(question) == 100 // question
    assert oracle.asked == [[1], [2], [4]]


async def test_who_gives_up_before_a_batch_begins_leaves_no_trace() -> None:
    oracle = Oracle()
    oracle.open.set()
    batches = Batches(oracle.answer, apart=0.2)
    assert await asyncio.gather(*await asked(batches, [1, 2])) == [100, 50]
    impatient = await asked(batches, [4, 5])
    for task in impatient:
        task.cancel()
    await asyncio.sleep(0.3)
    assert oracle.asked == [[1, 2]]
    # Nothing was asked for meanwhile that it would have to keep away from.
    async with asyncio.timeout(0.15):
        assert await batches.ask(4) == 25


def test_a_batch_that_ends_with_its_loop_does_not_keep_the_next_from_being_asked_for() -> None:
    oracle = Oracle()
    batches = Batches(oracle.answer, apart=0.05)

    async def give_up() -> None:
        for question in (1, 2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await batches.ask(question)

    async def ask() -> int:
        async with asyncio.timeout(5):
            return await batches.ask(4)

    asyncio.run(give_up())
    oracle.open = asyncio.Event()
    oracle.open.set()
    assert asyncio.run(ask()) == 25


async def test_too_few_answers_are_an_error_for_all() -> None:
    async def answer(questions: Sequence[int]) -> Sequence[int]:
        return questions[1:]

    with pytest.raises(ValueError, match="shorter"):
        await Batches(answer).ask(1)
