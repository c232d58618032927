"""A plain TCP balancer, as a Service is one: each new connection goes to the next server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence

from hooks.commands.processes import LOOPBACK

_CHUNK = 64 * 1024


class Balancer:
    """Passes connections on, byte by byte; one to a server that refuses goes to the next.

    Args:
        ports: the servers', on the loopback address.

    Attributes:
        passed_over: how often a server refused a connection.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self.passed_over = 0
        self._ports = tuple(ports)
        self._out: set[int] = set()
        self._turn = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @contextlib.contextmanager
    def without(self, port: int) -> Iterator[None]:
        """Within, no new connection goes there; those there are stay."""
        self._out.add(port)
        try:
            yield
        finally:
            self._out.discard(port)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, LOOPBACK, 0, backlog=512)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled when all ends, which asyncio would tell of.
        with contextlib.suppress(asyncio.CancelledError):
            await self._connect(reader, writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._turn)
        count = len(self._ports)
        for offset in range(count):
            port = self._ports[(first + offset) % count]
            if port in self._out:
                continue
            try:
                there = await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                self.passed_over += 1
                continue
            await _join((reader, writer), there)
            return
        writer.transport.abort()


async def _join(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    pumps = [
        asyncio.create_task(_pump(client[0], server[1])),
        asyncio.create_task(_pump(server[0], client[1])),
    ]
    try:
        # Neither speaks half a connection: one that ends ends the other.
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for _, writer in (client, server):
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
