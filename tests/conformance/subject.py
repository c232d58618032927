"""The stores that the conformance suite runs on: one class each, and a line in `SUBJECTS`.

A subject gives the suite what the operator itself must not have: other ways to look at the
store and to change things behind the operator's back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from backends import REGISTRY
from backends.base import Backend, Observer
from backends.sharing import Access
from hooks.cluster.kube import Kube
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from tests.conformance.traits import TRAITS, Traits
from tests.faults import FaultProxy
from tests.model import ADMINISTRATOR, Account, ModelStore
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.require import require
from tests.servers.rustfs import RustFSStore
from tests.servers.s3 import Credentials, S3Store
from tests.servers.seaweedfs import SeaweedStore
from tests.servers.store import Store
from tests.support import ENVIRON, Operator, wait


class Killed(BaseException):
    """The operator's process is gone; nothing in it can catch that."""


class Lifetime:
    """How long an operator lives, counted in its writes.

    Args:
        traits: tell a read from a write; whatever isn't known as a read is a write.
        writes: how many it makes; None never ends it.
    """

    def __init__(self, traits: Traits, writes: int | None) -> None:
        self._reads = traits.reads
        self._left = writes

    def ends_after(self, operation: str) -> None:
        if self._left is not None and operation not in self._reads:
            self._left -= 1
            if self._left == 0:
                raise Killed

    def ends_before(self, operation: str) -> None:
        """For a store that can't be observed after the fact."""
        if self._left == 0:
            raise Killed
        if self._left is not None and operation not in self._reads:
            self._left -= 1


class Subject(Protocol):
    """One store under test."""

    traits: Traits

    def operator(
        self,
        environ: dict[str, str] | None = None,
        *,
        writes: int | None = None,
        kube: Kube | None = None,
    ) -> Operator:
        """An operator for this store, which dies once it has made so many `writes`.

        Reads leave a store as it is: these are all the places that make a difference.
        """
        ...

    def backend(self) -> Backend:
        """The backend alone."""
        ...

    def create_user(self, name: str, secret: str, role: str = "user") -> None: ...

    def delete_user(self, name: str) -> None: ...

    def set_secret(self, name: str, secret: str) -> None: ...

    def names(self) -> tuple[set[str], set[str]]: ...

    def user(self, name: str) -> Any: ...

    def accepts(self, name: str, secret: str) -> bool: ...

    def owner(self, bucket: str) -> str | None: ...

    def create_bucket(self, name: str, owner: str | None = None) -> None: ...

    def set_owner(self, bucket: str, owner: str | None) -> None: ...

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None) -> str: ...

    def get(self, bucket: str, key: str, *, as_user: Credentials | None) -> bytes | str: ...


