"""Two builds are measured side by side, and the table says what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.beside.__main__ import as_json, table
from tests.bench.beside.measure import Turn, table_rows, turns
from tests.bench.figures import Figures
from tests.bench.guard.builds import of_commit
from tests.bench.stores import Stores
from tests.servers.hook import ROOT
from tests.servers.require import require


def figures(kind: str, cpu: float, seconds: float = 1.0) -> Figures:
    return Figures("hook", kind, 100, seconds, hook_calls=100, cpu_seconds=cpu)


TURNS = [
    Turn("new", figures("new", 0.4), figures("new", 0.2)),
    Turn(
        "unchanged", figures("unchanged", 0.1), figures("unchanged", 0.1), figures("native", 0.02)
    ),
    Turn("new", figures("new", 0.8), figures("new", 0.2)),
    Turn(
        "unchanged", figures("unchanged", 0.1), figures("unchanged", 0.2), figures("native", 0.02)
    ),
    Turn("new", figures("new", 0.4), figures("new", 0.3)),
    Turn(
        "unchanged", figures("unchanged", 0.1), figures("unchanged", 0.1), figures("native", 0.02)
    ),
]


def test_a_ratio_is_of_values_taken_in_one_turn() -> None:
    rows = {(row.kind, row.unit): row for row in table_rows(TURNS)}
    new = rows["new", "ms of CPU a call"]
    assert [new.before, new.after] == pytest.approx([4, 2])
    assert new.ratios == pytest.approx([0.5, 0.25, 0.75])
    assert new.ratio == pytest.approx(0.5)
    assert new.natively is new.times_native is None
    unchanged = rows["unchanged", "ms of CPU a call"]
    assert unchanged.times_native == pytest.approx(5)
    assert rows["new", "ms a call"].ratios == pytest.approx([1, 1, 1])


def test_what_the_clock_did_not_count_is_no_ratio() -> None:
    with pytest.raises(ValueError, match="more Secrets"):
        table_rows([Turn("new", figures("new", 0), figures("new", 0.1))])


def test_the_table_names_both_builds() -> None:
    rows = table_rows(TURNS)
    console = Console(width=130)
    with console.capture() as captured:
        console.print(table(rows, "0123456789ab", "a title"))
    shown = captured.get()
    for text in ("a title", "0123456789ab", "this build", "new", "unchanged", "0.25", "5.00"):
        assert text in shown
    assert [row["ratio"] for row in json.loads(as_json(rows))] == [row.ratio for row in rows]


@pytest.mark.server
def test_two_builds_take_turns(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, so there is no earlier build")
    require("versitygw")
    program = require("native-floor")
    # A clone may hold nothing but the newest commit.
    base = of_commit("HEAD", tmp_path / "base")
    said: list[str] = []
    found = list(
        turns(Stores("versitygw"), tmp_path, base, program, count=20, rounds=2, say=said.append)
    )
    assert [turn.kind for turn in found] == ["new", "unchanged", "rotated"] * 2
    for turn in found:
        assert (turn.natively is not None) == (turn.kind == "unchanged")
        # One request for an unchanged Secret, with either build.
        if turn.kind == "unchanged":
            assert turn.before.requests_per_secret == turn.after.requests_per_secret == 1
    assert len(said) == 12
    assert all(base.name in one or "this build" in one for one in said)
