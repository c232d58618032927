"""``python -m tests.bench.processes``: one hook beside several that share one store's Secrets.

Replicas behind a Service and processes behind one port come to the same: each call meets any of
them. Here each has a port of its own, and the callers are split evenly. It judges nothing.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.direct import PATIENCE, Caller
from tests.bench.figures import Usage, timed
from tests.bench.stores import Stores
from tests.servers.hook import Hook, running_hook

_CALLERS = 10


@dataclass(frozen=True)
class Pass:
    """All Secrets once, unchanged; times in seconds, CPU by who took it."""

    seconds: float
    hooks: float
    callers: float
    store: float


class Group:
    """So many hooks for one store, and the Secrets of all.

    Args:
        hooks: what is called, a Secret always by the same caller.
        store: the store's process ID.
        count: how many Secrets.
    """

    def __init__(self, hooks: Sequence[Hook], store: int, count: int) -> None:
        self._hooks = hooks
        self._store = store
        self._count = count
        self._callers = [Caller(hook, _CALLERS) for hook in hooks]

    def run(self) -> Pass:
        """Each Secret once."""
        hooks = [Usage(hook.process.pid) for hook in self._hooks]
        store = Usage(self._store)
        own = _own_cpu()
        seconds, _ = timed(self._sync, range(self._count), callers=_CALLERS)
        return Pass(
            seconds,
            sum(each.cpu_since_start() or 0.0 for each in hooks),
            _own_cpu() - own,
            store.cpu_since_start() or 0.0,
        )

    def close(self) -> None:
        for each in self._callers:
            each.close()

    def _sync(self, number: int) -> None:
        self._callers[number % len(self._callers)].sync(number)


@contextmanager
def groups(directory: Path, sizes: Sequence[int], count: int) -> Iterator[dict[int, Group]]:
    """What is measured, by its number of hooks: each with a store and Secrets that are Ready."""
    stores = Stores("versitygw")
    settings = {"LOG_LEVEL": "WARNING", **PATIENCE}
    with ExitStack() as stack:
        made = {}
        for size in sizes:
            folder = directory / str(size)
            store = stack.enter_context(stores.running(folder / "store"))
            hooks = [
                stack.enter_context(
                    running_hook(store, folder / f"hook-{number}", settings=settings)
                )
                for number in range(size)
            ]
            group = Group(hooks, store.process.pid, count)
            made[size] = stack.enter_context(closing(group))
            group.run()
        yield made


def measure(
    directory: Path, sizes: Sequence[int], count: int, rounds: int
) -> dict[int, list[Pass]]:
    """Each group's unchanged Secrets, once a round."""
    with groups(directory, sizes, count) as made:
        found: dict[int, list[Pass]] = {size: [] for size in made}
        for number in range(rounds):
            # Whoever comes first has it no better.
            for size in list(made) if number % 2 else list(made)[::-1]:
                found[size].append(made[size].run())
        return found


def lines(found: dict[int, list[Pass]], count: int) -> Iterator[str]:
    """The figures for people: medians, and what several processes take by what one does."""
    yield f"{os.cpu_count()} cores, {count} unchanged Secrets, {_CALLERS} callers"
    seconds = {}
    for size, passes in found.items():
        seconds[size] = median(each.seconds for each in passes)
        hooks, callers, store = (
            median(getattr(each, name) for each in passes) * 1000 / count
            for name in ("hooks", "callers", "store")
        )
        yield (
            f"{size} process{'es' if size > 1 else ''}: {seconds[size]:.2f} s; ms of CPU each: "
            f"{hooks:.2f} the hooks, {store:.2f} the store, {callers:.2f} the callers"
        )
    first, *others = seconds
    for size in others:
        yield f"{size} processes by {first}: {seconds[size] / seconds[first]:.2f} of the time"


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.processes", description=__doc__)
    parser.add_argument("--secrets", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
        found = measure(Path(folder), options.processes, options.secrets, options.rounds)
        for line in lines(found, options.secrets):
            print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
