"""Generated credentials in one sync: which pair the store has, and when the next takes its place.

Nothing is remembered: a pair is derived again, and what the store accepts tells how far a rotation
came that was cut short.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from backends.base import Backend, Claim, Gap
from backends.errors import StoreError
from backends.wire.deadline import Deadline
from hooks.claim.generated import Plan
from hooks.contract.derived import Pair
from hooks.contract.grant import Grant
from hooks.contract.outcome import Action, Outcome, Refusal, Status
from hooks.tenancy.takeover import Takeover

_OTHER_SECRET = frozenset({Gap.NO_USER, Gap.WRONG_SECRET})
# Statuses under which a rotation has certainly changed nothing on the store, if it names no action.
_UNTOUCHED = frozenset({Status.CONFLICT, Status.INVALID})
AGAIN = 30.0
"""Seconds after which a rotation that is due, or a removal that failed, is tried again."""
LATE = 600
"""Seconds after which a rotation that is due counts as overdue."""


def with_pair(claim: Claim, plan: Plan, pair: Pair) -> Claim:
    """The claim with another of the Secret's pairs."""
    return replace(claim, user=plan.user(pair), secret=pair.secret)


async def pair_in_use(plan: Plan, claim: Claim, backend: Backend, deadline: Deadline) -> Pair:
    """The candidate that the store accepts; the first if it accepts none.

    A Secret whose grant says what it has, and for which no rotation is due, asks nothing.

    Args:
        plan: the candidates.
        claim: what the Secret asks for, with any of them.
        backend: the store.
        deadline: of the sync.

    Raises:
        StoreError: the store can't be asked.
    """
    known = None
    if len(plan.pairs) > 1:
        users = {plan.user(pair) for pair in plan.pairs}
        for pair in plan.pairs:
            probe = await backend.probe(with_pair(claim, plan, pair), deadline)
            if probe.gap is Gap.ACCEPTED:
                return pair
            if known is None and probe.gap not in _OTHER_SECRET:
                known = pair
            if probe.gap is Gap.NO_USER and len(users) == 1:
                break
    return known or plan.pairs[0]


def begins(plan: Plan, pair: Pair, held: Grant | None, outcome: Outcome) -> bool:
    """Whether a rotation is due and may begin, as far as the Secret itself says.

    Args:
        plan: the candidates.
        pair: the one in use.
        held: the Secret's grant as observed, so that a rotation starts from what is written down.
        outcome: of a sync with the pair in use.
    """
    return (
        pair != plan.target
        and outcome.status is Status.READY
        and held is not None
        and held.since == pair.since
        and held.user == plan.user(pair)
        and held.holding.alone
    )


def is_untouched(outcome: Outcome) -> bool:
    """Whether a rotation that did not succeed has left the former credentials in force.

    A store that has not answered may have changed them.
    """
    refused = outcome.status in _UNTOUCHED or outcome.reason.unasked
    return refused and not outcome.actions and not outcome.accepted


async def without_former(outcome: Outcome, held: Grant | None, takeover: Takeover) -> Outcome:
    """Removes the users of former generated credentials; never raises a store's error.

    Args:
        outcome: Ready, with the grant.
        held: the grant as observed: what stands there was replaced where applications read.
        takeover: what the Secret has by now.
    """
    grant = outcome.grant
    if grant is None or held is None:
        return outcome
    left, actions, again = list(grant.former), list(outcome.actions), outcome.again
    for user in [user for user in held.former if user in left]:
        try:
            stays = await takeover.is_elsewhere(user)
            if not stays and await takeover.still_owns(user):
                again = min(again or AGAIN, AGAIN)
                continue
            if not stays and await takeover.backend.delete_user(user, takeover.deadline):
                actions.append(Action.DELETE_USER)
        except (Refusal, StoreError):
            again = min(again or AGAIN, AGAIN)
            continue
        left.remove(user)
    grant = replace(grant, former=tuple(left))
    return replace(outcome, grant=grant, actions=tuple(actions), again=again)


def shown(plan: Plan, grant: Grant | None) -> dict[str, str | None]:
    """The annotations that tell people about it; the truth is in the grant."""
    if grant is None or grant.since is None:
        return {}
    following = plan.schedule.next(grant.since)
    return {
        # One that never rotates is bound to no time: it is as old as the grant.
        "credentials-since": _time(grant.since or grant.holding.second),
        "next-rotation": None if following is None else _time(following),
    }


def overdue(plan: Plan, grant: Grant | None, now: int) -> bool:
    """Whether a rotation has been due for a while."""
    if grant is None or grant.since is None:
        return False
    latest, _ = plan.schedule.past(now)
    return latest > grant.since and now - latest > LATE


def wake(plan: Plan, pair: Pair, now: int) -> float | None:
    """Seconds after which to look whether a rotation is due; None if there is none.

    A power of two, at most what is left: so that the same Secret gets the same answer for a long
    while, and still is looked at in the very second.

    Args:
        plan: the schedule.
        pair: in use.
        now: the time, in Unix seconds.
    """
    following = plan.schedule.next(pair.since)
    if following is None:
        return None
    left = following - now
    return AGAIN if left <= 0 else float(1 << (left.bit_length() - 1))


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
