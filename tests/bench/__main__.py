"""``python -m tests.bench``: measures, and prints one table. It judges nothing."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean

from rich.console import Console

from tests.bench import direct, floor, report, whole
from tests.bench.figures import Figures
from tests.bench.stores import KINDS, Stores
from tests.e2e.stack import Programs
from tests.servers.build import BuildError, build
from tests.servers.require import NotInstalledError, find_metacontroller

# Each new user costs MinIO and the operator half a second of CPU.
_COUNTS = {"minio": 200}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--secrets", type=int, metavar="N", help="how many (1000; MinIO 200)")
    parser.add_argument("--backend", choices=sorted(KINDS), default="versitygw")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    # The figures alone go to standard output.
    progress = Console(stderr=True, highlight=False)
    progress.print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the run")
    try:
        with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
            count = options.secrets or _COUNTS.get(options.backend, 1000)
            figures = measure(Path(folder), options.backend, count, progress)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.output == "json":
        print(report.as_json(figures))
    else:
        report.print_table(figures, Console(width=max(progress.width, 140)))
    return 0


def measure(folder: Path, backend: str, count: int, progress: Console) -> list[Figures]:
    stores = Stores(backend)
    folders = (folder / str(number) for number in itertools.count())
    parts: list[tuple[str, Callable[[Path], list[Figures]]]] = [
        (
            f"the hook alone, {callers} at once",
            partial(direct.measure, stores, count=count, callers=callers),
        )
        for callers in direct.CALLERS
    ]
    try:
        programs = Programs(
            metacontroller=find_metacontroller(),
            etcd=build("etcd"),
            kube_apiserver=build("kube-apiserver"),
            versitygw=build("versitygw"),
        )
    except NotInstalledError as error:
        progress.print(f"Without the whole path: {error}", soft_wrap=True)
    else:
        parts.append(("the whole path", partial(whole.measure, programs, stores, count=count)))

    # A machine's speed may change within minutes, so that each part is held against the floor
    # right before and right after it.
    progress.print("the floor")
    floors = [_floor(stores, next(folders), count)]
    measured = []
    for name, part in parts:
        progress.print(name)
        rows = part(next(folders))
        progress.print("the floor")
        floors.append(_floor(stores, next(folders), count))
        near = [row for rows_of_floor in floors[-2:] for row in rows_of_floor]
        measured += [replace(row, floor_seconds=_mean(near, row.kind)) for row in rows]
    every = [row for rows_of_floor in floors for row in rows_of_floor]
    # One row for all the floors: the median run of each kind.
    medians = [_median([row for row in every if row.kind == kind]) for kind in ("new", "unchanged")]
    return [*medians, *measured]


def _floor(stores: Stores, folder: Path, count: int) -> list[Figures]:
    with stores.running(folder) as store:
        return floor.measure(store, count)


def _mean(rows: Sequence[Figures], kind: str) -> float:
    return mean(row.seconds for row in rows if row.kind == kind)


def _median(rows: Sequence[Figures]) -> Figures:
    return sorted(rows, key=lambda row: row.seconds)[len(rows) // 2]


if __name__ == "__main__":
    raise SystemExit(main())
