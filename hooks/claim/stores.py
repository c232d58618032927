"""The stores of one operator, and which of them a Secret chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hooks.claim.allowed import Pattern
from hooks.claim.endpoint import Endpoint

DEFAULT = "default"
"""The name of the one store of an operator that has no list of them."""


@dataclass(frozen=True, slots=True)
class Store:
    """What Secrets can call one store, and who may.

    Args:
        name: its name.
        former_names: names that it had before, the oldest first.
        endpoint: its normalised endpoint.
        aliases: further names of it, normalised.
        namespaces: those that may use it; none lets all.
    """

    name: str = DEFAULT
    former_names: tuple[str, ...] = ()
    endpoint: str = ""
    aliases: frozenset[str] = frozenset()
    namespaces: tuple[Pattern, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All that it has, the present one first."""
        return (self.name, *self.former_names)

    @property
    def first_name(self) -> str:
        """The one that it had from the beginning, which never changes."""
        return (*self.former_names, self.name)[0]

    @property
    def urls(self) -> frozenset[str]:
        """All of its endpoints."""
        return self.aliases | {self.endpoint}

    def is_for(self, namespace: str) -> bool:
        """Whether Secrets of a namespace may use it."""
        allowed = self.namespaces
        return not allowed or any(pattern.allows(namespace, namespace) for pattern in allowed)


class Stores:
    """All stores of one operator.

    Args:
        stores: each; no two share a name or an endpoint.
        default: the name of the one for Secrets that name none.
    """

    def __init__(self, stores: Sequence[Store], default: str) -> None:
        self._by_name = {name: store for store in stores for name in store.names}
        self._by_url = {url: store for store in stores for url in store.urls}
        self.default = self._by_name[default]

    def named(self, name: str) -> Store | None:
        """The store that has or had a name."""
        return self._by_name.get(name)

    def is_own(self, url: str) -> bool:
        """Whether a normalised URL is one of a store's names."""
        return url in self._by_url

    def of(self, endpoint: Endpoint) -> Store | None:
        """The store that somebody means by an endpoint; None if it is none of these."""
        url = min((url for url in endpoint.urls if url in self._by_url), default=None)
        return None if url is None else self._by_url[url]
