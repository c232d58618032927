"""Variables that look like one of ours and are none, so that nobody believes them to be set."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

# What Kubernetes sets for each Service of a namespace, among them S3_PORT for one called `s3`.
_SERVICE_LINK = re.compile(
    r".*_SERVICE_(HOST|PORT(_\w+)?)|.*_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
_LINK = re.compile(r"(tcp|udp|sctp)://.*")
# The last words of ours that people leave out.
_UNITS = frozenset({"URL", "SECONDS", "FILE", "KEY"})
# Shorter words are too near one another.
_SHORTEST = 5
_LONG = 8


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A variable that is set and not read.

    Args:
        name: its name.
        meant: the one of ours that it looks like.
        certain: a slip within one word, which is nobody else's variable. Words that are joined
            otherwise, left out or put behind may be another program's.
    """

    name: str
    meant: str
    certain: bool

    def __str__(self) -> str:
        return f"{self.name}: is not read: {self.meant} seems to be meant"


def misspelt(environ: Mapping[str, str], known: Iterable[str]) -> list[Misspelt]:
    """What is set under a name that is nearly one of ours.

    Args:
        environ: the variables; those without a value don't count.
        known: the names of ours. One that is set too is believed to be what was meant, unless
            the slip is certain.
    """
    names = sorted(known)
    found = []
    for name, value in sorted(environ.items()):
        if name in names or not value.strip() or is_service_link(name, value):
            continue
        if slips := [each for each in names if _is_slip(name, each)]:
            found.append(Misspelt(name, slips[0], certain=True))
        elif near := [each for each in names if _is_near(name, each)]:
            # The nearest of several: S3_ACCESS_KEYS is more like S3_ACCESS_KEY than its _FILE.
            meant = min(near, key=lambda each: _edits(name, each))
            if not environ.get(meant, "").strip():
                found.append(Misspelt(name, meant, certain=False))
    return found


def is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes set the variable for a Service that happens to be called so."""
    if name.endswith("_PORT") and _LINK.fullmatch(value.strip()):
        return True
    return bool(_SERVICE_LINK.fullmatch(name))


def _is_slip(name: str, known: str) -> bool:
    """Whether one letter of one word is wrong, or two of a long one."""
    words, right = name.split("_"), known.split("_")
    if len(words) != len(right):
        return False
    pairs = [(word, each) for word, each in zip(words, right, strict=True) if word != each]
    if len(pairs) != 1:
        return False
    word, each = pairs[0]
    if len(each) < _SHORTEST or not (word.isalpha() and word.isascii() and word.isupper()):
        return False
    if word in {f"{each}S", f"{each}ES"} or each in {f"{word}S", f"{word}ES"}:
        # As likely to be somebody's list of them.
        return False
    # A word on its own may be another one of the language.
    return _is_within(word, each, 2 if len(each) >= _LONG and len(right) > 1 else 1)


def _is_near(name: str, known: str) -> bool:
    if name.startswith(f"{known}_"):
        return True
    start, _, end = known.rpartition("_")
    if name == start and "_" in name and end in _UNITS:
        return True
    joined, right = _joined(name), _joined(known)
    return _is_within(joined, right, 2 if len(right) > _LONG else 1)


@lru_cache(maxsize=1024)
def _joined(name: str) -> str:
    """Its words without what stands between them; each is asked for with each of the others."""
    return "".join(filter(str.isalnum, name.upper()))


def _is_within(text: str, other: str, most: int) -> bool:
    """Whether so many edits make one of the other; most names differ from the start."""
    return abs(len(text) - len(other)) <= most and _edits(text, other, most) <= most


def _edits(text: str, other: str, most: int = sys.maxsize) -> int:
    """Letters to add, drop, change or exchange with the next, to make one of the other.

    What takes more than `most` is not counted to its end, and told as some number above that.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(text, 1):
        rows = before, row
        before, row = row, [i]
        for j, each in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != each))
            if i > 1 and j > 1 and (char, text[i - 2]) == (other[j - 2], each):
                cost = min(cost, rows[0][j - 2] + 1)
            row.append(cost)
        # Each later cell comes of these two rows, and none is less than what it comes of.
        if min(row) > most and min(before) > most:
            return most + 1
    return row[-1]
