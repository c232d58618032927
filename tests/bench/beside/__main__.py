"""``python -m tests.bench.beside``: two builds side by side, and one table. It judges nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.beside.measure import CALLERS, Row, table_rows, turns
from tests.bench.guard.builds import of_commit
from tests.bench.stores import KINDS, Stores
from tests.servers.build import build
from tests.servers.recipes import BuildError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.beside", description=__doc__)
    parser.add_argument("--base", required=True, metavar="COMMIT")
    parser.add_argument("--backend", choices=sorted(KINDS), default="versitygw")
    parser.add_argument("--secrets", type=int, default=500, metavar="N", help="how many (500)")
    parser.add_argument("--rounds", type=int, default=4, metavar="N", help="how often (4)")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="for beside.json")
    options = parser.parse_args()
    # The figures alone go to standard output.
    progress = Console(stderr=True, highlight=False)

    def say(what: str) -> None:
        progress.print(what, soft_wrap=True)

    say(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the run")
    with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
        try:
            base = of_commit(options.base, Path(folder) / "base")
            stores, program = Stores(options.backend), build("native-floor")
            found = turns(
                stores,
                Path(folder),
                base,
                program,
                count=options.secrets,
                rounds=options.rounds,
                say=say,
            )
            rows = table_rows(list(found))
        except (BuildError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "beside.json").write_text(as_json(rows))
    title = f"{options.backend}, {options.secrets:,} Secrets, {CALLERS} callers, "
    made = table(rows, base.name, f"{title}median of {options.rounds} rounds")
    Console(width=max(progress.width, 110), highlight=False).print(made)
    print(f"Also in {options.folder}: beside.json.")
    return 0


def as_json(rows: Sequence[Row]) -> str:
    """All that was measured."""
    return json.dumps(
        [{**asdict(row), "ratio": row.ratio, "times_native": row.times_native} for row in rows],
        indent=2,
    )


def table(rows: Sequence[Row], base: str, title: str) -> Table:
    """All that was measured, for people."""
    made = Table(
        title=title,
        caption=(
            "The ratio is this build's value by the other's, the median of all rounds.\n"
            "Native is a loop in Go that sends the same probes; times native is this build's."
        ),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for column in ("Secrets", "unit"):
        made.add_column(column, no_wrap=True)
    for column in (base, "this build", "ratio", "lowest", "highest", "native", "times\nnative"):
        made.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        ratios = (row.ratio, min(row.ratios), max(row.ratios))
        values = (row.before, row.after, *ratios, row.natively, row.times_native)
        made.add_row(
            row.kind, row.unit, *("-" if value is None else f"{value:.2f}" for value in values)
        )
    return made


if __name__ == "__main__":
    raise SystemExit(main())
