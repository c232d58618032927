"""Buckets that a Secret names no more: what a lost answer may have opened to everybody is closed.

What the Secret was told of stays on them, as what a deleted Secret wrote does.
"""

from __future__ import annotations

from dataclasses import replace

from backends.base import Backend, Claim
from backends.bucketsettings import SettingName
from backends.errors import PermanentError, TransientError
from backends.wire.deadline import Deadline
from hooks.contract.applied import WATCHED, Applied
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grant
from hooks.contract.outcome import Action, Outcome, Status
from hooks.contract.status import Keys


async def closed(
    keys: Keys,
    request: SyncRequest,
    claim: Claim,
    held: Grant | None,
    outcome: Outcome,
    backend: Backend,
    deadline: Deadline,
) -> Outcome:
    """The outcome of a sync, with those closed that the Secret holds and names no more.

    It is signed as the Secret's user, so a bucket that is another's by now isn't changed. Until it
    is done the Secret isn't Ready: its grant and its annotations tell of the bucket so long.

    Args:
        keys: names of the annotations.
        request: the Secret.
        claim: what it asks for.
        held: its grant as observed.
        outcome: of its sync.
        backend: the store.
        deadline: of the sync.
    """
    if outcome.status is not Status.READY or held is None or claim.access is not None:
        return outcome
    applied = keys.observed(request, "applied")
    if SettingName.PUBLIC not in applied:
        # Nearly every Secret.
        return outcome
    actions = list(outcome.actions)
    for bucket in _open(applied):
        mine = held.buckets.get(bucket)
        if bucket in claim.buckets or mine is None or not mine.alone:
            continue
        former = replace(claim, bucket=bucket, more_buckets=(), settings=())
        settings = backend.bucket_settings
        try:
            if await settings.read(SettingName.PUBLIC, former, deadline) is not None:
                await settings.remove(SettingName.PUBLIC, former, deadline)
                actions.append(Action.REMOVE_PUBLIC_ACCESS)
        except PermanentError:
            # It is gone, or not the user's any more.
            continue
        except TransientError as error:
            return replace(Outcome.of(error, tuple(actions)), accepted=outcome.accepted)
    return replace(outcome, actions=tuple(actions))


def _open(applied: str) -> list[str]:
    """The buckets that may be open by the Secret's doing without having told it."""
    entries = Applied.of(applied).entries.items()
    return [
        bucket
        for (bucket, name), mark in entries
        if name is SettingName.PUBLIC and (mark == WATCHED or "." in mark)
    ]
