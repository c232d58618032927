"""All servers together, and the Secrets of one test in them."""

from __future__ import annotations

import base64
import itertools
import re
import secrets as random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hooks.cluster.events import COMPONENT
from hooks.commands.processes import wait_until
from tests.e2e.gate import Gate
from tests.e2e.operator import operators_kubeconfig
from tests.servers.api import Object
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.decorator import DELETION, decorator, install
from tests.servers.hook import Hook, running_hook
from tests.servers.metacontroller import Metacontroller, running_metacontroller
from tests.servers.require import MetacontrollerFiles
from tests.servers.s3 import S3Store
from tests.servers.store import Store, running_store

PREFIX = "s3-resource-operator.io/"
ENABLED = {PREFIX + "enabled": "true"}

_SERVER_ERROR = re.compile(r"status code: 5\d\d")


@dataclass(frozen=True)
class Programs:
    etcd: Path
    kube_apiserver: Path
    versitygw: Path
    metacontroller: MetacontrollerFiles


@dataclass(frozen=True)
class Tenant:
    """What one Secret asks for."""

    namespace: str
    name: str
    bucket: str
    access_key: str
    secret: str

    @property
    def credentials(self) -> tuple[str, str]:
        return self.access_key, self.secret

    @property
    def data(self) -> dict[str, str]:
        return {
            "bucket-name": self.bucket,
            "access-key": self.access_key,
            "access-secret": self.secret,
        }


