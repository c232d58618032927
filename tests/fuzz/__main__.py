"""`python -m tests.fuzz [--seconds N] [TARGET …]`: each target in turn; 1 if anything is found."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from tests.fuzz import runner
from tests.fuzz.targets import TARGETS


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], help="default: all of them")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--runs", type=int, default=10_000_000, help="for each target, at most")
    parser.add_argument("--seed", type=int, default=1 + secrets.randbelow(2**31 - 1))
    parser.add_argument("--corpus", type=Path, help="folder to go on from, and to keep inputs in")
    arguments = parser.parse_args()
    if why := runner.missing():
        print(why, file=sys.stderr)
        return 2
    print(f"seed {arguments.seed}")
    found = 0
    for name in arguments.target or TARGETS:
        result = runner.fuzz(
            name,
            seconds=arguments.seconds,
            runs=arguments.runs,
            seed=arguments.seed,
            corpus=arguments.corpus / name if arguments.corpus else None,
        )
        print(f"{name:8} {result.runs:9} runs, {result.coverage:5} branches", flush=True)
        if result.crash is not None:
            found = 1
            print(f"{result.trouble}\nthe input: {result.crash!r}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
