"""A way to a server that can be shut, and that knows whether anybody used it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from hooks.commands.processes import LOOPBACK

_CHUNK = 64 * 1024


class Gate:
    """Passes connections on to a loopback port, byte by byte, so that TLS goes through it.

    Attributes:
        port: where it listens, shut or not.
        sent: how many bytes have come from the clients so far.
        received: how many have gone to them.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._open = True
        self._silent = False
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent = 0
        self.received = 0
        threading.Thread(target=self._accept, name="gate", daemon=True).start()

    @contextlib.contextmanager
    def shut(self, *, silent: bool = False) -> Iterator[None]:
        """Within, nothing gets through, and the connections that there are end.

        New ones are dropped as soon as they are made; if `silent`, they are kept and no byte is
        ever answered.
        """
        self._open, self._silent = False, silent
        self._drop()
        try:
            yield
        finally:
            self._open, self._silent = True, False
            self._drop()

    def close(self) -> None:
        self._open = False
        self._listener.close()
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._silent:
                with self._lock:
                    self._sockets.add(client)
                continue
            if not self._open:
                client.close()
                continue
            try:
                server = socket.create_connection((LOOPBACK, self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(
                    target=self._pump, args=(source, sink, source is client), daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, sent: bool) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if sent:
                    self.sent += len(chunk)
                else:
                    self.received += len(chunk)
                sink.sendall(chunk)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sockets.discard(source)
        source.close()
