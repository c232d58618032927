"""Writes the values table of the chart's README: ``python -m tests.chart.readme [--check]``.

Each value that is described by a comment beginning with ``# --`` in values.yaml becomes a row.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.chart.rendering import CHART

README = CHART / "README.md"
VALUES = CHART / "values.yaml"
BEGIN = "<!-- values: made from values.yaml by `python -m tests.chart.readme` -->"
END = "<!-- end of values -->"

_KEY = re.compile(r"^( *)([A-Za-z_]+):")
_LONGEST = 60


def described(text: str) -> Iterator[tuple[str, str]]:
    """Each described value's path, such as `image.tag`, and what is said of it."""
    parents: list[tuple[int, str]] = []
    comment = ""
    for line in text.splitlines():
        if found := re.match(r"^ *# -- (.*)$", line):
            comment = found[1]
        elif found := _KEY.match(line):
            indent = len(found[1])
            parents = [parent for parent in parents if parent[0] < indent]
            parents.append((indent, found[2]))
            if comment:
                yield ".".join(name for _, name in parents), comment
            comment = ""


def value_at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


def table(path: Path = VALUES) -> str:
    """The rows, in the order of values.yaml."""
    text = path.read_text()
    values = yaml.safe_load(text)
    lines = ["| value | default | |", "|---|---|---|"]
    for name, comment in described(text):
        default = json.dumps(value_at(values, name))
        shown = "see values.yaml" if len(default) > _LONGEST else f"`{default}`"
        lines.append(f"| `{name}` | {shown} | {comment.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def rewritten(readme: str) -> str:
    """The README with a table that is up to date."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    current = README.read_text()
    wanted = rewritten(current)
    if arguments == ["--check"]:
        if current != wanted:
            print("helm/README.md is not up to date: python -m tests.chart.readme", file=sys.stderr)
        return int(current != wanted)
    README.write_text(wanted)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
