"""The hook server alone: Metacontroller's calls, made directly."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import urllib3

from tests.bench.figures import Figures, Usage, timed
from tests.bench.floor import secret_of
from tests.bench.stores import Stores
from tests.servers.hook import ROOT, Hook, running_hook
from tests.servers.s3 import S3Store

# Many new users at once wait for one another on MinIO, where each costs half a second of CPU.
PATIENCE = {"SYNC_TIMEOUT_SECONDS": "60"}

_REQUESTS = Path(__file__).parents[1] / "fixtures" / "metacontroller" / "sync-new.json"
_DEFAULT_CONCURRENCY = 32
_STATUS = "s3-resource-operator.io/status"
_EXPECTED: Mapping[str, Collection[str]] = {
    "store down": {"Retrying"},
    # VersityGW 1.8.0 mixes up a few of many rotated accounts in its cache: NotYetVisible.
    "rotated": {"Ready", "Retrying"},
}


def measure(stores: Stores, directory: Path, count: int, callers: int) -> list[Figures]:
    with running(stores, directory, count, callers) as run:
        rows = [run.row("new"), run.row("unchanged")]
        if stores.rotation:
            rows.append(run.row("rotated"))
        run.store.process.kill()
        rows.append(run.row("store down"))
        run.store.restart()
        rows.append(run.row("store back"))
        return rows


@contextmanager
def running(
    stores: Stores, directory: Path, count: int, callers: int, *, root: Path = ROOT
) -> Iterator[Run]:
    """An empty store, and a hook for it.

    Args:
        stores: starts the store.
        directory: for all that both write.
        count: how many Secrets.
        callers: how many calls at a time.
        root: the folder of the build that the hook is run from.
    """
    settings = {
        "BACKEND_NAME": stores.kind,
        # More callers than it takes at once are told to come back later, as they should be.
        "SYNC_CONCURRENCY": str(max(callers, _DEFAULT_CONCURRENCY)),
        "LOG_LEVEL": "WARNING",
        **PATIENCE,
    }
    with (
        stores.running(directory / "store") as store,
        running_hook(store, directory / "hook", settings=settings, root=root) as hook,
        closing(Caller(hook, callers)) as caller,
    ):
        yield Run(store, hook, caller, count, callers)


class Run:
    """One hook, one store, and one kind of work after the other for the same Secrets."""

    def __init__(
        self, store: S3Store, hook: Hook, caller: Caller, count: int, callers: int
    ) -> None:
        self.store = store
        self._hook = hook
        self._caller = caller
        self._count = count
        self._callers = callers

    def row(self, kind: str) -> Figures:
        """Every Secret once: "new", "unchanged", "rotated", "store down" or "store back".

        Raises:
            RuntimeError: an answer is not what that kind of work has to come to.
        """
        if kind == "rotated":
            self._caller.rotate()
        hook = self._hook
        asked, usage = hook.store_requests(), Usage(hook.process.pid)
        self._caller.expected = _EXPECTED.get(kind, {"Ready"})
        seconds, latencies = timed(self._caller.sync, range(self._count), callers=self._callers)
        cpu, resident = usage.cpu_since_start(), usage.resident_bytes()
        return Figures(
            f"hook alone, {self._callers} caller{'s' if self._callers > 1 else ''}",
            kind,
            self._count,
            seconds,
            latencies,
            store_requests=hook.store_requests() - asked,
            hook_calls=self._count,
            cpu_seconds=cpu,
            resident_bytes=resident,
        )


class Caller:
    """Posts recorded calls for numbered Secrets, and keeps what the answers set on them."""

    def __init__(self, hook: Hook, callers: int) -> None:
        self._url = f"{hook.url}/sync"
        self._headers = {
            "Authorization": f"Bearer {hook.token}",
            "Content-Type": "application/json",
        }
        self._pool = urllib3.PoolManager(maxsize=callers, block=True, retries=False, timeout=30)
        self._recorded: dict[str, Any] = json.loads(_REQUESTS.read_text())["body"]
        self._secrets: dict[int, dict[str, Any]] = {}
        self.expected: Collection[str] = {"Ready"}

    def rotate(self) -> None:
        """Another secret in every Secret."""
        for number, secret in self._secrets.items():
            secret["data"]["access-secret"] = _encode(secret_of(number, 1))

    def close(self) -> None:
        self._pool.clear()

    def sync(self, number: int) -> None:
        secret = self._secrets.get(number) or self.new(number)
        answer = self._pool.request(
            "POST",
            self._url,
            body=json.dumps({**self._recorded, "object": secret}),
            headers=self._headers,
        )
        if answer.status != 200:
            raise RuntimeError(f"the hook answered {answer.status}")
        changes = answer.json()
        for kind in ("annotations", "labels"):
            marks = {key: value for key, value in changes[kind].items() if value is not None}
            secret["metadata"].setdefault(kind, {}).update(marks)
        if secret["metadata"]["labels"].get(_STATUS) not in self.expected:
            raise RuntimeError(f"not {self.expected}: {changes['annotations']}")
        self._secrets[number] = secret

    def new(self, number: int) -> dict[str, Any]:
        """A Secret that nobody has answered for."""
        secret: dict[str, Any] = copy.deepcopy(self._recorded["object"])
        secret["metadata"] |= {"name": f"secret-{number}", "uid": f"uid-{number}"}
        data = {
            "bucket-name": f"bucket-{number}",
            "access-key": f"user{number:05}",
            "access-secret": secret_of(number),
        }
        secret["data"] = {key: _encode(text) for key, text in data.items()}
        return secret


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
