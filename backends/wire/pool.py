"""One pooled HTTP client: bounded in time and size, observed, and with our own errors only.

It belongs to one event loop. A thread that waits for a store has to be woken twice and to wait
for the interpreter's lock each time, which costs more than the request itself.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from backends.base import Answer, Connection, Observer
from backends.errors import (
    BrokenConnection,
    ServerFault,
    TimedOut,
    TransientError,
    foreign_errors,
    redirected,
)
from backends.wire import trust
from backends.wire.deadline import Deadline

ANSWER_LIMIT = 1024 * 1024
# Every redirect; 304 answers a question that is never asked.
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
USER_AGENT = "s3-resource-operator"


class HttpPool:
    """Sends requests to one endpoint; for the tasks of one event loop.

    Args:
        endpoint: URL without query; a path in it is put before every request's.
        connection: certificates and pool size.
        observe: told of every request sent.
        read_error: code and message of an error's body; empty strings where it is none.
    """

    def __init__(
        self,
        endpoint: str,
        connection: Connection,
        observe: Observer,
        read_error: Callable[[bytes], tuple[str, str]],
    ) -> None:
        parts = urlsplit(endpoint)
        self.host = parts.netloc
        self.origin = f"{parts.scheme}://{self.host}"
        self.prefix = parts.path.rstrip("/")
        self._observe = observe
        self._read_error = read_error
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None
        self._proxy = connection.proxies.for_url(self.origin)
        self._checks = parts.scheme == "https" and connection.tls_verify
        self._pem: bytes | None = None
        self._context: ssl.SSLContext | None = None
        breaker = connection.breaker
        self._passing = nullcontext if breaker is None else breaker.passing

    async def send(
        self,
        method: str,
        target: str,
        headers: Callable[[], Mapping[str, str]],
        *,
        operation: str,
        deadline: Deadline,
        body: bytes = b"",
        limit: int = ANSWER_LIMIT,
        repeat: bool = True,
    ) -> Answer:
        """Sends one request and reads the answer.

        A connection that breaks is tried once more: the server may just have closed it for
        idleness, and nearly every operation of a backend is idempotent.

        Args:
            method: HTTP method.
            target: path and query, encoded, with the prefix; sent as it is, since it is signed.
            headers: made anew for each try, since a signature holds the time.
            operation: its name in the metrics.
            deadline: the time left for the whole sync.
            body: sent.
            limit: how many bytes of an answer are read at most.
            repeat: False where a second answer would tell something else than a lost first.

        Raises:
            Unavailable: no connection, or it broke twice.
            TimedOut: no complete answer before the deadline.
            ServerFault: an answer over `limit`, or one that is not HTTP.
            Misconfigured: the store answers with a redirect.
        """
        try:
            return await self._observed(operation, method, target, headers(), body, deadline, limit)
        except BrokenConnection:
            if not repeat:
                raise
        return await self._observed(operation, method, target, headers(), body, deadline, limit)

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    async def _observed(
        self,
        operation: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline: Deadline,
        limit: int,
    ) -> Answer:
        left = deadline.remaining()
        started = time.perf_counter()
        # What is cancelled in between was waited for too long by somebody else.
        outcome = "timeout"
        try:
            with self._passing(), foreign_errors():
                async with asyncio.timeout(left):
                    answer, location = await self._exchange(method, target, headers, body, limit)
            outcome = str(answer.status)
        except TransientError as error:
            outcome = outcome_of(error)
            raise
        finally:
            self._observe(operation, outcome, time.perf_counter() - started)
        if answer.status in _REDIRECTS:
            raise redirected(self.origin, answer.status, location)
        return answer

    async def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, limit: int
    ) -> tuple[Answer, str]:
        if self._session is None:
            self._session = self._open()
        async with self._session.request(
            method,
            URL(self.origin + target, encoded=True),
            data=body or None,
            headers={**headers, "User-Agent": USER_AGENT},
            allow_redirects=False,
            proxy=self._proxy,
            ssl=self._tls(),
        ) as response:
            received = bytearray()
            while chunk := await response.content.readany():
                received += chunk
                if len(received) > limit:
                    raise ServerFault(f"The store's answer is longer than {limit} bytes.")
        content = bytes(received)
        if 200 <= response.status < 300:
            return Answer(response.status, content), ""
        server = response.headers.get("Server", "")
        answer = Answer(response.status, content, *self._read_error(content), server)
        return answer, response.headers.get("Location", "")

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connection.pool_size),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
            middlewares=(_once,),
        )

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._checks:
            return self._connection.tls_verify
        bundle = self._connection.ca_bundle
        pem = bundle.value if bundle else None
        if self._context is None or pem is not self._pem:
            # Connections belong to their context: a new one is made with the next request.
            self._context = trust.context(pem, strict=self._connection.tls_strict)
            self._pem = pem
        return self._context


async def _once(request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending an idempotent request again by itself, unseen and unasked."""
    try:
        response: aiohttp.ClientResponse = await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError from error
    return response


def outcome_of(error: TransientError) -> str:
    """What stands in a metric where there is no HTTP status."""
    if isinstance(error, TimedOut):
        return "timeout"
    return "invalid" if isinstance(error, ServerFault) else "unavailable"
