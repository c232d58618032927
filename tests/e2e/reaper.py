"""What kills the hook, with `kill -9`, in the middle of what it does on a store."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

from tests.e2e.stack import Stack
from tests.faults import FaultProxy, answer, changes, forward, reset


class Reaper(FaultProxy):
    """Passes the hook's requests on to the store, and kills it when one of them is carried out.

    Args:
        stack: whose hook it is.

    Attributes:
        struck: whether that has happened since the last :meth:`arm`.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.s3.port, getattr(stack.s3, "admin_port", None))
        self._stack = stack
        self._left = 0
        self._turn = threading.Lock()
        self.struck = threading.Event()

    def arm(self, writes: int) -> None:
        """Has the hook end when the store has carried out so many of its writes."""
        with self._turn:
            self._left = writes
            self.struck.clear()

    def disarm(self) -> None:
        """Lets it live."""
        with self._turn:
            self._left = 0

    def _handle(self, handler: BaseHTTPRequestHandler, port: int) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        status, text = forward(handler, port, body)
        with self._turn:
            if changes(handler.command, body) and self._left:
                self._left -= 1
                if not self._left:
                    self._stack.hook.process.kill()
                    self.struck.set()
        if self.struck.is_set() and not self._stack.hook.process.running:
            reset(handler)
            return
        with contextlib.suppress(OSError):
            answer(handler, status, text)


@contextlib.contextmanager
def reaping(stack: Stack) -> Iterator[Reaper]:
    """Within, the hook reaches its store through a reaper; applications don't."""
    environ = stack.hook.process.env
    assert environ is not None
    before = dict(environ)
    with Reaper(stack) as reaper:
        environ |= stack.s3.environ(reaper.url)
        environ["S3_PUBLIC_ENDPOINT_URL"] = stack.s3.url
        try:
            restart(stack)
            yield reaper
        finally:
            reaper.disarm()
            environ.clear()
            environ |= before
            restart(stack)


def restart(stack: Stack) -> None:
    """Starts the hook, whether it still runs or not."""
    stack.hook.stop()
    stack.hook.start()
