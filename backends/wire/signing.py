"""SigV4-signed requests over one pooled HTTP client, whoever signs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlencode

from backends.base import Answer, Connection, Credentials, Observer
from backends.errors import ServerFault
from backends.wire import xmlbody
from backends.wire.deadline import Deadline
from backends.wire.pool import ANSWER_LIMIT, HttpPool
from backends.wire.sigv4 import signed


class SignedClient:
    """Sends signed requests to one endpoint; for the tasks of one event loop.

    Args:
        endpoint: URL without query; a path in it is put before every request's.
        connection: region, certificates and pool size.
        observe: told of every request sent.
        read_error: code and message of an error's body; empty strings where it is none.
    """

    def __init__(
        self,
        endpoint: str,
        connection: Connection,
        observe: Observer,
        read_error: Callable[[bytes], tuple[str, str]] = xmlbody.error,
    ) -> None:
        self._pool = HttpPool(endpoint, connection, observe, read_error)
        self._region = connection.region

    async def request(
        self,
        method: str,
        path: Sequence[str],
        *,
        operation: str,
        credentials: Credentials | None,
        deadline: Deadline,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = ANSWER_LIMIT,
        repeat: bool = True,
    ) -> Answer:
        """Signs and sends one request and reads the answer; see :meth:`HttpPool.send`.

        Args:
            method: HTTP method.
            path: the path's segments, not encoded.
            operation: its name in the metrics.
            credentials: who signs; None for nobody.
            deadline: the time left for the whole sync.
            query: parameters, not encoded.
            headers: further headers, signed.
            body: sent and signed.
            limit: how many bytes of an answer are read at most.
            repeat: whether a connection that breaks is tried once more.

        Raises:
            TransientError: no connection, no answer in time, or one over `limit`.
        """
        target = self._target(path, query)
        return await self._pool.send(
            method,
            target,
            lambda: self._sign(method, target, credentials, headers or {}, body),
            operation=operation,
            deadline=deadline,
            body=body,
            limit=limit,
            repeat=repeat,
        )

    async def location(
        self, operation: str, bucket: str, credentials: Credentials, deadline: Deadline
    ) -> Answer:
        """Asks where a bucket is: the least that takes a signature and a right to the bucket.

        Raises:
            ServerFault: 200, but not from an S3 API; some proxies say it about anything.
            TransientError: see :meth:`HttpPool.send`.
        """
        answer = await self.request(
            "GET",
            [bucket],
            operation=operation,
            credentials=credentials,
            deadline=deadline,
            query={"location": ""},
        )
        if answer.ok and not is_location(answer):
            raise ServerFault("The store's answer is not the XML that was expected.")
        return answer

    async def close(self) -> None:
        """Closes the connections."""
        await self._pool.close()

    def _target(self, path: Sequence[str], query: Mapping[str, str] | None) -> str:
        target = self._pool.prefix + "/" + "/".join(quote(part, safe="") for part in path)
        if query is not None:
            target += "?" + urlencode(sorted(query.items()), quote_via=quote, safe="")
        return target

    def _sign(
        self,
        method: str,
        target: str,
        credentials: Credentials | None,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Mapping[str, str]:
        if credentials is None:
            return headers
        given = {**headers, "Host": self._pool.host}
        url = self._pool.origin + target
        return signed(method, url, given, body, credentials, region=self._region)


def is_location(answer: Answer) -> bool:
    """Whether an answer tells a bucket's location; some proxies say 200 about anything."""
    try:
        return xmlbody.parse(answer.body).tag == "LocationConstraint"
    except ServerFault:
        return False
