"""No credential is to be seen anywhere but in a Secret's data, even at LOG_LEVEL=DEBUG."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.leaks import leaks, places_of
from tests.e2e.stack import Stack
from tests.e2e.test_bad_secrets import BAD, bad_data

pytestmark = pytest.mark.e2e


ASKING = {
    "connected": {"connection-secret": "app-s3", "connection-format": "rclone"},
    "mistaken": {"connection-format": "s3cmd"},
}


def test_nothing_leaks_whatever_happens(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    ready = stack.provision(stack.tenant(namespace, "ready"))
    stack.rotate(ready)
    for kind, (changes, _) in BAD.items():
        tenant = stack.tenant(namespace, kind)
        stack.put(tenant, bad_data(stack, tenant, changes))
        stack.wait_for(tenant, "Invalid")
    # A secret written under the wrong key is the mistake that messages must not repeat.
    swapped = stack.tenant(namespace, "swapped")
    stack.put(
        swapped,
        {
            "bucket-name": swapped.secret,
            "access-key": swapped.secret + "/=",
            "access-secret": swapped.access_key,
        },
    )
    stack.wait_for(swapped, "Invalid")
    for kind, asked in ASKING.items():
        stack.provision(stack.tenant(namespace, kind), annotations=asked)
    wait_until(
        lambda: stack.cluster.api.get("Secret", "app-s3", namespace),
        timeout=10,
        what="the connection Secret",
    )
    for wanted in ("bucket", "access_key"):
        stranger = stack.tenant(strangers_namespace, f"wants-{wanted.replace('_', '-')}")
        stack.put(replace(stranger, **{wanted: getattr(ready, wanted)}))
        stack.wait_for(stranger, "Conflict")
    going = stack.provision(
        stack.tenant(namespace, "going"), annotations={"deletion-policy": "delete"}
    )
    stack.delete(going)
    stack.wait_until_gone(going)
    unreachable = stack.tenant(namespace, "unreachable")
    stack.store.process.kill()
    try:
        stack.put(unreachable)
        stack.wait_for(unreachable, "Retrying", timeout=15)
    finally:
        stack.store.restart()
    stack.wait_for(unreachable, "Ready", timeout=30)

    assert leaks(stack) == []
    # Nor does the operator tell who else there is.
    assert namespace not in " ".join(
        event["message"] for event in stack.cluster.api.list("Event", strangers_namespace)
    )
    # The same search does find what may be seen.
    assert f"secret {ready.name}" in places_of(stack, [ready.access_key])
    assert "the hook's log" in places_of(stack, [f"{namespace}/{ready.name}"])


def test_wrong_token_is_refused_without_showing_it(stack: Stack, namespace: str) -> None:
    right = stack.hook.token
    wrong = f"{right[::-1]}-wrong"
    tenant = stack.tenant(namespace)
    stack.use_token(wrong, token_secret="wrong-token")
    try:
        stack.put(tenant)
        stack.wait_for_event(namespace, "status code: 401")
        assert "status" not in stack.annotations(tenant)
        assert tenant.access_key not in stack.store.users()
    finally:
        stack.sync_all()

    stack.wait_for(tenant, "Ready", timeout=15)
    assert leaks(stack) == []
    assert places_of(stack, [wrong]) == []
