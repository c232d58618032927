"""The measure of several hook processes measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.processes import lines, measure
from tests.servers.require import require


@pytest.mark.server
def test_two_hooks_are_measured_beside_one(tmp_path: Path) -> None:
    require("versitygw")
    found = measure(tmp_path, [1, 2], 9, 2)
    assert {size: len(passes) for size, passes in found.items()} == {1: 2, 2: 2}
    assert all(each.seconds > 0 for passes in found.values() for each in passes)
    head, one, two, ratio = lines(found, 9)
    assert "9 unchanged Secrets" in head
    assert one.startswith("1 process: ")
    assert two.startswith("2 processes: ")
    assert ratio.startswith("2 processes by 1: ")
