"""The measure of latency measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.guard.builds import Build
from tests.bench.latency.measure import ALONE, Row, Size, measure
from tests.e2e.stack import Programs
from tests.servers.hook import ROOT
from tests.servers.require import require, require_metacontroller


@pytest.mark.e2e
def test_two_builds_are_measured_beside_the_bare_sequence(tmp_path: Path) -> None:
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    size = Size(alone=2, paced=4, rate=4, rounds=2)
    said: list[str] = []
    rows = measure(programs, tmp_path, Build("another", ROOT), size, said.append)
    names = ["bare sequence", "another", "this build"]
    assert [(row.load, row.name) for row in rows] == [
        (load, name) for load in (ALONE, "4 a second") for name in names
    ]
    assert [len(row.seconds) for row in rows] == [4] * 3 + [8] * 3
    for row in rows:
        assert min(row.seconds) > 0
        if row.name == "bare sequence":
            assert row.calls is None
        else:
            # One that makes it Ready, and one for the status that this wrote.
            assert row.calls == 2
            assert row.hook
            assert row.store
            assert row.store < row.hook
    assert len(said) == size.rounds


def test_a_percentile_is_the_value_that_so_many_do_not_exceed() -> None:
    row = Row(ALONE, "any", [number / 1000 for number in range(100, 0, -1)])
    assert [row.percentile(percent) for percent in (50, 95, 99)] == [51, 96, 100]
