"""What the pages below docs/stores say of the stores, on the real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.facts.fact import Fact
from tests.facts.worlds import FACTS, running

pytestmark = pytest.mark.no_cover

QUICK = [
    pytest.param(name, fact, id=fact.id)
    for name, facts in FACTS.items()
    for fact in facts
    if not fact.heavy
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Starts a store when it is first asked for, and keeps it."""
    with ExitStack() as stack:
        started: dict[str, Any] = {}

        def of(name: str) -> Any:
            if name not in started:
                folder = tmp_path_factory.mktemp(name)
                started[name] = stack.enter_context(running(name, folder))
            return started[name]

        yield of


@pytest.mark.server
@pytest.mark.parametrize(("name", "fact"), QUICK)
def test_it_still_does(world: Callable[[str], Any], name: str, fact: Fact[Any]) -> None:
    assert fact.look(world(name)) == fact.known
