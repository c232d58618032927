"""``python -m tests.facts [STORE…] [--report FILE]``: what of the pages is no longer so.

It prints a table of the facts that are seen otherwise than told, and ends with 1 if there are any,
or if a store could not be looked at.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hooks.commands.processes import ProcessError
from tests.facts.fact import Fact
from tests.facts.worlds import FACTS, running, version


@dataclass(frozen=True)
class Changed:
    """A fact that is seen otherwise than told."""

    fact: Fact[Any]
    seen: str

    @property
    def row(self) -> str:
        """Its row in a Markdown table."""
        cells = (f"`{self.fact.id}`", self.fact.known, self.seen)
        return f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |"


def changes(name: str) -> list[Changed]:
    """Every fact of a store that is otherwise now.

    Raises:
        ProcessError: the store did not start.
    """
    with tempfile.TemporaryDirectory() as folder, running(name, Path(folder)) as world:
        looked = [(fact, fact.look(world)) for fact in FACTS[name]]
    return [Changed(fact, seen) for fact, seen in looked if seen != fact.known]


def report(names: Sequence[str]) -> tuple[str, bool]:
    """What is to be told of these stores, and whether all is as it was."""
    lines: list[str] = []
    rows: list[str] = []
    good = True
    for name in names:
        try:
            found = changes(name)
        except (ProcessError, pytest.fail.Exception) as error:
            lines.append(f"{titled(name)}: could not be looked at: {error}")
            good = False
        except pytest.skip.Exception as reason:
            lines.append(f"{name}: left out: {reason}")
        else:
            count = len(list(FACTS[name]))
            lines.append(f"{titled(name)}: {count} looked at, {len(found)} changed")
            rows += [changed.row for changed in found]
    if rows:
        lines += ["", "| fact | expected | seen |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n", good and not rows


def titled(name: str) -> str:
    """A store's name, with its version where a build here decides it."""
    return f"{name} {version(name)}".rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.facts")
    parser.add_argument("store", nargs="*", help=f"all unless given: {', '.join(FACTS)}")
    parser.add_argument("--report", type=Path, help="a file that gets the same text")
    options = parser.parse_args(arguments)
    if unknown := set(options.store) - set(FACTS):
        parser.error(f"no facts of {', '.join(sorted(unknown))}; there are: {', '.join(FACTS)}")
    text, good = report(options.store or list(FACTS))
    sys.stdout.write(text)
    if options.report is not None:
        options.report.write_text(text)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
