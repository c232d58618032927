"""Whether a credential is to be seen by somebody who may not read Secrets' data."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from tests.chaos.ledger import CANARY
from tests.chaos.world import World
from tests.e2e.leaks import spellings
from tests.e2e.stack import ENABLED

# Metacontroller's own, on connection Secrets: docs/tenancy.md says that their data is in it.
_LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"
_BUG = "a bug of this operator"


def leaks(world: World) -> list[str]:
    """Where a tenant's secret or a credential of the operator's own is to be seen."""
    needles = {CANARY, b64encode(CANARY.encode()).decode()}
    for credential in world.credentials:
        needles |= spellings(credential)
    return [
        f"a credential is to be seen in {place}"
        for place, text in _places(world)
        if any(needle in text for needle in needles)
    ]


def bugs(world: World) -> list[str]:
    """Hook calls that ended in an error that nobody expected, and 5xx that a caller was told."""
    found = [
        f"{hook.process.log.parent.name} tells of a bug"
        for hook in world.hooks
        if _BUG in (text := hook.process.log_text()) or "Traceback" in text
    ]
    return found + [
        f"Metacontroller was answered: {event['message']}"
        for event in world.cluster.api.list("Event")
        if "status code: 5" in event["message"]
    ]


def _places(world: World) -> Iterator[tuple[str, str]]:
    for hook in world.hooks:
        yield f"the log of {hook.process.log.parent.name}", hook.process.log_text()
    yield "Metacontroller's log", world.metacontroller.process.log_text()
    yield from world.metrics().items()
    for event in world.cluster.api.list("Event"):
        yield f"the Event {event['metadata']['name']}", event["message"]
    for secret in world.cluster.api.list("Secret"):
        metadata = secret["metadata"]
        marks = {**metadata.get("annotations", {}), **metadata.get("labels", {})}
        if not ENABLED.items() <= marks.items():
            marks.pop(_LAST_APPLIED, None)
        yield f"the Secret {metadata['name']}", "\n".join([*marks, *marks.values()])
