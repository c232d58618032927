"""Users of generated credentials that no grant lists, since it or its key was lost.

What is derived anew is this Secret's own, and removed. What only an unproven grant names is told.
"""

from __future__ import annotations

from dataclasses import replace

from backends.base import Backend
from backends.errors import StoreError
from backends.wire.deadline import Deadline
from hooks.claim.generated import Plan
from hooks.contract.decorator import SyncRequest
from hooks.contract.derived import Pair, left_users
from hooks.contract.grant import Grants
from hooks.contract.outcome import Outcome, Status
from hooks.contract.status import Keys

LEFT = (
    "A user that was generated under a SIGNING_KEY that is gone may be left on the store; nothing "
    "proves whose it is, so an administrator has to remove it there: {users}."
)
UNPROVEN = (
    "The SIGNING_KEY that signed its grant is gone: put it back beside today's, or have an "
    "administrator grant what it names."
)


async def listed(
    plan: Plan, pair: Pair, outcome: Outcome, backend: Backend, deadline: Deadline
) -> Outcome:
    """The outcome with the users of the Secret's other pairs, to be removed.

    For a Secret without a grant that tells: it was made again, or its annotations were replaced,
    maybe in the middle of a rotation.

    Args:
        plan: the pairs that may be there.
        pair: the one in use.
        outcome: of its sync.
        backend: the store.
        deadline: of the sync.
    """
    grant = outcome.grant
    if grant is None:
        return outcome
    users = dict.fromkeys(plan.user(other) for other in plan.pairs)
    others = [user for user in users if user not in {grant.user, plan.user(pair), *grant.former}]
    found = [user for user in others if await _may_be_there(user, backend, deadline)]
    return replace(outcome, grant=replace(grant, former=(*grant.former, *found)))


async def told(
    keys: Keys,
    grants: Grants,
    request: SyncRequest,
    outcome: Outcome,
    backend: Backend,
    deadline: Deadline,
) -> Outcome:
    """The outcome that also tells of users which nobody can prove to be the Secret's.

    They are looked for on the store where the grant changes: an unchanged Secret asks nothing.

    Args:
        keys: names of the annotations.
        grants: verifies.
        request: the Secret.
        outcome: of its sync.
        backend: the store.
        deadline: of the sync.
    """
    evidence = keys.evidence(request)
    if not evidence.token:
        return outcome
    held, grant = evidence.held(grants).grant, outcome.grant
    unverified = None if held is not None else grants.unverified(evidence.token, evidence.uid)
    if held is None and grant is None:
        if unverified is not None and outcome.status is Status.CONFLICT:
            return replace(outcome, message=f"{outcome.message} {UNPROVEN}")
        return outcome
    last = grant or held
    left = left_users(held, unverified, last.user if last else "")
    if not left:
        return outcome
    if grant is not None and replace(grant, left=left) != held:
        left = tuple([user for user in left if await _may_be_there(user, backend, deadline)])
    if grant is not None:
        outcome = replace(outcome, grant=replace(grant, left=left))
    if left and outcome.status is Status.READY:
        message = f"{outcome.message} {LEFT.format(users=', '.join(left))}"
        outcome = replace(outcome, message=message)
    return outcome


async def _may_be_there(user: str, backend: Backend, deadline: Deadline) -> bool:
    try:
        return await backend.find_user(user, deadline) is not None
    except StoreError:
        return True
