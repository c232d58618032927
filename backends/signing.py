"""SigV4-signed requests over one pooled HTTP client.

A boto3 client costs tens of milliseconds and megabytes to build, and every Secret has
credentials of its own: so only the signature code is botocore's, the connections are shared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials
from urllib3.exceptions import ProtocolError

from backends import xmlbody
from backends.base import Connection, Credentials, Observer
from backends.deadline import Deadline
from backends.errors import ServerFault, TimedOut, TransientError, foreign_errors

_CHUNK = 64 * 1024
_USER_AGENT = "s3-resource-operator"


@dataclass(frozen=True, slots=True)
class Answer:
    """A store's answer, read to its end; `code` and `message` are those of an S3 error."""

    status: int
    body: bytes = field(repr=False)
    code: str = ""
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the store did what was asked."""
        return 200 <= self.status < 300


class SignedClient:
    """Sends signed requests to one endpoint; safe to share between threads.

    Args:
        endpoint: URL without query; a path in it is put before every request's.
        connection: region, certificates and pool size.
        observe: told of every request sent.
    """

    def __init__(self, endpoint: str, connection: Connection, observe: Observer) -> None:
        parts = urlsplit(endpoint)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")
        self._region = connection.region
        self._observe = observe
        tls: dict[str, Any] = {}
        if not connection.tls_verify:
            # Whoever set S3_TLS_VERIFY=false knows it; the start log says it once.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if parts.scheme == "https":
            tls = {
                "cert_reqs": "CERT_REQUIRED" if connection.tls_verify else "CERT_NONE",
                "ca_certs": connection.ca_bundle,
            }
        self._pool = urllib3.connection_from_url(
            self._origin, maxsize=connection.pool_size, block=False, retries=False, **tls
        )

    def request(
        self,
        method: str,
        path: Sequence[str],
        *,
        operation: str,
        credentials: Credentials,
        deadline: Deadline,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = 1024 * 1024,
    ) -> Answer:
        """Signs and sends one request and reads the answer.

        A connection that breaks is tried once more: the store may just have closed it for
        idleness, and every operation here is idempotent.

        Args:
            method: HTTP method.
            path: the path's segments, not encoded.
            operation: its name in the metrics.
            credentials: who signs.
            deadline: the time left for the whole sync.
            query: parameters, not encoded.
            headers: further headers, signed.
            body: sent and signed.
            limit: how many bytes of an answer are read at most.

        Raises:
            Unavailable: no connection, or it broke twice.
            TimedOut: no complete answer before the deadline.
            ServerFault: an answer over `limit`.
        """
        target = self._prefix + "/" + "/".join(quote(segment, safe="") for segment in path)
        if query is not None:
            target += "?" + urlencode(sorted(query.items()), quote_via=quote, safe="")
        for last in (False, True):
            started = time.perf_counter()
            try:
                signed = self._sign(method, target, credentials, headers or {}, body)
                with foreign_errors():
                    answer = self._send(method, target, signed, body, deadline, limit)
            except TransientError as error:
                self._observe(operation, _outcome(error), time.perf_counter() - started)
                if last or not isinstance(error.__cause__, ProtocolError):
                    raise
            else:
                self._observe(operation, str(answer.status), time.perf_counter() - started)
                return answer
        raise AssertionError("unreachable")  # pragma: no cover

    def close(self) -> None:
        """Closes the idle connections."""
        self._pool.close()

    def _sign(
        self,
        method: str,
        target: str,
        credentials: Credentials,
        headers: Mapping[str, str],
        body: bytes,
    ) -> dict[str, str]:
        request = AWSRequest(method, self._origin + target, headers=dict(headers), data=body)
        signer = SigningCredentials(credentials.access_key, credentials.secret.reveal())
        S3SigV4Auth(signer, "s3", self._region).add_auth(request)
        return {**dict(request.headers.items()), "User-Agent": _USER_AGENT}

    def _send(
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
            headers=headers,
            retries=False,
            redirect=False,
            timeout=urllib3.Timeout(total=deadline.remaining()),
            preload_content=False,
            decode_content=False,
        )
        try:
            # Read piece by piece: a store that sends a byte now and then would keep every
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
        code, message = xmlbody.error(content)
        return Answer(response.status, content, code, message)


def _outcome(error: TransientError) -> str:
    if isinstance(error, TimedOut):
        return "timeout"
    return "invalid" if isinstance(error, ServerFault) else "unavailable"
