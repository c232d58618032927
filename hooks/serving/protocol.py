"""uvicorn's HTTP protocol with an end to what a caller can have kept before its token is looked at.

uvicorn bounds none of these with httptools: the bytes of a request's head, the requests that are
read while an earlier one is answered, and the time of a head and of a body.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from hooks.serving.auth import PASSED
from hooks.serving.listener import Arrival, Listener

_TOO_LARGE = 431
_MALFORMED = 400
_WORDS = {_TOO_LARGE: b"Request Header Fields Too Large", _MALFORMED: b"Bad Request"}


class _TooLarge(Exception):
    """A head with more bytes or headers than are taken."""


class _Enough(Exception):
    """As many requests are read ahead as are kept."""


class _Flow(FlowControl):
    """Reads nothing more while requests wait that have been read already."""

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if not self._protocol.pipeline and not self._protocol.ended:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """HTTP on one connection.

    Args:
        listener: the port, with its limits.
        arrival: whose place at the port it takes.
        config: uvicorn's.
        server_state: uvicorn's.
        app_state: copied into each request's scope.
    """

    def __init__(
        self,
        listener: Listener,
        arrival: Arrival,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._listener = listener
        self._arrival = arrival
        self._limits = listener.limits
        self._trusted = False
        # Bytes since something came of them: a head's end, a piece of a body, a request's end.
        self._fruitless = 0
        # Bytes and number of the present request's headers.
        self._head = self._count = 0
        self._whole = True
        self.ended = False
        self.due = listener.now + self._limits.idle

    @property
    def trusted(self) -> bool:
        """Whether a request of it was let pass."""
        cycle: RequestResponseCycle | None = self.cycle
        return self._trusted or (cycle is not None and PASSED in cycle.scope["state"])

    @property
    def busy(self) -> bool:
        """Whether a request of it is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def abort(self) -> None:
        """Ends the connection at once, whatever is still to be sent."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection's place at the port, or ends it."""
        self.transport = transport
        if not self._listener.replace(self._arrival, self):
            transport.abort()
            return
        super().connection_made(transport)
        self.flow = _Flow(transport, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gives the place back."""
        self._listener.leave(self)
        # Those read ahead have nobody left to be answered to.
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, as long as something comes of it."""
        if self.ended:
            return
        self._fruitless += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, _Enough):
                self._end()
            else:
                self._refuse(_TOO_LARGE if isinstance(cause, _TooLarge) else _MALFORMED)
        except httptools.HttpParserError:
            self._refuse(_MALFORMED)
        except httptools.HttpParserUpgrade:
            # The request is served as if it asked for nothing else. What follows it isn't parsed.
            self._end()
        else:
            if self._fruitless > self._limits.head:
                self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Starts a request, unless too many wait."""
        if self.busy and len(self.pipeline) >= self._limits.ahead:
            raise _Enough
        self._head = self._count = 0
        self._whole = False
        self.due = self._listener.now + self._limits.head_time
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Takes a piece of the request line."""
        self._head += len(url)
        if self._head > self._limits.head:
            raise _TooLarge
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header or, after a body, a trailer."""
        self._count += 1
        self._head += len(name) + len(value)
        if self._head > self._limits.head or self._count > self._limits.headers:
            raise _TooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Starts to serve the request."""
        self._fruitless = 0
        self.due = self._listener.now + self._limits.body_time
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keeps a piece of the body for whoever asks for it."""
        self._fruitless = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Has the request's time end with its answer."""
        self._fruitless = 0
        self._whole = True
        limits = self._limits
        self.due = self._listener.now + (limits.answer_time if self.busy else limits.idle)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Goes on to the next request, or waits for one."""
        self.server_state.total_requests += 1
        self._trusted = self.trusted
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        # A body that nobody asked for; more of it is dropped as it comes, until it is due.
        self.cycle.body = bytearray()
        if self._whole:
            self.due = self._listener.now + self._limits.idle
        self.flow.resume_reading()

    def _end(self) -> None:
        """Reads no more; what was read is answered, and then the connection is closed."""
        self.ended = True
        self.flow.pause_reading()
        if self.busy:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Says why nothing more of this connection is read."""
        self._listener.refused(status)
        if self.busy and not self.cycle.more_body:
            # Earlier requests, which are whole.
            self._end()
            return
        self.ended = True
        if not self.busy or not (self.pipeline or self.cycle.response_started):
            words = _WORDS[status]
            self.transport.write(
                b"%scontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%s" % (STATUS_LINE[status], len(words), words)
            )
        self.transport.close()
        # A peer that takes no answer keeps its connection until then.
        self.due = self._listener.now + self._limits.head_time
