"""A small file whose content may be replaced while the process runs, as a mounted Secret's is."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

Observer = Callable[[bool], None]
"""Called with whether the file, as it stands, is what is in use."""

Fingerprint = tuple[int, ...] | None
"""Tells whether a file is still the one that was read."""

# How often the file is looked at, in seconds.
_INTERVAL = 1.0


class WatchedFile(Generic[T]):
    """What was made of a file's content; safe to use from many threads, and never waits.

    The file is looked at when its value is asked for, once a second at most, and read anew in a
    thread of its own: the value so far holds until the new one is there, and stays if that can't be
    used, which is told once a change.

    Args:
        path: the file, or a symbolic link to it.
        name: what the log calls it.
        load: makes the value; raises ValueError with a sentence's end if it can't.
        limit: bytes that it may have.
        clock: seconds, from whenever.

    Raises:
        OSError: it can't be read.
        ValueError: it can't be used.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        load: Callable[[bytes], T],
        *,
        limit: int = 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._name = name
        self._load = load
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        # Another one: nobody who begins or ends to watch waits until the file is read.
        self._telling = threading.Lock()
        self._observers: list[Observer] = []
        self._valid = True
        self._seen, self._value = self._read()
        self._next_look = clock() + _INTERVAL

    def __repr__(self) -> str:
        return f"WatchedFile({str(self.path)!r})"

    @property
    def value(self) -> T:
        """The value in use."""
        if self._clock() >= self._next_look and self._lock.acquire(blocking=False):
            started = False
            try:
                self._next_look = self._clock() + _INTERVAL
                if self._look() != self._seen:
                    threading.Thread(target=self._reload, name="watched-file", daemon=True).start()
                    started = True
            finally:
                # The thread gives it back when it is done.
                if not started:
                    self._lock.release()
        return self._value

    @property
    def valid(self) -> bool:
        """Whether the file, as it was last looked at, is what is in use."""
        return self._valid

    def refresh(self) -> None:
        """Looks at the file now and, if it has changed, waits until it is read."""
        with self._lock:
            if self._look() != self._seen:
                self._take()

    def watch(self, observer: Observer) -> Callable[[], None]:
        """Has the observer called now and after every change of the file, from any thread.

        Returns:
            What ends that, and may be called more than once. A file that outlives its observers
            would else keep all of them.
        """
        with self._telling:
            self._observers.append(observer)
            observer(self._valid)

        def end() -> None:
            with self._telling, contextlib.suppress(ValueError):
                self._observers.remove(observer)

        return end

    def _reload(self) -> None:
        try:
            self._take()
        finally:
            self._lock.release()

    def _take(self) -> None:
        """Reads the changed file; the caller holds the lock."""
        seen = self._look()
        try:
            self._seen, self._value = self._read()
        except (OSError, ValueError) as error:
            # Not read again until it changes, however it is broken.
            self._seen = (seen[0], *self._beside().values())
            valid = False
            self._tell_broken(error)
        else:
            valid = True
            self._tell_changed()
        with self._telling:
            self._valid = valid
            for observer in self._observers:
                observer(valid)

    def _tell_broken(self, error: OSError | ValueError) -> None:
        """Logs that the changed file can't be used."""
        why = error.strerror if isinstance(error, OSError) else error
        log.error("%s has changed and can't be used, the former stays: %s", self._name, why)

    def _tell_changed(self) -> None:
        """Logs that the changed file is in use."""
        log.info("%s has changed and is in use", self._name)

    def _forget(self) -> None:
        """Forgets the further files, before all are read again."""

    def _beside(self) -> Mapping[Path, Fingerprint]:
        """Further files that were read with it, each as it was then."""
        return {}

    def _look(self) -> tuple[Fingerprint, ...]:
        """What the file is now, and what was read with it."""
        return tuple(fingerprint(path) for path in (self.path, *self._beside()))

    def _read(self) -> tuple[tuple[Fingerprint, ...], T]:
        self._forget()
        # Not to wait for whoever writes to a pipe.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("is not a regular file")
            content = file.read(self._limit + 1)
        if len(content) > self._limit:
            raise ValueError(f"has more than {self._limit // 1024} KiB")
        # Taken before reading: what is written meanwhile differs from it, and is read again.
        identity, value = _identity(status), self._load(content)
        return (identity, *self._beside().values()), value


def fingerprint(path: Path) -> Fingerprint:
    """What changes when a file does; None if there is none."""
    try:
        return _identity(path.stat())
    except OSError:
        return None


def _identity(status: os.stat_result) -> Fingerprint:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
