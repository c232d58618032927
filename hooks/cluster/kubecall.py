"""One request to the Kubernetes API, bounded in time and size, with our own errors only."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from urllib3 import PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from backends.wire.trust import strictly
from hooks.cluster.access import Access
from hooks.cluster.kubeerrors import Rejected, TimedOut, Unavailable, error_for, foreign_errors

Object = dict[str, Any]
"""A Kubernetes object, as JSON has it."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""What to accept for an object's metadata alone: its data isn't even sent."""
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""The same for a list."""

_CONNECTIONS = 32
_NAME = "s3-resource-operator"
# As Go's client has them: half a minute of silence, then a question every quarter of one.
_KEPT_ALIVE = [
    *HTTPSConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15))
        if hasattr(socket, name)
    ),
]
ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of an answer: a Secret may have a mebibyte, and anybody may make many."""
METADATA_LIMIT = 4 * 1024 * 1024
"""Bytes of an answer with metadata alone: annotations may be large, too."""
_CHUNK = 64 * 1024
# These would lead to the path's parent, which is another object, or a list.
_NO_NAMES = frozenset({"", ".", ".."})


class AnswerTooLong(Unavailable):
    """An answer over the limit: ask for less at once."""


class Clock:
    """The time that one call may still take.

    Args:
        seconds: how long from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, always more than zero.

        Raises:
            TimedOut: nothing is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut("The Kubernetes API did not answer in time.")
        return left


class _Connection(HTTPSConnection):
    """One whose CAs are read again with each new connection, as strictly as it is set."""

    strict = False

    def connect(self) -> None:
        context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
        context.verify_flags = strictly(context.verify_flags, strict=self.strict)
        if not (self.ca_certs or self.ca_cert_dir or self.ca_cert_data):
            context.load_default_certs()
        self.ssl_context = context
        super().connect()


class _StrictConnection(_Connection):
    strict = True


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class _StrictPool(HTTPSConnectionPool):
    ConnectionCls = _StrictConnection


class Caller:
    """Sends requests; for several threads.

    Args:
        access: the API's address and the credentials.
    """

    def __init__(self, access: Access) -> None:
        self._server = access.server
        self._authorization = access.authorization
        certificate, key = access.certificate or (None, None)
        made: dict[str, Any] = {
            "maxsize": _CONNECTIONS,
            # Its own tries would each take the whole time again.
            "retries": False,
            "socket_options": _KEPT_ALIVE,
            "cert_reqs": "CERT_REQUIRED" if access.verify else "CERT_NONE",
            "ca_certs": access.ca_file,
            "ca_cert_data": access.ca_data,
            "cert_file": certificate,
            "key_file": key,
        }
        if access.server_name:
            made["server_hostname"] = access.server_name
        self._pools = (
            ProxyManager(access.proxy, proxy_headers=access.proxy_headers, **made)
            if access.proxy
            else PoolManager(**made)
        )
        self._pools.pool_classes_by_scheme = {
            **self._pools.pool_classes_by_scheme,
            "https": _StrictPool if access.strict else _Pool,
        }

    def close(self) -> None:
        """Closes the connections."""
        self._pools.clear()

    def call(
        self,
        method: str,
        path: str,
        values: Mapping[str, str],
        clock: Clock,
        doing: tuple[str, str],
        *,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
        kind: str | None = None,
    ) -> Object:
        """Sends one request and reads the answer; see :meth:`dated`."""
        return self.dated(
            method,
            path,
            values,
            clock,
            doing,
            body=body,
            content_type=content_type,
            accept=accept,
            kind=kind,
        )[0]

    def dated(
        self,
        method: str,
        path: str,
        values: Mapping[str, str],
        clock: Clock,
        doing: tuple[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
        kind: str | None = None,
        most: int = ANSWER_LIMIT,
        mentioning: str | None = None,
    ) -> tuple[Object, int]:
        """Sends one request and reads the answer.

        Args:
            method: HTTP method.
            path: with the names of `values` in braces.
            values: encoded into the path.
            clock: the time left.
            doing: what it is about, in words and as a resource, for the error.
            query: those that aren't empty are sent.
            body: sent as JSON.
            content_type: the body's.
            accept: the answer's.
            kind: what the answer has to be, None for anything: not everything that answers 200
                is a Kubernetes API.
            most: bytes of the answer.
            mentioning: a key; a list whose text doesn't have it is answered without its items.

        Returns:
            The answer, and when the API gave it, in Unix seconds: replicas have clocks of their
            own, so this one tells what came before what.

        Raises:
            KubeError: no answer, or one that isn't a success.
        """
        if not _NO_NAMES.isdisjoint(values.values()):
            raise Rejected(f"There is nothing of that name to {doing[0]}.")
        place = path.format_map({name: quote(value, safe="") for name, value in values.items()})
        asked = urlencode({key: value for key, value in (query or {}).items() if value})
        url = f"{self._server}{place}{'?' if asked else ''}{asked}"
        headers = {"Accept": accept, "User-Agent": _NAME}
        with foreign_errors():
            if authorization := self._authorization():
                headers["Authorization"] = authorization
            content = None
            if body is not None:
                headers["Content-Type"] = content_type
                content = json.dumps(body)
            response = self._pools.request(
                method,
                url,
                body=content,
                headers=headers,
                timeout=Timeout(total=clock.left()),
                redirect=False,
                preload_content=False,
            )
            try:
                answered = _read(response, clock, most)
            except BaseException:
                # What is left of the answer must not be read as the next one's.
                response.close()
                raise
            response.release_conn()
        answer = None if mentioning is None else _frame(answered, mentioning)
        if answer is None:
            answer = _document(answered)
        if not 200 <= response.status < 300:
            raise error_for(response.status, answer or {}, *doing)
        if answer is None:
            raise Unavailable("The Kubernetes API answered something else than JSON.")
        if kind is not None and (
            answer.get("kind") != kind or not isinstance(answer.get("metadata"), dict)
        ):
            raise Unavailable(f"The Kubernetes API answered something else than a {kind}.")
        return answer, _second(response.headers.get("Date"))


def _read(response: Any, clock: Clock, most: int) -> bytes:
    """An answer's body, bounded in time and size."""
    content = bytearray()
    while True:
        left = clock.left()
        connection = response.connection
        if connection is not None and connection.sock is not None:
            connection.sock.settimeout(left)
        # Whatever is there, so that an answer that drips is looked at in between.
        chunk = response.read1(_CHUNK)
        if not chunk:
            return bytes(content)
        content += chunk
        if len(content) > most:
            raise AnswerTooLong("The Kubernetes API's answer is too long.")


def _frame(content: bytes, mentioning: str) -> Object | None:
    """A list without its items, if none of them has a key; None to read it all.

    To read what isn't looked at would take as long as all the rest of a look-up, and keep
    everything else waiting: most Secrets of a cluster are none of the operator's.
    """
    # Nothing in a key has to be escaped, but whoever stands between may do so nevertheless.
    if mentioning.encode() in content or b"\\/" in content:
        return None
    # One that was cut short is for the reader of it all to refuse.
    if not content.rstrip().endswith(b"]}"):
        return None
    # Items come last, and what comes before is the API's own. A quote inside a text is escaped.
    head, items, _ = content.partition(b'"items":[')
    return _document(head + items + b"]}") if items else None


def _document(content: bytes) -> Object | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _second(date: str | None) -> int:
    """The time of a Date header; this process's own where a proxy took it away."""
    try:
        return int(parsedate_to_datetime(date or "").timestamp())
    except (ValueError, OverflowError):
        return int(time.time())
