"""Each target with its seeds, and for a few seconds with what the fuzzer makes of them."""

from __future__ import annotations

import pytest

from tests.fuzz import runner, targets
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.no_cover

SECONDS = 1


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds(name: str) -> None:
    target = TARGETS[name]
    assert target.seeds
    for seed in target.seeds:
        target.run(seed)
        for cut in range(0, len(seed), max(len(seed) // 20, 1)):
            target.run(seed[:cut])


@pytest.mark.long
@pytest.mark.skipif(bool(runner.missing()), reason=runner.missing())
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_in_a_short_round(name: str) -> None:
    found = runner.fuzz(name, seconds=SECONDS, runs=20_000, seed=1)
    assert found.crash is None, f"{found.trouble}\nthe input: {found.crash!r}"
    assert found.runs > 50
    assert found.coverage > 10


@pytest.mark.long
@pytest.mark.skipif(bool(runner.missing()), reason=runner.missing())
def test_a_finding_is_told_with_its_input() -> None:
    found = runner.fuzz(targets.CONTROL, seconds=20, runs=1_000_000, seed=1)
    assert found.crash is not None
    assert len(found.crash) > 3
    assert "this one is there to be found" in found.trouble
