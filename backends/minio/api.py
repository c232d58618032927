"""MinIO's encrypted admin API: the minio package's client over this operator's own connections.

The package encrypts, decrypts and signs, in threads, since that takes long; what is sent goes
through :class:`HttpPool`, so that it is as bounded in time and size, and as observed, as every
other request.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from backends.base import Answer, Connection, Observer
from backends.errors import ServerFault
from backends.minio.errors import CODES
from backends.wire import jsonbody, xmlbody
from backends.wire.deadline import Deadline
from backends.wire.pool import ANSWER_LIMIT, HttpPool
from backends.wire.turns import turn

# Each encrypted body takes 64 MiB and about 90 ms of CPU (Argon2id).
_ENCRYPTED_AT_ONCE = 2
# Before what is encrypted: a salt of 32 bytes, how it was done, a nonce of 8 (madmin-go 3.0.109).
_HEADER = 41
_KIND = 32
_KINDS = frozenset({0, 1, 2})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to; `code` is that of an error that the caller expected."""

    text: str = field(default="", repr=False)
    code: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The answer's JSON object.

        Raises:
            ServerFault: it is none.
        """
        return jsonbody.document(self.text)


class AdminApi:
    """MinIO's admin client; for the tasks of one event loop.

    Args:
        connection: where, and as whom.
        observe: told of every request sent.
    """

    def __init__(self, connection: Connection, observe: Observer) -> None:
        parts = urlsplit(connection.admin_endpoint)
        self._pool = HttpPool(connection.admin_endpoint, connection, observe, _error)
        self._transport = _Transport(self._pool)
        self._encrypted = asyncio.Semaphore(_ENCRYPTED_AT_ONCE)
        self._threads = ThreadPoolExecutor(connection.pool_size, thread_name_prefix="store")
        self._admin = MinioAdmin(
            endpoint=parts.netloc,
            credentials=StaticProvider(
                connection.admin.access_key, connection.admin.secret.reveal()
            ),
            region=connection.region,
            secure=parts.scheme == "https",
            http_client=self._transport,
        )

    async def call(
        self,
        operation: str,
        function: Callable[[MinioAdmin], str],
        deadline: Deadline,
        *,
        encrypted: bool = False,
        expected: frozenset[str] = frozenset(),
        repeat: bool = True,
        read: bool = True,
        limit: int = ANSWER_LIMIT,
    ) -> Reply:
        """Makes one call.

        Args:
            operation: its name in the metrics.
            function: makes it.
            deadline: of the sync.
            encrypted: whether it takes an encrypted body, of which few are made at once.
            expected: error codes that are answered rather than raised.
            repeat: whether a connection that breaks is tried once more.
            read: whether what it says is needed. An encrypted answer that isn't is left as it is:
                reading it takes as much as encrypting a body.
            limit: how many bytes of an answer are read at most.
        """
        loop = asyncio.get_running_loop()
        request = _Request(operation, deadline, repeat, read, limit, loop)
        message = "Other changes to the store's users took all of the sync's time."
        async with turn(self._encrypted, deadline, message) if encrypted else nullcontext():
            return await self._call(function, expected, request)

    async def close(self) -> None:
        """Closes the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._pool.close()

    async def _call(
        self, function: Callable[[MinioAdmin], str], expected: frozenset[str], request: _Request
    ) -> Reply:
        def run() -> str:
            with self._transport.within(request):
                return function(self._admin)

        context = contextvars.copy_context()
        try:
            return Reply(await request.loop.run_in_executor(self._threads, context.run, run))
        except _Refusal as refusal:
            answer = refusal.answer
            if answer.code in expected:
                return Reply(code=answer.code)
            raise CODES.admin_error(answer) from None
        except _Unread:
            return Reply()
        except (MinioAdminException, ValueError, TypeError, OSError) as error:
            # Nothing of the connection: the pool's errors are ours. What came can't be decrypted.
            raise ServerFault("The store's answer is not the one that was expected.") from error


@dataclass(frozen=True, slots=True)
class _Request:
    """What the package's code doesn't pass on to the transport."""

    operation: str
    deadline: Deadline
    repeat: bool
    read: bool
    limit: int
    loop: asyncio.AbstractEventLoop


class _Refusal(Exception):
    """An answer that is an error, on its way through the package's code."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _Unread(Exception):
    """An encrypted answer that nobody needs, on its way past the package's code."""


class _Transport(urllib3.PoolManager):
    """What the package takes for its HTTP client."""

    def __init__(self, pool: HttpPool) -> None:
        super().__init__()
        self._pool = pool
        self._call = threading.local()

    @contextmanager
    def within(self, request: _Request) -> Iterator[None]:
        """Whose request it is that this thread makes next."""
        self._call.request = request
        try:
            yield
        finally:
            del self._call.request

    def urlopen(  # type: ignore[override]
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        preload_content: bool,
    ) -> urllib3.BaseHTTPResponse:
        parts = urlsplit(url)
        request: _Request = self._call.request
        sending = self._pool.send(
            method,
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            lambda: headers,
            operation=request.operation,
            deadline=request.deadline,
            body=body or b"",
            repeat=request.repeat,
            limit=request.limit,
        )
        answer = asyncio.run_coroutine_threadsafe(sending, request.loop).result()
        if not answer.ok:
            raise _Refusal(answer)
        if not request.read and _is_encrypted(answer.body):
            raise _Unread
        return urllib3.HTTPResponse(
            io.BytesIO(answer.body), status=answer.status, preload_content=preload_content
        )


def _is_encrypted(body: bytes) -> bool:
    """Whether it has the header of an encrypted answer, which a proxy's page has not."""
    return len(body) > _HEADER and body[_KIND] in _KINDS


def _error(content: bytes) -> tuple[str, str]:
    code, message = jsonbody.error(content, "Code", "Message")
    # What is found out before the admin API has its turn is told as the S3 API tells it.
    return (code, message) if code else xmlbody.error(content)
