"""The hook's and the ops port's HTTP answers, on a store in memory."""

from __future__ import annotations

import asyncio
import json
import tracemalloc

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from hooks.metrics import Metrics
from hooks.serving.app import BODY_LIMIT, Readiness, ops_app
from tests.model import ModelStore
from tests.serving.apps import body, hook
from tests.support import PREFIX, Secret


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


def test_a_call_that_waits_keeps_its_secret_once(store: ModelStore, secret: Secret) -> None:
    size = 2 * 1024 * 1024
    secret.set_raw("filler", "x" * size)
    content = json.dumps(body(secret)).encode()
    kept: list[int] = []
    store.before = lambda _: kept.append(tracemalloc.get_traced_memory()[0])

    async def call() -> None:
        parts = iter(range(0, len(content), 65536))

        async def receive() -> Message:
            start = next(parts)
            part = content[start : start + 65536]
            more = start + 65536 < len(content)
            return {"type": "http.request", "body": part, "more_body": more}

        async def send(_: Message) -> None:
            pass

        scope = {"type": "http", "method": "POST", "path": "/sync", "headers": []}
        await hook(store)({**scope, "query_string": b""}, receive, send)

    tracemalloc.start()
    try:
        asyncio.run(call())
    finally:
        tracemalloc.stop()
    assert kept
    assert max(kept) < 1.5 * size
