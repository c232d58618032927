"""Metacontroller and the Kubernetes API: the rows of docs/stores/metacontroller.md."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from hooks.commands.processes import wait_until
from tests.facts.caller import WAIT, Caller, Reply, controlled_by, secret
from tests.facts.fact import Facts
from tests.servers.api import ApiError, Object

FACTS: Facts[Caller] = Facts("metacontroller")
WRITTEN = "facts.example.org/written"
SECRETS = {"apiVersion": "v1", "resource": "secrets", "updateStrategy": {"method": "InPlace"}}


def writes(value: str | None) -> Reply:
    return Reply({"annotations": {WRITTEN: value}})


def written(caller: Caller, namespace: str) -> None:
    wait_until(
        lambda: WRITTEN in caller.annotations(namespace), timeout=WAIT, what="the annotation"
    )


@FACTS.known("null-deletes", "the annotation is gone")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    name = caller.controller(lambda request: writes(None))
    caller.secret(namespace, name, annotations={WRITTEN: "before"})
    wait_until(
        lambda: WRITTEN not in caller.annotations(namespace), timeout=WAIT, what="it to be gone"
    )
    return "the annotation is gone"


@FACTS.known("unknown-field", "nothing is written, and an Event tells")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    body = {"annotations": {WRITTEN: "x"}, "colour": "blue"}
    caller.secret(namespace, caller.controller(lambda request: Reply(body)))
    caller.wait_for_event(namespace)
    left = WRITTEN in caller.annotations(namespace)
    return f"{'it' if left else 'nothing'} is written, and an Event tells"


@FACTS.known("error-in-event", "the Event quotes the body")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    body = {"detail": "what-the-hook-said"}
    caller.secret(namespace, caller.controller(lambda request: Reply(body, status=500)))
    told = "what-the-hook-said" in caller.wait_for_event(namespace)
    return f"the Event {'quotes' if told else 'is silent about'} the body"


@FACTS.known("retry-after", "called again after 2 s, and no Event")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    busy = Reply(status=429, headers={"Retry-After": "2"})
    name = caller.controller(
        lambda request: writes("done") if len(caller.calls(name)) > 1 else busy
    )
    caller.secret(namespace, name)
    first, second, *_ = caller.wait_for_calls(name, 2)
    after = second.at - first.at
    told = "an Event" if caller.events(namespace) else "no Event"
    return f"called again after {'2 s' if 1.9 <= after < 4 else f'{after:.1f} s'}, and {told}"


@FACTS.known(
    "retry-after-no-seconds", "called more than 50 times in a second, and no Event", heavy=True
)
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    until = [time.monotonic() + 60]
    name = caller.controller(
        lambda request: writes("done") if time.monotonic() > until[0] else Reply(status=429)
    )
    caller.secret(namespace, name)
    (first, *_) = caller.wait_for_calls(name, 1)
    until[0] = first.at + 1
    written(caller, namespace)
    calls = len(caller.calls(name))
    told = "an Event" if caller.events(namespace) else "no Event"
    return f"called {'more than 50' if calls > 50 else calls} times in a second, and {told}"


@FACTS.known(
    "backoff", "twice as long after each failure; a change of the Secret goes ahead", heavy=True
)
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    name = caller.controller(lambda request: Reply(status=500))
    caller.secret(namespace, name)
    calls = caller.wait_for_calls(name, 11)
    pauses = [after.at - before.at for before, after in pairwise(calls)]
    # From 5 ms on; on a busy machine a pause can be longer, and none is shorter.
    doubles = all(pause > 0.0045 * 2**number for number, pause in enumerate(pauses[7:], 7))
    touch(caller, namespace)
    touched = time.monotonic()
    soon = caller.wait_for_calls(name, 12)[11].at - touched < pauses[-1] / 2
    caller.remove(name)
    told = "twice as long after each failure" if doubles else f"{pauses}"
    return f"{told}; a change of the Secret {'goes ahead' if soon else 'waits'}"


@FACTS.known("resync-after", "called again after 1 s")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    name = caller.controller(lambda request: Reply({"resyncAfterSeconds": 1}))
    caller.secret(namespace, name)
    calls = caller.wait_for_calls(name, 3)
    caller.remove(name)
    after = calls[2].at - calls[1].at
    return f"called again after {'1 s' if 0.9 <= after < 2.5 else f'{after:.1f} s'}"


@FACTS.known("second-answer-of-the-same", "no write, and no further call")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    name = caller.controller(lambda request: writes("x"))
    caller.secret(namespace, name)
    written(caller, namespace)
    time.sleep(1)
    version, calls = version_of(caller, namespace), len(caller.calls(name))
    time.sleep(1)
    quiet = calls == len(caller.calls(name)) and version == version_of(caller, namespace)
    return "no write, and no further call" if quiet else f"{len(caller.calls(name))} calls"


def version_of(caller: Caller, namespace: str) -> str:
    found = caller.read(namespace)
    return "" if found is None else str(found["metadata"]["resourceVersion"])


def with_child(namespace: str) -> Reply:
    return Reply({"annotations": {WRITTEN: "x"}, "attachments": [secret(namespace, "child")]})


@FACTS.known("attachment-left-out", "deleted")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    answers = [with_child(namespace)]
    name = caller.controller(lambda request: answers[-1], attachments=[SECRETS])
    caller.secret(namespace, name)
    wait_until(lambda: caller.read(namespace, "child"), timeout=WAIT, what="the child")
    answers.append(writes("y"))
    touch(caller, namespace)
    wait_until(lambda: caller.annotations(namespace).get(WRITTEN) == "y", timeout=WAIT, what="y")
    try:
        wait_until(lambda: caller.read(namespace, "child") is None, timeout=5, what="it to go")
    except TimeoutError:
        return "left"
    return "deleted"


@FACTS.known("attachment-over-another", "the other one stays as it is, and no Event")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    caller.api.create(secret(namespace, "child", data={"theirs": "eA=="}))
    name = caller.controller(lambda request: with_child(namespace), attachments=[SECRETS])
    caller.secret(namespace, name)
    written(caller, namespace)
    time.sleep(1)
    child = caller.read(namespace, "child")
    kept = child is not None and child["data"] == {"theirs": "eA=="}
    told = "an Event" if caller.events(namespace) else "no Event"
    return f"the other one {'stays as it is' if kept else 'is changed'}, and {told}"


@FACTS.known("renamed-controller", "not shown, not changed, and no Event")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    former = caller.controller(lambda request: with_child(namespace), attachments=[SECRETS])
    observed = caller.secret(namespace, former)
    wait_until(lambda: caller.read(namespace, "child"), timeout=WAIT, what="the child")
    caller.remove(former)
    before = caller.read(namespace, "child")

    def script(request: Object) -> Reply:
        child = secret(namespace, "child", data={"key": "bmV3"})
        return Reply({"annotations": {WRITTEN: "y"}, "attachments": [child]})

    name = caller.controller(script, attachments=[SECRETS])
    marked = {"annotations": {controlled_by(name): "true"}}
    caller.api.merge("Secret", observed, namespace, {"metadata": marked})
    wait_until(lambda: caller.annotations(namespace).get(WRITTEN) == "y", timeout=WAIT, what="y")
    time.sleep(1)
    shown = caller.calls(name)[-1].request["attachments"]["Secret.v1"]
    changed = caller.read(namespace, "child") != before
    return ", ".join(
        (
            "shown" if shown else "not shown",
            "changed" if changed else "not changed",
            f"and {'an Event' if caller.events(namespace) else 'no Event'}",
        )
    )


@FACTS.known("attachment-elsewhere", "made in the other namespace, and no Event")
def _(caller: Caller) -> str:
    namespace, other = caller.namespace(), caller.namespace()
    name = caller.controller(lambda request: with_child(other), attachments=[SECRETS])
    caller.secret(namespace, name)
    try:
        wait_until(lambda: caller.read(other, "child"), timeout=5, what="the child")
    except TimeoutError:
        return f"not made: {caller.events(namespace)}"
    return f"made in the other namespace, and {'an' if caller.events(namespace) else 'no'} Event"


@FACTS.known("keys-of-others", "what was answered is put back, the other key stays")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    name = caller.controller(lambda request: with_child(namespace), attachments=[SECRETS])
    caller.secret(namespace, name)
    wait_until(lambda: caller.read(namespace, "child"), timeout=WAIT, what="the child")
    made = child_data(caller, namespace)
    changed = {**dict.fromkeys(made, "bmV3"), "more": "bW9yZQ=="}
    caller.api.merge("Secret", "child", namespace, {"data": changed})
    try:
        wait_until(
            lambda: made.items() <= child_data(caller, namespace).items(), timeout=WAIT, what="it"
        )
    except TimeoutError:
        return "what was answered isn't put back"
    more = "stays" if "more" in child_data(caller, namespace) else "goes"
    return f"what was answered is put back, the other key {more}"


def child_data(caller: Caller, namespace: str) -> dict[str, str]:
    found = caller.read(namespace, "child")
    return {} if found is None else dict(found["data"])


@FACTS.known("too-large", "nothing is written, and an Event tells")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    caller.secret(namespace, caller.controller(lambda request: writes("x" * 270_000)))
    caller.wait_for_event(namespace)
    left = WRITTEN in caller.annotations(namespace)
    return f"{'it' if left else 'nothing'} is written, and an Event tells"


@FACTS.known("sync-while-deleted", "called, with its deletionTimestamp")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    name = caller.controller(lambda request: Reply())
    observed = caller.secret(namespace, name, finalizers=["facts.example.org/another"])
    before = len(caller.wait_for_calls(name, 1))
    caller.api.delete("Secret", observed, namespace)
    last = caller.wait_for_calls(name, before + 1)[-1].request
    caller.api.merge("Secret", observed, namespace, {"metadata": {"finalizers": None}})
    told = "deletionTimestamp" in last["object"]["metadata"]
    return f"called, {'with' if told else 'without'} its deletionTimestamp"


@FACTS.known("controller-removed", "its finalizer stays on the Secret")
def _(caller: Caller) -> str:
    namespace = caller.namespace()

    def script(request: Object) -> Reply:
        return Reply({"finalized": True}) if request["finalizing"] else writes("x")

    name = caller.controller(script, hooks=["sync", "finalize"])
    observed = caller.secret(namespace, name)
    written(caller, namespace)
    caller.remove(name)
    time.sleep(1)
    left = finalizers(caller, namespace)
    if left:
        caller.api.merge("Secret", observed, namespace, {"metadata": {"finalizers": None}})
    return f"its finalizer {'stays on' if left else 'goes from'} the Secret"


def finalizers(caller: Caller, namespace: str) -> list[str]:
    found = caller.read(namespace)
    return [] if found is None else list(found["metadata"].get("finalizers") or [])


@FACTS.known("ignore-status-changes", "a change of the data is not told")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    name = caller.controller(lambda request: Reply(), resource={"ignoreStatusChanges": True})
    observed = caller.secret(namespace, name)
    before = len(caller.wait_for_calls(name, 1))
    caller.api.merge("Secret", observed, namespace, {"data": {"key": "bmV3"}})
    time.sleep(2)
    told = len(caller.calls(name)) > before
    return f"a change of the data is {'told' if told else 'not told'}"


@FACTS.known("field-manager", "metacontroller, Update")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    caller.secret(namespace, caller.controller(lambda request: writes("x")))
    written(caller, namespace)
    found = caller.read(namespace)
    assert found is not None
    wrote = [
        entry
        for entry in found["metadata"]["managedFields"]
        if f"f:{WRITTEN}" in entry["fieldsV1"].get("f:metadata", {}).get("f:annotations", {})
    ]
    return ", ".join(f"{entry['manager']}, {entry['operation']}" for entry in wrote)


@FACTS.known("immutable", "annotations 200, data 422")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    caller.api.create({**secret(namespace, "observed"), "immutable": True})
    told = {
        "annotations": merge(caller, namespace, {"metadata": {"annotations": {WRITTEN: "x"}}}),
        "data": merge(caller, namespace, {"data": {"key": "bmV3"}}),
    }
    return ", ".join(f"{word} {status}" for word, status in told.items())


def merge(caller: Caller, namespace: str, change: Object) -> int:
    try:
        caller.api.merge("Secret", "observed", namespace, change)
    except ApiError as error:
        return error.status
    return 200


@FACTS.known("replaced", "annotations gone, uid kept")
def _(caller: Caller) -> str:
    namespace = caller.namespace()
    made: Any = caller.api.create(
        secret(namespace, "observed", annotations={WRITTEN: "x"}),
    )
    caller.api.replace(secret(namespace, "observed"))
    found = caller.read(namespace)
    kept = found is not None and found["metadata"]["uid"] == made["metadata"]["uid"]
    left = WRITTEN in caller.annotations(namespace)
    return f"annotations {'kept' if left else 'gone'}, uid {'kept' if kept else 'new'}"


def touch(caller: Caller, namespace: str) -> None:
    """Changes the Secret, so that it is synced again."""
    caller.api.merge("Secret", "observed", namespace, {"data": {"key": "bmV3"}})
