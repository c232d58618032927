"""The measure of a platform measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.platform.__main__ import table
from tests.bench.platform.measure import Arguments, Row, platform, rows
from tests.bench.stores import Stores
from tests.e2e.stack import Programs
from tests.servers.require import require, require_metacontroller


@pytest.mark.e2e
@pytest.mark.parametrize(("guarded", "how"), [(8, ""), (3, ", no guard")], ids=["guarded", "bare"])
def test_a_platform_grows_and_an_unchanged_secret_costs_one_request(
    tmp_path: Path, guarded: int, how: str
) -> None:
    require("versitygw")
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=Path(),
        metacontroller=require_metacontroller(),
    )
    said: list[Row] = []
    with platform(programs, Stores("versitygw"), tmp_path, guarded) as made:
        found = list(rows(made, (3, 8), 1, 5, said.append))
    assert said == found
    assert [row.kind for row in found[:3]] == ["taken over", "synced again", "at the start"]
    assert [(row.kind, row.secrets) for row in found[-4:]] == [
        (f"taken over{how}", 8),
        (f"synced again{how}", 8),
        (f"at the start{how}", 8),
        ("start, 5 others", 8),
    ]
    assert {row.arguments.qps for row in found} == {5, 50, 500}
    for row in found:
        assert row.seconds > 0
        assert set(row.spent) == {"hook", "Metacontroller", "store", "kube-apiserver"}
        assert all(spent.memory > 1e6 for spent in row.spent.values())
        if not row.kind.startswith(("taken over", "new")):
            assert row.count == row.secrets
            assert row.store_requests == row.count
            assert row.writes == 0
        else:
            # Its status.
            assert row.writes == row.count
    assert table(found).row_count == len(found)
    assert str(Arguments()) == "10 workers, 500 qps"
