"""What commands work on: the one store of the settings, or all stores of their list."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from backends.base import Backend
from hooks.cluster.kube import Kube
from hooks.commands.rehearsal import Rehearsal
from hooks.contract.decorator import SyncRequest
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.operator import Operator
from hooks.sync.stores import Site, Sites


@dataclass(frozen=True, slots=True)
class Target:
    """An operator, for one run of a command.

    Args:
        operator: its parts.
        close: closes the connections to the stores.
        rehearsal: what stands before the store of a Secret; None where things are really done.
    """

    operator: Operator
    close: Callable[[], Awaitable[None]]
    rehearsal: Callable[[SyncRequest], Rehearsal | None]


def target(
    settings: Settings, backend: Backend | None, kube: Kube | None, *, dry_run: bool
) -> Target:
    """The operator of the settings.

    Args:
        settings: the environment's.
        backend: the store; None where the settings have a list of stores.
        kube: the Kubernetes API, None where there is none.
        dry_run: writes nothing on any store.
    """
    if backend is not None:
        rehearsal = Rehearsal(backend) if dry_run else None
        operator = Operator.build(settings, rehearsal or backend, Metrics(), kube)
        return Target(operator, backend.close, lambda _: rehearsal)
    sites = sites_of(settings, kube, dry_run=dry_run)

    def rehearsal_of(request: SyncRequest) -> Rehearsal | None:
        found = sites.of(request).served
        return found if isinstance(found, Rehearsal) else None

    return Target(sites.operator(), sites.close, rehearsal_of)


def sites_of(settings: Settings, kube: Kube | None, *, dry_run: bool = False) -> Sites:
    """The stores of the settings' list.

    Args:
        settings: the environment's, with a list.
        kube: the Kubernetes API, None where there is none.
        dry_run: writes nothing on any store.
    """
    if settings.stores is None:
        raise ValueError("no list of stores")
    metrics = Metrics(by_store=True)
    if not dry_run:
        return Sites(settings, settings.stores, metrics, kube)
    return Sites(settings, settings.stores, metrics, kube, wrap=Rehearsal)


async def chosen(sites: Sites, kube: Kube, namespace: str, name: str, *, timeout: float) -> Site:
    """The store that a Secret of a cluster means; the default one if there is no such Secret.

    Args:
        sites: all of them.
        kube: the Kubernetes API.
        namespace: the Secret's.
        name: the Secret's.
        timeout: seconds for the Kubernetes API.

    Raises:
        KubeError: it can't be asked.
    """
    found = await asyncio.to_thread(kube.secret, namespace, name, timeout=timeout)
    return sites.default if found is None else sites.of(SyncRequest.of(found))
