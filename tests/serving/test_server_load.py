"""The server as its own process while strangers hold connections open."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from hooks.commands.processes import LOOPBACK, answers, wait_until
from tests.serving.test_server import LONG, TOKEN, Server, secret_body, serving, status

pytestmark = pytest.mark.long

REFUSED = "The store can't be reached: the connection was refused."
MESSAGE = "s3-resource-operator.io/message"


@contextmanager
def silent(*ports: int, each: int) -> Iterator[None]:
    """Connections over which nothing is said."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            for _ in range(each):
                stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=LONG))
        yield


def value(server: Server, name: str, **labels: str) -> float | None:
    url = f"http://{LOOPBACK}:{server.ops_port}/metrics"
    text = server.pool.request("GET", url).data.decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


@pytest.mark.parametrize("limits", ["", "ulimit -n 256;"], ids=["as it is", "few descriptors"])
def test_silent_connections_keep_nobody_out(tmp_path: Path, limits: str) -> None:
    with (
        serving(tmp_path, limits) as server,
        silent(server.port, server.ops_port, each=400),
    ):
        assert answers(server.ops_port, "/healthz", status=200)
        answer = server.post(secret_body())
        assert status(answer) == ("Retrying", "BackendUnavailable")
        # There was a descriptor left to find that out.
        assert answer.json()["annotations"][MESSAGE] == REFUSED
        open_now = value(server, "process_open_fds")
        assert open_now is not None
        assert open_now < (256 if limits else 500)


def test_the_soft_limit_of_descriptors_is_raised(tmp_path: Path) -> None:
    with serving(tmp_path, "ulimit -Sn 128;") as server:
        soft, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        assert soft > 500
        assert value(server, "process_max_fds") == soft


def test_too_few_descriptors_are_told(tmp_path: Path) -> None:
    with serving(tmp_path, "ulimit -n 256;") as server:
        (line,) = [line for line in server.lines() if line["logger"] == "hooks.serving.listener"]
        assert "RLIMIT_NOFILE" in line["message"]


def test_calls_that_are_refused_are_counted_by_status(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        url = f"http://{LOOPBACK}:{server.port}/sync"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        calls: dict[int, Callable[[], urllib3.BaseHTTPResponse]] = {
            400: lambda: server.post(b"no request"),
            401: lambda: server.post(secret_body(), "another"),
            413: lambda: server.post(b" " * 5_000_000),
            431: lambda: urllib3.request(
                "GET", url, headers={**headers, "X": "x" * 40_000}, retries=False
            ),
        }
        for code in (*calls, 429):
            assert value(server, "s3_operator_refused_calls_total", code=str(code)) == 0
        for code, call in calls.items():
            assert call().status == code
            assert value(server, "s3_operator_refused_calls_total", code=str(code)) == 1


def test_a_call_beyond_the_limit_is_counted_too(tmp_path: Path) -> None:
    with (
        socket.create_server((LOOPBACK, 0)) as store,
        serving(
            tmp_path,
            S3_ENDPOINT_URL=f"http://{LOOPBACK}:{store.getsockname()[1]}",
            SYNC_CONCURRENCY="1",
            SYNC_TIMEOUT_SECONDS="3",
        ) as server,
        contextlib.closing(socket.create_connection((LOOPBACK, server.port))) as first,
    ):
        body = json.dumps(secret_body()).encode()
        head = f"POST /sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        first.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        asked, _ = store.accept()
        with asked:
            assert server.post(secret_body()).status == 429
        wait_until(
            lambda: value(server, "s3_operator_refused_calls_total", code="429") == 1,
            timeout=LONG,
            what="the count",
        )
