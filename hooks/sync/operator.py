"""All that belongs to one operator, put together from its settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol, Self

from backends.base import Backend
from hooks.attachments.attachments import Attachments, Made
from hooks.attachments.connection import Connections
from hooks.claim.policy import Policy
from hooks.claim.secret import Reading
from hooks.cluster.events import Events
from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import Misconfigured
from hooks.contract.decorator import SyncRequest
from hooks.contract.derived import is_generated
from hooks.contract.status import Keys
from hooks.metrics import Metrics
from hooks.settings.settings import Settings, SettingsError, Switch
from hooks.sync.finalizer import Finalizer
from hooks.sync.locks import KeyedLocks
from hooks.sync.placement import Placement, of_one_store
from hooks.sync.renewal import generator_of
from hooks.sync.reporter import Reporter
from hooks.sync.sharing import SharedBuckets
from hooks.sync.syncer import Result, Syncer
from hooks.tenancy.consent import Consents
from hooks.tenancy.guard import ConflictGuard
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Thing


class Syncing(Protocol):
    """The sync hook, of one store or of several; see :class:`hooks.sync.syncer.Syncer`."""

    async def sync(self, request: SyncRequest) -> Result:
        """Makes the store what the Secret says."""
        ...

    def reading(self, request: SyncRequest) -> Reading:
        """What a Secret asks for."""
        ...

    def connection_secret(self, request: SyncRequest) -> Made | None:
        """The connection Secret of a Secret that no controller shows."""
        ...

    def timed_out(self, request: SyncRequest) -> Result:
        """The answer when :meth:`sync` is not done in time."""
        ...


class Finalizing(Protocol):
    """The finalize hook; see :class:`hooks.sync.finalizer.Finalizer`."""

    async def finalize(self, request: SyncRequest) -> Result:
        """Removes what may be."""
        ...

    def timed_out(self, request: SyncRequest) -> Result:
        """The answer when :meth:`finalize` is not done in time."""
        ...


@dataclass(frozen=True, slots=True)
class Operator:
    """What answers hook calls.

    Attributes:
        syncer: the sync hook.
        finalizer: the finalize hook.
        reporter: tells of answers.
        guarded: whether other Secrets are looked at before anything is taken over.
        unwatch: ends what watches files for it; for an operator that another one replaces.
    """

    syncer: Syncing
    finalizer: Finalizing
    reporter: Reporter
    guarded: bool
    unwatch: Callable[[], None] = lambda: None

    @classmethod
    def build(
        cls,
        settings: Settings,
        backend: Backend,
        metrics: Metrics,
        kube: Kube | None = None,
        events: Events | None = None,
        placement: Placement | None = None,
        locks: KeyedLocks | None = None,
    ) -> Self:
        """Puts an operator together.

        Args:
            settings: the environment's.
            backend: the store.
            metrics: counted into.
            kube: the Kubernetes API, None where there is none.
            events: written to; None writes none.
            placement: which store a Secret belongs to; None where there is one only.
            locks: what syncs of the store hold; None makes them.
        """
        keys = Keys(settings.annotation_key)
        locks = KeyedLocks() if locks is None else locks
        placement = placement or of_one_store(settings)
        others = None
        guard = consents = None
        if kube is not None and settings.conflict_guard is not Switch.OFF:
            others = others_of(settings, kube, placement)
            guard = ConflictGuard(others)
            consents = Consents(others, keys)
        if settings.policy.file is not None and settings.stores is None:
            settings.policy.file.watch(metrics.policy_observer())
        connections = Connections.of(keys, settings)
        watches = ExitStack()
        bundle = settings.connection.ca_bundle
        if bundle is None:
            # The one before may have had one.
            metrics.forget_ca_bundle()
        else:
            for observer in (metrics.ca_bundle_observer(), connections.watched):
                watches.callback(bundle.watch(observer))
        attachments = Attachments(connections, kube)
        shared = SharedBuckets(keys, backend, consents)
        return cls(
            Syncer(settings, backend, metrics, locks, attachments, shared, guard, placement),
            Finalizer(settings, backend, metrics, locks, others, placement),
            Reporter(keys, metrics, events),
            guard is not None,
            watches.close,
        )


def connect(settings: Settings) -> Kube | None:
    """The Kubernetes API, where a configuration of it is found; nothing is asked of it yet.

    Raises:
        SettingsError: it is wanted and there is none, or it can't be used.
    """
    wanted = {
        "CONFLICT_GUARD": settings.conflict_guard,
        "KUBERNETES_EVENTS": settings.events,
        "DELETION": Switch.ON if settings.deletion else Switch.OFF,
    }
    try:
        kube = Kube.load()
    except Misconfigured as error:
        # A mistake in it must not switch off in silence what would be on by itself.
        names = [name for name, switch in wanted.items() if switch is not Switch.OFF]
        if not names:
            return None
        raise SettingsError([f"{name}: {error}" for name in names]) from error
    forced = [name for name, switch in wanted.items() if switch is Switch.ON]
    if kube is None and forced:
        raise SettingsError(
            [
                f"{name}: on, but no configuration of the Kubernetes API is found, neither a "
                "pod's nor a kubeconfig"
                for name in forced
            ]
        )
    return kube


def others_of(settings: Settings, kube: Kube, placement: Placement | None = None) -> Others:
    """The other Secrets of a store, whether or not the conflict guard is on.

    Args:
        settings: the store's.
        kube: the Kubernetes API.
        placement: which store a Secret belongs to; None where there is one only.
    """
    placement = placement or of_one_store(settings)
    return Others(
        kube,
        Keys(settings.annotation_key),
        settings.grants,
        settings.rules.endpoint,
        settings.rules.aliases,
        partial(_may_have, settings.rules.policy),
        generator_of(settings),
        partial(placement.may_be_at, name=settings.store.name),
    )


def _may_have(policy: Policy, namespace: str, thing: Thing, name: str) -> bool:
    if thing is Thing.BUCKET:
        return policy.may_have_bucket(namespace, name)
    # A generated one is bound to its namespace without any pattern.
    return is_generated(name) or policy.may_have_access_key(namespace, name)
