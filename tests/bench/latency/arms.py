"""What is measured beside each other: builds behind Metacontroller, and the bare requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from tests.bench.floor import VersityFloor, secret_of
from tests.bench.guard.builds import Build
from tests.bench.latency.watch import Watch
from tests.e2e.operator import operators_kubeconfig
from tests.e2e.stack import ENABLED, PREFIX
from tests.servers.accounts import secret
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.servers.decorator import decorator, install
from tests.servers.hook import Hook, running_hook
from tests.servers.store import Store, running_store

SHARD = "bench/arm"
"""The label that tells whose a Secret is."""


@dataclass(frozen=True)
class Cost:
    """What the hook has done since it was started.

    Args:
        calls: of Metacontroller's.
        seconds: in them.
        store_seconds: of those, waiting for the store.
    """

    calls: float = 0
    seconds: float = 0
    store_seconds: float = 0

    def since(self, before: Cost) -> Cost:
        """What came after another moment."""
        return Cost(
            self.calls - before.calls,
            self.seconds - before.seconds,
            self.store_seconds - before.store_seconds,
        )


class Arm(Protocol):
    """One way from a new Secret to Ready."""

    name: str
    watch: Watch

    def begin(self, number: int) -> str:
        """Makes a Secret that nobody has seen; its name."""

    def cost(self) -> Cost:
        """What the hook has done so far."""

    def settle(self) -> None:
        """Waits until nothing more is done about what is Ready."""

    def sweep(self) -> None:
        """Takes the Secrets away; the store keeps what it has."""


class Operated:
    """A build that is called by Metacontroller."""

    def __init__(self, name: str, cluster: Cluster, namespace: str, hook: Hook) -> None:
        self.name = name
        self.watch = Watch(cluster, namespace)
        self._cluster = cluster
        self._namespace = namespace
        self._hook = hook

    def begin(self, number: int) -> str:
        made = new(self._namespace, number)
        self._cluster.api.create(made)
        return str(made["metadata"]["name"])

    def cost(self) -> Cost:
        return Cost(
            self._hook.total("s3_operator_sync_duration_seconds_count"),
            self._hook.total("s3_operator_sync_duration_seconds_sum"),
            self._hook.total("s3_operator_backend_request_duration_seconds_sum"),
        )

    def settle(self) -> None:
        calls = -1
        while calls != (calls := self._hook.syncs()):
            time.sleep(0.15)

    def sweep(self) -> None:
        self._cluster.api.delete_all("Secret", self._namespace)


class Bare:
    """The requests that a new Secret can't do without, one after the other, from a plain loop.

    They are: the Secret's creation; the guard's three look-ups by label, metadata alone; user,
    bucket and probe on the store; the status, written at once.
    """

    name = "bare sequence"

    def __init__(self, cluster: Cluster, namespace: str, store: Store) -> None:
        self.watch = Watch(cluster, namespace)
        self._cluster = cluster
        self._namespace = namespace
        self._floor = VersityFloor(store)

    def begin(self, number: int) -> str:
        api = self._cluster.api
        made = api.create(new(self._namespace, number))
        for label in ("user-hash", "bucket-hash", "several"):
            selector = quote(f"{PREFIX}{label}={number:016x}")
            api.metadata(f"{api.path('Secret')}?labelSelector={selector}")
        self._floor.provision(number)
        made["metadata"]["annotations"][f"{PREFIX}status"] = "Ready"
        api.replace(made)
        return str(made["metadata"]["name"])

    def cost(self) -> Cost:
        return Cost()

    def settle(self) -> None:
        pass

    def sweep(self) -> None:
        self._cluster.api.delete_all("Secret", self._namespace)

    def close(self) -> None:
        self._floor.close()


def new(namespace: str, number: int) -> Object:
    """A Secret as an application's author writes it."""
    return secret(
        namespace,
        f"secret-{number}",
        annotations=dict(ENABLED),
        labels={SHARD: namespace},
        data={
            "bucket-name": f"bucket-{number}",
            "access-key": f"user{number:05}",
            "access-secret": secret_of(number),
        },
    )


@contextmanager
def operated(
    build: Build, name: str, cluster: Cluster, versitygw: Path, directory: Path
) -> Iterator[Operated]:
    """A build with a store of its own, and a controller for the Secrets of its namespace.

    Args:
        build: whose files are run.
        name: of its namespace and its controller.
        cluster: where the Secrets are.
        versitygw: the store's program.
        directory: for what they write.
    """
    cluster.namespace(name)
    settings = {
        "KUBECONFIG": str(operators_kubeconfig(cluster)),
        "CONFLICT_GUARD": "on",
        "KUBERNETES_EVENTS": "on",
        "LOG_LEVEL": "WARNING",
    }
    with (
        running_store(versitygw, directory / "store", cache=True) as store,
        running_hook(store, directory / "hook", settings=settings, root=build.root) as hook,
    ):
        manifest = decorator(hook.url, token_secret=f"hook-of-{name}")
        manifest["metadata"]["name"] = name
        for resource in manifest["spec"]["resources"]:
            resource["labelSelector"] = {"matchLabels": {SHARD: name}}
        install(cluster, manifest, hook.token)
        yield Operated(build.name, cluster, name, hook)


@contextmanager
def bare(cluster: Cluster, versitygw: Path, directory: Path) -> Iterator[Bare]:
    """The bare sequence, on a store of its own."""
    cluster.namespace("bare")
    with (
        running_store(versitygw, directory / "store", cache=True) as store,
        closing(Bare(cluster, "bare", store)) as made,
    ):
        yield made