class Stack:
    def __init__(
        self,
        cluster: Cluster,
        gate: Gate,
        s3: S3Store,
        hook: Hook,
        metacontroller: Metacontroller,
    ) -> None:
        self.cluster = cluster
        self.gate = gate
        """The operator's own way to the Kubernetes API."""
        self.s3 = s3
        self.hook = hook
        self.metacontroller = metacontroller
        self.secrets_used: set[str] = set()
        """Every tenant's secret of this run: none may ever be seen outside a Secret's data."""
        self._revisions = itertools.count(1)
        self.sync_all()

    @property
    def kind(self) -> str:
        """The store's BACKEND_NAME."""
        assert self.hook.process.env is not None
        return self.hook.process.env.get("BACKEND_NAME", "versitygw")

    @property
    def policy_file(self) -> Path:
        """The operator's, which is read anew when it changes."""
        assert self.hook.process.env is not None
        return Path(self.hook.process.env["POLICY_FILE"])

    @property
    def store(self) -> Store:
        """The store, where it is VersityGW."""
        assert isinstance(self.s3, Store)
        return self.s3

    def sync_all(self, *, every: int | None = None) -> None:
        """Have Metacontroller sync every Secret once more, and then `every` so many seconds."""
        revision = next(self._revisions)
        manifest = decorator(self.hook.url, revision=revision, resync_seconds=every)
        install(self.cluster, manifest, self.hook.token)

    def install_deletion(self) -> None:
        """Apply the shipped second controller, which is opt-in."""
        install(self.cluster, decorator(self.hook.url, manifest=DELETION), self.hook.token)

    def use_token(self, token: str, *, token_secret: str) -> None:
        """Have Metacontroller call the hook with another token; `sync_all` takes it back."""
        revision = next(self._revisions)
        manifest = decorator(self.hook.url, revision=revision, token_secret=token_secret)
        install(self.cluster, manifest, token)

    @contextmanager
    def syncing(self, *, every: int) -> Iterator[None]:
        """Within, every Secret is synced each so many seconds; begins after two such rounds."""
        try:
            self.sync_all(every=every)
            self.wait_for_syncs(2)
            yield
        finally:
            self.sync_all()

    def wait_for_syncs(self, count: int) -> None:
        before = self.hook.syncs()
        wait_until(
            lambda: self.hook.syncs() >= before + count, timeout=20, what=f"{count} more syncs"
        )

    def settled_sync(self) -> None:
        """One sync of every Secret, waited for until nothing happens any more."""
        before = self.hook.syncs()
        self.sync_all()
        wait_until(lambda: self.hook.syncs() > before, timeout=20, what="a sync of every Secret")
        self.settle()

    def settle(self, quiet: float = 0.5, timeout: float = 30) -> None:
        """Wait until the hook has not been called for a while."""
        last, since = self.hook.syncs(), time.monotonic()

        def still() -> bool:
            nonlocal last, since
            if (now := self.hook.syncs()) != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since >= quiet

        wait_until(still, timeout=timeout, what="the hook to have nothing to do")

    def tenant(self, namespace: str, name: str = "credentials", *, secret: str = "") -> Tenant:
        """Names and credentials that nobody else has; nothing is made yet."""
        unique = f"{name[:24]}-{random.token_hex(6)}"
        return Tenant(namespace, name, unique, f"{unique}-user", secret or random.token_urlsafe(24))

    def put(
        self,
        tenant: Tenant,
        data: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Make or change the tenant's Secret, with annotations of ours."""
        manifest = self.manifest(tenant, data)
        manifest["metadata"]["annotations"] = {**ENABLED, **prefixed(annotations or {})}
        self.cluster.api.apply(manifest)

    def mark(self, tenant: Tenant, annotations: Mapping[str, str | None]) -> None:
        """Set or, with None, delete annotations of ours."""
        change = {"metadata": {"annotations": prefixed(annotations)}}
        self.cluster.api.merge("Secret", tenant.name, tenant.namespace, change)

    def manifest(self, tenant: Tenant, data: Mapping[str, str] | None = None) -> Object:
        self.secrets_used.add(tenant.secret)
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": tenant.name,
                "namespace": tenant.namespace,
                "annotations": ENABLED,
            },
            "data": {
                key: base64.b64encode(text.encode()).decode()
                for key, text in (tenant.data if data is None else data).items()
            },
        }

    def touch(self, tenant: Tenant) -> None:
        """A change to the Secret that means nothing to the operator."""
        change = {"metadata": {"annotations": {"example.com/touched": random.token_hex(4)}}}
        self.cluster.api.merge("Secret", tenant.name, tenant.namespace, change)

    def touched_total(self, tenant: Tenant, metric: str) -> float:
        """A metric after a sync, as the policy file is looked at when it is asked."""
        self.touch(tenant)
        self.settle(quiet=0.3)
        return self.hook.total(metric)

    def delete(self, tenant: Tenant) -> None:
        self.cluster.api.delete("Secret", tenant.name, tenant.namespace)

    def exists(self, tenant: Tenant) -> bool:
        return self.cluster.api.get("Secret", tenant.name, tenant.namespace) is not None

    def wait_until_gone(self, tenant: Tenant, *, timeout: float = 15) -> None:
        """Wait until the Secret is not there any more."""
        wait_until(
            lambda: not self.exists(tenant), timeout=timeout, what=f"{tenant.name} to be gone"
        )

    def observed(self, tenant: Tenant) -> Object:
        found = self.cluster.api.get("Secret", tenant.name, tenant.namespace)
        assert found is not None
        return found

    def annotations(self, tenant: Tenant) -> dict[str, str]:
        """The operator's annotations, without their prefix."""
        return operator_annotations(self.observed(tenant))

    def resource_version(self, tenant: Tenant) -> str:
        return str(self.observed(tenant)["metadata"]["resourceVersion"])

    def wait_for(
        self,
        tenant: Tenant,
        status: str,
        reason: str | None = None,
        *,
        timeout: float = 15,
        user: str | None = None,
    ) -> dict[str, str]:
        """Wait for a status of the tenant's Secret; its annotations then."""
        asked = {"status": status, "reason": reason, "user": user}
        wanted = {key: value for key, value in asked.items() if value is not None}
        seen: dict[str, str] = {}

        def reached() -> bool:
            nonlocal seen
            seen = self.annotations(tenant)
            return wanted.items() <= seen.items()

        try:
            wait_until(reached, timeout=timeout, what=f"{tenant.name} to be {wanted}")
        except TimeoutError as error:
            raise AssertionError(f"{error}; it is {seen}\n{self.hook.process.log_tail()}") from None
        return seen

    def provision(
        self,
        tenant: Tenant,
        data: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        *,
        timeout: float = 15,
    ) -> Tenant:
        """Make the tenant's Secret and wait until it is Ready."""
        self.put(tenant, data, annotations)
        self.wait_for(tenant, "Ready", timeout=timeout)
        return tenant

    def rotate(self, tenant: Tenant) -> Tenant:
        """Give the Secret another secret, and wait until the store takes it."""
        rotated = replace(tenant, secret=random.token_urlsafe(24))
        self.put(rotated)
        wait_until(
            lambda: self.works(rotated), timeout=15, what=f"{tenant.name}'s new secret to work"
        )
        self.wait_for(rotated, "Ready")
        return rotated

    def works(self, tenant: Tenant) -> bool:
        """Whether the tenant's own credentials write and read its bucket."""
        body = random.token_bytes(8)
        refused = self.s3.put(tenant.bucket, "works", body, as_user=tenant.credentials)
        if refused:
            return False
        return self.s3.get(tenant.bucket, "works", as_user=tenant.credentials) == body

    def events(self, namespace: str) -> list[str]:
        """What Metacontroller tells."""
        return [
            event["message"]
            for event in self.cluster.api.list("Event", namespace)
            if event["source"].get("component") != COMPONENT
        ]

    def told(self, tenant: Tenant) -> dict[str, Object]:
        """The operator's own Events on the Secret, by reason, as `kubectl describe` finds them."""
        found = {
            event["reason"]: event
            for event in self.cluster.api.list("Event", tenant.namespace)
            if event["source"].get("component") == COMPONENT
            and event["involvedObject"]["name"] == tenant.name
        }
        assert {event["involvedObject"]["kind"] for event in found.values()} <= {"Secret"}
        return found

    def wait_for_told(self, tenant: Tenant, *reasons: str) -> dict[str, Object]:
        """Wait for Events of these reasons."""
        wait_until(
            lambda: set(reasons) <= self.told(tenant).keys(),
            timeout=10,
            what=f"the Events {', '.join(reasons)} on {tenant.name}",
        )
        return self.told(tenant)

    def wait_for_event(self, namespace: str, text: str) -> None:
        wait_until(
            lambda: any(text in message for message in self.events(namespace)),
            timeout=15,
            what=f"an Event that says {text!r}",
        )

    def server_errors(self, namespace: str) -> list[str]:
        """Events that tell of a 5xx answer of the hook."""
        return [message for message in self.events(namespace) if _SERVER_ERROR.search(message)]


