"""A proxy in front of a real store that answers, or fails to, as it is told."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from hooks.commands.processes import LOOPBACK

GARBAGE = b"<AccessControlPolicy><Owner><ID>"
HTML = b"<html><body>It works!</body></html>"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;">]>'
    b"<AccessControlPolicy><Owner><ID>&c;</ID></Owner></AccessControlPolicy>"
)
OTHER = b"<AccessControlPolicy><Owner><ID>somebody</ID></Owner></AccessControlPolicy>"
ERROR = (
    b"<Error><Code>%s</Code><Message>said by the store</Message><RequestId>%d</RequestId></Error>"
)

# name: (status, body); an S3 error code as the body stands for such an error.
ANSWERS: dict[str, tuple[int, bytes]] = {
    "500": (500, b"InternalError"),
    "500-empty": (500, b""),
    "503": (503, b"SlowDown"),
    "503-html": (503, HTML),
    "429": (429, b"TooManyRequests"),
    "skewed": (403, b"RequestTimeTooSkewed"),
    "garbage": (200, GARBAGE),
    "bomb": (200, BOMB),
    "other-xml": (200, OTHER),
    "empty": (200, b""),
    "html-404": (404, HTML),
    "html-403": (403, HTML),
    "redirect": (307, b""),
    # What Ceph RGW says to the slower of two requests.
    "lost-race": (500, b'{"Code":"UnknownError","Message":""}'),
    "huge": (200, b"x" * (2 * 1024 * 1024)),
}


class FaultProxy:
    """Passes requests on to a store; the next ones queued in `faults` go wrong instead.

    A fault is a name of `ANSWERS`, or one of: ``reset`` (the connection), ``lose`` (the request
    is carried out and its answer dropped), ``hang``, ``drip`` (a byte now and then),
    ``truncate`` (less body than announced), ``another-host`` (the store is told another than is
    signed, as by a reverse proxy's defaults), ``redirect-STATUS LOCATION``.

    Args:
        port: the store's, on the loopback address.
        admin_port: where paths of Garage's admin API go, which no bucket's name can look like.
    """

    def __init__(self, port: int, admin_port: int | None = None) -> None:
        self.faults: deque[str] = deque()
        self.always: str | None = None
        self.writes_only = False
        self.injected: list[str] = []
        self.ended = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Or the end of each answer would wait 40 ms for the beginning to be acknowledged.
            disable_nagle_algorithm = True

            def _handle(self) -> None:
                admin = admin_port is not None and self.path.startswith("/v2/")
                proxy._handle(self, admin_port if admin and admin_port else port)

            do_GET = do_PATCH = do_POST = do_PUT = do_HEAD = do_DELETE = _handle  # noqa: N815

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def serve_tls(self, context: ssl.SSLContext) -> None:
        """Speaks TLS from the next connection on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http://", "https://")

    def calm(self) -> None:
        """Forgets all faults."""
        self.faults.clear()
        self.injected.clear()
        self.always = None
        self.writes_only = False

    def _handle(self, handler: BaseHTTPRequestHandler, port: int) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault = None
        if not self.writes_only or changes(handler.command, body):
            fault = (self.faults.popleft() if self.faults else self.always) or None
        if fault:
            self.injected.append(fault)
        if fault is None:
            answer(handler, *forward(handler, port, body))
        elif fault in ANSWERS:
            status, text = ANSWERS[fault]
            if text.isalpha():
                text = ERROR % (text, time.monotonic_ns())
            answer(handler, status, text)
        elif fault.startswith("redirect-"):
            status_text, _, location = fault.removeprefix("redirect-").partition(" ")
            handler.send_response(int(status_text))
            if location:
                handler.send_header("Location", location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif fault == "hang":
            self.ended.wait(60)
            handler.close_connection = True
        elif fault == "another-host":
            handler.headers.replace_header("Host", "store.example.org")
            answer(handler, *forward(handler, port, body))
        elif fault == "truncate":
            status, text = forward(handler, port, body)
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(text) + 100))
            handler.end_headers()
            handler.wfile.write(text)
            handler.close_connection = True
        elif fault == "drip":
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            while not self.ended.wait(0.2):
                try:
                    handler.wfile.write(b"x")
                except OSError:
                    break
            handler.close_connection = True
        else:
            if fault == "lose":
                forward(handler, port, body)
            reset(handler)


def changes(method: str, body: bytes) -> bool:
    """Whether a request is one that changes something; IAM's reads are POST, too."""
    return method != "GET" and not body.startswith((b"Action=Get", b"Action=List"))


def forward(handler: BaseHTTPRequestHandler, port: int, body: bytes) -> tuple[int, bytes]:
    """Has the store answer the request."""
    # The Host header stays the proxy's: it is signed.
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    try:
        connection.putrequest(
            handler.command, handler.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in handler.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Sends a whole answer."""
    handler.send_response(status)
    if status == 307:
        handler.send_header("Location", "http://127.0.0.1:9/")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Ends the connection with a RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
