"""A fact: what a store does on one occasion, told in a few words, and how it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

World = TypeVar("World")
Observation = Callable[[World], str]


@dataclass(frozen=True)
class Fact(Generic[World]):
    """One row of a page below `docs/stores`.

    Args:
        id: what the page calls it; it begins with the store's name.
        known: what was seen when the row was written.
        observe: makes the occasion, and tells what is seen now.
        heavy: whether it takes seconds, so that only `make facts` looks at it.
    """

    id: str
    known: str
    observe: Observation[World]
    heavy: bool

    def look(self, world: World) -> str:
        """What is seen now; whatever went wrong on the way is something seen, too."""
        try:
            return self.observe(world)
        except Exception as error:  # noqa: BLE001 - a new version may fail anywhere
            return f"failed with {type(error).__name__}: {error}"[:300]


class Facts(Generic[World]):
    """The facts of one store, in the order of its page."""

    def __init__(self, store: str) -> None:
        self.store = store
        self._facts: list[Fact[World]] = []

    def __iter__(self) -> Iterator[Fact[World]]:
        return iter(self._facts)

    def known(
        self, name: str, seen: str, *, heavy: bool = False
    ) -> Callable[[Observation[World]], Observation[World]]:
        """Registers an observation under the store's name and one of its own."""

        def register(observe: Observation[World]) -> Observation[World]:
            self._facts.append(Fact(f"{self.store}-{name}", seen, observe, heavy))
            return observe

        return register
