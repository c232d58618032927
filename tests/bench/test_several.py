"""The measure of several stores measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.several import lines, measure
from tests.servers.require import require


@pytest.mark.server
def test_three_stores_are_measured_beside_one(tmp_path: Path) -> None:
    require("versitygw")
    found = measure(tmp_path, 9, 2)
    assert [len(rows) for rows in found.values()] == [2, 2]
    # One request each, wherever its store is.
    assert {row.store_requests for rows in found.values() for row in rows} == {9}
    *_, ratio = lines(found)
    assert ratio.startswith("three stores by one: ")
