"""The rounds, and what comes of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.guard.builds import THIS, Build
from tests.bench.latency.arms import Arm, Cost, bare, operated
from tests.e2e.stack import Programs
from tests.servers.cluster import running_cluster
from tests.servers.metacontroller import running_metacontroller

ALONE = "one at a time"
_CALLERS = 10
_LIMIT = 60.0


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Args:
        alone: Secrets one at a time, in each round.
        paced: Secrets at a rate, in each round.
        rate: how many a second.
        rounds: how often.
    """

    alone: int
    paced: int
    rate: int
    rounds: int


FULL = Size(alone=40, paced=200, rate=20, rounds=4)
SMALL = Size(alone=5, paced=20, rate=20, rounds=1)


@dataclass
class Row:
    """One line of the table.

    Args:
        load: how the Secrets came.
        name: whose they were.
        seconds: from each one's creation until it was seen Ready.
        costs: what the hook did for them, by round.
    """

    load: str
    name: str
    seconds: list[float] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)

    def percentile(self, percent: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    @property
    def calls(self) -> float | None:
        """Of the hook, for each Secret."""
        return self._each([cost.calls for cost in self.costs])

    @property
    def hook(self) -> float | None:
        """Milliseconds in those."""
        return self._each([1000 * cost.seconds for cost in self.costs])

    @property
    def store(self) -> float | None:
        """Of these, waiting for the store."""
        return self._each([1000 * cost.store_seconds for cost in self.costs])

    def _each(self, values: Sequence[float]) -> float | None:
        return sum(values) / len(self.seconds) if any(values) else None


def measure(
    programs: Programs, directory: Path, base: Build, size: Size, say: Callable[[str], None]
) -> list[Row]:
    """All rows: each arm's Secrets one at a time, then as many a second as the size says.

    Both builds are called by one Metacontroller, each through a controller and with a store of its
    own; in every other round they come in the other order.
    """
    with ExitStack() as stack:
        cluster = stack.enter_context(
            running_cluster(
                directory / "cluster", etcd=programs.etcd, kube_apiserver=programs.kube_apiserver
            )
        )
        stack.enter_context(
            running_metacontroller(programs.metacontroller, cluster, directory / "metacontroller")
        )
        gateway = programs.versitygw
        arms: list[Arm] = [
            stack.enter_context(bare(cluster, gateway, directory / "bare")),
            *(
                stack.enter_context(operated(build, name, cluster, gateway, directory / name))
                for build, name in ((base, "base"), (THIS, "this"))
            ),
        ]
        for arm in arms:
            stack.enter_context(arm.watch.running())
        numbers = itertools.count()
        for arm in arms:
            # The first opens the connections, and the controller has to be at work.
            _alone(arm, itertools.islice(numbers, 3))
            arm.sweep()
        loads: dict[str, Callable[[Arm], list[float]]] = {
            ALONE: lambda arm: _alone(arm, itertools.islice(numbers, size.alone)),
            f"{size.rate} a second": lambda arm: _paced(
                arm, list(itertools.islice(numbers, size.paced)), size.rate
            ),
        }
        rows = {(load, arm.name): Row(load, arm.name) for load in loads for arm in arms}
        for turn in range(size.rounds):
            for load, run in loads.items():
                for arm in arms if turn % 2 else arms[::-1]:
                    before = arm.cost()
                    row = rows[load, arm.name]
                    row.seconds += run(arm)
                    arm.settle()
                    row.costs.append(arm.cost().since(before))
                    arm.sweep()
            say(f"round {turn + 1} of {size.rounds}")
        return list(rows.values())


def _alone(arm: Arm, numbers: Iterator[int]) -> list[float]:
    """Each after the one before it is Ready, and nothing more is done about that."""
    times = []
    for number in numbers:
        started = time.perf_counter()
        name = arm.begin(number)
        times.append(arm.watch.wait(name, timeout=_LIMIT) - started)
        arm.settle()
    return times


def _paced(arm: Arm, numbers: Sequence[int], rate: int) -> list[float]:
    """At their times, whatever became of those before."""
    begun: dict[str, float] = {}

    def begin(number: int, due: float) -> None:
        time.sleep(max(due - time.perf_counter(), 0))
        started = time.perf_counter()
        begun[arm.begin(number)] = started

    with ThreadPoolExecutor(_CALLERS) as pool:
        first = time.perf_counter() + 0.1
        for made in [
            pool.submit(begin, number, first + place / rate) for place, number in enumerate(numbers)
        ]:
            made.result()
    return [arm.watch.wait(name, timeout=_LIMIT) - started for name, started in begun.items()]
