"""The native floor sends what it is told to, and its answer is read as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.bench import floor, native, report, whole
from tests.bench.figures import Figures
from tests.bench.native import Job, parse, seconds_by_kind
from tests.bench.stores import KINDS
from tests.servers.require import require

ANSWER: dict[str, Any] = {
    "seconds": 0.5,
    "cpu_seconds": 0.1,
    "requests": 2,
    "errors": 0,
    "first_error": "",
    "latencies": [0.2, 0.3],
}
COUNT = 3


def test_an_answer_is_read() -> None:
    job = Job("http://127.0.0.1:1", "us-east-1", "acl", floor.probes(2))
    row = native.figures(job, parse(json.dumps(ANSWER)))
    assert row.path == native.PATH
    assert (row.seconds, row.secrets, row.latencies) == (0.5, 2, [0.2, 0.3])
    assert row.cpu_per_call == pytest.approx(0.05)
    assert row.requests_per_secret == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="list"),
        pytest.param('{"seconds": 1}', id="half"),
        pytest.param(json.dumps({**ANSWER, "more": 1}), id="more"),
    ],
)
def test_another_answer_is_refused(text: str) -> None:
    with pytest.raises(RuntimeError, match="no result"):
        parse(text)


def test_a_refused_probe_is_no_floor() -> None:
    text = json.dumps({**ANSWER, "errors": 1, "first_error": "the store answered 403"})
    with pytest.raises(RuntimeError, match="1 of 2 native probes failed: the store answered 403"):
        parse(text)


def test_rows_are_held_against_the_ten_goroutines_alone() -> None:
    rows = [
        Figures(native.PATH, "unchanged", 10, 1.0),
        Figures(native.PATH, "unchanged", 10, 3.0),
        Figures("native, 50 goroutines", "unchanged", 10, 50.0),
        Figures(floor.PATH, "unchanged", 10, 8.0),
        Figures(floor.PATH, "new", 10, 8.0),
    ]
    assert seconds_by_kind(rows) == {"unchanged": 2.0}


def test_a_row_has_both_ratios() -> None:
    row = Figures("hook", "unchanged", 10, 6.0, floor_seconds=3.0, native_seconds=1.5)
    (shown,) = report.rows([row])
    assert (shown["times_floor"], shown["times_native"]) == (2.0, 4.0)
    (bare,) = report.rows([replace(row, floor_seconds=None, native_seconds=None)])
    assert (bare["times_floor"], bare["times_native"]) == (None, None)


def test_the_table_is_wide_enough_for_its_rows() -> None:
    row = Figures(
        whole.ALONE,
        "store down",
        10_000,
        12345.67,
        [0.12345] * 3,
        store_requests=123456,
        hook_calls=10_000,
        cpu_seconds=1234.5,
        resident_bytes=78_430_000,
        floor_seconds=98.76,
        native_seconds=12.34,
    )
    job = Job("http://127.0.0.1:1", "us-east-1", "acl", floor.probes(1), keep_connections=False)
    console = Console(width=report.WIDTH)
    with console.capture() as captured:
        report.print_table([row, replace(row, path=job.path)], console)
    assert job.path in captured.get()
    assert "\N{HORIZONTAL ELLIPSIS}" not in captured.get()


@pytest.mark.server
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_store_takes_its_probes(kind: str, tmp_path: Path) -> None:
    program = require("native-floor")
    store = KINDS[kind](require(kind), tmp_path)
    try:
        loop = floor.FLOORS[type(store)](store)
        for number in range(COUNT):
            loop.provision(number)
        query, probes = loop.query, floor.probes(COUNT)
        loop.close()
        rows = list(native.measure(program, store.url, store.region, query, probes))
        assert [row.path for row in rows] == [
            "native, 10 goroutines",
            "native, 50 goroutines",
            "native, 10 new connections",
        ]
        assert all(len(row.latencies or ()) == COUNT for row in rows)
        wrong = [replace(probe, secret_key="not-the-secret") for probe in probes]
        job = Job(store.url, store.region, query, wrong)
        with pytest.raises(RuntimeError, match=r"3 of 3 native probes failed: .* 403") as raised:
            native.run(program, job)
        assert "not-the-secret" not in str(raised.value)
    finally:
        store.stop()


@pytest.mark.server
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"endpoint": "nowhere"}, id="endpoint"),
        pytest.param({"goroutines": 0}, id="goroutines"),
        pytest.param({"probes": []}, id="probes"),
        pytest.param({"query": ""}, id="query"),
    ],
)
def test_a_job_that_makes_no_sense_is_told(change: dict[str, Any]) -> None:
    job = Job("http://127.0.0.1:1", "us-east-1", "acl", floor.probes(1))
    with pytest.raises(RuntimeError, match="ended with 1: error: the job"):
        native.run(require("native-floor"), replace(job, **change))
