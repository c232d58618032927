"""The benchmark of the guard does what it says, on a cluster that is nearly empty."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.guard.__main__ import as_json, table
from tests.bench.guard.builds import of_commit
from tests.bench.guard.crowd import SMALL
from tests.bench.guard.measure import Row, Run
from tests.e2e.stack import Programs
from tests.servers.hook import ROOT
from tests.servers.require import MetacontrollerFiles, require

SIZE = replace(SMALL, contenders=3, seconds=2, tries=1)


@pytest.mark.server
def test_two_builds_are_measured_side_by_side(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, so there is no earlier build")
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=MetacontrollerFiles(Path(), Path()),
    )
    said: list[str] = []
    # A clone may hold nothing but the newest commit.
    base = of_commit("HEAD", tmp_path / "base")
    rows = Run(programs, tmp_path, SIZE, base, said.append).rows()
    values = {row.what: (row.before, row.after) for row in rows}
    assert len(values) == len(rows) == 10
    assert all(before and after for before, after in values.values()), values
    # An answer has at least the list's frame, and no release of Helm's is in it.
    assert all(value and value < 0.9 for value in values["bytes of its look-up"]), values
    # Whoever contends is told so by both builds, and nobody else is.
    told = [line.rpartition("contenders: ")[2] for line in said if "contenders: " in line]
    assert len(told) == 2
    assert all(line.split(" ", 1)[1] == "BucketClaimed" for line in told), told
    assert {row["what"] for row in json.loads(as_json(rows))} == values.keys()
    console = Console(width=130)
    with console.capture() as captured:
        console.print(table(rows, SIZE))
    assert all(row.what in captured.get() for row in rows)


@pytest.mark.parametrize("commit", ["no-such-commit", "--output=somewhere"])
def test_a_commit_that_is_not_there_is_told(tmp_path: Path, commit: str) -> None:
    with pytest.raises(ValueError, match="commit"):
        of_commit(commit, tmp_path)


def test_targets_are_held_against_the_other_value() -> None:
    names = ("then", "now")
    assert Row("time", "s", names, 10, 1, target=0.1).met
    assert not Row("time", "s", names, 10, 1.1, target=0.1).met
    # One that never came to an end is slower than any that did.
    assert Row("time", "s", names, None, 60, target=0.1).met
    assert not Row("time", "s", names, 10, None, target=0.1).met
    assert Row("memory", "MB", names, 300, 109, limit=110).met
    assert not Row("memory", "MB", names, 300, 110, limit=110).met
    assert Row("time", "s", names, 10, 1).met is None
