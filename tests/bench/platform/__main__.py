"""``python -m tests.bench.platform``: a platform that grows. It judges nothing."""

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

from tests.bench.platform.measure import Row, platform, rows
from tests.bench.stores import KINDS, Stores
from tests.e2e.stack import Programs
from tests.servers.build import build
from tests.servers.recipes import BuildError
from tests.servers.require import NotInstalledError, find_metacontroller

# Ceph RGW's work for a Secret is the same beside many others; VersityGW's grows with the users.
_BACKEND = "ceph-rgw"
_SIZES = (1000, 10_000)
_LONG = (1000, 10_000, 50_000)
_SMALL = (40, 80)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.platform", description=__doc__)
    parser.add_argument("--backend", choices=sorted(KINDS), default=_BACKEND)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--secrets", type=int, nargs="+", metavar="N", help=f"{_SIZES}")
    sizes.add_argument("--small", action="store_true", help="to see that it works")
    sizes.add_argument("--long", action="store_true", help=f"{_LONG}")
    parser.add_argument("--fresh", type=int, default=100, metavar="N", help="new ones (100)")
    parser.add_argument("--others", type=int, metavar="N", help="none of the operator's (10000)")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/bench"), help="for platform.json"
    )
    options = parser.parse_args()
    # The figures alone go to standard output.
    progress = Console(stderr=True, highlight=False)
    started = time.monotonic()

    def say(what: str) -> None:
        progress.print(f"{time.monotonic() - started:6.1f} s  {what}", soft_wrap=True)

    say(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the run")
    wanted = options.secrets or (_SMALL if options.small else _LONG if options.long else _SIZES)
    fresh = 10 if options.small else options.fresh
    others = options.others or (100 if options.small else 10_000)
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
        try:
            programs = Programs(
                metacontroller=find_metacontroller(),
                etcd=build("etcd"),
                kube_apiserver=build("kube-apiserver"),
                versitygw=Path(),
            )
            stores = Stores(options.backend)
        except (BuildError, NotInstalledError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        with platform(programs, stores, Path(folder)) as made:
            found = list(rows(made, wanted, fresh, others, lambda row: say(told(row))))
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "platform.json").write_text(as_json(found))
    Console(width=max(progress.width, 190), highlight=False).print(table(found))
    print(f"Also in {options.folder}: platform.json.")
    return 0


def told(row: Row) -> str:
    """A row as it comes, so that a run that is cut short has told what it found."""
    each = (
        f"{name} {1000 * spent.cpu / row.count:.2f} ms, {spent.memory / 1e6:.0f} MB"
        for name, spent in row.spent.items()
    )
    return (
        f"{row.secrets:,}, {row.kind}, {row.arguments}: {row.count:,} in {row.seconds:.1f} s; "
        f"{'; '.join(each)}; {row.store_requests} requests, {row.writes} writes"
    )


def as_json(found: Sequence[Row]) -> str:
    """All that was measured."""
    return json.dumps([{**asdict(row), "rate": row.rate} for row in found], indent=2)


def table(found: Sequence[Row]) -> Table:
    """All that was measured, for people."""
    made = Table(
        title="A platform that grows: every Secret synced, guard and Events on",
        caption=(
            "CPU is for each of those Secrets, the second call for a new one among them.\n"
            "Memory is the most that was ever resident; the store's is its gateway's."
        ),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for column in ("Secrets", "", "Metacontroller"):
        made.add_column(column, justify="right" if column == "Secrets" else "left", no_wrap=True)
    for column in ("count", "total\ns", "Secrets\nper s", "requests\neach", "writes\neach"):
        made.add_column(column, justify="right", no_wrap=True)
    programs = list(found[0].spent)
    for name in programs:
        made.add_column(f"{name}\nCPU ms", justify="right", no_wrap=True)
        made.add_column("peak\nMB", justify="right", no_wrap=True)
    for row in found:
        made.add_row(
            f"{row.secrets:,}",
            row.kind,
            str(row.arguments),
            f"{row.count:,}",
            f"{row.seconds:,.1f}",
            f"{row.rate:,.0f}",
            f"{row.store_requests / row.count:.2f}",
            f"{row.writes / row.count:.2f}",
            *(
                text
                for name in programs
                for text in (
                    f"{1000 * row.spent[name].cpu / row.count:.2f}",
                    f"{row.spent[name].memory / 1e6:,.0f}",
                )
            ),
        )
    return made


if __name__ == "__main__":
    raise SystemExit(main())