class ModelSubject:
    """The model in memory: what holds for real stores has to hold for it."""

    traits = TRAITS["model"]

    def __init__(self) -> None:
        self.store = ModelStore()

    def operator(
        self,
        environ: dict[str, str] | None = None,
        *,
        writes: int | None = None,
        kube: Kube | None = None,
    ) -> Operator:
        metrics = Metrics()
        observe = metrics.observer("model")
        life = Lifetime(self.traits, writes)

        def before(operation: str) -> None:
            life.ends_before(operation)
            observe(operation, "200", 0.0)

        self.store.before = before
        return Operator(self.store, environ, metrics, kube)

    def backend(self) -> Backend:
        return self.store

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        self.store.accounts[name] = Account(secret, role)

    def delete_user(self, name: str) -> None:
        del self.store.accounts[name]

    def set_secret(self, name: str, secret: str) -> None:
        self.store.accounts[name].secret = secret

    def names(self) -> tuple[set[str], set[str]]:
        return set(self.store.accounts), set(self.store.owners)

    def user(self, name: str) -> Account | None:
        return self.store.accounts.get(name)

    def accepts(self, name: str, secret: str) -> bool:
        return self.store.accounts[name].secret == secret

    def owner(self, bucket: str) -> str | None:
        return self.store.owners.get(bucket)

    def create_bucket(self, name: str, owner: str | None = None) -> None:
        self.store.owners[name] = owner or ADMINISTRATOR

    def set_owner(self, bucket: str, owner: str | None) -> None:
        self.store.owners[bucket] = owner or ADMINISTRATOR

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None) -> str:
        refusal = self._refusal(bucket, as_user, Access.READ_WRITE)
        if not refusal:
            self.store.objects[bucket, key] = body
        return refusal

    def get(self, bucket: str, key: str, *, as_user: Credentials | None) -> bytes | str:
        refusal = self._refusal(bucket, as_user, Access.READ_ONLY)
        return refusal or self.store.objects.get((bucket, key), "NoSuchKey")

    def _refusal(self, bucket: str, as_user: Credentials | None, wanted: Access) -> str:
        if as_user is not None:
            account = self.store.accounts.get(as_user[0])
            if account is None:
                return "InvalidAccessKeyId"
            if account.secret != as_user[1]:
                return "SignatureDoesNotMatch"
            given = self.store.shared.get(bucket, {}).get(as_user[0])
            shared = given is not None and given.covers(wanted)
            if self.store.owners.get(bucket) != as_user[0] and not shared:
                return "AccessDenied"
        return "" if bucket in self.store.owners else "NoSuchBucket"


class RealSubject:
    """A real store, reached through a proxy that can be told to fail.

    Args:
        backend: its name in the registry.
        store: the running server.
        proxy: in front of it; the operator's way, not the test's.
    """

    def __init__(self, backend: str, store: S3Store, proxy: FaultProxy) -> None:
        self.backend_name = backend
        self.traits = TRAITS[backend]
        self.store = store
        self.proxy = proxy
        self._backends: list[Backend] = []

    def close(self) -> None:
        """Closes what every operator has kept open."""
        for backend in self._backends:
            wait(backend.close())

    def operator(
        self,
        environ: dict[str, str] | None = None,
        *,
        writes: int | None = None,
        kube: Kube | None = None,
    ) -> Operator:
        variables = {**self.environ(), **(environ or {})}
        metrics = Metrics()
        observe = metrics.observer(self.backend_name)
        life = Lifetime(self.traits, writes)

        def observe_or_die(operation: str, code: str, seconds: float) -> None:
            observe(operation, code, seconds)
            life.ends_after(operation)

        return Operator(self.connect(variables, observe_or_die), variables, metrics, kube)

    def backend(self) -> Backend:
        return self.connect(self.environ(), lambda *_: None)

    def environ(self) -> dict[str, str]:
        """The settings for this store, through the proxy; patient, for busy machines."""
        return {
            "BACKEND_NAME": self.backend_name,
            "SYNC_TIMEOUT_SECONDS": "30",
            **self.store.environ(self.proxy.url),
        }

    def without_proxy(self) -> dict[str, str]:
        """The settings that go past the proxy, for what is done to the server itself."""
        return self.store.environ()

    def connect(self, environ: dict[str, str], observe: Observer) -> Backend:
        """The backend alone, as the settings make it."""
        settings = Settings.load({**ENVIRON, **environ})
        backend = REGISTRY[self.backend_name](settings.connection, observe)
        self._backends.append(backend)
        return backend

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        self.store.create_user(name, secret, role)

    def delete_user(self, name: str) -> None:
        self.store.delete_user(name)

    def set_secret(self, name: str, secret: str) -> None:
        self.store.set_secret(name, secret)

    def names(self) -> tuple[set[str], set[str]]:
        return self.store.names()

    def user(self, name: str) -> Any:
        return self.store.user(name)

    def accepts(self, name: str, secret: str) -> bool:
        answer = self.store.get("no-such-bucket", "key", as_user=(name, secret))
        return answer not in self.traits.refused

    def owner(self, bucket: str) -> str | None:
        return self.store.owner(bucket)

    def create_bucket(self, name: str, owner: str | None = None) -> None:
        self.store.create_bucket(name)
        if owner:
            self.store.change_owner(name, owner)

    def set_owner(self, bucket: str, owner: str | None) -> None:
        self.store.change_owner(bucket, owner)

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None) -> str:
        return self.store.put(bucket, key, body, as_user=as_user)

    def get(self, bucket: str, key: str, *, as_user: Credentials | None) -> bytes | str:
        return self.store.get(bucket, key, as_user=as_user)


