"""All figures as one table, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figures

# Characters that the widest row takes.
WIDTH = 170

_COLUMNS = (
    "Secrets\nper s",
    "total\ns",
    "floor\ns",
    "times\nfloor",
    "native\ns",
    "times\nnative",
    "p50\nms",
    "p95\nms",
    "p99\nms",
    "requests\nper Secret",
    "CPU ms\nper call",
    "memory\nMB",
)


def rows(figures: Sequence[Figures]) -> list[dict[str, float | int | str | None]]:
    return [
        {
            "path": row.path,
            "kind": row.kind,
            "secrets": row.secrets,
            "secrets_per_second": round(row.rate),
            "seconds": round(row.seconds, 2),
            "floor_seconds": _scaled(row.floor_seconds, 1),
            "times_floor": _scaled(row.times_floor, 1),
            "native_seconds": _scaled(row.native_seconds, 1),
            "times_native": _scaled(row.times_native, 1),
            "p50_ms": _scaled(row.percentile(50), 1000),
            "p95_ms": _scaled(row.percentile(95), 1000),
            "p99_ms": _scaled(row.percentile(99), 1000),
            "store_requests_per_secret": _scaled(row.requests_per_secret, 1),
            "hook_cpu_ms_per_call": _scaled(row.cpu_per_call, 1000),
            "hook_resident_mb": _scaled(row.resident_bytes, 1e-6),
        }
        for row in figures
    ]


def as_json(figures: Sequence[Figures]) -> str:
    return json.dumps(rows(figures), indent=2)


def print_table(figures: Sequence[Figures], console: Console) -> None:
    for count in sorted({row.secrets for row in figures}):
        title = f"{count:,} Secrets"
        caption = (
            "The floor is a plain loop in Python that sends the same requests, right before and "
            "after each row;\nnative is a loop in Go that sends the probes alone, at the same "
            "moments.\nRequests are the store's; CPU and memory are the hook server's, and on a "
            "native row the loop's."
        )
        table = Table(
            title=title,
            caption=caption,
            title_justify="left",
            caption_justify="left",
            # The full frame of the default would not leave room for the figures.
            box=box.SIMPLE_HEAD,
        )
        table.add_column("path", no_wrap=True)
        table.add_column("Secrets", no_wrap=True)
        for column in _COLUMNS:
            table.add_column(column, justify="right", no_wrap=True)
        for row in rows([row for row in figures if row.secrets == count]):
            path, kind, _, *values = row.values()
            table.add_row(str(path), str(kind), *(_cell(value) for value in values))
        console.print(table)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else round(value * factor, 2)


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if isinstance(value, float) and value >= 100 else f"{value}"
