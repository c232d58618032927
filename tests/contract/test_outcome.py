"""Every error of a store has a reason."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import backends
from backends.errors import PermanentError, StoreError, TransientError
from hooks.contract.outcome import Outcome, Status

KINDS = {StoreError, TransientError, PermanentError}


def errors(kind: type[StoreError] = StoreError) -> Iterator[type[StoreError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from errors(each)


def test_each_has_one_and_what_passes_is_retried() -> None:
    for module in pkgutil.walk_packages(backends.__path__, "backends."):
        # Stores have kinds of their own.
        import_module(module.name)
    found = set(errors()) - KINDS
    assert len(found) >= 12
    for kind in found:
        outcome = Outcome.of(kind("The store says so."))
        assert (outcome.status is Status.RETRYING) == issubclass(kind, TransientError), kind
