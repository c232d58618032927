"""Several stores in one operator: each has all parts of its own, and a call goes to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

from backends import REGISTRY
from backends.base import Backend
from backends.wire.breaker import Breaker
from hooks.attachments.attachments import Made
from hooks.claim.secret import Reading
from hooks.claim.stores import Store
from hooks.claim.stores import Stores as Choice
from hooks.cluster.events import Events
from hooks.cluster.kube import Kube
from hooks.contract.decorator import SyncRequest
from hooks.contract.status import Keys
from hooks.metrics import Metrics
from hooks.settings.entry import Entry
from hooks.settings.settings import Settings
from hooks.settings.storesfile import StoresFile
from hooks.settings.storeslist import Listing
from hooks.sync.locks import KeyedLocks
from hooks.sync.operator import Operator
from hooks.sync.placement import Placement
from hooks.sync.reporter import Reporter
from hooks.sync.shares import Shares
from hooks.sync.syncer import Result

Wrap = Callable[[Backend], Backend]


@dataclass
class Site:
    """One store that is served.

    Args:
        entry: what the list says of it.
        settings: the operator's, for this store.
        backend: the store.
        served: what its calls go to: the store, or what stands before it.
        parts: what answers calls for it.
        metrics: its own.
        locks: of its buckets and users.
        calls: how many are at work on it.
        retired: whether the list says something else by now.
    """

    entry: Entry
    settings: Settings
    backend: Backend
    served: Backend
    parts: Operator
    metrics: Metrics
    locks: KeyedLocks
    calls: int = 0
    retired: bool = False

    @property
    def name(self) -> str:
        """The store's."""
        return self.entry.store.name


