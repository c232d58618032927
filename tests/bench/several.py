"""``python -m tests.bench.several``: unchanged Secrets over three stores, beside as many on one.

Both by one operator with a list of four VersityGWs, in turn, so that what the machine does
meanwhile meets both. It judges nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.direct import Caller, Run
from tests.bench.figures import Figures
from tests.bench.stores import Stores
from tests.servers.hook import Hook, running_hook
from tests.servers.several import List

_NAMES = ("one", "two", "three")
_STORE = "s3-resource-operator.io/store"
_CALLERS = 10


class Spread(Caller):
    """Calls for Secrets that name stores in turn.

    Args:
        hook: what is called.
        stores: their names.
    """

    def __init__(self, hook: Hook, stores: Sequence[str]) -> None:
        super().__init__(hook, _CALLERS)
        self._stores = stores

    def new(self, number: int) -> dict[str, Any]:
        secret = super().new(number)
        store = self._stores[number % len(self._stores)]
        # The recorded one's annotations belong to every Secret made from it.
        metadata = secret["metadata"]
        metadata["annotations"] = {**metadata["annotations"], _STORE: store}
        # On one store two arrangements would be rivals.
        spread = len(self._stores)
        metadata["name"] = f"{metadata['name']}-{spread}"
        metadata["uid"] = f"{metadata['uid']}-{spread}"
        return secret


@contextmanager
def arrangements(directory: Path, count: int) -> Iterator[dict[str, Run]]:
    """What is measured, by its name: each with Secrets that are Ready."""
    with ExitStack() as stack:
        stores = Stores("versitygw")
        started = {
            name: stack.enter_context(stores.running(directory / name / "store"))
            for name in (*_NAMES, "alone")
        }
        (directory / "list").mkdir()
        listed = List(directory / "list", started, "versitygw")
        settings = {"STORES_FILE": str(listed.path), "LOG_LEVEL": "WARNING"}
        hook = stack.enter_context(
            running_hook(started["one"], directory / "hook", settings=settings)
        )
        made = {}
        for name, names in (("three stores", _NAMES), ("one store", ("alone",))):
            caller = stack.enter_context(closing(Spread(hook, names)))
            made[name] = Run(started[names[0]], hook, caller, count, _CALLERS)
            made[name].row("new")
        yield made


def measure(directory: Path, count: int, rounds: int) -> dict[str, list[Figures]]:
    """Each arrangement's unchanged Secrets, once a round."""
    with arrangements(directory, count) as runs:
        found: dict[str, list[Figures]] = {name: [] for name in runs}
        for number in range(rounds):
            # Whoever comes first has it no better.
            names = list(runs) if number % 2 else list(runs)[::-1]
            for name in names:
                found[name].append(runs[name].row("unchanged"))
        return found


def lines(found: dict[str, list[Figures]]) -> Iterator[str]:
    """The figures for people: medians, and what three stores cost by what one does."""
    told = {}
    for name, rows in found.items():
        seconds = median(row.seconds for row in rows)
        cpu = median(row.cpu_seconds or 0.0 for row in rows)
        told[name] = seconds, cpu
        per = {(row.store_requests or 0) / row.secrets for row in rows}
        yield (
            f"{name}: {rows[0].secrets} unchanged in {seconds:.2f} s, {cpu:.2f} s of CPU, "
            f"{', '.join(f'{each:g}' for each in sorted(per))} requests each"
        )
    (seconds, cpu), (base, base_cpu) = told["three stores"], told["one store"]
    yield f"three stores by one: {seconds / base:.2f} of the time, {cpu / base_cpu:.2f} of the CPU"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.several", description=__doc__)
    parser.add_argument("--secrets", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
        for line in lines(measure(Path(folder), options.secrets, options.rounds)):
            print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
