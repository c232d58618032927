"""The whole path: kube-apiserver, Metacontroller with ten workers, the hook, the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hooks.commands.processes import wait_until
from tests.bench.figures import Figures, Usage
from tests.bench.stores import Stores
from tests.e2e.stack import PREFIX, Programs, Stack, Tenant, running_stack
from tests.servers.api import Object
from tests.servers.store import Store

PATH = "Metacontroller, 10 workers"
ALONE = "the same, no guard, no Events"
"""Without a request of the hook's own to the Kubernetes API."""

_ALONE = {"CONFLICT_GUARD": "off", "KUBERNETES_EVENTS": "off"}

_LIMIT = 1200
_FEW = 2000
_NAMESPACE = "bench"


def measure(
    programs: Programs, stores: Stores, directory: Path, count: int, *, alone: bool = False
) -> list[Figures]:
    """All kinds of work; or, `alone`, what the hook's own Kubernetes requests make slower."""
    settings = {"LOG_LEVEL": "WARNING", "BACKEND_NAME": stores.kind, **(_ALONE if alone else {})}
    with running_stack(programs, directory, settings=settings, other=stores.start) as stack:
        stack.cluster.namespace(_NAMESPACE)
        # The controller has to be at work before the clock runs.
        first = stack.provision(_tenant(stack, "first"))
        stack.delete(first)
        stack.settle(timeout=_LIMIT)
        tenants = [_tenant(stack, f"secret-{number}") for number in range(count)]
        rows = [_new(stack, tenants)]
        stack.settle(timeout=_LIMIT)
        rows.append(_unchanged(stack, count))
        if alone:
            return [replace(row, path=ALONE) for row in rows]
        if stores.rotation:
            rows.append(_rotated(stack, tenants))
        return [*rows, *_outage(stack, count)]


def _new(stack: Stack, tenants: Sequence[Tenant]) -> Figures:
    """From the first call for a new Secret until the last has Ready in its annotations.

    The Secrets are there before Metacontroller is, so that whoever makes them takes no CPU from
    what is measured.
    """
    count = len(tenants)
    manifests = [stack.manifest(tenant) for tenant in tenants]
    asked, calls, usage = stack.hook.store_requests(), stack.hook.syncs(), _usage(stack)
    ready = stack.hook.total("s3_operator_secrets_processed_total", status="Ready")

    def answered() -> bool:
        now = stack.hook.total("s3_operator_secrets_processed_total", status="Ready")
        return now - ready >= count

    _restarted(stack, stack.cluster.api.create, manifests)
    started = _first_request(stack, asked)
    # The cheap question first: listing a thousand Secrets takes the CPU from what is measured.
    wait_until(answered, timeout=_LIMIT, what="the hook to answer for every Secret", interval=0.3)
    _wait_for_all(stack, "Ready", count)
    seconds = time.perf_counter() - started
    stack.settle(timeout=_LIMIT)
    return _figures(stack, "new", count, seconds, asked, calls, usage)


def _rotated(stack: Stack, tenants: Sequence[Tenant]) -> Figures:
    """Another secret in every Secret at once, until the store has taken the last."""
    count = len(tenants)
    rotated = [replace(tenant, secret=f"{tenant.secret}-rotated") for tenant in tenants]
    asked, calls, usage = stack.hook.store_requests(), stack.hook.syncs(), _usage(stack)
    updated = stack.hook.total("s3_operator_users_updated_total")
    _restarted(stack, stack.cluster.api.apply, [stack.manifest(tenant) for tenant in rotated])
    started = _first_request(stack, asked)
    wait_until(
        lambda: stack.hook.total("s3_operator_users_updated_total") - updated >= count,
        timeout=_LIMIT,
        what="every secret to be rotated",
        interval=0.3,
    )
    seconds = time.perf_counter() - started
    stack.settle(timeout=_LIMIT)
    return _figures(stack, "rotated", count, seconds, asked, calls, usage)


def _outage(stack: Stack, count: int) -> list[Figures]:
    """The store goes, until the last Secret says so; and comes back, until none does any more.

    The second includes the time that the Secrets wait before they try again.
    """
    rows = []
    for kind, status in (("store down", "Retrying"), ("store back", "Ready")):
        asked, calls, usage = stack.hook.store_requests(), stack.hook.syncs(), _usage(stack)
        if status == "Retrying":
            stack.s3.process.kill()
            stack.sync_all()
        else:
            stack.s3.restart()
        started = time.perf_counter()
        _wait_for_all(stack, status, count)
        seconds = time.perf_counter() - started
        rows.append(_figures(stack, kind, count, seconds, asked, calls, usage))
    return rows


def _restarted(stack: Stack, make: Callable[[Object], object], manifests: Sequence[Object]) -> None:
    """Writes while Metacontroller is away: that takes no CPU from what is measured."""
    stack.metacontroller.stop()
    with ThreadPoolExecutor(10) as pool:
        for made in [pool.submit(make, manifest) for manifest in manifests]:
            made.result()
    stack.metacontroller.process.start()


def _first_request(stack: Stack, asked: int) -> float:
    wait_until(
        lambda: stack.hook.store_requests() > asked,
        timeout=_LIMIT,
        what="the first request",
        interval=0.02,
    )
    return time.perf_counter()


def _wait_for_all(stack: Stack, status: str, count: int) -> None:
    selector = f"{PREFIX}status={status}"
    wait_until(
        lambda: len(stack.cluster.api.list("Secret", _NAMESPACE, labels=selector)) >= count,
        timeout=_LIMIT,
        what=f"every Secret to be {status}",
        interval=0.1 if count <= _FEW else 1,
    )


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
    stack.settle(timeout=_LIMIT)
    seconds = (log.stat().st_mtime if log else last) - first
    return _figures(stack, "unchanged", count, seconds, asked, calls, usage)


def _tenant(stack: Stack, name: str) -> Tenant:
    # Garage takes no access key of less than eight characters, MinIO none of more than twenty,
    # SeaweedFS none but letters and digits.
    own = "".join(filter(str.isalnum, name))[-9:]
    return replace(stack.tenant(_NAMESPACE, name), access_key=f"user{own:0>9}")


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
