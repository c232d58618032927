"""What is measured, and the arithmetic on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Figures:
    """One row of the table; None is what this way of measuring can't know."""

    path: str
    kind: str
    secrets: int
    seconds: float
    latencies: Sequence[float] | None = None
    store_requests: int | None = None
    hook_calls: int | None = None
    cpu_seconds: float | None = None
    resident_bytes: int | None = None
    floor_seconds: float | None = None
    native_seconds: float | None = None

    @property
    def times_floor(self) -> float | None:
        return None if self.floor_seconds is None else self.seconds / self.floor_seconds

    @property
    def times_native(self) -> float | None:
        return None if self.native_seconds is None else self.seconds / self.native_seconds

    @property
    def rate(self) -> float:
        return self.secrets / self.seconds

    def percentile(self, percent: float) -> float | None:
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    @property
    def requests_per_secret(self) -> float | None:
        return None if self.store_requests is None else self.store_requests / self.secrets

    @property
    def cpu_per_call(self) -> float | None:
        if self.cpu_seconds is None or not self.hook_calls:
            return None
        return self.cpu_seconds / self.hook_calls


class Usage:
    """CPU time and resident memory of one process, where the system tells (Linux)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._proc = Path("/proc") / str(pid)
        self._start = self.cpu_seconds() or 0.0

    def cpu_seconds(self) -> float | None:
        try:
            # Everything after the program's name, which may hold spaces itself.
            fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_since_start(self) -> float | None:
        now = self.cpu_seconds()
        return None if now is None else now - self._start

    def resident_bytes(self) -> int | None:
        try:
            status = (self._proc / "status").read_text()
        except OSError:
            return None
        for line in status.splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return None


def timed(
    call: Callable[[Item], object], items: Iterable[Item], *, callers: int
) -> tuple[float, list[float]]:
    """Call with each item from so many threads: seconds over all, and of each call."""

    def one(item: Item) -> float:
        started = time.perf_counter()
        call(item)
        return time.perf_counter() - started

    with ThreadPoolExecutor(callers) as pool:
        started = time.perf_counter()
        latencies = list(pool.map(one, items))
        return time.perf_counter() - started, latencies
