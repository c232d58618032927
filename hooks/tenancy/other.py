"""One other live Secret: what it names, and what its grants say that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hooks.claim.secret import Mentions
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Held, Holding, Kind
from hooks.tenancy.standing import Thing

Slot = tuple[str, str]
"""A Secret's namespace and name."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another live Secret of this operator's.

    Args:
        request: its metadata; without data.
        names: what its data mentions.
        held: what its grants say.
    """

    request: SyncRequest
    names: Mentions
    held: Held


def slim(request: SyncRequest) -> SyncRequest:
    """What tells a Secret from others, and no more."""
    return replace(request, annotations={}, labels={})


def holding(held: Held, thing: Thing, name: str) -> Holding | None:
    """How a thing of that name is held."""
    return held.bucket(name) if thing is Thing.BUCKET else held.user(name)


def keeps(held: Held, thing: Thing, name: str, beside: bool = False) -> bool:
    """Whether it keeps others from having a thing; see :meth:`Holding.keeps_out`."""
    found = holding(held, thing, name)
    return found is not None and found.keeps_out(beside=beside)


def kept(held: Held) -> Iterator[tuple[Thing, str]]:
    """Everything that it keeps others from having."""
    for grant in (held.grant, held.first):
        if grant is None:
            continue
        if keeps(held, Thing.USER, grant.user):
            yield Thing.USER, grant.user
        for bucket in grant.buckets:
            if keeps(held, Thing.BUCKET, bucket):
                yield Thing.BUCKET, bucket


def is_unguarded(held: Held) -> bool:
    """Whether nothing that it holds was given with a look at the others."""
    grant = held.grant
    if grant is None:
        return False
    return all(found.kind is Kind.UNGUARDED for found in (grant.holding, *grant.buckets.values()))


def may_be_meant(other: Other, thing: Thing, name: str) -> bool:
    """Whether a Secret that names nothing of the kind was given this: it has a mistake."""
    named = other.names.buckets if thing is Thing.BUCKET else other.names.users
    return not named and holding(other.held, thing, name) is not None


def mentions(names: Mentions, thing: Thing, name: str) -> bool:
    """Whether a thing of that name is among them."""
    return name in (names.buckets if thing is Thing.BUCKET else names.users)
