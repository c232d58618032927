"""``python -m tests.bench.outage``: a new Secret while two of three stores are out.

One operator with VersityGW, MinIO and Garage. In every other round Garage is killed and MinIO hangs
(SIGSTOP), and calls for Secrets of both go on all the time, as Metacontroller's do; in the rounds
between, all are up and nobody else calls. What is measured is how long a new Secret on VersityGW
takes to be Ready. It judges nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.direct import Caller
from tests.bench.stores import Stores
from tests.servers.hook import running_hook
from tests.servers.s3 import S3Store
from tests.servers.several import List

HANGING, KILLED, WELL = "minio", "garage", "versitygw"
_STORE = "s3-resource-operator.io/store"
# Secrets of each store that is out, by how many calls at a time, and how long each of these rests:
# what ten of Metacontroller's workers have to do with Secrets that are Retrying is less.
_OTHERS = 10
_CALLERS = 4
_REST = 0.25
# Seconds for a store to be there again.
_BACK = 60.0


class Named(Caller):
    """Calls for Secrets of one store, in a form that each of the three takes.

    Args:
        hook: what is called.
        store: its name.
        callers: how many at a time.
    """

    def __init__(self, hook: Any, store: str, callers: int = 1) -> None:
        super().__init__(hook, callers)
        self._store = store
        self.expected = {"Ready", "Retrying"}

    def new(self, number: int) -> dict[str, Any]:
        secret = super().new(number)
        metadata = secret["metadata"]
        # The recorded one's annotations belong to every Secret made from it.
        metadata["annotations"] = {**metadata["annotations"], _STORE: self._store}
        metadata["name"] = f"{metadata['name']}-{self._store}"
        metadata["uid"] = f"{metadata['uid']}-{self._store}"
        return secret

    def until_ready(self, number: int, seconds: float) -> float:
        """Calls for a Secret until it is Ready; the seconds that took.

        Raises:
            TimeoutError: it doesn't become so.
        """
        began = time.monotonic()
        while True:
            self.sync(number)
            took = time.monotonic() - began
            if self.is_ready(number):
                return took
            if took > seconds:
                raise TimeoutError(f"secret {number} of {self._store} is not Ready")
            time.sleep(0.1)

    def is_ready(self, number: int) -> bool:
        """What the last answer said."""
        labels = self._secrets[number]["metadata"]["labels"]
        return bool(labels["s3-resource-operator.io/status"] == "Ready")


@dataclass
class Ground:
    """What is measured.

    Args:
        stores: by their names.
        caller: for new Secrets on the store that is well.
        others: for the Secrets of those that are not.
    """

    stores: dict[str, S3Store]
    caller: Named
    others: list[Named]
    number: int = 0

    def row(self, count: int) -> list[float]:
        """Seconds of each of so many new Secrets, one after the other."""
        self.number += count
        return [
            self.caller.until_ready(number, _BACK)
            for number in range(self.number - count, self.number)
        ]

    @contextmanager
    def outage(self) -> Iterator[None]:
        """One is killed and one hangs, and Secrets of both are called for."""
        self.stores[KILLED].process.kill()
        self.stores[HANGING].process.pause()
        ends = threading.Event()
        threads = [
            threading.Thread(target=self._call_on, args=(start, ends)) for start in range(_CALLERS)
        ]
        try:
            for thread in threads:
                thread.start()
            # Until it is known that they are out, as it is for nearly all of an outage.
            time.sleep(2 * _REST)
            yield
        finally:
            ends.set()
            self.stores[HANGING].process.resume()
            for thread in threads:
                thread.join()
            self.stores[KILLED].restart()
            for other in self.others:
                other.until_ready(0, _BACK)

    def _call_on(self, start: int, ends: threading.Event) -> None:
        number = start
        while not ends.wait(_REST):
            self.others[number % len(self.others)].sync(number // 2 % _OTHERS)
            number += _CALLERS + 1


@contextmanager
def ground(directory: Path) -> Iterator[Ground]:
    """Three stores and an operator, with Secrets of two of them that are Ready."""
    with ExitStack() as stack:
        stores = {
            name: stack.enter_context(Stores(name).running(directory / name))
            for name in (WELL, HANGING, KILLED)
        }
        (directory / "list").mkdir()
        listed = List(directory / "list", stores)
        settings = {"STORES_FILE": str(listed.path), "LOG_LEVEL": "ERROR"}
        hook = stack.enter_context(
            running_hook(stores[WELL], directory / "hook", settings=settings)
        )
        others = [
            stack.enter_context(closing(Named(hook, name, _CALLERS))) for name in (HANGING, KILLED)
        ]
        for other in others:
            for number in range(_OTHERS):
                other.until_ready(number, _BACK)
        yield Ground(stores, stack.enter_context(closing(Named(hook, WELL))), others)


def measure(directory: Path, count: int, rounds: int) -> dict[str, list[list[float]]]:
    """Seconds of new Secrets: of each round, in peace and in an outage."""
    found: dict[str, list[list[float]]] = {"all up": [], "two out": []}
    with ground(directory) as made:
        # What a first call has to load is nobody's usual time.
        made.row(count)
        for number in range(rounds):
            for kind in list(found) if number % 2 else list(found)[::-1]:
                if kind == "all up":
                    found[kind].append(made.row(count))
                else:
                    with made.outage():
                        found[kind].append(made.row(count))
    return found


def lines(found: dict[str, list[list[float]]]) -> Iterator[str]:
    """The figures for people, and what an outage of two stores costs on the third."""
    for kind, rows in found.items():
        seconds = sorted(each for row in rows for each in row)
        yield (
            f"{kind}: {len(seconds)} new Secrets on the third store, median "
            f"{median(seconds) * 1000:.1f} ms, 95 % within "
            f"{seconds[int(len(seconds) * 0.95)] * 1000:.1f} ms, worst {seconds[-1] * 1000:.1f} ms"
        )
    # Of all rounds together: one round is short beside what a shared machine does meanwhile.
    usual, out = (median(each for row in rows for each in row) for rows in found.values())
    yield f"two out by all up: {out / usual:.2f} of the usual time"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outage", description=__doc__)
    parser.add_argument("--secrets", type=int, default=50, metavar="N", help="in each round")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
        for line in lines(measure(Path(folder), options.secrets, options.rounds)):
            print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
