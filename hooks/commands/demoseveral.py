"""The demo of several stores in one operator: who goes where, an outage, and a move."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from hooks.commands.demohook import Hook, hook_server
from hooks.commands.demostore import DEMO_STORES, Running
from hooks.commands.processes import LOOPBACK, ProcessError, free_port, wait_until

SEVERAL = ("versitygw", "minio", "garage")
"""The stores of this demo, the default one first."""
_KILLED, _GOAL = "minio", "garage"
_FILES = {
    "S3_ACCESS_KEY": "access-key-file",
    "S3_SECRET_KEY": "secret-key-file",
    "S3_ADMIN_TOKEN": "admin-token-file",
}
_URLS = {"S3_ENDPOINT_URL": "endpoint", "S3_ADMIN_ENDPOINT_URL": "admin-endpoint"}
# Seconds that a store may take which was just started, and is looked at anew.
_PATIENCE = 60.0


class Application(Protocol):
    """What has a Secret's credentials, and one object in its bucket."""

    @property
    def place(self) -> str:
        """Where the object is."""
        ...

    def write(self) -> None:
        """Writes it."""
        ...

    def refusal(self) -> str:
        """The error code of a read, empty if it went well."""
        ...


class Shown(Protocol):
    """How the story is told."""

    def step(self, text: str) -> None:
        """One numbered step of it."""
        ...

    def lines(self, rows: Mapping[str, str]) -> None:
        """What belongs to the step: a word and what is said of it, for each line."""
        ...

    def require(self, condition: bool, problem: str) -> None:
        """Ends the demo with that problem unless the condition holds."""
        ...


Applications = Callable[[str, str, str, str, str], Application]
"""Makes one: endpoint, region, bucket, access key, its secret."""


@dataclass
class _Tenant:
    """A Secret of the demo."""

    name: str
    store: str
    bucket: str
    user: str
    secret: str = field(repr=False)
    document: dict[str, Any] = field(repr=False)


def stores_file(folder: Path, running: Mapping[str, Running]) -> Path:
    """Writes STORES_FILE for running stores, with the files of credentials beside it.

    Args:
        folder: for all of them.
        running: the stores by their names, the default one first.
    """
    entries = []
    for name, store in running.items():
        entry = {"name": name, "backend": name}
        for variable, key in _URLS.items():
            if variable in store.environ:
                entry[key] = store.environ[variable]
        for variable, key in _FILES.items():
            if variable in store.environ:
                file = folder / f"{name}-{key.removesuffix('-file')}"
                file.touch(mode=0o600)
                file.write_text(store.environ[variable], encoding="utf-8")
                entry[key] = file.name
        entries.append(entry)
    path = folder / "stores.yaml"
    document = {"default": next(iter(running)), "stores": entries}
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def programs() -> Mapping[str, Path]:
    """Each store's program: its variable's, else one on PATH.

    Raises:
        ProcessError: there is none; with the remedy.
    """
    found = {name: DEMO_STORES[name].find(None) for name in SEVERAL}
    missing = [DEMO_STORES[name] for name, binary in found.items() if binary is None]
    if missing:
        raise ProcessError(
            f"{', '.join(store.title for store in missing)}: missing. Set "
            f"{', '.join(store.variable for store in missing)}, or run `make demo SEVERAL=1`, "
            "which builds what is missing."
        )
    return {name: binary for name, binary in found.items() if binary is not None}


@contextmanager
def several_running(
    binaries: Mapping[str, Path], folder: Path
) -> Iterator[tuple[Mapping[str, Running], Hook]]:
    """The stores, and a hook server with a list of them.

    Args:
        binaries: the stores' programs, by their names.
        folder: for all files.
    """
    hook = Hook(free_port(), free_port(), secrets.token_urlsafe(24))
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        for name, binary in binaries.items():
            (folder / name).mkdir()
            running[name] = DEMO_STORES[name].start(binary, folder / name)
            stack.enter_context(running[name].process)
        listed = stores_file(folder, running)
        settings = {"STORES_FILE": str(listed), "SIGNING_KEY": secrets.token_urlsafe(48)}
        stack.enter_context(hook_server(folder, settings, hook))
        yield running, hook


