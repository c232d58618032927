"""The store goes away, the store hangs, the hook is killed: nothing is lost, all heals itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from hooks.commands.processes import answers, wait_until
from tests.e2e.stack import Stack, Tenant, operator_annotations

pytestmark = pytest.mark.e2e

# The hook's default SYNC_TIMEOUT_SECONDS.
BUDGET = 8
# Secrets that a worker makes, should the hook never be seen to work.
MOST = 20


def test_store_killed(stack: Stack, namespace: str) -> None:
    old = stack.provision(stack.tenant(namespace, "old"))
    new = stack.tenant(namespace, "new")
    stack.store.process.kill()
    try:
        stack.touch(old)
        stack.put(new)
        for tenant in (old, new):
            stack.wait_for(tenant, "Retrying", "BackendUnavailable", timeout=15)
        kept = stack.annotations(old)
        assert (kept["bucket"], kept["user"]) == (old.bucket, old.access_key)
        stack.settle(quiet=0.3)
        versions = [stack.resource_version(tenant) for tenant in (old, new)]
        stack.wait_for_syncs(2)
        # Trying again is no news: only a status that changed is written.
        assert [stack.resource_version(tenant) for tenant in (old, new)] == versions
        assert stack.hook.total("s3_operator_backend_up") == 0
    finally:
        stack.store.restart()

    for tenant in (old, new):
        stack.wait_for(tenant, "Ready", timeout=30)
        assert stack.works(tenant)
    assert stack.hook.total("s3_operator_backend_up") == 1


def test_store_hangs(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.settle()
    healthy: list[float] = []
    over = threading.Event()

    def watch_health() -> None:
        while not over.is_set():
            started = time.monotonic()
            assert answers(stack.hook.ops_port, "/healthz", status=200)
            healthy.append(time.monotonic() - started)
            over.wait(0.05)

    stack.store.process.pause()
    try:
        with ThreadPoolExecutor(1) as pool:
            watcher = pool.submit(watch_health)
            before = stack.hook.total("s3_operator_sync_duration_seconds_sum")
            stack.touch(tenant)
            try:
                stack.wait_for(tenant, "Retrying", "Timeout")
            finally:
                over.set()
            took = stack.hook.total("s3_operator_sync_duration_seconds_sum") - before
            watcher.result()
    finally:
        stack.store.process.resume()

    assert took < BUDGET + 0.5
    # Metacontroller hangs up after 10 s and says so.
    assert stack.events(namespace) == []
    assert max(healthy) < 1
    stack.wait_for(tenant, "Ready", timeout=30)
    assert stack.works(tenant)


def test_hook_killed_among_new_secrets(stack: Stack, namespace: str) -> None:
    with_the_hook_ended(stack, namespace, stack.hook.process.kill, code=-9)


def test_hook_ends_in_good_order(stack: Stack, namespace: str) -> None:
    def stop() -> int | None:
        started = time.monotonic()
        code = stack.hook.stop()
        assert time.monotonic() - started < BUDGET + 2
        return code

    with_the_hook_ended(stack, namespace, stop, code=0)
    assert stack.server_errors(namespace) == []


def with_the_hook_ended(
    stack: Stack, namespace: str, end: Callable[[], int | None], *, code: int
) -> None:
    """End the hook while ten workers make Secrets, and start it again."""
    before = stack.hook.store_requests()
    tenants: list[Tenant] = []
    over = threading.Event()

    def make(worker: int) -> None:
        for number in range(MOST):
            tenant = stack.tenant(namespace, f"w{worker}-{number}")
            tenants.append(tenant)
            stack.put(tenant)
            if over.is_set():
                return
        over.wait()

    try:
        with ThreadPoolExecutor(10) as pool:
            made = [pool.submit(make, worker) for worker in range(10)]
            try:
                wait_until(
                    lambda: stack.hook.store_requests() >= before + 10,
                    timeout=10,
                    what="the first of the new Secrets",
                    interval=0.002,
                )
                assert end() == code
            finally:
                over.set()
            for one in made:
                one.result()
        # There is something left to do at any pace.
        tenants.append(stack.tenant(namespace, "late"))
        stack.put(tenants[-1])
    finally:
        stack.hook.start()
    all_ready(stack, tenants)


def statuses(stack: Stack, namespace: str) -> list[str | None]:
    secrets = stack.cluster.api.list("Secret", namespace)
    return [operator_annotations(secret).get("status") for secret in secrets]


def all_ready(stack: Stack, tenants: list[Tenant]) -> None:
    namespace = tenants[0].namespace
    wait_until(
        lambda: statuses(stack, namespace) == ["Ready"] * len(tenants),
        timeout=60,
        what="all Secrets to be Ready",
    )
    owners = stack.store.owners()
    for tenant in tenants:
        assert owners[tenant.bucket] == tenant.access_key
        assert stack.works(tenant)