def keep_versions(store: Store, folder: Path) -> None:
    """Starts the gateway again with a place for versions."""
    folder.mkdir()
    assert store.process.env is not None
    store.process.env["VGW_VERSIONING_DIR"] = str(folder)
    store.restart()


@contextmanager
def versitygw_subject(
    folder: Path, extra_args: Sequence[str] = (), *, versions: bool = False, cache: bool = False
) -> Iterator[RealSubject]:
    """VersityGW on files, with users in files, and with a place for versions if need be."""
    store = Store(require("versitygw"), folder, extra_args=extra_args, cache=cache)
    try:
        if versions:
            keep_versions(store, folder / "versions")
        with (
            FaultProxy(store.port) as proxy,
            closing(RealSubject("versitygw", store, proxy)) as subject,
        ):
            yield subject
    finally:
        store.stop()


@contextmanager
def minio_subject(folder: Path) -> Iterator[RealSubject]:
    """MinIO on files, with users in files."""
    store = MinioStore(require("minio"), folder)
    try:
        with (
            FaultProxy(store.port) as proxy,
            closing(RealSubject("minio", store, proxy)) as subject,
        ):
            yield subject
    finally:
        store.stop()


@contextmanager
def garage_subject(folder: Path) -> Iterator[RealSubject]:
    """Garage of one node; one proxy stands before both of its ports."""
    store = GarageStore(require("garage"), folder)
    try:
        with (
            FaultProxy(store.port, store.admin_port) as proxy,
            closing(RealSubject("garage", store, proxy)) as subject,
        ):
            yield subject
    finally:
        store.stop()


@contextmanager
def ceph_rgw_subject(folder: Path) -> Iterator[RealSubject]:
    """Ceph RGW with its cluster in memory."""
    store = CephRGWStore(require("ceph-rgw"), folder)
    try:
        with (
            FaultProxy(store.port) as proxy,
            closing(RealSubject("ceph-rgw", store, proxy)) as subject,
        ):
            yield subject
    finally:
        store.stop()


@contextmanager
def seaweedfs_subject(folder: Path, extra_args: Sequence[str] = ()) -> Iterator[RealSubject]:
    """SeaweedFS in one process, with users in its filer."""
    store = SeaweedStore(require("seaweedfs"), folder, extra_args=extra_args)
    try:
        with (
            FaultProxy(store.port) as proxy,
            closing(RealSubject("seaweedfs", store, proxy)) as subject,
        ):
            yield subject
    finally:
        store.stop()


@contextmanager
def rustfs_subject(folder: Path) -> Iterator[RealSubject]:
    """RustFS on one folder of files, with users in it."""
    store = RustFSStore(require("rustfs"), folder)
    try:
        with (
            FaultProxy(store.port) as proxy,
            closing(RealSubject("rustfs", store, proxy)) as subject,
        ):
            yield subject
    finally:
        store.stop()


SUBJECTS: dict[str, Callable[[Path], AbstractContextManager[RealSubject]]] = {
    "versitygw": partial(versitygw_subject, versions=True),
    "minio": minio_subject,
    "garage": garage_subject,
    "ceph-rgw": ceph_rgw_subject,
    "seaweedfs": seaweedfs_subject,
    "rustfs": rustfs_subject,
}
"""Every real store by name; a further backend joins the suite here."""
