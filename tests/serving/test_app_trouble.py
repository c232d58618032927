"""The hook's answers when it is busy, late, or broken, and what it logs and counts meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.testclient import TestClient

from backends.errors import Unavailable
from hooks.logs import configure
from hooks.metrics import Metrics
from tests.loggers import logging_kept
from tests.model import ModelStore
from tests.serving.apps import LONG, body, hook
from tests.support import PREFIX, Secret
from tests.test_logs import json_lines


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
    store: ModelStore, secret: Secret, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(_: str) -> None:
        raise error

    store.before = fail
    metrics = Metrics()
    with logging_kept(), TestClient(hook(store, metrics=metrics)) as client:
        configure("DEBUG", "json")
        response = client.post("/sync", json=body(secret))
    assert (response.status_code, response.text) == (500, "internal error")
    assert sample(metrics, "s3_operator_errors_total", reason="InternalError") == 1
    logged = capsys.readouterr().err
    assert "ERROR" in {line["level"] for line in json_lines(logged)}
    assert "hunter2" not in logged


def test_a_store_that_hangs_is_answered_in_time(store: ModelStore, secret: Secret) -> None:
    with (
        held(store) as (_, release),
        TestClient(hook(store, concurrency=1, timeout=0.1)) as client,
    ):
        answer = client.post("/sync", json=body(secret)).json()
        # It holds its place no longer than that.
        assert client.post("/sync", json=body(secret)).status_code == 200
        release.set()
    assert answer["annotations"][f"{PREFIX}status"] == "Retrying"
    assert answer["annotations"][f"{PREFIX}reason"] == "Timeout"
    assert answer["resyncAfterSeconds"] > 0
    assert "hunter2" not in json.dumps(answer)


def test_a_call_that_was_answered_before_it_was_done_counts_once(
    store: ModelStore, secret: Secret
) -> None:
    metrics = Metrics()
    with (
        held(store) as (_, release),
        TestClient(hook(store, metrics=metrics, timeout=0.1)) as client,
    ):
        client.post("/sync", json=body(secret))
        release.set()
    processed = "s3_operator_secrets_processed_total"
    statuses = ("Ready", "Retrying", "Invalid", "Conflict", "Skipped")
    counted = {status: sample(metrics, processed, status=status) for status in statuses}
    assert sum(counted.values()) == counted["Retrying"] == 1
    assert store.calls == ["find_bucket"]


def test_the_duration_of_every_call_is_measured(store: ModelStore, secret: Secret) -> None:
    metrics = Metrics()
    with TestClient(hook(store, metrics=metrics)) as client:
        client.post("/sync", json=body(secret))
        client.post("/sync", content=b"x")
    assert sample(metrics, "s3_operator_sync_duration_seconds_count") == 2
    assert sample(metrics, "s3_operator_handle_secret_duration_seconds_count") == 1


def test_lines_of_one_call_share_a_request_id_of_their_own(
    store: ModelStore, secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    store.before = logging.getLogger("tests.store").info
    ids = []
    with logging_kept(), TestClient(hook(store)) as client:
        configure("INFO", "json")
        for sent in (secret, Secret.claiming("other-bucket", "other", "x")):
            client.post("/sync", json=body(sent))
            lines = json_lines(capsys.readouterr().err)
            own = [line for line in lines if line["logger"] in {"tests.store", "hooks.sync.syncer"}]
            assert len(own) > 1
            ids.append({line["request_id"] for line in own})
    assert [len(one) for one in ids] == [1, 1]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("field", ["uid", "name", "namespace"])
@pytest.mark.parametrize("up", [True, False])
def test_metadata_that_is_no_text_ends_in_no_bug(
    client: TestClient, store: ModelStore, secret: Secret, field: str, up: bool
) -> None:
    def refuse(_: str) -> None:
        raise Unavailable("The store can't be reached: the connection was refused.")

    if not up:
        store.before = refuse
    secret.document["metadata"][field] = "\ud800"
    content = json.dumps(body(secret)).encode()
    assert client.post("/sync", content=content).status_code in {200, 400}


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
