"""Calls of the hook as Metacontroller makes them, for one Secret or in the rhythm of many."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import urllib3

from tests.bench.guard.crowd import recorded
from tests.e2e.stack import PREFIX
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.servers.hook import Hook

WORKERS = 10
# What the shipped controller waits between two calls for a Secret that nothing was said of.
_PERIOD = 300.0
# Metacontroller gives a call up after 10 s, and then waits for a while.
_WEBHOOK = 10.0
_AFTER_FAILURE = 5.0


class Caller:
    """Calls one hook, and keeps what it answers on the Secrets that it is shown.

    Args:
        hook: running.
        timeout: seconds for which an answer is waited for.
    """

    def __init__(self, hook: Hook, *, timeout: float) -> None:
        self._url = f"{hook.url}/sync"
        self._headers = {
            "Authorization": f"Bearer {hook.token}",
            "Content-Type": "application/json",
        }
        self._recorded = recorded()
        self._pool = urllib3.PoolManager(maxsize=WORKERS + 1, retries=False, timeout=timeout)

    def close(self) -> None:
        self._pool.clear()

    def sync(self, secret: Object) -> tuple[Object, float | None]:
        """One call for a Secret.

        Returns:
            What it changed of the Secret's annotations and labels, as a merge patch, and seconds
            until it wants to be called again.

        Raises:
            HTTPError: there was no answer.
        """
        body = json.dumps({**self._recorded, "object": secret})
        answer = self._pool.request("POST", self._url, body=body, headers=self._headers)
        if answer.status == 429:
            return {}, float(answer.headers["Retry-After"])
        if answer.status != 200:
            raise RuntimeError(f"the hook answered {answer.status}")
        said = answer.json()
        metadata, change = secret["metadata"], {}
        for kind in ("annotations", "labels"):
            marks = metadata.setdefault(kind, {})
            wanted = said.get(kind, {})
            other = {key: value for key, value in wanted.items() if marks.get(key) != value}
            if not other:
                continue
            change[kind] = other
            marks.update(other)
            metadata[kind] = {key: value for key, value in marks.items() if value is not None}
        return {"metadata": change} if change else {}, said.get("resyncAfterSeconds")


class Rhythm:
    """Ten callers with one queue, as in Metacontroller: each Secret comes back when it is told to.

    Args:
        caller: calls the hook.
        cluster: where answers are written, as far as they change anything.
        secrets: as the API has them; their marks are kept here as well.

    Attributes:
        answers: how often each reason was answered.
    """

    def __init__(self, caller: Caller, cluster: Cluster, secrets: Sequence[Object] = ()) -> None:
        self.answers: Counter[str] = Counter()
        self._caller = caller
        self._cluster = cluster
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Object]] = []
        self._changed = threading.Condition()
        self._over = False
        for secret in secrets:
            self._put(secret, 0.0)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Within, they are called for."""
        threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            for thread in threads:
                thread.join()

    def until_ready(self, secret: Object, patience: float) -> float | None:
        """Has a Secret called for as well, as often as the answers ask for.

        Args:
            secret: one that isn't in the cluster.
            patience: seconds after which it is given up on.

        Returns:
            Seconds until it is Ready, None if it isn't by then.
        """
        started = time.perf_counter()
        self._put(secret, time.monotonic())
        with self._changed:
            self._changed.wait_for(lambda: status(secret) == "Ready", patience)
        return time.perf_counter() - started if status(secret) == "Ready" else None

    def _put(self, secret: Object, due: float) -> None:
        with self._changed:
            heapq.heappush(self._due, (due, next(self._numbers), secret))
            self._changed.notify()

    def _next(self) -> Object | None:
        """What is due, once something is; None when all is over."""
        with self._changed:
            while not self._over:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None

    def _work(self) -> None:
        while (secret := self._next()) is not None:
            wait = self._serve(secret)
            with self._changed:
                self._changed.notify_all()
            self._put(secret, time.monotonic() + wait)

    def _serve(self, secret: Object) -> float:
        """One call; seconds until the next."""
        metadata = secret["metadata"]
        try:
            change, again = self._caller.sync(secret)
        except urllib3.exceptions.HTTPError:
            self.answers["no answer"] += 1
            return _AFTER_FAILURE
        if "resourceVersion" not in metadata:
            # Not in the cluster, so there is nothing to write.
            return 0.0 if change else again or _PERIOD
        self.answers[reason(secret)] += 1
        if not change:
            return again or _PERIOD
        self._cluster.api.merge("Secret", metadata["name"], metadata["namespace"], change)
        # Its own write makes Metacontroller call once more.
        return 0.0


def status(secret: Object) -> str:
    return str(secret["metadata"].get("annotations", {}).get(f"{PREFIX}status", ""))


def reason(secret: Object) -> str:
    return str(secret["metadata"].get("annotations", {}).get(f"{PREFIX}reason", ""))
