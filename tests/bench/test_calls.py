"""How much is done for a call, counted rather than timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.calls import counted
from tests.bench.stores import Stores
from tests.servers.require import require

MOST = {"new": 2450, "unchanged": 900, "rotated": 2430}
"""Calls of Python functions, as docs/lab/performance.md tells them, and a little more: a piece of a
body that comes alone takes some. Whoever needs more says what for, there and here."""


@pytest.mark.server
def test_a_call_does_no_more_than_is_written_down(tmp_path: Path) -> None:
    require("versitygw")
    found = counted(Stores("versitygw"), tmp_path)
    assert {kind: calls for kind, calls in found.items() if calls > MOST[kind]} == {}
    # Nor is nothing counted.
    assert found["unchanged"] > MOST["unchanged"] / 2
