"""The hook listener's certificate, taken anew when its files change."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from hooks.settings.settings import TLS

log = logging.getLogger(__name__)


class Certificates:
    """A TLS context whose next handshake uses what the files then hold.

    The files are looked at with each handshake: no timer, and no moment in which a new
    certificate isn't used yet. A version that can't be loaded leaves the former in use.

    Args:
        files: certificate, key, and the CA that a caller's certificate has to be from.

    Raises:
        ssl.SSLError: the files don't belong together or aren't PEM.
        OSError: one can't be read.
    """

    def __init__(self, files: TLS) -> None:
        self._files = files
        self._seen = self._refused = self._stamp()
        self._current = self._load()
        # The listener keeps this context for ever; each handshake is moved to the current one.
        self.context = self._load()
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        stamp = self._stamp()
        if stamp != self._seen:
            # Again with the next handshake if it can't be: a file may be unreadable for a moment.
            try:
                self._current = self._load()
            except (OSError, ssl.SSLError) as error:
                if stamp != self._refused:
                    log.error(
                        "the changed TLS files can't be used, the former stay in use: %s",
                        type(error).__name__,
                    )
                self._refused = stamp
            else:
                self._seen = stamp
                log.info("the TLS files changed and are in use")
        connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._files.certificate, self._files.key)
        if self._files.client_ca:
            # A resumed session would go on with a certificate whose CA was taken away since.
            # TLS 1.2 also resumes from a cache that Python can't switch off.
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.num_tickets = 0
            context.load_verify_locations(self._files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        files = (self._files.certificate, self._files.key, self._files.client_ca)
        return tuple(_stat(path) for path in files if path)


def _stat(path: Path) -> tuple[int, int, int]:
    """What differs for a file written again, and for a mounted Secret's switched link."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)
