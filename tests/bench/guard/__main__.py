"""``python -m tests.bench.guard``: two builds side by side, and one table. It judges nothing."""

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
from tests.bench.guard.crowd import FULL, SMALL, Size
from tests.bench.guard.measure import Row, Run
from tests.e2e.stack import Programs
from tests.servers.build import build
from tests.servers.recipes import BuildError
from tests.servers.require import MetacontrollerFiles

BASE = "84ac7d1"
"""The last commit whose guard read the data of every Secret."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.guard", description=__doc__)
    parser.add_argument("--base", default=BASE, metavar="COMMIT", help=f"({BASE})")
    parser.add_argument("--small", action="store_true", help="to see that it works")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="for guard.json")
    options = parser.parse_args()
    # The figures alone go to standard output.
    progress = Console(stderr=True, highlight=False)
    started = time.monotonic()

    def say(what: str) -> None:
        progress.print(f"{time.monotonic() - started:6.1f} s  {what}", soft_wrap=True)

    say(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the run")
    size = SMALL if options.small else FULL
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
        try:
            base = of_commit(options.base, Path(folder) / "base")
            programs = Programs(
                # Its calls are made here, in one rhythm for both builds.
                metacontroller=MetacontrollerFiles(Path(), Path()),
                etcd=build("etcd"),
                kube_apiserver=build("kube-apiserver"),
                versitygw=build("versitygw"),
            )
        except (BuildError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        rows = Run(programs, Path(folder), size, base, say).rows()
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "guard.json").write_text(as_json(rows))
    Console(width=max(progress.width, 130), highlight=False).print(table(rows, size))
    print(f"Also in {options.folder}: guard.json.")
    return 0


def as_json(rows: Sequence[Row]) -> str:
    """All that was measured, with what came of it."""
    return json.dumps(
        [{**asdict(row), "ratio": row.ratio, "met": row.met} for row in rows], indent=2
    )


def table(rows: Sequence[Row], size: Size) -> Table:
    """All that was measured, for people."""
    made = Table(
        title=f"{size.crowd:,} small Secrets, {size.releases} of {size.release_bytes:,} bytes, "
        f"{size.contenders} contenders of {size.contender_bytes:,} bytes",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for column in ("", "unit", "of", "", "of", "", "ratio", "target", ""):
        made.add_column(column, justify="left" if column in {"", "unit"} else "right", no_wrap=True)
    for row in rows:
        made.add_row(
            row.what,
            row.unit,
            row.names[0],
            _number(row.before),
            row.names[1],
            _number(row.after),
            "-" if row.ratio is None else f"{row.ratio:.3g}",
            _target(row),
            {True: "met", False: "NOT MET", None: ""}[row.met],
        )
    return made


def _number(value: float | None) -> str:
    return "never" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def _target(row: Row) -> str:
    if row.limit is not None:
        return f"< {row.limit:g} {row.unit}"
    return "" if row.target is None else f"{row.target:g}"


if __name__ == "__main__":
    raise SystemExit(main())
