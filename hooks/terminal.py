"""What people see of the commands: plain text, tables that cut nothing off, and progress.

What is shown was often written by somebody else, in annotations, manifests and answers of stores.
Nobody who may write there may write to the reader's terminal.
"""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Characters that show nothing and yet count as printable; the others of that kind don't.
_INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
_GAP = "   "
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
STATUS_COLOURS = {
    "Ready": "green",
    "Retrying": "yellow",
    "Invalid": "red",
    "Conflict": "red",
    "Skipped": "dim",
}
"""How a status is shown to people."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell with a colour for people: bold, dim, red, green or yellow."""

    text: str
    colour: str


def printable(text: str) -> str:
    """The text with one mark for each character that controls, orders or hides others.

    Control and format characters (bidirectional ones too), line ends, surrogates, and whatever
    shows nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() and char not in _INVISIBLE else _REPLACEMENT for char in text
    )


def say(sentence: str, *, file: TextIO | None = None) -> None:
    """Prints one line, on standard output unless told otherwise."""
    print(printable(sentence), file=file or sys.stdout)


def say_why(sentence: str, code: int) -> int:
    """Prints one line on standard error and returns the exit code given."""
    say(sentence, file=sys.stderr)
    return code


def print_table(header: Sequence[str], rows: Iterable[Sequence[str | Cell | None]]) -> None:
    """Prints columns as wide as their widest cell, as kubectl does, whatever the terminal's width.

    Args:
        header: the columns' names.
        rows: a cell for each; None or an empty one is shown as ``-``.
    """
    lines = [[Cell(name, "bold") for name in header]]
    for row in rows:
        cells = [cell if isinstance(cell, Cell) else Cell(cell or "", "") for cell in row]
        lines.append([Cell(printable(cell.text) or "-", cell.colour) for cell in cells])
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    coloured = _has_colours(sys.stdout)
    for line in lines:
        parts = [
            _coloured(cell, coloured) + " " * (width - _width(cell))
            for cell, width in zip(line[:-1], widths[:-1], strict=True)
        ]
        print(_GAP.join([*parts, _coloured(line[-1], coloured)]))


def counted(statuses: Iterable[str]) -> str:
    """How many there are of each: ``3 Secrets: 2 Ready, 1 Invalid``."""
    counts = Counter(statuses)
    total = counts.total()
    each = ", ".join(f"{number} {status}" for status, number in counts.items())
    return f"{secrets(total)}: {each}" if each else secrets(total)


def secrets(number: int) -> str:
    """That many Secrets, in words."""
    return f"{number} Secret{'' if number == 1 else 's'}"


class Progress:
    """One line on standard error that says how far a long run has come; only on a terminal.

    Args:
        total: how many there are; None if that isn't known.
        verb: what was done with them.
        after: seconds of silence first, since most runs are short.
        clock: tells seconds.
    """

    _EVERY = 0.2

    def __init__(
        self,
        total: int | None,
        verb: str,
        *,
        after: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._verb = verb
        self._clock = clock
        self._next = clock() + after
        self._done = 0
        self._shown = False
        # Standard error is looked at once: it is the same to the end.
        self._wanted = sys.stderr.isatty()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if not self._wanted or self._clock() < self._next:
            return
        self._next = self._clock() + self._EVERY
        of = "" if self._total is None else f" of {self._total}"
        print(f"\r{self._done}{of} Secrets {self._verb}", end="", file=sys.stderr, flush=True)
        self._shown = True

    def clear(self) -> None:
        """Takes the line away, before anything else is printed."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False


def _width(cell: Cell) -> int:
    """How many columns of a terminal the text takes."""
    if cell.text.isascii():
        return len(cell.text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in cell.text
    )


def _coloured(cell: Cell, coloured: bool) -> str:
    code = _CODES.get(cell.colour)
    return f"\x1b[{code}m{cell.text}\x1b[0m" if coloured and code else cell.text


def _has_colours(file: TextIO) -> bool:
    """Whether people look at it, by what https://no-color.org and its counterpart say."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return file.isatty() and os.environ.get("TERM") != "dumb"
