"""``python -m tests.bench.latency``: from a Secret's creation to Ready. It judges nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.guard.builds import of_commit
from tests.bench.latency.measure import FULL, SMALL, Row, measure
from tests.e2e.stack import Programs
from tests.servers.build import build
from tests.servers.recipes import BuildError
from tests.servers.require import NotInstalledError, find_metacontroller

BASE = "84ac7d1"
_PERCENTILES = (50, 95, 99)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency", description=__doc__)
    parser.add_argument("--base", default=BASE, metavar="COMMIT", help=f"({BASE})")
    parser.add_argument("--small", action="store_true", help="to see that it works")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="for latency.json")
    options = parser.parse_args()
    # The figures alone go to standard output.
    progress = Console(stderr=True, highlight=False)
    started = time.monotonic()

    def say(what: str) -> None:
        progress.print(f"{time.monotonic() - started:6.1f} s  {what}", soft_wrap=True)

    say(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the run")
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
        try:
            base = of_commit(options.base, Path(folder) / "base")
            programs = Programs(
                metacontroller=find_metacontroller(),
                etcd=build("etcd"),
                kube_apiserver=build("kube-apiserver"),
                versitygw=build("versitygw"),
            )
        except (BuildError, NotInstalledError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        size = SMALL if options.small else FULL
        rows = measure(programs, Path(folder), base, size, say)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "latency.json").write_text(as_json(rows))
    Console(width=max(progress.width, 110), highlight=False).print(table(rows))
    print(f"Also in {options.folder}: latency.json.")
    return 0


def as_json(rows: Sequence[Row]) -> str:
    """All that was measured."""
    return json.dumps([asdict(row) for row in rows], indent=2)


def table(rows: Sequence[Row]) -> Table:
    """All that was measured, for people."""
    made = Table(
        title="From a Secret's creation until it is seen Ready, guard and Events on",
        caption=(
            "Calls, hook and store are for each Secret, the call after it is Ready among them.\n"
            "The bare sequence sends the same requests from a plain loop, one after the other."
        ),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for column in ("Secrets", ""):
        made.add_column(column, no_wrap=True)
    for column in ("number", "p50\nms", "p95\nms", "p99\nms", "calls", "hook\nms", "store\nms"):
        made.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        made.add_row(
            row.load,
            row.name,
            f"{len(row.seconds):,}",
            *(f"{row.percentile(percent):,.0f}" for percent in _PERCENTILES),
            *("-" if each is None else f"{each:.1f}" for each in (row.calls, row.hook, row.store)),
        )
    return made


if __name__ == "__main__":
    raise SystemExit(main())
