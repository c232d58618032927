"""The server's end: calls in flight are answered, and nobody keeps it from ending."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
import yaml

from hooks.commands.processes import LOOPBACK, answers, wait_until
from tests.authority import Authority
from tests.serving.test_server import LONG, TOKEN, Server, secret_body, serving, status
from tests.tools import missing

pytestmark = pytest.mark.long

HANGING_NAMES = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    if (name && !strcmp(name, "hangs.example")) sleep(60);
    return ((look_up *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_call_in_flight_is_answered_before_the_server_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    with store_that_waits() as (listener, url), serving(tmp_path, S3_ENDPOINT_URL=url) as server:
        with in_the_background(server) as call:
            asked, _ = listener.accept()
            os.kill(server.process.pid, number)
            wait_until(lambda: not server.ready(), timeout=LONG, what="readyz to say no")
            assert answers(server.ops_port, "/readyz", status=503)
            assert answers(server.ops_port, "/healthz", status=200)
            assert not call.done()
            asked.close()
            listener.close()
            assert status(call.result(LONG)) == ("Retrying", "BackendUnavailable")
        assert server.ended() == 0
        messages = [line["message"] for line in server.lines()]
        assert messages[-1] == "stopped"
        assert "Traceback" not in server.process.log_text()


def test_a_store_that_hangs_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    with (
        store_that_waits() as (listener, url),
        serving(tmp_path, S3_ENDPOINT_URL=url, SYNC_TIMEOUT_SECONDS="1") as server,
        in_the_background(server) as call,
    ):
        asked, _ = listener.accept()
        with asked:
            os.kill(server.process.pid, signal.SIGTERM)
            assert status(call.result(LONG)) == ("Retrying", "Timeout")
            assert server.ended() == 0


def test_a_caller_is_told_to_close_its_connection_before_it_is_closed(tmp_path: Path) -> None:
    body = json.dumps(secret_body())
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(tmp_path) as server:
        connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=LONG)
        told: list[str | None] = []
        # Without a pause, as a busy Metacontroller calls: none of these may break.
        while "close" not in told:
            connection.request("POST", "/sync", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            told.append(answer.getheader("Connection"))
            if len(told) == 20:
                os.kill(server.process.pid, signal.SIGTERM)
        connection.close()
        assert set(told[:20]) == {None}
        assert server.ended() == 0


def test_callers_that_say_nothing_do_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    with serving(tmp_path, SYNC_TIMEOUT_SECONDS="1") as server:
        address = (LOOPBACK, server.port)
        half = f"POST /sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        with (
            socket.create_connection(address),
            socket.create_connection((LOOPBACK, server.ops_port)) as idle,
            socket.create_connection(address) as in_the_header,
            socket.create_connection(address) as in_the_body,
        ):
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(1000)
            in_the_header.sendall(half.encode())
            in_the_body.sendall(f"{half}Content-Length: 100\r\n\r\n{{".encode())
            assert server.post(secret_body()).status == 200
            os.kill(server.process.pid, signal.SIGTERM)
            assert server.ended() == 0
        assert "Traceback" not in server.process.log_text()


def test_a_name_server_that_hangs_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        missing("a C compiler and Linux's LD_PRELOAD are what makes names hang here")
    (tmp_path / "hang.c").write_text(HANGING_NAMES)
    library = tmp_path / "hang.so"
    subprocess.run(  # noqa: S603
        [compiler, "-shared", "-fPIC", "-o", library, tmp_path / "hang.c", "-ldl"], check=True
    )
    with serving(
        tmp_path,
        S3_ENDPOINT_URL="http://hangs.example:9000",
        SYNC_TIMEOUT_SECONDS="1",
        LD_PRELOAD=str(library),
    ) as server:
        assert status(server.post(secret_body())) == ("Retrying", "Timeout")
        os.kill(server.process.pid, signal.SIGTERM)
        # Well before the name's minute is over.
        assert server.ended() == 0
        assert server.lines()[-1]["message"] == "stopped"


def test_no_key_of_a_kubeconfig_is_left_behind(tmp_path: Path) -> None:
    """The Kubernetes client writes those that stand in it into files, and removes them at exit."""
    authority, temporary = Authority("clients"), tmp_path / "temporary"
    temporary.mkdir()
    authority.write(tmp_path / "crt", tmp_path / "key", "operator")
    data = {name: b64encode((tmp_path / name).read_bytes()).decode() for name in ("crt", "key")}
    user = {"client-certificate-data": data["crt"], "client-key-data": data["key"]}
    document = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
    where = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "TMPDIR": str(temporary)}
    with serving(tmp_path, **where) as server:
        assert list(temporary.rglob("*"))
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.ended() == 0
    assert not list(temporary.rglob("*"))


@contextmanager
def store_that_waits() -> Iterator[tuple[socket.socket, str]]:
    """A store whose answer takes as long as the test likes, and its URL."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(LONG)
        yield listener, f"http://{LOOPBACK}:{listener.getsockname()[1]}"


@contextmanager
def in_the_background(server: Server) -> Iterator[Future[urllib3.BaseHTTPResponse]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(server.post, secret_body())
