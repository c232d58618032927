"""The server as its own process: listeners, TLS, the drain, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError, SSLError

from hooks.commands.processes import LOOPBACK, Process, answers, free_port, wait_until
from tests.authority import Authority
from tests.support import PREFIX, Secret

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).parents[1] / "fixtures" / "metacontroller" / "sync-new.json"
TOKEN = "token-of-the-hook"
SECRET = "secret-of-the-operator"
NAME = "s3-resource-operator.s3-resource-operator"
LONG = 30.0


class Server:
    """`python -m hooks serve` on ports of its own; its store is a port that refuses.

    Args:
        directory: for its log.
        limits: a shell's command before it, with a semicolon.
        variables: of its environment.
    """

    def __init__(self, directory: Path, limits: str = "", **variables: str) -> None:
        self.port, self.ops_port = free_port(), free_port()
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
        coverage = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")}
        environ = {
            "S3_ENDPOINT_URL": f"http://{LOOPBACK}:{free_port()}",
            "S3_ACCESS_KEY": "operator",
            "S3_SECRET_KEY": SECRET,
            "HOOK_PORT": str(self.port),
            "HOOK_TOKEN": TOKEN,
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(self.ops_port),
            "LOG_LEVEL": "DEBUG",
            **variables,
        }
        self.process = Process(
            ["sh", "-c", f'{limits} exec "$0" -m hooks serve', sys.executable],
            log=directory / "serve.log",
            env={**kept, **coverage, **environ},
            cwd=ROOT,
            name="serve",
        )
        self.pool = urllib3.PoolManager(retries=False, timeout=LONG)

    def post(self, body: bytes | dict[str, Any], token: str = TOKEN) -> urllib3.BaseHTTPResponse:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.pool.request(
            "POST",
            f"http://{LOOPBACK}:{self.port}/sync",
            body=content,
            headers={"Authorization": f"Bearer {token}"},
        )

    def ready(self) -> bool:
        return answers(self.ops_port, "/readyz", status=200)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.process.log_text().splitlines()]

    def ended(self) -> int | None:
        """The exit code once it has ended by itself."""
        wait_until(lambda: not self.process.running, timeout=LONG, what="the server to end")
        return self.process.returncode


@contextmanager
def serving(directory: Path, limits: str = "", **variables: str) -> Iterator[Server]:
    server = Server(directory, limits, **variables)
    with server.process:
        server.process.wait_for(server.ready, timeout=LONG, what="the server to be ready")
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def secret_body(name: str = "my-bucket") -> dict[str, Any]:
    return {"object": Secret.claiming(name, "my-user", "secret-of-the-tenant").document}


def status(answer: urllib3.BaseHTTPResponse) -> tuple[str, str]:
    annotations = answer.json()["annotations"]
    return annotations[f"{PREFIX}status"], annotations[f"{PREFIX}reason"]


def test_a_recorded_request_of_metacontroller_is_answered(server: Server) -> None:
    recorded = json.loads(RECORDED.read_text())
    content = json.dumps(recorded["body"], separators=(",", ":")).encode()
    headers = {**recorded["headers"], "authorization": f"Bearer {TOKEN}"}
    del headers["content-length"]
    answer = urllib3.request(
        "POST", f"http://{LOOPBACK}:{server.port}/sync?c=1", body=content, headers=headers
    )
    assert answer.status == 200
    assert status(answer) == ("Retrying", "BackendUnavailable")
    assert "server" not in answer.headers


def test_a_store_that_is_away_makes_nothing_but_a_status(server: Server) -> None:
    assert status(server.post(secret_body())) == ("Retrying", "BackendUnavailable")
    assert server.ready()
    text = server.pool.request("GET", f"http://{LOOPBACK}:{server.ops_port}/metrics").data
    assert b"s3_operator_backend_up 0.0" in text


@pytest.mark.parametrize("token", ["", "wrong", TOKEN.upper()])
def test_without_the_token_it_answers_401(server: Server, token: str) -> None:
    assert server.post(secret_body(), token).status == 401


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b'{"object"', 400, id="malformed"),
        pytest.param(b'{"object":' * 300_000, 400, id="deep"),
        pytest.param(b" " * 20_000_000, 413, id="20 MB"),
    ],
)
def test_a_body_that_is_no_request_is_refused_and_the_server_lives(
    server: Server, content: bytes, expected: int
) -> None:
    assert server.post(content).status == expected
    assert server.post(secret_body()).status == 200


def test_a_caller_that_hangs_up_in_the_middle_is_no_error(server: Server) -> None:
    head = f"POST /sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    for body in ("Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"):
        with socket.create_connection((LOOPBACK, server.port)) as caller:
            caller.sendall(f"{head}{body}".encode())
    assert server.post(secret_body()).status == 200
    assert "ERROR" not in {line["level"] for line in server.lines()}


def test_a_connection_is_kept_for_the_next_call(server: Server) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=LONG)
    ports = set()
    for _ in range(3):
        connection.request(
            "POST",
            "/sync",
            json.dumps(secret_body()),
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert connection.getresponse().read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(ports) == 1


def test_neither_port_has_what_the_other_is_for(server: Server) -> None:
    assert server.pool.request("POST", f"http://{LOOPBACK}:{server.ops_port}/sync").status == 404
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/metrics", "/healthz", "/readyz"):
        url = f"http://{LOOPBACK}:{server.port}{path}"
        assert server.pool.request("GET", url, headers=headers).status == 404


def test_no_credential_is_in_the_log_at_debug(server: Server) -> None:
    server.post(secret_body("logged-bucket"))
    server.post(secret_body(), "token-of-a-stranger")
    wait_until(
        lambda: "logged-bucket-my-user" in server.process.log_text(), timeout=LONG, what="a line"
    )
    text = server.process.log_text()
    assert '"message": "serving"' in text
    for credential in (SECRET, TOKEN, "secret-of-the-tenant", "token-of-a-stranger", "Signature="):
        assert credential not in text


def test_tls_and_the_token_go_together(tmp_path: Path) -> None:
    authority, callers = Authority("servers"), Authority("callers")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.write(certificate, key, NAME)
    callers.write(tmp_path / "caller.crt", tmp_path / "caller.key", "metacontroller")
    (tmp_path / "servers.crt").write_bytes(authority.pem())
    (tmp_path / "callers.crt").write_bytes(callers.pem())
    with serving(
        tmp_path,
        HOOK_TLS_CERT_FILE=str(certificate),
        HOOK_TLS_KEY_FILE=str(key),
        HOOK_TLS_CLIENT_CA_FILE=str(tmp_path / "callers.crt"),
    ) as server:

        def post(token: str, **own: str) -> int:
            with urllib3.HTTPSConnectionPool(
                LOOPBACK,
                server.port,
                ca_certs=str(tmp_path / "servers.crt"),
                assert_hostname=NAME,
                server_hostname=NAME,
                retries=False,
                timeout=LONG,
                **own,  # type: ignore[arg-type]
            ) as pool:
                headers = {"Authorization": f"Bearer {token}"}
                return pool.request("POST", "/sync", json=secret_body(), headers=headers).status

        own = {"cert_file": str(tmp_path / "caller.crt"), "key_file": str(tmp_path / "caller.key")}
        assert post(TOKEN, **own) == 200
        assert post("wrong", **own) == 401
        with pytest.raises(HTTPError):
            post(TOKEN)
        with pytest.raises(HTTPError):
            server.post(secret_body())
        # The next handshake has a new certificate, here one of another CA.
        Authority("others").write(certificate, key, NAME)
        with pytest.raises(SSLError):
            post(TOKEN, **own)
        assert server.ready()
