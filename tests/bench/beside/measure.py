"""Two builds take turns at the same work, so that a machine's mood hits both alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import direct, floor, native
from tests.bench.figures import Figures
from tests.bench.guard.builds import THIS, Build
from tests.bench.stores import Stores

CALLERS = 10


@dataclass(frozen=True)
class Turn:
    """One kind of work, done by both builds right after each other.

    Args:
        kind: of the work.
        before: the earlier build's figures.
        after: this build's.
        natively: the native floor's, where it does that kind.
    """

    kind: str
    before: Figures
    after: Figures
    natively: Figures | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table: the medians of all turns of one kind.

    Args:
        kind: of the work.
        unit: of the three values.
        before: the earlier build's value.
        after: this build's.
        ratios: this build's value by the earlier one's, in each turn.
        natively: the native floor's value, where it does that kind.
    """

    kind: str
    unit: str
    before: float
    after: float
    ratios: Sequence[float]
    natively: float | None = None

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def times_native(self) -> float | None:
        return None if not self.natively else self.after / self.natively


def turns(
    stores: Stores,
    directory: Path,
    base: Build,
    program: Path,
    *,
    count: int,
    rounds: int,
    say: Callable[[str], None],
) -> Iterator[Turn]:
    """Every kind of work by both builds, each round on empty stores and with new hooks.

    Args:
        stores: starts the stores, one for each build.
        directory: for all that they write.
        base: the earlier build.
        program: the native floor.
        count: how many Secrets.
        rounds: how often.
        say: told what is being done.
    """
    kinds = ["new", "unchanged", *(["rotated"] if stores.rotation else [])]
    for number in range(rounds):
        builds = (base, THIS)
        with ExitStack() as stack:
            runs = [
                stack.enter_context(
                    direct.running(
                        stores,
                        directory / f"{number}-{place}",
                        count,
                        CALLERS,
                        root=build.root,
                    )
                )
                for place, build in enumerate(builds)
            ]
            for kind in kinds:
                # Who comes second finds a warm machine: each build does so as often.
                order = (0, 1) if number % 2 == 0 else (1, 0)
                rows = {place: runs[place].row(kind) for place in order}
                natively = _natively(runs[1], program, count) if kind == "unchanged" else None
                for place, build in enumerate(builds):
                    cost = (rows[place].cpu_per_call or 0) * 1000
                    say(f"round {number + 1}, {kind}, {build.name}: {cost:.2f} ms of CPU a call")
                yield Turn(kind, rows[0], rows[1], natively)


def table_rows(found: Sequence[Turn]) -> list[Row]:
    """CPU and time for a call, of each kind, in the order in which they were done.

    Raises:
        ValueError: a turn has no CPU time to tell: too few calls for the system's clock.
    """
    return [
        _row(kind, unit, value, [turn for turn in found if turn.kind == kind])
        for unit, value in (("ms of CPU a call", _cpu), ("ms a call", _time))
        for kind in dict.fromkeys(turn.kind for turn in found)
    ]


def _row(kind: str, unit: str, value: Callable[[Figures], float], found: Sequence[Turn]) -> Row:
    before = [value(turn.before) for turn in found]
    after = [value(turn.after) for turn in found]
    if not all(before):
        raise ValueError(f"no CPU time was counted for {kind}: take more Secrets")
    natively = [value(turn.natively) for turn in found if turn.natively is not None]
    ratios = [now / then for then, now in zip(before, after, strict=True)]
    return Row(
        kind, unit, median(before), median(after), ratios, median(natively) if natively else None
    )


def _cpu(row: Figures) -> float:
    return (row.cpu_per_call or 0) * 1000


def _time(row: Figures) -> float:
    return row.seconds / row.secrets * 1000


def _natively(run: direct.Run, program: Path, count: int) -> Figures:
    """The probes of the same Secrets against the same store, by the native floor."""
    store = run.store
    query = floor.FLOORS[type(store)].query
    job = native.Job(store.url, store.region, query, floor.probes(count))
    return native.figures(job, native.run(program, job))
