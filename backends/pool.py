"""One pooled HTTP client: bounded in time and size, observed, and with our own errors only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ProtocolError

from backends.base import Answer, Connection, Observer
from backends.deadline import Deadline
from backends.errors import ServerFault, TimedOut, TransientError, foreign_errors

ANSWER_LIMIT = 1024 * 1024
_CHUNK = 64 * 1024
USER_AGENT = "s3-resource-operator"


class HttpPool:
    """Sends requests to one endpoint; safe to share between threads.

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
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.prefix = parts.path.rstrip("/")
        self._observe = observe
        self._read_error = read_error
        self._pool = urllib3.connection_from_url(
            self.origin,
            maxsize=connection.pool_size,
            block=False,
            retries=False,
            **tls_options(connection, parts.scheme),
        )

    def send(
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
            target: path and query, encoded, with the prefix.
            headers: made anew for each try, since a signature holds the time.
            operation: its name in the metrics.
            deadline: the time left for the whole sync.
            body: sent.
            limit: how many bytes of an answer are read at most.
            repeat: False where a second answer would tell something else than a lost first.

        Raises:
            Unavailable: no connection, or it broke twice.
            TimedOut: no complete answer before the deadline.
            ServerFault: an answer over `limit`.
        """
        try:
            return self._observed(operation, method, target, headers(), body, deadline, limit)
        except TransientError as error:
            if not (repeat and isinstance(error.__cause__, ProtocolError)):
                raise
        return self._observed(operation, method, target, headers(), body, deadline, limit)

    def close(self) -> None:
        """Closes the idle connections."""
        self._pool.close()

    def _observed(self, operation: str, *request: Any) -> Answer:
        started = time.perf_counter()
        outcome = "invalid"
        try:
            with foreign_errors():
                answer = self._exchange(*request)
            outcome = str(answer.status)
            return answer
        except TransientError as error:
            outcome = outcome_of(error)
            raise
        finally:
            self._observe(operation, outcome, time.perf_counter() - started)

    def _exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline: Deadline,
        limit: int,
    ) -> Answer:
        response = self._pool.urlopen(
            method,
            target,
            body=body or None,
            headers={**headers, "User-Agent": USER_AGENT},
            retries=False,
            redirect=False,
            timeout=urllib3.Timeout(total=deadline.remaining()),
            preload_content=False,
            decode_content=False,
        )
        try:
            # Read piece by piece: a server that sends a byte now and then would keep every
            # single read within its time-out for ever.
            content = b""
            while chunk := response.read1(_CHUNK):
                content += chunk
                deadline.remaining()
                if len(content) > limit:
                    raise ServerFault(f"The store's answer is longer than {limit} bytes.")
        except BaseException:
            response.close()
            raise
        response.release_conn()
        if 200 <= response.status < 300:
            return Answer(response.status, content)
        return Answer(response.status, content, *self._read_error(content))


def outcome_of(error: TransientError) -> str:
    """What stands in a metric where there is no HTTP status."""
    if isinstance(error, TimedOut):
        return "timeout"
    return "invalid" if isinstance(error, ServerFault) else "unavailable"


def tls_options(connection: Connection, scheme: str) -> dict[str, Any]:
    """urllib3's options for the certificates that a connection asks for."""
    if scheme != "https":
        return {}
    if not connection.tls_verify:
        # Whoever set S3_TLS_VERIFY=false knows it; the start log says it once.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return {"cert_reqs": "CERT_NONE"}
    return {"cert_reqs": "CERT_REQUIRED", "ca_certs": connection.ca_bundle}
