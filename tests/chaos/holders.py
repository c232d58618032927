"""Who holds what, as the Secrets themselves say: their status, and the names in their grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.chaos.ledger import Entry, Kind, Ledger
from tests.e2e.holdings import given
from tests.e2e.stack import operator_annotations
from tests.servers.api import Object

Secrets = Mapping[tuple[str, str], Object]


def seen(entry: Entry, secrets: Secrets) -> dict[str, str]:
    """The operator's annotations of an entry's Secret, without their prefix."""
    found = secrets.get(entry.key)
    return {} if found is None else operator_annotations(found)


def name(entry: Entry) -> str:
    """How findings name an entry."""
    return "/".join(entry.key)


def wrong_holders(ledger: Ledger, secrets: Secrets) -> list[str]:
    """What is not as it has to be in the end with those that were Ready first, and the others.

    Args:
        ledger: what was asked for.
        secrets: as they are.
    """
    return [
        finding
        for entry in ledger.entries
        if entry.live
        for finding in _wrong(entry, seen(entry, secrets))
    ]


def _wrong(entry: Entry, marks: Mapping[str, str]) -> Iterable[str]:
    state = f"{marks.get('status')}/{marks.get('reason')}"
    holdings = given(marks)
    mine = [holdings.get(thing) for thing in _things(entry)]
    if entry.kind in {Kind.VALID, Kind.HOLDER}:
        if mine != ["own", "own"]:
            yield f"{name(entry)} is {state} and holds its user and bucket as {mine}"
        return
    holder = entry.holder
    if holder is None:
        return
    if "own" in [holdings.get(thing) for thing in _things(holder)]:
        yield f"{name(entry)} has as its own what {name(holder)} holds"
    if entry.kind is Kind.CONTENDER and marks.get("status") != "Conflict":
        yield f"{name(entry)} contends for what {name(holder)} holds, and is {state}"
    if entry.kind is Kind.COPY:
        if entry.tenant.credentials != holder.tenant.credentials:
            if marks.get("status") != "Conflict":
                yield f"{name(entry)} has the former pair of {name(holder)}, and is {state}"
        elif marks.get("status") != "Ready" or mine != ["shared", "shared"]:
            yield f"{name(entry)} has the pair of {name(holder)}, is {state} and has it as {mine}"


def _things(entry: Entry) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("user", entry.tenant.access_key), ("bucket", entry.tenant.bucket)
