"""What came of each bucket of a Secret, put together: one outcome, and one grant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backends.base import Claim
from hooks.contract.access import Shares
from hooks.contract.grant import Grant, Held, Holding
from hooks.contract.outcome import Outcome, Reason, Status
from hooks.sync.reconcile import READY

# The worst first: what waits longest for somebody to put it right.
_WORST = (Status.INVALID, Status.CONFLICT, Status.SKIPPED, Status.RETRYING, Status.READY)
_LASTING = frozenset({Status.INVALID, Status.CONFLICT})
# Names of further buckets in a message.
_NAMED = 3
_OF_ONE = frozenset({Reason.NOT_YET_VISIBLE, Reason.BACKEND_ERROR})
USABLE = "The Secret's other buckets stay usable."


def ready(number: int) -> str:
    """What is said of a Secret with so many buckets that is Ready."""
    return f"The store accepts the Secret's credentials and all {number} buckets are the user's."


def merged(claim: Claim, parts: Mapping[str, Outcome], grant: Grant | None) -> Outcome:
    """One outcome: the worst is the Secret's, and what is right stays usable.

    Args:
        claim: of all the buckets.
        parts: what came of those that were looked at, in the Secret's order.
        grant: what the Secret holds from now on.
    """
    name, worst = min(parts.items(), key=lambda part: _WORST.index(part[1].status))
    return replace(
        worst,
        message=_message(claim, parts, name, worst),
        actions=tuple(action for part in parts.values() for action in part.actions),
        grant=grant,
        again=_again(parts) if worst.status is Status.READY else None,
        applied=all(part.applied for part in parts.values()),
        # The pair is accepted, whichever bucket it was tried on.
        accepted=any(part.accepted for part in parts.values()),
        parts=dict(parts),
    )


def gathered(claim: Claim, held: Held, parts: Mapping[str, Outcome]) -> Grant | None:
    """What the Secret holds from now on; None leaves it as it was.

    A bucket that isn't right at the moment is held as before, and one that isn't named any more is
    let go.

    Args:
        claim: of all the buckets.
        held: what its grants said before.
        parts: what came of those that were looked at.
    """
    given = {name: part.grant for name, part in parts.items() if part.grant is not None}
    accepted = [given[name] for name, part in parts.items() if part.accepted and name in given]
    if not accepted:
        return _outranked(held, given)
    buckets: dict[str, Holding] = {}
    for name in claim.buckets:
        before = held.bucket(name)
        if name in given and name in given[name].buckets:
            buckets[name] = given[name].buckets[name]
        elif before is not None:
            if before.version == 1 or (before.alone and _is_renamed(claim, held)):
                # One of the first version would be void beside a later one that doesn't name it;
                # and while a bucket is still the former user's, that one isn't forgotten.
                return None
            buckets[name] = before
    looked_after = Shares() if held.grant is None else held.grant.shares
    shares = {name: given[name].shares if name in given else looked_after for name in claim.buckets}
    return replace(accepted[0], buckets=buckets, shares=Shares.of_each(shares))


def _is_renamed(claim: Claim, held: Held) -> bool:
    return held.last is not None and held.last.user != claim.user


def _outranked(held: Held, given: Mapping[str, Grant]) -> Grant | None:
    """What is left of the grant where others have the better right to some of it."""
    grant = held.grant
    if grant is None or not given:
        return None
    lost = {
        name: left.buckets[name]
        for name, left in given.items()
        if name in left.buckets and left.buckets[name] != grant.buckets.get(name)
    }
    user = next((left.holding for left in given.values() if left.holding != grant.holding), None)
    return replace(grant, holding=user or grant.holding, buckets={**grant.buckets, **lost})


def _again(parts: Mapping[str, Outcome]) -> float | None:
    told = [part.again for part in parts.values() if part.again is not None]
    return min(told, default=None)


def _message(claim: Claim, parts: Mapping[str, Outcome], name: str, worst: Outcome) -> str:
    if worst.status is Status.READY:
        return _all_ready(parts)
    wrong = [bucket for bucket, part in parts.items() if part.status is not Status.READY]
    if worst.status not in _LASTING:
        # From try to try it may be another one, and every change of a message is a sync at once.
        alone = wrong == [name] and len(parts) == len(claim.buckets) and worst.reason in _OF_ONE
        return f"Bucket {name}: {worst.message}" if alone else worst.message
    sentences = [f"Bucket {name}: {worst.message}"]
    more = [other for other in wrong if other != name and parts[other].status in _LASTING]
    if more:
        sentences.append(f"Not right either: {_listed(more)}.")
    if any(part.accepted for part in parts.values()):
        sentences.append(USABLE)
    return " ".join(sentences)


def _all_ready(parts: Mapping[str, Outcome]) -> str:
    """What is said of all once, and what is said of some with their names."""
    said: dict[str, list[str]] = {}
    for name, part in parts.items():
        said.setdefault(part.message.removeprefix(READY).strip(), []).append(name)
    sentences = [ready(len(parts))]
    for words, names in said.items():
        if words:
            of_all = len(names) == len(parts)
            sentences.append(words if of_all else f"{_listed(names)}: {words}")
    return " ".join(sentences)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
