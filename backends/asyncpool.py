"""Signed requests without a thread: for the one request that an unchanged Secret costs.

A thread that waits for a store has to be woken twice and to wait for the interpreter's lock
each time, which costs more than the request. So the probe of what is most likely unchanged is
sent from the event loop; everything else goes the way with threads.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL

from backends.base import Answer, Connection, Observer
from backends.pool import ANSWER_LIMIT, USER_AGENT


class AsyncPool:
    """One pooled client for one event loop.

    Args:
        connection: certificates and pool size.
        observe: told of every request sent.
    """

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._connection = connection
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self, url: str, headers: Mapping[str, str], *, operation: str, timeout: float
    ) -> Answer | None:
        """Sends one request and reads the answer.

        Args:
            url: encoded; it is sent as it is, since it was signed so.
            headers: signed.
            operation: its name in the metrics.
            timeout: seconds for all of it.

        Returns:
            The answer without an error's code, or None when there was no connection, or no
            answer that can be read: who wants to know why asks again.

        Raises:
            TimeoutError: no complete answer in that time.
        """
        started = time.perf_counter()
        outcome = "unavailable"
        try:
            answer = await self._exchange(url, headers, timeout)
            outcome = str(answer.status)
            return answer
        except TimeoutError:
            outcome = "timeout"
            raise
        except (aiohttp.ClientError, OSError):
            return None
        finally:
            self._observe(operation, outcome, time.perf_counter() - started)

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, url: str, headers: Mapping[str, str], timeout: float) -> Answer:
        if self._session is None:
            self._session = self._open()
        async with (
            asyncio.timeout(timeout),
            self._session.get(
                URL(url, encoded=True),
                headers={**headers, "User-Agent": USER_AGENT},
                allow_redirects=False,
            ) as response,
        ):
            content = b""
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > ANSWER_LIMIT:
                    raise aiohttp.ClientPayloadError("longer than any answer")
            return Answer(response.status, content)

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connection.pool_size, ssl=self._tls()),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding"),
        )

    def _tls(self) -> Any:
        if not self._connection.tls_verify:
            return False
        if self._connection.ca_bundle is None:
            return True
        return ssl.create_default_context(cafile=self._connection.ca_bundle)