class Sites:
    """The stores of a list that may change; for one event loop.

    Args:
        settings: the operator's.
        file: the list.
        metrics: counted into.
        kube: the Kubernetes API, None where there is none.
        events: written to; None writes none.
        wrap: put around each store, such as what only rehearses.
    """

    def __init__(
        self,
        settings: Settings,
        file: StoresFile,
        metrics: Metrics,
        kube: Kube | None = None,
        events: Events | None = None,
        wrap: Wrap = lambda backend: backend,
    ) -> None:
        self._settings = settings
        self._file = file
        self._metrics = metrics
        self._kube = kube
        self._events = events
        self._wrap = wrap
        self._shares = Shares(settings.sync_concurrency)
        self._retired: list[Site] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._sites: dict[str, Site] = {}
        self.keys = Keys(settings.annotation_key)
        self.placement = Placement(
            self.keys, lambda: self._choice, compares=settings.rules.endpoint is not None
        )
        self._listing = file.value
        self._choice: Choice = self._listing.stores
        self._open(self._listing)
        file.watch(metrics.stores_observer())
        if settings.policy.file is not None:
            settings.policy.file.watch(metrics.policy_observer())

    def __iter__(self) -> Iterator[Site]:
        """All that are served, in the list's order."""
        self._look()
        return iter([self._sites[entry.store.name] for entry in self._listing.entries])

    @property
    def default(self) -> Site:
        """The one for Secrets that name none."""
        self._look()
        return self._site(self._choice.default)

    def of(self, request: SyncRequest) -> Site:
        """The one that a Secret means; the default one where it means none of them."""
        self._look()
        return self._site(self.placement.store(request))

    def granted(self, request: SyncRequest) -> Site:
        """The one that a Secret's grant is for, which may not be the one that it means by now."""
        self._look()
        store = self.placement.granted(request, self._settings.grants)
        return self._site(store or self.placement.store(request))

    @asynccontextmanager
    async def at_work(self, site: Site) -> AsyncIterator[None]:
        """Keeps a store open, and takes a place of its share.

        Raises:
            Busy: there is none now.
        """
        with self._shares.take(site.name, self._sites), self._counted(site):
            yield

    def operator(self) -> Operator:
        """What answers hook calls for all of them."""
        parts = next(iter(self)).parts
        return Operator(
            _Syncing(self),
            _Finalizing(self),
            Reporter(self.keys, self._metrics, self._events),
            parts.guarded,
        )

    async def close(self) -> None:
        """Closes all connections."""
        left = [*self._retired, *self._sites.values()]
        self._retired.clear()
        await asyncio.gather(*self._closing, *(site.backend.close() for site in left))

    def _site(self, store: Store) -> Site:
        return self._sites[store.name]

    @contextmanager
    def _counted(self, site: Site) -> Iterator[None]:
        site.calls += 1
        try:
            yield
        finally:
            site.calls -= 1
            self._close_retired()

    def _look(self) -> None:
        """Takes over what the list says by now."""
        listing = self._file.value
        if listing is not self._listing:
            self._open(listing)
        self._close_retired()

    def _open(self, listing: Listing) -> None:
        before = self._sites
        self._listing, self._choice = listing, listing.stores
        self._sites = {
            entry.store.name: self._opened(entry, _before(entry, before))
            for entry in listing.entries
        }
        for name, site in before.items():
            if self._sites.get(name) is not site:
                site.retired = True
                site.parts.unwatch()
                if name not in self._sites:
                    site.metrics.forget()
                self._retired.append(site)

    def _opened(self, entry: Entry, before: Site | None) -> Site:
        """The store as it is served from now on; what did not change stays as it is."""
        if before is not None and before.entry == entry:
            return before
        metrics = self._metrics.of_store(entry.store.name)
        connection = replace(entry.connection, breaker=Breaker())
        settings = replace(self._settings.for_store(entry), connection=connection)
        backend = REGISTRY[entry.backend](connection, metrics.observer(entry.backend))
        # Syncs of the one before may still be at work.
        locks = KeyedLocks() if before is None else before.locks
        served = self._wrap(backend)
        parts = Operator.build(
            settings,
            served,
            metrics,
            self._kube,
            self._events,
            self.placement,
            locks,
        )
        return Site(entry, settings, backend, served, parts, metrics, locks)

    def _close_retired(self) -> None:
        """Closes what nobody works on any more; outside the event loop the next call does."""
        done = [site for site in self._retired if not site.calls]
        if not done:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._retired = [site for site in self._retired if site.calls]
        for site in done:
            closing = loop.create_task(site.backend.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def _before(entry: Entry, sites: Mapping[str, Site]) -> Site | None:
    """What served a store so far, maybe under a name that it had before."""
    return next((sites[name] for name in entry.store.names if name in sites), None)


class _Syncing:
    """The sync hook of several stores."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    async def sync(self, request: SyncRequest) -> Result:
        if request.deleting or not self._sites.keys.enables(request):
            return await self._sites.of(request).parts.syncer.sync(request)
        site = self._sites.of(request)
        async with self._sites.at_work(site):
            return replace(await site.parts.syncer.sync(request), store=site.name)

    def reading(self, request: SyncRequest) -> Reading:
        return self._sites.of(request).parts.syncer.reading(request)

    def connection_secret(self, request: SyncRequest) -> Made | None:
        return self._sites.of(request).parts.syncer.connection_secret(request)

    def timed_out(self, request: SyncRequest) -> Result:
        site = self._sites.of(request)
        return replace(site.parts.syncer.timed_out(request), store=site.name)


class _Finalizing:
    """The finalize hook: at work on the store that the Secret's grant is for."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    async def finalize(self, request: SyncRequest) -> Result:
        site = self._sites.granted(request)
        async with self._sites.at_work(site):
            return replace(await site.parts.finalizer.finalize(request), store=site.name)

    def timed_out(self, request: SyncRequest) -> Result:
        site = self._sites.granted(request)
        return replace(site.parts.finalizer.timed_out(request), store=site.name)


@dataclass(frozen=True, slots=True)
class Opened:
    """An operator, and how its stores are closed."""

    operator: Operator
    close: Callable[[], Awaitable[None]]


def opened(
    settings: Settings, metrics: Metrics, kube: Kube | None, events: Events | None
) -> Opened:
    """The operator of the settings, for one store or for several.

    Args:
        settings: the environment's.
        metrics: counted into.
        kube: the Kubernetes API, None where there is none.
        events: written to; None writes none.
    """
    if settings.stores is not None:
        sites = Sites(settings, settings.stores, metrics, kube, events)
        return Opened(sites.operator(), sites.close)
    backend = REGISTRY[settings.backend_name](
        settings.connection, metrics.observer(settings.backend_name)
    )
    return Opened(Operator.build(settings, backend, metrics, kube, events), backend.close)
