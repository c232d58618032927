"""Since when generated credentials are in use, as the file with them says: nothing else remembers.

In a cluster the grant says so. Without one a run knows only the pairs of the present span and of
the one before, and would take any older one for a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from hooks.attachments.attachments import Made
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Status
from hooks.contract.status import Keys
from hooks.sync.operator import Syncing

_WORD = "credentials-since"
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def marked(made: Made, keys: Keys, since: int) -> Made:
    """The connection Secret for a file, with the second that its credentials are bound to.

    Args:
        made: the connection Secret.
        keys: names of the annotations.
        since: in Unix time, 0 for credentials that were never rotated.
    """
    metadata = made["metadata"]
    noted = {**metadata.get("annotations", {}), keys[_WORD]: _time(since)}
    return {**made, "metadata": {**metadata, "annotations": noted}}


def left(former: Iterable[Any], keys: Keys, request: SyncRequest) -> Made | None:
    """What a run before has written for a Secret, under the name that it asks for now.

    Args:
        former: what the file holds, whatever that is.
        keys: names of the annotations.
        request: the Secret.
    """
    name = request.annotations.get(keys["connection-secret"])
    for made in former if name is not None else ():
        metadata = made.get("metadata") if isinstance(made, Mapping) else None
        if not isinstance(metadata, Mapping) or made.get("kind") != "Secret":
            continue
        if (metadata.get("namespace"), metadata.get("name")) == (request.namespace, name):
            return cast("Made", made)
    return None


def found(former: Iterable[Any], keys: Keys, request: SyncRequest) -> tuple[Made, int] | None:
    """What a run before has written for a Secret, and the second that its credentials are bound to.

    Args:
        former: what the file holds, whatever that is.
        keys: names of the annotations.
        request: the Secret.
    """
    made = left(former, keys, request)
    noted = None if made is None else made["metadata"].get("annotations")
    text = noted.get(keys[_WORD]) if isinstance(noted, Mapping) else None
    if made is None or not isinstance(text, str):
        return None
    try:
        since = datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
    return made, int(since.timestamp())


async def resumed(
    syncer: Syncing, trial: Syncing, keys: Keys, request: SyncRequest, since: int
) -> SyncRequest:
    """The Secret as it is with its former credentials, if the store still takes them.

    Args:
        syncer: the sync hook.
        trial: the same with a store that is only asked, so that nothing is made anew of former
            credentials that somebody has replaced meanwhile.
        keys: names of the annotations.
        request: the Secret, with a uid.
        since: the second that they are bound to.
    """
    times = {keys["rotate"], keys["rotate-after"]}
    marks = {key: value for key, value in request.annotations.items() if key not in times}
    if since > 0:
        marks[keys["rotate"]] = _time(since)
    before = replace(request, annotations=marks)
    for each in (trial, syncer):
        result = await each.sync(before)
        outcome = result.outcome
        if outcome is None or outcome.status is not Status.READY or outcome.actions:
            return request
    # Its grant says from here on which pair is in use.
    grant = result.response.annotations.get(keys["grants"])
    if grant is None:
        return request
    return replace(request, annotations={**request.annotations, keys["grants"]: grant})


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORM)
