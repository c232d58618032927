"""What a caller without a token can have kept or held open: each bound, made small."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
from pathlib import Path

import pytest

from hooks.serving.protocol import BoundedProtocol
from hooks.serving.tls import Certificates
from hooks.settings.settings import TLS
from tests.authority import Authority
from tests.serving.ports import (
    GET,
    KNOWN,
    PATIENT,
    POST,
    SMALL,
    Port,
    closed,
    everything,
    run,
)


def test_a_call_is_answered_and_its_connection_kept() -> None:
    async def scenario(served: Port) -> None:
        reader, writer = await served.open()
        for number in range(3):
            body = b"%d" % number
            writer.write(POST + KNOWN + b"Content-Length: 1\r\n\r\n" + body)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        assert served.bodies == [b"0", b"1", b"2"]
        writer.close()

    run(scenario)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(GET + b"X: " + b"x" * 3000 + b"\r\n\r\n", id="one header"),
        pytest.param(GET + b"X: " + b"x" * 300_000, id="a header without end"),
        pytest.param(GET + b"x" * 300_000, id="a name without end"),
        pytest.param(b"GET /" + b"x" * 300_000, id="a path without end"),
        pytest.param(b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="a path"),
        pytest.param(GET + b"a:\r\n" * 30 + b"\r\n", id="many headers"),
        pytest.param(b"\r\n" * 3000, id="line ends"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 300_000,
            id="a chunk's extension",
        ),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + b"a:\r\n" * 30 + b"\r\n",
            id="many trailers",
        ),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 300_000,
            id="a trailer without end",
        ),
    ],
)
def test_a_head_that_is_too_large_ends_the_connection(head: bytes) -> None:
    async def scenario(served: Port) -> None:
        await served.send(head)
        assert served.refused[-1:] == [431]
        assert served.bodies == []
        # And nobody else is harmed.
        assert b" 200 " in await served.send(GET + KNOWN + b"Connection: close\r\n\r\n")

    run(scenario)


def test_a_head_that_comes_in_pieces_is_as_large() -> None:
    async def scenario(served: Port) -> None:
        reader, writer = await served.open()
        writer.write(GET)
        answer = asyncio.create_task(everything(reader))
        sent = 0
        while not answer.done() and sent < 1000:
            writer.write(b"X: yyyy\r\n" if sent % 2 else b"Z: y")
            sent += 1
            await asyncio.sleep(0.001)
            if served.refused:
                break
        assert b" 431 " in await answer
        assert sent < 1000
        writer.close()

    run(scenario)


def test_a_head_within_the_bounds_is_taken() -> None:
    async def scenario(served: Port) -> None:
        more = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 90) for number in range(16))
        assert b" 200 " in await served.send(
            GET + KNOWN + b"Connection: close\r\n" + more + b"\r\n"
        )
        assert served.refused == []

    run(scenario)


def test_only_so_many_requests_are_read_ahead() -> None:
    async def scenario(served: Port) -> None:
        reader, writer = await served.open()
        held = GET.replace(b"/", b"/held", 1) + KNOWN + b"\r\n"
        writer.write(held + (GET + KNOWN + b"\r\n") * 2000)
        while not served.bodies:
            await asyncio.sleep(0.01)
        (protocol,) = served.listener._open
        assert isinstance(protocol, BoundedProtocol)
        while not protocol.ended:
            await asyncio.sleep(0.01)
        assert len(protocol.pipeline) == PATIENT.ahead
        # Those are answered, and the connection ends as HTTP lets it.
        served.hold.set()
        answer = await everything(reader)
        assert answer.count(b"HTTP/1.1 200") == 1 + PATIENT.ahead
        assert answer.count(b"connection: close") == 1
        writer.close()

    run(scenario)


def test_some_requests_in_one_go_are_answered_in_order() -> None:
    async def scenario(served: Port) -> None:
        call = POST + KNOWN + b"Content-Length: 1\r\n"
        answer = await served.send(
            call + b"\r\n1" + call + b"\r\n2" + call + b"Connection: close\r\n\r\n3"
        )
        assert answer.count(b"HTTP/1.1 200") == 3
        assert served.bodies == [b"1", b"2", b"3"]

    run(scenario)


def test_nothing_of_a_body_is_kept_without_the_token() -> None:
    async def scenario(served: Port) -> None:
        reader, writer = await served.open()
        writer.write(POST + b"Content-Length: 100000000\r\n\r\n")
        assert b" 401 " in await reader.readuntil(b"unauthorized")
        for _ in range(40):
            writer.write(b"x" * 100_000)
            await writer.drain()
        (protocol,) = served.listener._open
        assert isinstance(protocol, BoundedProtocol)
        assert len(protocol.cycle.body) == 0
        assert served.bodies == []
        writer.close()

    run(scenario)


def test_requests_read_ahead_without_the_token_keep_no_bodies() -> None:
    async def scenario(served: Port) -> None:
        large = POST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000
        reader, writer = await served.open()

        async def pour() -> None:
            for _ in range(6):
                writer.write(large)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()

        pouring = asyncio.create_task(pour())
        most = 0
        for _ in range(6):
            await reader.readuntil(b"unauthorized")
            gc.collect()
            kept = [
                each.cycle.body
                for each in served.listener._open
                if isinstance(each, BoundedProtocol)
            ]
            most = max(most, *(len(body) for body in kept))
        await pouring
        assert most <= 256 * 1024
        writer.close()

    run(scenario)


@pytest.mark.long
@pytest.mark.parametrize(
    ("begun", "drop"),
    [
        pytest.param(b"", b"\r\n", id="nothing"),
        pytest.param(b"GET /", b"x", id="in the request line"),
        pytest.param(GET, b"x", id="in the headers"),
        pytest.param(POST + KNOWN + b"Content-Length: 999\r\n\r\n", b"x", id="in the body"),
        pytest.param(POST + b"Content-Length: 999\r\n\r\n", b"x", id="in a body without a token"),
        pytest.param(GET + KNOWN + b"\r\n", b"\r\n", id="after an answer"),
    ],
)
@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_a_connection_that_gets_no_further_is_closed(
    begun: bytes, drop: bytes, drips: bool
) -> None:
    async def scenario(served: Port) -> None:
        reader, writer = await served.open()
        writer.write(begun)
        ending = asyncio.create_task(everything(reader))
        while not len(served.listener):
            await asyncio.sleep(0.001)
        while not ending.done() and len(served.listener):
            if drips:
                writer.write(drop)
            await asyncio.sleep(0.01)
        await ending
        assert len(served.listener) == 0
        writer.close()

    run(scenario, SMALL)


def test_a_call_without_an_answer_in_time_is_let_go() -> None:
    async def scenario(served: Port) -> None:
        _, writer = await served.open()
        writer.write(GET.replace(b"/", b"/held", 1) + KNOWN + b"\r\n")
        while not served.bodies:
            await asyncio.sleep(0.01)
        for _ in range(800):
            if not len(served.listener):
                break
            await asyncio.sleep(0.01)
        assert len(served.listener) == 0
        writer.close()

    run(scenario, SMALL)


def test_a_silent_connection_goes_for_a_new_one_and_one_with_a_token_stays() -> None:
    async def scenario(served: Port) -> None:
        reader, writer = await served.open()
        call = POST + KNOWN + b"Content-Length: 0\r\n\r\n"
        writer.write(call)
        await reader.readuntil(b"ok")
        silent = [await served.open() for _ in range(30)]
        # The first of them are gone, the last are not.
        assert await closed(silent[0][0])
        assert len(served.listener) == PATIENT.connections
        assert not silent[-1][0].at_eof()
        writer.write(call)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        for each in silent:
            each[1].close()
        writer.close()

    run(scenario)


def test_calls_in_flight_are_not_given_up_for_new_connections() -> None:
    async def scenario(served: Port) -> None:
        held = GET.replace(b"/", b"/held", 1) + KNOWN + b"\r\n"
        busy = [await served.open() for _ in range(PATIENT.connections)]
        for _, writer in busy:
            writer.write(held)
        while len(served.bodies) < len(busy):
            await asyncio.sleep(0.01)
        reader, other = await served.open()
        assert await closed(reader)
        served.hold.set()
        for reader, writer in busy:
            assert b" 200 " in await reader.readuntil(b"ok")
            writer.close()
        other.close()

    run(scenario)


def test_a_limit_that_is_reached_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(served: Port) -> None:
        silent = [await served.open() for _ in range(20)]
        assert await closed(silent[0][0])
        assert await closed(silent[1][0])
        for each in silent:
            each[1].close()

    run(scenario)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("request_head", [b"\x16\x03\x01", b"GET / HTTP/9.9\r\n\r\n", b"x\r\n\r\n"])
def test_what_is_no_http_is_refused_without_a_line_in_the_log(
    request_head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(served: Port) -> None:
        assert b" 400 " in await served.send(request_head)
        assert served.refused == [400]

    run(scenario)
    assert caplog.records == []


def test_an_upgrade_is_not_done_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(served: Port) -> None:
        upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
        answer = await served.send(GET + KNOWN + upgrade + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200")

    run(scenario)
    assert caplog.records == []


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    authority = Authority("servers")
    authority.write(tmp_path / "tls.crt", tmp_path / "tls.key", "hook")
    (tmp_path / "ca.crt").write_bytes(authority.pem())
    return Certificates(TLS(tmp_path / "tls.crt", tmp_path / "tls.key", None))


def test_a_connection_counts_before_its_handshake(
    certificates: Certificates, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))

    async def scenario(served: Port) -> None:
        silent = [await served.open() for _ in range(30)]
        assert await closed(silent[0][0])
        assert len(served.listener) == PATIENT.connections
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.number, ssl=context, server_hostname="hook"
        )
        writer.write(GET + KNOWN + b"\r\n")
        assert b" 200 " in await reader.readuntil(b"ok")
        writer.close()
        for each in silent:
            each[1].close()

    run(scenario, certificates=certificates)


@pytest.mark.long
@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01"], ids=["silent", "in the handshake"])
def test_a_handshake_ends_in_time(certificates: Certificates, begun: bytes) -> None:
    async def scenario(served: Port) -> None:
        reader, writer = await served.open()
        writer.write(begun)
        assert await closed(reader)
        while len(served.listener):
            await asyncio.sleep(0.01)
        writer.close()

    run(scenario, SMALL, certificates)


def test_what_comes_with_the_handshakes_end_is_read(
    certificates: Certificates, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))

    def call(number: int) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", number)) as plain,
            context.wrap_socket(plain, server_hostname="hook") as secured,
        ):
            secured.sendall(GET + KNOWN + b"Connection: close\r\n\r\n")
            return secured.recv(1000)

    async def scenario(served: Port) -> None:
        for _ in range(20):
            assert b" 200 " in await asyncio.to_thread(call, served.number)

    run(scenario, certificates=certificates)
