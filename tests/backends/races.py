"""Who loses the race for a new bucket, and is cut short while it gives back what it was given."""

from __future__ import annotations

import asyncio

import pytest

from backends.base import Bucket, Claim, Gap
from backends.errors import TimedOut
from backends.wire.deadline import Deadline
from tests.conformance.subject import RealSubject
from tests.support import wait


def lose_in_time(subject: RealSubject, claim: Claim) -> None:
    """Makes a bucket that is another's by now, in a sync whose time is up at the answer."""
    deadline = Deadline(20)

    def up(operation: str, *_: object) -> None:
        if operation == "create_bucket":
            deadline.__init__(-1)  # type: ignore[misc]

    backend = subject.connect(subject.environ(), up)
    with pytest.raises(TimedOut):
        wait(backend.create_bucket(claim, deadline))
    # What is being taken away is no longer believed in, whoever asks.
    assert wait(backend.probe(claim, Deadline(20))).gap is Gap.DENIED


def lose_cut_short(subject: RealSubject, claim: Claim) -> Bucket | None:
    """Makes a bucket that is another's by now, in a sync that is cancelled at the answer.

    Returns:
        The bucket, as the same backend sees it next.
    """

    async def lose() -> Bucket | None:
        cut = asyncio.Event()

        def observe(operation: str, *_: object) -> None:
            if operation == "create_bucket":
                asyncio.get_running_loop().call_soon(cut.set)

        backend = subject.connect(subject.environ(), observe)
        task = asyncio.create_task(backend.create_bucket(claim, Deadline(20)))
        async with asyncio.timeout(20):
            await cut.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await backend.find_bucket(claim.bucket, Deadline(20))

    return wait(lose())
