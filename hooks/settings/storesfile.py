"""STORES_FILE while it is in use; what stands in it is in :mod:`hooks.settings.storeslist`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from backends.wire.watched import Fingerprint, WatchedFile
from hooks.claim.strictyaml import FileError
from hooks.settings.storeslist import SIZE_LIMIT, Listing, StoresError, StoresReader

log = logging.getLogger(__name__)

_TOLD = 10


class StoresFile(WatchedFile[Listing]):
    """The stores of a file that may change, as a mounted ConfigMap does; see `WatchedFile`.

    Args:
        path: the file, or a symbolic link to it.
        reader: reads it.
        clock: seconds, from whenever.

    Raises:
        StoresError: it can't be used.
    """

    def __init__(
        self, path: Path, reader: StoresReader, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        try:
            super().__init__(path, "The list of stores", self._parse, limit=SIZE_LIMIT, clock=clock)
        except (OSError, ValueError) as error:
            raise StoresError(_mistakes(error)) from None

    def _parse(self, content: bytes) -> Listing:
        try:
            text = content.decode()
        except ValueError:
            raise StoresError(["is not UTF-8 text"]) from None
        return self._reader.read(text, self.path.parent)

    def _forget(self) -> None:
        self._reader.seen = {}

    def _beside(self) -> Mapping[Path, Fingerprint]:
        return self._reader.seen

    def _tell_broken(self, error: OSError | ValueError) -> None:
        mistakes = _mistakes(error)
        more = len(mistakes) - _TOLD
        log.error(
            "The list of stores can't be used, the stores so far stay: %s%s",
            "; ".join(mistakes[:_TOLD]),
            f"; and {more} more" if more > 0 else "",
        )

    def _tell_changed(self) -> None:
        log.info("The list of stores has changed: %d are served.", len(self._value.entries))


def _mistakes(error: OSError | ValueError) -> list[str]:
    if isinstance(error, FileError):
        return error.mistakes
    return [f"can't be read ({error.strerror})" if isinstance(error, OSError) else str(error)]
