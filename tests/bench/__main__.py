"""``python -m tests.bench``: measures, and prints one table. It judges nothing."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean

from rich.console import Console

from tests.bench import direct, floor, native, plot, report, whole
from tests.bench.figures import Figures
from tests.bench.stores import KINDS, Stores
from tests.e2e.stack import Programs
from tests.servers.build import build
from tests.servers.recipes import BuildError
from tests.servers.require import NotInstalledError, find_metacontroller

Part = Callable[[Path], list[Figures]]

# Each new user costs MinIO and the operator half a second of CPU, and SeaweedFS the more the more
# users there are.
_COUNTS = {"minio": 200, "seaweedfs": 200}
# From here on one number of callers has to do, and nothing is rotated: with VersityGW, whose work
# for each change grows with the number of users, that alone would take hours.
_MANY = 5000
_CALLERS = 10
_MANY_CALLERS = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    told = "how many (1000; MinIO and SeaweedFS 200)"
    parser.add_argument("--secrets", type=int, metavar="N", help=told)
    parser.add_argument("--backend", choices=sorted(KINDS), default="versitygw")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/bench"), help="for bench.json and bench.svg"
    )
    options = parser.parse_args()
    # The figures alone go to standard output.
    progress = Console(stderr=True, highlight=False)
    progress.print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the run")
    count = options.secrets or _COUNTS.get(options.backend, 1000)
    try:
        with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
            stores = Stores(options.backend, rotation=count < _MANY)
            figures = list(_Bench(Path(folder), stores, progress).run(count))
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "bench.json").write_text(report.as_json(figures))
    (options.folder / "bench.svg").write_bytes(plot.cost_per_secret(figures))
    report.print_table(figures, Console(width=max(progress.width, report.WIDTH)))
    print(
        f"Also in {options.folder}: bench.json, and bench.svg with the cost by number of Secrets."
    )
    return 0


class _Bench:
    """One run: each part held against the floor right before and right after it.

    A machine's speed may change within minutes.
    """

    def __init__(self, folder: Path, stores: Stores, progress: Console) -> None:
        self._folders = (folder / str(number) for number in itertools.count())
        self._stores = stores
        self._progress = progress
        self._native = build("native-floor")

    def run(self, count: int) -> Iterator[Figures]:
        """All rows for so many Secrets, and those of the hook alone for fewer."""
        few, fewer = count // 3, count // 10
        yield from self._size(fewer, [self._direct(fewer, _CALLERS)])
        # One caller takes so long that fewer Secrets have to do.
        yield from self._size(few, [self._direct(few, callers) for callers in (1, _CALLERS)])
        parts = [self._direct(count, _CALLERS)]
        if count < _MANY:
            parts.append(self._direct(count, _MANY_CALLERS))
        try:
            programs = Programs(
                metacontroller=find_metacontroller(),
                etcd=build("etcd"),
                kube_apiserver=build("kube-apiserver"),
                versitygw=build("versitygw"),
            )
        except NotInstalledError as error:
            self._progress.print(f"Without the whole path: {error}", soft_wrap=True)
        else:
            part = partial(whole.measure, programs, self._stores, count=count)
            name = f"the whole path, {count:,} Secrets"
            parts.append((name, part))
            parts.append((f"{name}, no guard, no Events", partial(part, alone=True)))
        yield from self._size(count, parts)

    def _size(self, count: int, parts: Sequence[tuple[str, Part]]) -> Iterator[Figures]:
        floors = [self._floor(count)]
        measured = []
        for name, part in parts:
            self._progress.print(name)
            rows = part(next(self._folders))
            for row in rows:
                self._progress.print(f"  {row.kind}: {row.seconds:.1f} s")
            floors.append(self._floor(count))
            near = [row for rows_of_floor in floors[-2:] for row in rows_of_floor]
            natively = native.seconds_by_kind(near)
            measured += [
                replace(
                    row,
                    floor_seconds=_mean(near, row.kind),
                    native_seconds=natively.get(row.kind),
                )
                for row in rows
            ]
        every = [row for rows_of_floor in floors for row in rows_of_floor]
        # One row for all the floors of one sort: the median run of each kind.
        sorts = dict.fromkeys((row.path, row.kind) for row in every)
        yield from (
            _median([row for row in every if (row.path, row.kind) == sort]) for sort in sorts
        )
        yield from measured

    def _direct(self, count: int, callers: int) -> tuple[str, Part]:
        name = f"the hook alone, {count:,} Secrets, {callers} at once"
        return name, partial(direct.measure, self._stores, count=count, callers=callers)

    def _floor(self, count: int) -> list[Figures]:
        self._progress.print(f"the floor, {count:,}")
        with self._stores.running(next(self._folders)) as store:
            rotation = self._stores.rotation
            return floor.measure(store, count, self._native, rotation=rotation)


def _mean(rows: Sequence[Figures], kind: str) -> float | None:
    seconds = [row.seconds for row in rows if (row.path, row.kind) == (floor.PATH, kind)]
    return mean(seconds) if seconds else None


def _median(rows: Sequence[Figures]) -> Figures:
    return sorted(rows, key=lambda row: row.seconds)[len(rows) // 2]


if __name__ == "__main__":
    raise SystemExit(main())
