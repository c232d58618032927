"""The unchanged path of the hook application, in front of a real store that can be told to fail."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backends.asyncpool import AsyncPool
from backends.base import Connection, Credentials
from backends.sensitive import Sensitive
from hooks.app import hook_app
from hooks.decorator import SyncRequest
from hooks.demo import apply_answer
from hooks.metrics import Metrics
from hooks.processes import LOOPBACK
from hooks.settings import Settings
from hooks.shortcut import Shortcut
from hooks.syncer import Syncer
from hooks.workers import Workers
from tests.conformance.subject import RealSubject, versitygw_subject
from tests.faults import FaultProxy
from tests.servers.certificates import serving_certificate
from tests.support import ENVIRON, Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with versitygw_subject(tmp_path_factory.mktemp("versitygw")) as subject:
        yield subject


@pytest.fixture
def gateway(started: RealSubject) -> Iterator[RealSubject]:
    yield started
    started.proxy.calm()


class CountingWorkers(Workers):
    """Threads whose use is counted."""

    calls = 0

    async def run(self, function: Callable[[], Any], timeout: float) -> Any:
        self.calls += 1
        return await super().run(function, timeout)


class Hook:
    """The hook application with all that belongs to it, called without a network."""

    def __init__(self, gateway: RealSubject, timeout: float = 5) -> None:
        environ = {**ENVIRON, **gateway.environ(), "SYNC_TIMEOUT_SECONDS": str(timeout)}
        settings = Settings.load(environ)
        self.metrics = Metrics()
        backend = gateway.connect(environ, self.metrics.observer("versitygw"))
        self.syncer = Syncer(settings, backend, self.metrics)
        self.workers = CountingWorkers(4)
        self.pool = AsyncPool(settings.connection, self.metrics.observer("versitygw"))
        self.app = hook_app(
            self.syncer,
            Shortcut(self.syncer, backend, self.pool),
            self.workers,
            self.metrics,
            tokens=(),
            timeout=timeout,
        )

    def sync(self, secret: Secret, times: int = 1) -> list[bytes]:
        return asyncio.run(self._sync(secret, times))

    async def _sync(self, secret: Secret, times: int) -> list[bytes]:
        transport = httpx2.ASGITransport(app=self.app)
        answers = []
        async with httpx2.AsyncClient(transport=transport, base_url="http://hook") as client:
            for _ in range(times):
                response = await client.post("/sync", json={"object": secret.document})
                assert response.status_code == 200
                apply_answer(secret.document, response.json())
                answers.append(response.content)
        await self.pool.close()
        self.pool._session = None
        return answers

    def requests(self) -> int:
        return sum(
            round(sample.value)
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "s3_operator_backend_requests_total"
        )


def test_an_unchanged_secret_takes_one_request_and_no_thread(gateway: RealSubject) -> None:
    hook = Hook(gateway)
    secret = Secret.claiming("short-one", "short-one", SECRET)
    hook.sync(secret)
    assert hook.workers.calls == 1
    before = hook.requests()
    answers = hook.sync(secret, times=3)
    assert hook.workers.calls == 1
    assert hook.requests() == before + 3
    assert len(set(answers)) == 1
    assert (
        's3_operator_secrets_processed_total{status="Ready"} 4.0' in hook.metrics.render().decode()
    )


def test_the_answer_is_the_one_that_the_loop_gives(gateway: RealSubject) -> None:
    hook = Hook(gateway)
    secret = Secret.claiming("short-same", "short-same", SECRET)
    hook.sync(secret)
    (answer,) = hook.sync(secret)
    result = hook.syncer.sync(SyncRequest.of(secret.document))
    assert json.loads(answer) == result.response.document()


@pytest.mark.parametrize(
    "drift",
    [
        lambda gateway, name: gateway.delete_user(name),
        lambda gateway, name: gateway.set_secret(name, OTHER_SECRET),
        lambda gateway, name: gateway.set_owner(name, "operator-admin"),
    ],
    ids=["user deleted", "secret changed", "owner changed"],
)
def test_drift_is_left_to_the_loop_and_repaired(
    gateway: RealSubject,
    drift: Callable[[RealSubject, str], None],
    request: pytest.FixtureRequest,
) -> None:
    name = f"short-drift-{abs(hash(request.node.name)) % 10000}"
    hook = Hook(gateway)
    secret = Secret.claiming(name, name, SECRET)
    hook.sync(secret)
    before = dict(secret.annotations)
    drift(gateway, name)
    hook.sync(secret)
    assert hook.workers.calls == 2
    assert secret.annotations == before
    assert gateway.put(name, "key", b"body", as_user=(name, SECRET)) == ""


@pytest.mark.parametrize(
    "edit",
    [
        {"access_secret": OTHER_SECRET},
        {"access_key": "short-edit-2"},
        {"bucket_name": "short-edit-3"},
        {"user_id": "1001"},
        {"access_key": "operator-admin"},
    ],
)
def test_a_changed_secret_is_left_to_the_loop(gateway: RealSubject, edit: dict[str, str]) -> None:
    hook = Hook(gateway)
    secret = Secret.claiming("short-edit", "short-edit", SECRET)
    hook.sync(secret)
    secret.set(**edit)
    hook.sync(secret)
    assert hook.workers.calls == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("500", "BackendError"),
        ("503", "BackendUnavailable"),
        ("garbage", "BackendError"),
        ("huge", "BackendError"),
        ("reset", "BackendUnavailable"),
        ("truncate", "BackendUnavailable"),
        ("redirect", "BackendError"),
        ("hang", "Timeout"),
        ("drip", "Timeout"),
    ],
)
def test_a_fault_is_named_as_the_loop_names_it_and_in_time(
    gateway: RealSubject, fault: str, reason: str
) -> None:
    waits = fault in {"hang", "drip"}
    hook = Hook(gateway, timeout=1.5 if waits else 5)
    secret = Secret.claiming("short-fault", "short-fault", SECRET)
    hook.sync(secret)
    gateway.proxy.always = fault
    started = time.monotonic()
    hook.sync(secret)
    assert time.monotonic() - started < 4
    assert secret.state == ("Retrying", reason)
    gateway.proxy.calm()
    hook.sync(secret)
    assert secret.state == READY


def test_calls_without_a_thread_count_against_the_limit_too(gateway: RealSubject) -> None:
    hook = Hook(gateway, timeout=1.5)
    hook.workers._limit = 1
    secret = Secret.claiming("short-limit", "short-limit", SECRET)
    hook.sync(secret)
    gateway.proxy.always = "hang"

    async def two() -> list[int]:
        transport = httpx2.ASGITransport(app=hook.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://hook") as client:
            calls = [client.post("/sync", json={"object": secret.document}) for _ in range(2)]
            return sorted(answer.status_code for answer in await asyncio.gather(*calls))

    async def both() -> list[int]:
        try:
            return await two()
        finally:
            await hook.pool.close()

    assert asyncio.run(both()) == [200, 429]


def _get(url: str, **options: Any) -> Any:
    credentials = Credentials("tenant", Sensitive(SECRET))
    seen: list[str] = []
    pool = AsyncPool(
        Connection(url, url, "us-east-1", credentials, **options),
        lambda operation, code, seconds: seen.append(code),
    )

    async def get() -> Any:
        try:
            return await pool.get(url, {}, operation="probe", timeout=5)
        finally:
            await pool.close()

    return asyncio.run(get()), seen


def test_certificates_are_checked_as_the_other_requests_check_them(tmp_path: Path) -> None:
    files = serving_certificate(tmp_path, LOOPBACK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with FaultProxy(1) as proxy:
        proxy.always = "empty"
        proxy.serve_tls(context)
        answer, seen = _get(proxy.url, ca_bundle=str(files.authority))
        assert answer.status == 200
        answer, seen = _get(proxy.url)
        assert (answer, seen) == (None, ["unavailable"])
        answer, seen = _get(proxy.url, tls_verify=False)
        assert (answer.status, seen) == (200, ["200"])
