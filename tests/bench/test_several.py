"""The measure of several stores measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import outage
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


@pytest.mark.server
def test_a_new_secret_is_measured_while_two_stores_are_out(tmp_path: Path) -> None:
    for store in ("versitygw", "minio", "garage"):
        require(store)
    found = outage.measure(tmp_path, 3, 2)
    assert {kind: [len(row) for row in rows] for kind, rows in found.items()} == {
        "all up": [3, 3],
        "two out": [3, 3],
    }
    *_, ratio = outage.lines(found)
    assert ratio.startswith("two out by all up: ")
