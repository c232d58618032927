"""A rolling restart of all hooks under load, which must lose no call."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hooks.commands.processes import LOOPBACK
from tests.chaos.changes import Tenants
from tests.chaos.ledger import Entry
from tests.chaos.world import World
from tests.e2e.stack import PREFIX
from tests.servers.api import Object

CALLERS = 4
RESTARTED = "rolling restart of a hook"
_TOUCHED = 5
# Instead of the 3 s of the Deployment's preStop, in which the Service forgets the pod.
_BEFORE_STOP = 0.3
_LONGEST_DRAIN = 10.0


@dataclass
class Calls:
    """What the callers saw.

    Attributes:
        answers: how often each HTTP status was answered.
        again: connections that broke and calls that went well at the second try.
        lost: what was wrong with the others.
    """

    answers: Counter[int] = field(default_factory=Counter)
    again: int = 0
    lost: list[str] = field(default_factory=list)


def rolling_restart(world: World, tenants: Tenants, settled: Sequence[Entry]) -> Calls:
    """Restarts hook after hook while Metacontroller and four other callers call.

    Returns:
        What the callers saw; Metacontroller's troubles are in `lost`, too.
    """
    calls = Calls()
    if not settled:
        calls.lost.append("no Secret is Ready that could be called for")
        return calls
    # In whole seconds, as an Event's time is.
    began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = troubles(world, began)
    over = threading.Event()
    bodies = [_body(world, entry) for entry in settled[:CALLERS]]
    with ThreadPoolExecutor(CALLERS + 1) as pool:
        running = [pool.submit(_call, world, body, over, calls) for body in bodies]
        running.append(pool.submit(_touch, tenants, settled[:_TOUCHED], over))
        try:
            for number, hook in enumerate(world.hooks):
                with world.balancer.without(hook.port):
                    time.sleep(_BEFORE_STOP)
                    started = time.monotonic()
                    code = hook.process.stop(grace=_LONGEST_DRAIN + 5)
                    took = time.monotonic() - started
                    if code != 0 or took > _LONGEST_DRAIN:
                        calls.lost.append(f"hook {number} ended with {code} after {took:.1f} s")
                    hook.process.start()
                    hook.process.wait_for(hook.ready, timeout=30, what="the hook to be ready")
        finally:
            over.set()
        for one in running:
            one.result()
    for event in sorted(troubles(world, began).items() - before.items()):
        calls.lost.append(f"Metacontroller says: {event[0][1]}")
    calls.lost += [
        f"{count} answers {status}"
        for status, count in calls.answers.items()
        # Metacontroller comes again after a 429, without an Event.
        if status not in {200, 429}
    ]
    return calls


def troubles(world: World, since: str) -> dict[tuple[str, str], int]:
    """Metacontroller's Events about calls that went wrong, and how often each was seen.

    Args:
        world: where.
        since: those of before are left out: some are written late, when the API was away.
    """
    return {
        (event["metadata"]["uid"], event["message"]): int(event.get("count") or 1)
        for event in world.cluster.api.list("Event")
        if event["reason"] == "SyncError" and (event.get("lastTimestamp") or since) >= since
    }


def _body(world: World, entry: Entry) -> bytes:
    found = world.cluster.api.get("Secret", entry.tenant.name, entry.tenant.namespace)
    attachments: Object = {} if entry.connection is None else {"Secret.v1": {}}
    return json.dumps({"object": found, "attachments": attachments, "finalizing": False}).encode()


def _call(world: World, body: bytes, over: threading.Event, calls: Calls) -> None:
    """Calls on one connection as long as it lasts, as Metacontroller does."""
    headers = {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(LOOPBACK, world.balancer.port, timeout=15)
    while not over.is_set():
        for first in (True, False):
            try:
                connection.request("POST", "/sync", body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if not first:
                    calls.lost.append(f"a call failed twice: {error!r}")
                calls.again += first
                continue
            calls.answers[answer.status] += 1
            if answer.status == 200:
                status = json.loads(content)["annotations"][f"{PREFIX}status"]
                if status != "Ready":
                    calls.lost.append(f"an unchanged Secret was called {status}")
            break
        over.wait(0.005)
    connection.close()


def _touch(tenants: Tenants, entries: Sequence[Entry], over: threading.Event) -> None:
    while not over.wait(0.1):
        tenants.touch(entries)
