"""What generated credentials are measured by is what an application does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.generated import Row, measure
from tests.e2e.stack import Programs
from tests.servers.require import require, require_metacontroller


@pytest.mark.e2e
def test_an_object_is_read_on_either_way(tmp_path: Path) -> None:
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    row = measure(programs, "versitygw", tmp_path, 2)
    assert [len(row.applied), len(row.bare)] == [2, 2]
    assert min(*row.applied, *row.bare) > 0


def test_a_row_has_the_median_the_longest_and_how_many_times_bare_it_is() -> None:
    row = Row("any", [0.4, 0.2, 0.9], [0.1, 0.2, 0.3])
    assert str(row).split() == ["any", "0.40", "0.90", "0.20", "2.0"]
