"""``python -m tests.chaos``: rounds of faults under load, each ended by an audit."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from urllib3.exceptions import HTTPError

from hooks.commands.processes import ProcessError
from tests.chaos.report import print_report
from tests.chaos.run import Run
from tests.chaos.world import running_world
from tests.e2e.stack import Programs
from tests.servers.api import ApiError
from tests.servers.build import build
from tests.servers.recipes import BuildError
from tests.servers.require import NotInstalledError, find_metacontroller


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, metavar="N")
    parser.add_argument("--secrets", type=int, default=60, metavar="N", help="how many live")
    parser.add_argument("--seed", type=int, metavar="S", help="a random one without it")
    parser.add_argument(
        "--limit", type=float, metavar="SECONDS", help="no round begins later (never)"
    )
    parser.add_argument(
        "--logs", type=Path, default=Path("build/chaos"), help="where those of a failed run go"
    )
    options = parser.parse_args()
    # So that the servers are ended as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = random.randrange(10**6) if options.seed is None else options.seed
    # The report alone goes to standard output.
    progress = Console(stderr=True, highlight=False)
    started = time.monotonic()

    def say(what: str) -> None:
        progress.print(f"{time.monotonic() - started:6.1f} s  {what}", soft_wrap=True)

    say(f"seed {seed}; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    try:
        programs = Programs(
            metacontroller=find_metacontroller(),
            etcd=build("etcd"),
            kube_apiserver=build("kube-apiserver"),
            versitygw=build("versitygw"),
        )
    except (NotInstalledError, BuildError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    console = Console(width=max(progress.width, 120), highlight=False)
    with (
        tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder,
        running_world(programs, Path(folder), seed=seed) as world,
    ):
        run = Run(world, options.secrets, seed, say)
        wrong = _rounds(run, options.rounds, options.limit, started, say)
        print_report(run, console)
        if wrong:
            _keep_logs(Path(folder), options.logs)
    seconds = time.monotonic() - started
    console.print(
        f"{len(run.rounds)} rounds, {options.secrets:,} Secrets, seed {seed}, {seconds:.0f} s, "
        f"{os.cpu_count()} CPUs: " + ("nothing was lost." if not wrong else "FAILED"),
        soft_wrap=True,
    )
    for finding in wrong:
        console.print(f"- {finding}", soft_wrap=True, markup=False)
    if wrong:
        console.print(
            f"The logs are in {options.logs}. Again: python -m tests.chaos --seed {seed} "
            f"--rounds {options.rounds} --secrets {options.secrets}",
            soft_wrap=True,
        )
    return 1 if wrong else 0


def _rounds(
    run: Run, count: int, limit: float | None, started: float, say: Callable[[str], None]
) -> list[str]:
    try:
        say("set-up: the first Secrets, while nothing fails")
        wrong = [f"before the first round: {finding}" for finding in run.settle_in()]
        for number in range(1, count + 1):
            if wrong:
                return wrong
            if limit is not None and time.monotonic() - started > limit:
                say(f"{limit:g} s are over: no further round")
                break
            say(f"round {number} of {count}")
            wrong += [f"round {number}: {finding}" for finding in run.round().findings]
    except (ProcessError, TimeoutError, ApiError, HTTPError) as error:
        return [f"{type(error).__name__}: {error}"]
    return wrong or [f"this never happened: {kind}" for kind in run.missing()]


def _keep_logs(folder: Path, target: Path) -> None:
    for log in folder.rglob("*.log"):
        kept = target / log.relative_to(folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, kept)


if __name__ == "__main__":
    raise SystemExit(main())
