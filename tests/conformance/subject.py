"""The stores that the conformance suite runs on: one class each, and a line in `SUBJECTS`.

A subject gives the suite what the operator itself must not have: other ways to look at the
store and to change things behind the operator's back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from backends import REGISTRY
from backends.base import Backend
from hooks.metrics import Metrics
from hooks.settings import Settings
from tests.faults import FaultProxy
from tests.model import ADMINISTRATOR, Account, ModelStore
from tests.servers.require import require
from tests.servers.store import Store
from tests.support import ENVIRON, Operator

Credentials = tuple[str, str]


class Subject(Protocol):
    """One store under test."""

    provisioning: int
    """How many requests a new bucket with a new user costs at most."""

    def operator(self, environ: dict[str, str] | None = None) -> Operator: ...

    def create_user(self, name: str, secret: str, role: str = "user") -> None: ...

    def delete_user(self, name: str) -> None: ...

    def set_secret(self, name: str, secret: str) -> None: ...

    def users(self) -> dict[str, Any]: ...

    def owners(self) -> dict[str, str | None]: ...

    def create_bucket(self, name: str, owner: str | None = None) -> None: ...

    def set_owner(self, bucket: str, owner: str) -> None: ...

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None) -> str: ...

    def get(self, bucket: str, key: str, *, as_user: Credentials | None) -> bytes | str: ...


class ModelSubject:
    """The model in memory: what holds for real stores has to hold for it."""

    provisioning = 5

    def __init__(self) -> None:
        self.store = ModelStore()
        self._objects: dict[tuple[str, str], bytes] = {}

    def operator(self, environ: dict[str, str] | None = None) -> Operator:
        metrics = Metrics()
        observe = metrics.observer("model")
        self.store.before = lambda operation: observe(operation, "200", 0.0)
        return Operator(self.store, environ, metrics)

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        self.store.accounts[name] = Account(secret, role)

    def delete_user(self, name: str) -> None:
        del self.store.accounts[name]

    def set_secret(self, name: str, secret: str) -> None:
        self.store.accounts[name].secret = secret

    def users(self) -> dict[str, Account]:
        return self.store.accounts

    def owners(self) -> dict[str, str | None]:
        return self.store.owners

    def create_bucket(self, name: str, owner: str | None = None) -> None:
        self.store.owners[name] = owner or ADMINISTRATOR

    def set_owner(self, bucket: str, owner: str) -> None:
        self.store.owners[bucket] = owner

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None) -> str:
        refusal = self._refusal(bucket, as_user)
        if not refusal:
            self._objects[bucket, key] = body
        return refusal

    def get(self, bucket: str, key: str, *, as_user: Credentials | None) -> bytes | str:
        return self._refusal(bucket, as_user) or self._objects.get((bucket, key), "NoSuchKey")

    def _refusal(self, bucket: str, as_user: Credentials | None) -> str:
        if as_user is not None:
            account = self.store.accounts.get(as_user[0])
            if account is None:
                return "InvalidAccessKeyId"
            if account.secret != as_user[1]:
                return "SignatureDoesNotMatch"
            if self.store.owners.get(bucket) != as_user[0]:
                return "AccessDenied"
        return "" if bucket in self.store.owners else "NoSuchBucket"


class RealSubject:
    """A real store, reached through a proxy that can be told to fail.

    Args:
        backend: its name in the registry.
        store: the running server.
        proxy: in front of it; the operator's way, not the test's.
    """

    provisioning = 5

    def __init__(self, backend: str, store: Store, proxy: FaultProxy) -> None:
        self.backend_name = backend
        self.store = store
        self.proxy = proxy

    def operator(self, environ: dict[str, str] | None = None) -> Operator:
        variables = {**self.environ(), **(environ or {})}
        metrics = Metrics()
        return Operator(self.connect(variables, metrics), variables, metrics)

    def environ(self) -> dict[str, str]:
        """The settings for this store."""
        return {
            "BACKEND_NAME": self.backend_name,
            "S3_ENDPOINT_URL": self.proxy.url,
            "S3_ACCESS_KEY": self.store.access_key,
            "S3_SECRET_KEY": self.store.secret_key,
        }

    def connect(self, environ: dict[str, str], metrics: Metrics | None = None) -> Backend:
        """The backend alone, as the settings make it."""
        settings = Settings.load({**ENVIRON, **environ})
        observe = (metrics or Metrics()).observer(self.backend_name)
        return REGISTRY[self.backend_name](settings.connection, observe)

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        self.store.create_user(name, secret, role)

    def delete_user(self, name: str) -> None:
        self.store.delete_user(name)

    def set_secret(self, name: str, secret: str) -> None:
        self.store.set_secret(name, secret)

    def users(self) -> dict[str, Any]:
        return dict(self.store.users())

    def owners(self) -> dict[str, str | None]:
        return dict(self.store.owners())

    def create_bucket(self, name: str, owner: str | None = None) -> None:
        with self.store.s3() as client:
            client.create_bucket(Bucket=name)
        if owner:
            self.store.change_owner(name, owner)

    def set_owner(self, bucket: str, owner: str) -> None:
        self.store.change_owner(bucket, owner)

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None) -> str:
        return self.store.put(bucket, key, body, as_user=as_user)

    def get(self, bucket: str, key: str, *, as_user: Credentials | None) -> bytes | str:
        return self.store.get(bucket, key, as_user=as_user)


@contextmanager
def versitygw_subject(folder: Path, extra_args: Sequence[str] = ()) -> Iterator[RealSubject]:
    """VersityGW on files, with users in files."""
    store = Store(require("versitygw"), folder, extra_args=extra_args)
    try:
        with FaultProxy(store.port) as proxy:
            yield RealSubject("versitygw", store, proxy)
    finally:
        store.stop()


SUBJECTS: dict[str, Callable[[Path], AbstractContextManager[RealSubject]]] = {
    "versitygw": versitygw_subject,
}
"""Every real store by name; a further backend joins the suite here."""
