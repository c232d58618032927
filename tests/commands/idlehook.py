"""A hook that Metacontroller can call and that wants nothing of it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hooks.commands.processes import LOOPBACK


class _Nothing(http.server.BaseHTTPRequestHandler):
    """A hook that wants nothing and finalizes nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hook() -> Iterator[str]:
    """Where it listens."""
    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), _Nothing)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/finalize"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
