"""Generated credentials of a Secret in a file: made, rotated and handed over without a cluster.

Metacontroller's part is played for one Secret: what a sync answers is shown to the next one, until
nothing changes any more. The next run reads in the file since when its credentials are in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hooks.attachments.attachments import NOT_BY_HAND, Made
from hooks.claim.fields import InvalidSecret
from hooks.commands.remembered import found, left, marked, resumed
from hooks.contract.decorator import SyncRequest, SyncResponse
from hooks.contract.outcome import Action, Outcome, Reason, Refusal, Status
from hooks.contract.status import Keys
from hooks.sync.operator import Syncing
from hooks.sync.syncer import Result

# A rotation on a store that can't change a secret takes four: the former pair, the new one, its
# connection Secret as it was observed, the former user removed.
_ROUNDS = 8
NOWHERE = (
    "Generated credentials arrive in the connection Secret, and without a cluster that is the file "
    "which --connection names: name one."
)
WOULD_ARRIVE = "Its credentials would arrive in the file that --connection names."


@dataclass(frozen=True, slots=True)
class Former:
    """What a run before has left.

    Args:
        secrets: what the file holds, whatever that is.
        trial: the sync hook, with a store that is only asked.
    """

    secrets: Sequence[Any] = field(repr=False)
    trial: Syncing


@dataclass(frozen=True, slots=True)
class Handover:
    """What came of a Secret in a file.

    Args:
        result: the last sync's, with the actions and annotations of all and no connection Secret.
        connection: the connection Secret with the credentials that the store accepts; where it has
            not accepted any, what a run before has left; None for none.
    """

    result: Result
    connection: Made | None = None


async def handed_over(
    syncer: Syncing,
    keys: Keys,
    request: SyncRequest,
    *,
    former: Former | None = None,
    to_file: bool,
    dry_run: bool,
) -> Handover:
    """Does for a Secret what the hook does, with generated credentials until they are right.

    A Secret that a cluster has is synced once: its own Metacontroller hands its credentials over,
    and only after that they may rotate.

    Args:
        syncer: the sync hook.
        keys: names of the annotations.
        request: the Secret.
        former: what a run before has left in the file, None if there is none.
        to_file: whether connection Secrets are written to a file.
        dry_run: whether the store behind the hook writes nothing.
    """
    ours = keys.enables(request) and not request.deleting and not request.uid
    if not ours or request.annotations.get(keys["credentials"]) != "generated":
        return await _once(syncer, keys, request, former)
    if not to_file and not dry_run and _is_well_formed(syncer, request):
        refusal = InvalidSecret(Reason.NOT_SUPPORTED, NOWHERE)
        return Handover(Result(Outcome.of(refusal), SyncResponse()))
    handover = await _settled(syncer, keys, request, former)
    outcome = handover.result.outcome
    if dry_run and outcome is not None and outcome.status is Status.READY:
        message = f"{outcome.message.removesuffix(f' {NOT_BY_HAND}')} {WOULD_ARRIVE}"
        result = replace(handover.result, outcome=replace(outcome, message=message))
        return replace(handover, result=result)
    return handover


def _is_well_formed(syncer: Syncing, request: SyncRequest) -> bool:
    """Whether nothing but the place for its credentials is missing."""
    try:
        syncer.reading(request)
    except Refusal:
        return False
    return True


async def _once(
    syncer: Syncing, keys: Keys, request: SyncRequest, former: Former | None
) -> Handover:
    result = await syncer.sync(request)
    made = _made(syncer, request, result)
    if made is None and former is not None and keys.enables(request) and not request.deleting:
        made = left(former.secrets, keys, request)
    return Handover(_without_attachments(result), made)


async def _settled(
    syncer: Syncing, keys: Keys, request: SyncRequest, former: Former | None
) -> Handover:
    """Syncs until one changes nothing, or is not Ready."""
    actions: dict[Action, None] = {}
    annotations: dict[str, str | None] = {}
    labels: dict[str, str | None] = {}
    # Without a uid there is no grant, which tells from one sync to the next which pair is in use.
    # No cluster gives such a one, so that grant is worth nothing elsewhere, and it isn't shown.
    shown = replace(request, uid=f"file:{request.origin}")
    before = None if former is None else found(former.secrets, keys, request)
    if former is not None and before is not None:
        shown = await resumed(syncer, former.trial, keys, shown, before[1])
    for _ in range(_ROUNDS):
        result = await syncer.sync(shown)
        response, outcome = result.response, result.outcome
        actions |= dict.fromkeys(outcome.actions if outcome else ())
        annotations |= response.annotations
        labels |= response.labels
        made = _made(syncer, shown, result)
        if made is None or outcome is None or outcome.status is not Status.READY:
            break
        last, shown = (
            shown,
            replace(
                shown,
                annotations=_written(shown.annotations, response.annotations),
                labels=_written(shown.labels, response.labels),
                attached_secrets={made["metadata"]["name"]: made},
            ),
        )
        if shown == last:
            break
    annotations.pop(keys["grants"], None)
    response = replace(
        response,
        annotations=_answered(annotations, request.annotations),
        labels=_answered(labels, request.labels),
        attachments=(),
    )
    if outcome is not None:
        outcome = replace(outcome, actions=tuple(actions))
        grant = outcome.grant
        # Without a grant, as where the Kubernetes API is asked and fails, nothing tells which pair.
        since = None if grant is None else grant.since
        made = None if made is None or since is None else marked(made, keys, since)
    if made is None and before is not None:
        # No outage and no mistake takes an application's credentials away.
        made = before[0]
    return Handover(replace(result, outcome=outcome, response=response), made)


def _made(syncer: Syncing, request: SyncRequest, result: Result) -> Made | None:
    """The connection Secret, by the grant that a sync gave: it tells which pair is in use."""
    if result.outcome is None or not result.outcome.accepted:
        return None
    written = _written(request.annotations, result.response.annotations)
    return syncer.connection_secret(replace(request, annotations=written))


def _written(before: Mapping[str, str], answered: Mapping[str, str | None]) -> Mapping[str, str]:
    """Annotations or labels as they are after an answer."""
    after = {**before, **answered}
    return {key: value for key, value in after.items() if value is not None}


def _answered(
    answers: Mapping[str, str | None], before: Mapping[str, str]
) -> Mapping[str, str | None]:
    """All answers as one, which takes nothing away that was never there."""
    return {key: value for key, value in answers.items() if value is not None or key in before}


def _without_attachments(result: Result) -> Result:
    """What may be shown: a connection Secret holds credentials."""
    return replace(result, response=replace(result.response, attachments=()))
