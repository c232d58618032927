"""A server that can't start says why, and with which variable."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hooks.commands.processes import LOOPBACK
from tests.authority import Authority
from tests.serving.test_server import SECRET, TOKEN, Server

pytestmark = pytest.mark.long


def outcome(directory: Path, **variables: str) -> tuple[int | None, str]:
    """Exit code and output of a server that ends by itself."""
    server = Server(directory, **variables)
    with server.process:
        code = server.ended()
    text = server.process.log_text()
    assert "Traceback" not in text
    assert SECRET not in text
    assert TOKEN not in text
    return code, text


@pytest.mark.parametrize("listener", ["HOOK", "METRICS"])
def test_a_port_that_is_taken_ends_with_1_and_names_the_variables(
    tmp_path: Path, listener: str
) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        code, text = outcome(tmp_path, **{f"{listener}_PORT": port})
    assert code == 1
    assert f"{listener}_HOST, {listener}_PORT: can't listen on {LOOPBACK}:{port}" in text


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b", "x" * 64])
def test_a_host_that_is_not_this_machines_is_named(tmp_path: Path, host: str) -> None:
    code, text = outcome(tmp_path, HOOK_HOST=host)
    assert code in {1, 2}
    assert "HOOK_HOST" in text


def test_a_wrong_configuration_ends_with_2_and_all_mistakes(tmp_path: Path) -> None:
    code, text = outcome(
        tmp_path, S3_ENDPOINT_URL="", LOG_LEVEL="x", ADOPTION="x", HOOK_PORT=SECRET
    )
    assert code == 2
    named = [line.partition(":")[0] for line in text.splitlines()[1:]]
    assert sorted(named) == ["ADOPTION", "HOOK_PORT", "LOG_LEVEL", "S3_ENDPOINT_URL"]


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key", "callers.crt"])
def test_tls_files_that_can_not_be_used_end_with_2(tmp_path: Path, broken: str) -> None:
    authority = Authority("servers")
    authority.write(tmp_path / "tls.crt", tmp_path / "tls.key", "hook")
    (tmp_path / "callers.crt").write_bytes(authority.pem())
    (tmp_path / broken).write_text("no PEM")
    code, text = outcome(
        tmp_path,
        HOOK_TLS_CERT_FILE=str(tmp_path / "tls.crt"),
        HOOK_TLS_KEY_FILE=str(tmp_path / "tls.key"),
        HOOK_TLS_CLIENT_CA_FILE=str(tmp_path / "callers.crt"),
    )
    assert code == 2
    assert "HOOK_TLS_CERT_FILE" in text
