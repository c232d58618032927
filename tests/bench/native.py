"""The native floor: the signed probes alone, sent by a Go program that does nothing else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.figures import Figures

GOROUTINES = (10, 50)
PATH = f"native, {GOROUTINES[0]} goroutines"
"""The one that other rows are held against."""

# A store that answers nothing has each request end after 30 s.
_LIMIT = 1800


@dataclass(frozen=True)
class Probe:
    """One request, signed with a tenant's own credentials."""

    bucket: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Job:
    """What the program is told.

    Args:
        endpoint: the store's URL.
        region: that requests are signed for.
        query: the sub-resource that the operator's probe asks for on this store.
        probes: one request each.
        goroutines: how many of them at a time.
        keep_connections: whether one connection serves many requests, where the store lets it.
    """

    endpoint: str
    region: str
    query: str
    probes: Sequence[Probe]
    goroutines: int = GOROUTINES[0]
    keep_connections: bool = True

    @property
    def path(self) -> str:
        """Its name in the table."""
        kept = "goroutines" if self.keep_connections else "new connections"
        return f"native, {self.goroutines} {kept}"


@dataclass(frozen=True)
class Result:
    """What the program answers; times in seconds, CPU of the program alone."""

    seconds: float
    cpu_seconds: float
    requests: int
    errors: int
    first_error: str
    latencies: Sequence[float]


def parse(text: str) -> Result:
    """Read the program's answer.

    Raises:
        RuntimeError: it is none, or a request of it was not accepted.
    """
    try:
        result = Result(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"the native floor answered no result: {error}") from None
    if result.errors:
        raise RuntimeError(
            f"{result.errors} of {result.requests} native probes failed: {result.first_error}"
        )
    return result


def run(program: Path, job: Job) -> Result:
    """Run the program once.

    Raises:
        RuntimeError: it failed, or a request of it was not accepted.
    """
    # Credentials go through standard input alone: others can read a command line.
    done = subprocess.run(  # noqa: S603 - no shell, and the program is the table's of servers
        [str(program)],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the native floor ended with {done.returncode}: {done.stderr.strip()}")
    return parse(done.stdout)


def measure(
    program: Path, endpoint: str, region: str, query: str, probes: Sequence[Probe]
) -> Iterator[Figures]:
    """Ten and fifty goroutines over kept connections, and ten that open a new one each time."""
    for goroutines, keep in ((GOROUTINES[0], True), (GOROUTINES[1], True), (GOROUTINES[0], False)):
        job = Job(endpoint, region, query, probes, goroutines, keep)
        yield figures(job, run(program, job))


def figures(job: Job, result: Result) -> Figures:
    """A row of the table."""
    return Figures(
        job.path,
        "unchanged",
        result.requests,
        result.seconds,
        result.latencies,
        store_requests=result.requests,
        hook_calls=result.requests,
        cpu_seconds=result.cpu_seconds,
    )


def seconds_by_kind(rows: Sequence[Figures]) -> Mapping[str, float]:
    """The mean seconds of the native floor among these rows, by kind."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row.path == PATH:
            found.setdefault(row.kind, []).append(row.seconds)
    return {kind: sum(seconds) / len(seconds) for kind, seconds in found.items()}
