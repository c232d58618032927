"""The whole path: kube-apiserver, Metacontroller with ten workers, the hook, the store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hooks.processes import wait_until
from tests.bench.figures import Figures, Usage
from tests.e2e.stack import PREFIX, Programs, Stack, running_stack

PATH = "Metacontroller, 10 workers"

_LIMIT = 120
_NAMESPACE = "bench"


def measure(programs: Programs, directory: Path, count: int) -> list[Figures]:
    with running_stack(programs, directory, settings={"LOG_LEVEL": "WARNING"}) as stack:
        stack.cluster.namespace(_NAMESPACE)
        # The controller has to be at work before the clock runs.
        first = stack.provision(stack.tenant(_NAMESPACE, "first"))
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
    tenants = [stack.tenant(_NAMESPACE, f"secret-{number}") for number in range(count)]
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

    The store writes a line for each request, so its log tells when, without taking time from what
    is measured.
    """
    asked, calls, usage = stack.hook.store_requests(), stack.hook.syncs(), _usage(stack)
    log = stack.store.process.log
    quiet = log.stat().st_mtime
    stack.sync_all()
    wait_until(
        lambda: log.stat().st_mtime > quiet,
        timeout=_LIMIT,
        what="the first request",
        interval=0.005,
    )
    first = log.stat().st_mtime
    wait_until(
        lambda: stack.hook.syncs() >= calls + count,
        timeout=_LIMIT,
        what="the last sync",
        interval=0.3,
    )
    stack.settle()
    seconds = log.stat().st_mtime - first
    return _figures(stack, "unchanged", count, seconds, asked, calls, usage)


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