class SeveralStores:
    """The story, on running stores and a hook server for all of them.

    Args:
        shown: tells it.
        hook: the server.
        running: the stores by their names, the default one first.
        prefix: of the annotations.
        applications: makes clients.
        answered: writes a hook's answer on a Secret as Metacontroller does.
    """

    def __init__(
        self,
        shown: Shown,
        hook: Hook,
        running: Mapping[str, Running],
        prefix: str,
        applications: Applications,
        answered: Callable[[dict[str, Any], Mapping[str, Any]], object],
    ) -> None:
        self._shown = shown
        self._hook = hook
        self._running = running
        self._prefix = prefix
        self._applications = applications
        self._answered = answered

    def tell(self) -> None:
        """Tells all of it."""
        self._shown.step(
            f"{', '.join(map(_title, self._running))} start, and one hook server for all of them "
            f"on {LOOPBACK}:{self._hook.port}. [cyan]STORES_FILE[/] lists them, and "
            f"{next(iter(self._running))} is the default:"
        )
        self._shown.lines({name: store.endpoint for name, store in self._running.items()})
        made = [self._tenant(f"app-{store}", store) for store in self._running]
        unnamed = self._tenant("app-default", "")
        self._chosen([*made, unnamed])
        moved = next(each for each in made if each.store == _KILLED)
        self._outage(made, moved)
        self._move(moved)
        self._unknown()

    def _chosen(self, tenants: list[_Tenant]) -> None:
        for tenant in tenants:
            self._settle(tenant)
        self._shown.step(
            "four Secrets: the annotation [cyan]store[/] of three names a store, the fourth has "
            "none and gets the default one. After a hook call each, they say:"
        )
        self._show(tenants)
        for tenant in tenants:
            self._is(tenant, "Ready/Provisioned")
            self._application(tenant).write()
        self._shown.step("with the credentials of each, an object was written:")
        self._shown.lines(
            {
                each.name: f"{self._application(each).place} on {self._place(each)}"
                for each in tenants
            }
        )

    def _outage(self, tenants: list[_Tenant], hit: _Tenant) -> None:
        store = self._running[_KILLED].process
        store.kill()
        new = self._tenant("app-new", _GOAL)
        for tenant in (*tenants, new):
            if tenant is hit:
                self._sync(tenant)
            else:
                self._settle(tenant)
        self._shown.step(
            f"{_title(_KILLED)} is [red]killed[/]. The next hook calls, and one for a new Secret "
            f"on {_title(_GOAL)}:"
        )
        self._show([*tenants, new])
        for tenant in (*tenants, new):
            down = tenant is hit
            self._is(tenant, "Retrying/BackendUnavailable" if down else "Ready/Provisioned")
        metrics = self._hook.metrics()
        up = {
            f's3_operator_backend_up{{store="{name}"}}': self._up(metrics, name)
            for name in self._running
        }
        self._shown.lines({name: f"{value:g}" for name, value in up.items()})
        self._shown.require(
            list(up.values()) == [float(name != _KILLED) for name in self._running],
            "a metric tells of another outage",
        )
        store.start()
        self._settle(hit)
        self._shown.require(not self._application(hit).refusal(), "the object is gone")
        self._shown.step(f"{_title(_KILLED)} is started again, and its Secret says:")
        self._show([hit])

    def _move(self, tenant: _Tenant) -> None:
        before = self._application(tenant)
        tenant.store = _GOAL
        tenant.document["metadata"]["annotations"][f"{self._prefix}store"] = _GOAL
        self._settle(tenant)
        self._is(tenant, "Ready/Provisioned")
        message = self._said(tenant, "message")
        stayed = f"The bucket {tenant.bucket} and the user {tenant.user} stayed on the store"
        self._shown.require(stayed in message, "the Secret doesn't say what stayed behind")
        code = self._application(tenant).refusal()
        self._shown.require(code == "NoSuchKey", f"the new bucket answers {code or 'an object'}")
        self._shown.require(not before.refusal(), "what stayed behind can't be read any more")
        self._shown.step(
            f"[cyan]{tenant.name}[/] moves: its annotation [cyan]store[/] says {_GOAL} now. "
            "Nothing is copied and nothing is deleted. The Secret says:"
        )
        self._show([tenant])
        self._shown.lines({"message": message})
        self._shown.step(
            f"the new bucket on {_title(_GOAL)} is empty ([red]{code}[/]); on {_title(_KILLED)} "
            "the same credentials still read what was written"
        )

    def _unknown(self) -> None:
        tenant = self._tenant("app-tape", "tape")
        self._sync(tenant)
        self._is(tenant, "Skipped/EndpointMismatch")
        self._shown.step("a Secret that names a store of no entry is another operator's, maybe:")
        self._show([tenant])

    def _show(self, tenants: list[_Tenant]) -> None:
        rows = {}
        for tenant in tenants:
            state = self._state(tenant)
            colour = "green" if state.startswith("Ready") else "red"
            rows[tenant.name] = f"{self._place(tenant):10} [{colour}]{state}[/]"
        self._shown.lines(rows)

    def _place(self, tenant: _Tenant) -> str:
        return tenant.store or next(iter(self._running))

    def _application(self, tenant: _Tenant) -> Application:
        store = self._place(tenant)
        return self._applications(
            self._running[store].endpoint,
            DEMO_STORES[store].region,
            tenant.bucket,
            tenant.user,
            tenant.secret,
        )

    def _tenant(self, name: str, store: str) -> _Tenant:
        bucket, user, secret = f"{name}-files", f"{name}-user", secrets.token_urlsafe(24)
        data = {"bucket-name": bucket, "access-key": user, "access-secret": secret}
        annotations = {f"{self._prefix}enabled": "true"}
        if store:
            annotations[f"{self._prefix}store"] = store
        document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": f"uid-of-{name}",
                "annotations": annotations,
            },
            "type": "Opaque",
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
        }
        return _Tenant(name, store, bucket, user, secret, document)

    def _sync(self, tenant: _Tenant) -> str:
        self._answered(tenant.document, self._hook.sync(tenant.document))
        return self._state(tenant)

    def _settle(self, tenant: _Tenant) -> None:
        """Calls until the Secret isn't Retrying any more, as Metacontroller does."""
        wait_until(
            lambda: not self._sync(tenant).startswith("Retrying/"),
            timeout=_PATIENCE,
            what=f"the Secret {tenant.name}",
            interval=0.5,
        )

    def _is(self, tenant: _Tenant, state: str) -> None:
        found = self._state(tenant)
        self._shown.require(found == state, f"the Secret {tenant.name} is {found}")

    def _state(self, tenant: _Tenant) -> str:
        return f"{self._said(tenant, 'status')}/{self._said(tenant, 'reason')}"

    def _said(self, tenant: _Tenant, word: str) -> str:
        found: str = tenant.document["metadata"]["annotations"].get(f"{self._prefix}{word}", "")
        return found

    @staticmethod
    def _up(metrics: Mapping[str, float], store: str) -> float:
        return metrics[f's3_operator_backend_up{{store="{store}"}}']


def _title(store: str) -> str:
    return DEMO_STORES[store].title
