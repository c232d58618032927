"""What a run came to, as tables."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from tests.chaos.run import CLASSES, Run

_COLUMNS = (
    "changes",
    "faults",
    "storm\ns",
    "recovery\ns",
    "calls while\nrestarting",
    "second\ntries",
    "checks\nso far",
    "wrong",
)


def print_report(run: Run, console: Console) -> None:
    faults = _table("What was made to fail", "fault", "times")
    for kind in CLASSES:
        faults.add_row(kind, f"{run.seen[kind]:,}")
    changes = _table("What tenants did meanwhile", "change", "times")
    for kind, count in sorted(run.tenants.made.items()):
        changes.add_row(kind, f"{count:,}")
    reasons = _table("What Secrets said in between", "Retrying", "times")
    for kind, count in sorted(run.reasons().items()):
        reasons.add_row(kind, f"{count:,}")
    rounds = _table("Rounds", "round", *_COLUMNS)
    for each in run.rounds:
        rounds.add_row(
            str(each.number),
            f"{each.changes:,}",
            f"{each.faults:,}",
            f"{each.storm:.1f}",
            f"{each.recovery:.1f}",
            f"{each.calls:,}",
            str(each.again),
            f"{each.checked:,}",
            str(len(each.findings)),
        )
    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(faults, changes, reasons)
    console.print(side_by_side)
    console.print(rounds)
    balancer, tenants = run.world.balancer, run.tenants
    removed = [entry for entry in run.ledger.entries if entry.deleted and entry.deletion]
    excused = sum(entry.excused for entry in removed)
    console.print(
        f"The balancer passed over a hook {balancer.passed_over:,} times; {tenants.repeated:,} "
        f"calls to the Kubernetes API were made again; of {len(removed)} removals, {excused} were "
        "made believe by a swapped answer.",
        soft_wrap=True,
    )


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
