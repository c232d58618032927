"""The whole path: kube-apiserver, Metacontroller with ten workers, the hook, the store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hooks.processes import wait_until
from tests.bench.figures import Figures, Usage
from tests.bench.stores import Stores
from tests.e2e.stack import PREFIX, Programs, Stack, Tenant, running_stack
from tests.servers.store import Store

PATH = "Metacontroller, 10 workers"

_LIMIT = 1200
_NAMESPACE = "bench"


def measure(programs: Programs, stores: Stores, directory: Path, count: int) -> list[Figures]:
    settings = {"LOG_LEVEL": "WARNING", "BACKEND_NAME": stores.kind}
    with running_stack(programs, directory, settings=settings, other=stores.start) as stack:
        stack.cluster.namespace(_NAMESPACE)
        # The controller has to be at work before the clock runs.
        first = stack.provision(_tenant(stack, "first"))
        stack.delete(first)
        stack.settle()
        new = _new(stack, count)
        stack.settle()
        return [new, _unchanged(stack, count)]


def _new(stack: Stack, count: int) -> Figures:
    """From the first call for a new Secret until the last has Ready in its annotations.

    The Secrets are there before Metacontroller is, so that whoever makes them takes no CPU from
    what is measured.
    """
    tenants = [_tenant(stack, f"secret-{number}") for number in range(count)]
    manifests = [stack.manifest(tenant) for tenant in tenants]
    asked, calls, usage = stack.hook.store_requests(), stack.hook.syncs(), _usage(stack)
    ready = stack.hook.total("s3_operator_secrets_processed_total", status="Ready")

    def answered() -> bool:
        now = stack.hook.total("s3_operator_secrets_processed_total", status="Ready")
        return now - ready >= count

    def written() -> bool:
        selector = f"{PREFIX}status=Ready"
        return len(stack.cluster.api.list("Secret", _NAMESPACE, labels=selector)) >= count

    stack.metacontroller.stop()
    with ThreadPoolExecutor(10) as pool:
        for made in [pool.submit(stack.cluster.api.create, manifest) for manifest in manifests]:
            made.result()
    stack.metacontroller.process.start()
    wait_until(
        lambda: stack.hook.store_requests() > asked,
        timeout=_LIMIT,
        what="the first request",
        interval=0.02,
    )
    started = time.perf_counter()
    # The cheap question first: listing a thousand Secrets takes the CPU from what is measured.
    wait_until(answered, timeout=_LIMIT, what="the hook to answer for every Secret", interval=0.3)
    wait_until(written, timeout=_LIMIT, what="every Secret to be Ready", interval=0.1)
    seconds = time.perf_counter() - started
    stack.settle()
    return _figures(stack, "new", count, seconds, asked, calls, usage)


def _unchanged(stack: Stack, count: int) -> Figures:
    """All of them synced once more: from the first request to the store to the last.

    VersityGW writes a line for each request, so its log tells when, without taking time from what
    is measured; with another store the hook has to be asked.
    """
    asked, calls, usage = stack.hook.store_requests(), stack.hook.syncs(), _usage(stack)
    log = stack.s3.process.log if isinstance(stack.s3, Store) else None
    quiet = log.stat().st_mtime if log else 0.0

    def begun() -> bool:
        return log.stat().st_mtime > quiet if log else stack.hook.syncs() > calls

    stack.sync_all()
    wait_until(begun, timeout=_LIMIT, what="the first request", interval=0.005 if log else 0.02)
    first = log.stat().st_mtime if log else time.time()
    wait_until(
        lambda: stack.hook.syncs() >= calls + count,
        timeout=_LIMIT,
        what="the last sync",
        interval=0.3 if log else 0.05,
    )
    last = time.time()
    stack.settle()
    seconds = (log.stat().st_mtime if log else last) - first
    return _figures(stack, "unchanged", count, seconds, asked, calls, usage)


def _tenant(stack: Stack, name: str) -> Tenant:
    # Garage takes no access key of less than eight characters, MinIO none of more than twenty.
    return replace(stack.tenant(_NAMESPACE, name), access_key=f"user-{name[-9:]:->9}")


def _usage(stack: Stack) -> Usage:
    return Usage(stack.hook.process.pid)


def _figures(
    stack: Stack, kind: str, count: int, seconds: float, asked: int, calls: int, usage: Usage
) -> Figures:
    return Figures(
        PATH,
        kind,
        count,
        seconds,
        store_requests=stack.hook.store_requests() - asked,
        hook_calls=stack.hook.syncs() - calls,
        cpu_seconds=usage.cpu_since_start(),
        resident_bytes=usage.resident_bytes(),
    )
