"""When each Secret became Ready, as a client that watches them sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.stack import PREFIX
from tests.servers.api import Object
from tests.servers.cluster import Cluster

_STATUS = f"{PREFIX}status"


class Watch:
    """Watches one namespace's Secrets in a thread of its own.

    Args:
        cluster: where they are.
        namespace: whose are watched.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._ready: dict[str, float] = {}
        self._change = threading.Condition()
        self._ended = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within, what becomes Ready is noted."""
        with self._cluster.api.watch("Secret", self._namespace) as events:
            thread = threading.Thread(target=self._read, args=(events,), daemon=True)
            thread.start()
            yield
        thread.join(5)

    def _read(self, events: Iterator[Object]) -> None:
        try:
            for event in events:
                now = time.perf_counter()
                metadata = event["object"]["metadata"]
                if metadata.get("annotations", {}).get(_STATUS) != "Ready":
                    continue
                with self._change:
                    self._ready.setdefault(metadata["name"], now)
                    self._change.notify_all()
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    def wait(self, name: str, *, timeout: float) -> float:
        """When a Secret of that name was first seen Ready, by `time.perf_counter`.

        Raises:
            TimeoutError: it wasn't, or the watch has ended.
        """
        with self._change:
            found = self._change.wait_for(lambda: self._ended or name in self._ready, timeout)
            if not found or name not in self._ready:
                raise TimeoutError(f"{name} did not become Ready")
            return self._ready[name]
