"""TLS in front of a store that speaks none, byte for byte: what a client sends arrives as it is."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from hooks.commands.processes import LOOPBACK
from tests.authority import Authority

_CHUNK = 64 * 1024


@contextlib.contextmanager
def tls_front(port: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """Its URL, and the file of the CA whose certificate it shows.

    Args:
        port: the store's, on the loopback address.
        folder: for the certificates.
    """
    authority, ca = Authority("the front's CA"), folder / "front-ca.pem"
    ca.write_bytes(authority.pem())
    certificate, key = folder / "front.pem", folder / "front-key.pem"
    authority.write(certificate, key, LOOPBACK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        yield f"https://{LOOPBACK}:{listener.getsockname()[1]}", ca
        # Else accept would go on waiting for a socket that is closed.
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, port), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):
        wrapped = context.wrap_socket(client, server_side=True)
        with wrapped, socket.create_connection((LOOPBACK, port)) as store:
            back = threading.Thread(target=_copy, args=(store, wrapped), daemon=True)
            back.start()
            _copy(wrapped, store)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
