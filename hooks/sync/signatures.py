"""Tells a proxy that changes what is signed from credentials of the operator's that are wrong."""

from __future__ import annotations

from dataclasses import replace

from backends.base import Backend
from backends.errors import SignaturesRefused, StoreError
from backends.wire.deadline import Deadline
from hooks.contract.outcome import Outcome, Reason


async def explained(outcome: Outcome, backend: Backend, deadline: Deadline) -> Outcome:
    """The outcome, or another in its place where the admin API accepts what the S3 API refuses.

    For a store whose admin API has an address of its own: else both are refused alike.

    Args:
        outcome: of a sync.
        backend: the store.
        deadline: of the sync.
    """
    if outcome.reason is not Reason.OPERATOR_CREDENTIALS_REJECTED:
        return outcome
    try:
        await backend.prove_signatures(deadline)
    except SignaturesRefused as error:
        return replace(outcome, reason=Reason.OPERATOR_MISCONFIGURED, message=str(error))
    except StoreError:
        pass
    return outcome