def prefixed(annotations: Mapping[str, str | None]) -> dict[str, str | None]:
    """Annotations of ours by their full names."""
    return {PREFIX + key: value for key, value in annotations.items()}


def operator_annotations(secret: Object) -> dict[str, str]:
    return {
        key.removeprefix(PREFIX): value
        for key, value in secret["metadata"].get("annotations", {}).items()
        if key.startswith(PREFIX)
    }


@contextmanager
def running_stack(
    programs: Programs,
    directory: Path,
    *,
    settings: Mapping[str, str] | None = None,
    other: Callable[[Path], S3Store] | None = None,
) -> Iterator[Stack]:
    """All servers; `other` starts another store than VersityGW."""
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
        store: S3Store
        if other is None:
            store = stack.enter_context(running_store(programs.versitygw, directory / "store"))
        else:
            (directory / "store").mkdir()
            store = other(directory / "store")
            stack.callback(store.stop)
        environ = {"KUBECONFIG": str(operators_kubeconfig(cluster, gate)), **(settings or {})}
        hook = stack.enter_context(running_hook(store, directory / "hook", settings=environ))
        metacontroller = stack.enter_context(
            running_metacontroller(programs.metacontroller, cluster, directory / "metacontroller")
        )
        running = Stack(cluster, gate, store, hook, metacontroller)
        if environ.get("DELETION") == "on":
            running.install_deletion()
        yield running
