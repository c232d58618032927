"""A port of its own for a test, with bounds that are reached at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import uvloop

from backends.wire.sensitive import Sensitive
from hooks.serving.auth import BearerTokens
from hooks.serving.listener import Limits, Listener
from hooks.serving.server import _listen, _server
from hooks.serving.tls import Certificates

T = TypeVar("T")

TOKEN = "the-token"
SMALL = Limits(
    connections=8,
    head=2000,
    headers=20,
    ahead=3,
    handshake=0.4,
    head_time=0.4,
    body_time=0.4,
    answer_time=0.4,
    idle=0.4,
    interval=0.02,
)
# Longer than any test waits.
PATIENT = replace(SMALL, handshake=60, head_time=60, body_time=60, answer_time=60, idle=60)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
KNOWN = f"Authorization: Bearer {TOKEN}\r\n".encode()


@dataclass
class Port:
    """A port that is served, and what became of its calls."""

    number: int
    listener: Listener
    refused: list[int]
    bodies: list[bytes] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.number)

    async def send(self, data: bytes) -> bytes:
        """What is answered to this and nothing more, until the connection is closed."""
        reader, writer = await self.open()
        try:
            writer.write(data)
            return await everything(reader)
        finally:
            writer.close()


async def everything(reader: asyncio.StreamReader) -> bytes:
    content = bytearray()
    # A peer that closes with something unread resets the connection.
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            while chunk := await reader.read(65536):
                content += chunk
    return bytes(content)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the connection is closed without a word."""
    return await everything(reader) == b""


@asynccontextmanager
async def port(
    limits: Limits, certificates: Certificates | None = None, *, tokens: bool = True
) -> AsyncIterator[Port]:
    refused: list[int] = []
    with _listen("HOOK", "127.0.0.1", 0) as listening:
        listener = Listener("hook", limits, refused.append)
        served = Port(listening.getsockname()[1], listener, refused)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            body = bytearray()
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message["body"]
                more = message["more_body"]
            served.bodies.append(bytes(body))
            if scope["path"] == "/held":
                await served.hold.wait()
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"ok"})

        guarded = BearerTokens(app, [Sensitive(TOKEN)] if tokens else [])
        server = _server(guarded, 5, listener, certificates)
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield served
        finally:
            served.hold.set()
            server.should_exit = True
            await serving


def run(
    scenario: Callable[[Port], Awaitable[T]],
    limits: Limits = PATIENT,
    certificates: Certificates | None = None,
    *,
    tokens: bool = True,
) -> T:
    async def main() -> T:
        async with port(limits, certificates, tokens=tokens) as served:
            return await asyncio.wait_for(scenario(served), 60)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
