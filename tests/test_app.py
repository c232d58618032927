"""The hook's and the ops port's HTTP answers, on a store in memory."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.testclient import TestClient

from backends.errors import Unavailable
from backends.sensitive import Sensitive
from hooks.app import BODY_LIMIT, Readiness, hook_app, ops_app
from hooks.logs import _Json
from hooks.metrics import Metrics
from hooks.settings import Settings
from hooks.syncer import Syncer
from hooks.workers import Workers
from tests.model import ModelStore
from tests.support import ENVIRON, PREFIX, Secret

LONG = 20.0


def hook(
    store: ModelStore,
    *,
    metrics: Metrics | None = None,
    token: str = "",
    concurrency: int = 2,
    timeout: float = LONG,
) -> Starlette:
    metrics = metrics or Metrics()
    tokens = [Sensitive(token)] if token else []
    syncer = Syncer(Settings.load(ENVIRON), store, metrics)
    return hook_app(syncer, Workers(concurrency), metrics, tokens=tokens, timeout=timeout)


def body(secret: Secret) -> dict[str, Any]:
    return {
        "controller": {"kind": "DecoratorController"},
        "object": secret.document,
        "attachments": {},
        "related": {},
        "finalizing": False,
    }


@pytest.fixture
def store() -> ModelStore:
    return ModelStore()


@pytest.fixture
def client(store: ModelStore) -> Iterator[TestClient]:
    with TestClient(hook(store)) as client:
        yield client


@pytest.fixture
def secret() -> Secret:
    return Secret.claiming("my-bucket", "my-user", "hunter2")


def test_a_secret_is_provisioned_and_answered_with_its_status(
    client: TestClient, store: ModelStore, secret: Secret
) -> None:
    response = client.post("/sync", json=body(secret))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert answer["annotations"][f"{PREFIX}status"] == "Ready"
    assert answer["labels"][f"{PREFIX}status"] == "Ready"
    assert store.owners == {"my-bucket": "my-user"}
    assert "hunter2" not in response.text


@pytest.mark.parametrize("path", ["/sync?c=1f3a", "/sync?", "/sync?object=x&object=y"])
def test_the_query_string_is_ignored(
    client: TestClient, store: ModelStore, secret: Secret, path: str
) -> None:
    response = client.post(path, json=body(secret))
    assert response.json()["annotations"][f"{PREFIX}status"] == "Ready"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/octet-stream"])
def test_the_content_type_makes_no_difference(
    client: TestClient, secret: Secret, kind: str
) -> None:
    content = json.dumps(body(secret)).encode()
    response = client.post("/sync", content=content, headers={"Content-Type": kind})
    assert response.status_code == 200


def test_a_secret_that_is_being_deleted_is_left_alone(
    client: TestClient, store: ModelStore, secret: Secret
) -> None:
    secret.document["metadata"]["deletionTimestamp"] = "2026-11-24T18:32:54Z"
    response = client.post("/sync", json=body(secret))
    assert (response.status_code, response.content) == (200, b"{}")
    assert store.calls == []


@pytest.mark.parametrize("value", ["True", "TRUE", "1", "yes", " true", "true ", "", None])
def test_only_the_exact_annotation_enables(
    client: TestClient, store: ModelStore, secret: Secret, value: str | None
) -> None:
    annotations = secret.document["metadata"]["annotations"]
    del annotations[f"{PREFIX}enabled"]
    if value is not None:
        annotations[f"{PREFIX}enabled"] = value
    response = client.post("/sync", json=body(secret))
    assert (response.status_code, response.content) == (200, b"{}")
    assert store.calls == []


def test_an_invalid_secret_is_an_answer_and_no_error(
    client: TestClient, store: ModelStore, secret: Secret
) -> None:
    secret.set(bucket_name="../etc")
    response = client.post("/sync", json=body(secret))
    assert response.status_code == 200
    assert response.json()["annotations"][f"{PREFIX}reason"] == "InvalidField"
    assert store.calls == []


def test_a_store_that_is_down_is_an_answer_and_no_error(
    client: TestClient, store: ModelStore, secret: Secret
) -> None:
    def refuse(_: str) -> None:
        raise Unavailable("The store can't be reached: the connection was refused.")

    store.before = refuse
    response = client.post("/sync", json=body(secret))
    assert response.status_code == 200
    assert response.json()["annotations"][f"{PREFIX}reason"] == "BackendUnavailable"
    assert response.json()["resyncAfterSeconds"] > 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hunter2",
        b"\xff\xfehunter2",
        b'{"object": "hunter2"}',
        b'{"object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "hunter2"}}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_hook_request_is_400_and_not_quoted(
    client: TestClient, store: ModelStore, secret: Secret, content: bytes
) -> None:
    response = client.post("/sync", content=content)
    assert response.status_code == 400
    assert "hunter2" not in response.text
    assert len(response.text) < 200
    assert store.calls == []
    assert client.post("/sync", json=body(secret)).status_code == 200


def test_a_body_of_exactly_the_limit_is_read(client: TestClient, secret: Secret) -> None:
    content = json.dumps(body(secret)).encode().ljust(BODY_LIMIT)
    assert BODY_LIMIT == 4 * 1024 * 1024
    assert client.post("/sync", content=content).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_larger_body_is_413_whether_announced_or_not(
    client: TestClient, store: ModelStore, secret: Secret, announced: bool
) -> None:
    content = json.dumps(body(secret)).encode().ljust(BODY_LIMIT + 1)
    chunks = iter([content[: BODY_LIMIT // 2], content[BODY_LIMIT // 2 :]])
    response = client.post("/sync", content=content if announced else chunks)
    assert response.status_code == 413
    assert store.calls == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_another_method_is_405(client: TestClient, method: str) -> None:
    assert client.request(method, "/sync").status_code == 405


@pytest.mark.parametrize("path", ["/", "/sync/x", "/metrics", "/healthz", "/%2e%2e/sync"])
def test_another_path_is_404(client: TestClient, path: str) -> None:
    assert client.post(path).status_code == 404


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dG9rZW4="}]
)
def test_without_the_token_nothing_is_done(
    store: ModelStore, secret: Secret, headers: dict[str, str]
) -> None:
    client = TestClient(hook(store, token="token"))
    response = client.post("/sync", json=body(secret), headers=headers)
    assert response.status_code == 401
    assert store.calls == []
    for method, path in [("GET", "/sync"), ("POST", "/nothing")]:
        assert client.request(method, path, headers=headers).status_code == 401


def test_with_the_token_the_secret_is_provisioned(store: ModelStore, secret: Secret) -> None:
    client = TestClient(hook(store, token="token"))
    response = client.post("/sync", json=body(secret), headers={"Authorization": "Bearer token"})
    assert response.json()["annotations"][f"{PREFIX}status"] == "Ready"


def test_a_call_beyond_the_limit_is_429_and_asked_to_come_again(
    store: ModelStore, secret: Secret
) -> None:
    with held(store) as (started, release):
        app = hook(store, concurrency=1)

        async def scenario() -> tuple[int, int, str | None, int]:
            async with AsyncClient(transport=ASGITransport(app), base_url="http://hook") as http:
                first = asyncio.create_task(http.post("/sync", json=body(secret)))
                assert await asyncio.to_thread(started.wait, LONG)
                refused = await http.post("/sync", json=body(secret))
                release.set()
                answered = await first
                again = await http.post("/sync", json=body(secret))
            retry = refused.headers.get("Retry-After")
            return answered.status_code, refused.status_code, retry, again.status_code

        assert asyncio.run(scenario()) == (200, 429, "1", 200)


@pytest.mark.parametrize(
    "error", [RuntimeError("hunter2"), TypeError("hunter2"), RecursionError("hunter2")]
)
def test_a_bug_is_500_without_any_detail_and_counted(
    store: ModelStore, secret: Secret, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(_: str) -> None:
        raise error

    store.before = fail
    metrics = Metrics()
    with TestClient(hook(store, metrics=metrics)) as client:
        response = client.post("/sync", json=body(secret))
    assert (response.status_code, response.text) == (500, "internal error")
    assert sample(metrics, "s3_operator_errors_total", reason="InternalError") == 1
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "hunter2" not in _Json().format(line)


def test_a_store_that_hangs_is_answered_in_time_and_counted_once(
    store: ModelStore, secret: Secret
) -> None:
    metrics = Metrics()
    with held(store) as (_, release):
        workers_are_free = threading.Event()
        with TestClient(hook(store, metrics=metrics, concurrency=1, timeout=0.1)) as client:
            answer = client.post("/sync", json=body(secret)).json()
            assert answer["annotations"][f"{PREFIX}reason"] == "Timeout"
            assert answer["annotations"][f"{PREFIX}status"] == "Retrying"
            assert "hunter2" not in json.dumps(answer)
            # The call still holds the only place.
            assert client.post("/sync", json=body(secret)).status_code == 429
            release.set()
            other = {"object": {**secret.document, "metadata": {"name": "x"}}}
            while client.post("/sync", json=other).status_code == 429:
                pass
            workers_are_free.set()
    answered = sum(
        sample(metrics, "s3_operator_secrets_processed_total", status=status)
        for status in ("Ready", "Retrying")
    )
    assert answered == 1


def test_the_duration_of_every_call_is_measured(store: ModelStore, secret: Secret) -> None:
    metrics = Metrics()
    with TestClient(hook(store, metrics=metrics)) as client:
        client.post("/sync", json=body(secret))
        client.post("/sync", content=b"x")
    assert sample(metrics, "s3_operator_sync_duration_seconds_count") == 2
    assert sample(metrics, "s3_operator_handle_secret_duration_seconds_count") == 1


def test_lines_of_one_call_share_a_request_id_of_their_own(
    store: ModelStore, secret: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(_Json())
    log = logging.getLogger("tests.store")
    store.before = log.info
    with caplog.at_level(logging.INFO), TestClient(hook(store)) as client:
        client.post("/sync", json=body(secret))
        first = request_ids(caplog)
        caplog.clear()
        client.post("/sync", json=body(Secret.claiming("other-bucket", "other", "x")))
        second = request_ids(caplog)
    assert len(first) > 1
    assert len(set(first)) == len(set(second)) == 1
    assert first[0] != second[0]


def test_the_ops_port_answers_without_a_token_or_the_store() -> None:
    metrics, readiness = Metrics(), Readiness()
    client = TestClient(ops_app(metrics, readiness))
    assert client.get("/healthz").json() == {"status": "healthy"}
    assert client.get("/readyz").status_code == 503
    readiness.ready = True
    assert client.get("/readyz").status_code == 200
    readiness.ready = False
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    scraped = client.get("/metrics")
    assert scraped.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "s3_operator_build_info" in scraped.text
    assert client.post("/sync").status_code == 404


def sample(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def held(store: ModelStore) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The store's first request waits until the second event; the first one says it's there."""
    started, release = threading.Event(), threading.Event()

    def wait(_: str) -> None:
        started.set()
        release.wait(LONG)

    store.before = wait
    try:
        yield started, release
    finally:
        release.set()


def request_ids(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [json.loads(line) for line in caplog.text.splitlines() if line.startswith("{")]
    return [
        line["request_id"] for line in lines if line["logger"] in {"tests.store", "hooks.syncer"}
    ]
