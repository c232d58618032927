"""All servers of a run: three hooks behind a balancer, and a proxy between them and the store."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import urllib3

from hooks.commands.processes import wait_until
from tests.chaos.balancer import Balancer
from tests.chaos.proxy import ChaosProxy
from tests.e2e.gate import Gate
from tests.e2e.operator import operators_kubeconfig
from tests.e2e.stack import Programs
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.decorator import DELETION, decorator, install
from tests.servers.hook import Hook
from tests.servers.metacontroller import Metacontroller, running_metacontroller
from tests.servers.store import Store, running_store

HOOKS = 3
NAMESPACES = ("chaos-a", "chaos-b")
_QUIET = 0.7


class World:
    """Everything that runs, and what can be done to it."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        proxy: ChaosProxy,
        hooks: list[Hook],
        balancer: Balancer,
        metacontroller: Metacontroller,
    ) -> None:
        self.cluster = cluster
        self.store = store
        self.proxy = proxy
        self.hooks = hooks
        self.balancer = balancer
        self.metacontroller = metacontroller
        self.token = hooks[0].token
        self._revisions = itertools.count(1)
        for namespace in NAMESPACES:
            cluster.namespace(namespace)
        self.resync()

    @property
    def credentials(self) -> tuple[str, ...]:
        """The operator's own, none of which may ever be seen."""
        return (self.store.secret_key, self.token, self.hooks[0].signing_key)

    def resync(self) -> None:
        """Have Metacontroller call the hook for every Secret once more."""
        revision = next(self._revisions)
        install(self.cluster, decorator(self.balancer.url, revision=revision), self.token)
        deletion = decorator(self.balancer.url, revision=revision, manifest=DELETION)
        install(self.cluster, deletion, self.token)

    def resynced(self, count: int) -> None:
        """The same, until so many syncs have been answered, and none any more for a moment."""
        last, since = self.syncs(), time.monotonic()
        enough = last + count
        self.resync()

        def quiet() -> bool:
            nonlocal last, since
            if (now := self.syncs()) != last:
                last, since = now, time.monotonic()
            return last >= enough and time.monotonic() - since >= _QUIET

        what = f"{count} syncs and then none"
        wait_until(quiet, timeout=60 + count / 4, what=what, interval=0.2)

    def syncs(self) -> int:
        """How many the hooks that run have answered since each was started."""
        return sum(hook.syncs() for hook in self.hooks)

    def mend(self) -> None:
        """Start again whatever is down, as a kubelet does."""
        self.proxy.calm()
        self.store.process.resume()
        if not self.store.process.running:
            self.store.restart()
        if not self.cluster.apiserver.running:
            self.cluster.apiserver.start()
        self.cluster.apiserver.wait_for(
            self.cluster.api.ready, timeout=60, what="the Kubernetes API"
        )
        for hook in self.hooks:
            if not hook.process.running:
                hook.process.start()
        for hook in self.hooks:
            hook.process.wait_for(hook.ready, timeout=30, what="the hook to be ready")
        if not self.metacontroller.process.running:
            self.metacontroller.restart()

    def metrics(self) -> dict[str, str]:
        """What each hook that runs shows to everybody."""
        shown = {}
        for number, hook in enumerate(self.hooks):
            try:
                shown[f"/metrics of hook {number}"] = hook.metrics_text()
            except urllib3.exceptions.HTTPError:
                continue
        return shown


@contextmanager
def running_world(programs: Programs, directory: Path, *, seed: int) -> Iterator[World]:
    """All servers, in which nothing fails yet.

    Args:
        programs: the servers.
        directory: where everything of theirs is written.
        seed: of the proxy's dice.
    """
    with ExitStack() as stack:
        cluster = stack.enter_context(
            running_cluster(
                directory / "cluster",
                etcd=programs.etcd,
                kube_apiserver=programs.kube_apiserver,
            )
        )
        gate = Gate(int(cluster.url.rsplit(":", 1)[1]))
        stack.callback(gate.close)
        store = stack.enter_context(
            running_store(
                programs.versitygw,
                directory / "store",
                # Its cache of accounts mixes them up once secrets are rotated: docs/backends.md.
                extra_args=["--keep-alive"],
            )
        )
        proxy = ChaosProxy(store.port, seed)
        stack.callback(proxy.close)
        settings = {
            **store.environ(proxy.url),
            "KUBECONFIG": str(operators_kubeconfig(cluster, gate)),
            "CONFLICT_GUARD": "on",
            "DELETION": "on",
            "HOOK_TOKEN": secrets.token_urlsafe(24),
            "SIGNING_KEY": secrets.token_urlsafe(24),
            # Whatever could leak into a log does so here.
            "LOG_LEVEL": "DEBUG",
        }
        hooks = [_hook(store, directory / f"hook-{number}", settings) for number in range(HOOKS)]
        for hook in hooks:
            stack.callback(hook.close)
            hook.process.start()
        for hook in hooks:
            hook.process.wait_for(hook.ready, timeout=30, what="the hook to be ready")
        balancer = Balancer([hook.port for hook in hooks])
        stack.callback(balancer.close)
        metacontroller = stack.enter_context(
            running_metacontroller(programs.metacontroller, cluster, directory / "metacontroller")
        )
        yield World(cluster, store, proxy, hooks, balancer, metacontroller)


def _hook(store: Store, directory: Path, settings: dict[str, str]) -> Hook:
    hook = Hook(store, directory, settings=settings)
    # Replicas share both, as pods of one Deployment do.
    hook.token, hook.signing_key = settings["HOOK_TOKEN"], settings["SIGNING_KEY"]
    return hook
