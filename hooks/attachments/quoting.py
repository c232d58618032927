"""What is open where a value goes into a tenant's file, as far as the text before it tells.

This is no parser of YAML or of sh. Where the text can be read in two ways, or only by a parser,
there is no answer, and so no value that something else may be made of.
"""

from __future__ import annotations

import re

BARE, SINGLE, DOUBLE, REMARK = "", "'", '"', "#"
"""What opened the text that a value goes into, if anything did."""

# A backslash with what it stands before, or a mark that may open or close.
_MARKS = re.compile(r"\\.|[\"'\n#`]|<<|\$[('{]", re.DOTALL)
# A variable's plain name, which brings no quotes of its own along.
_VARIABLE = re.compile(r"\$\{\w*\}")
_BLANKS = " \t\r"
# What a YAML scalar begins behind without a blank, and what with one.
_FLOW, _INDICATORS = "[{,(", ":?-"
# A tag or an anchor of the scalar behind it.
_PROPERTY = re.compile(r"(?:^|[ \t\n:?,\[{-])[!&][\w!:/.%-]*[ \t]+$")
_NEAR = 64


class Reading:
    """Reads a file piece by piece, with a value between each two.

    Args:
        form: json, yaml or shell.

    Attributes:
        quote: what is open; None where that can't be told.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        # Whether a text ends with its line, as an apostrophe in prose does, or goes on.
        self._by_line = self._on = BARE
        self._lost = False
        self._at_start = True
        self._hanging = False
        self._alone = True

    @property
    def quote(self) -> str | None:
        """What is open; None where it can't be told."""
        if self._lost or self._hanging or self._by_line != self._on:
            return None
        return self._on

    @property
    def alone(self) -> bool:
        """Whether YAML can begin a scalar here."""
        return self._alone

    def read(self, text: str) -> None:
        """Reads the piece up to the next value, or to the end."""
        shell = self._form == "shell"
        for found in () if self._lost else _MARKS.finditer(text):
            mark = found[0]
            if shell and mark == "${":
                self._lost |= self._on == DOUBLE and not _VARIABLE.match(text, found.start())
                continue
            if self._by_line == self._on:
                # Nearly always; a line's end is all that tells them apart.
                self._by_line = self._after(self._on, mark, text, found.start(), by_line=True)
                if mark != "\n":
                    self._on = self._by_line
                    continue
            else:
                self._by_line = self._after(self._by_line, mark, text, found.start(), by_line=True)
            self._on = self._after(self._on, mark, text, found.start(), by_line=False)
        self._hanging = text.endswith("\\") and self._takes_what_follows(text)
        if text:
            self._alone = self._begins_scalar(text, len(text))
        self._at_start = False

    def _takes_what_follows(self, text: str) -> bool:
        """Whether the backslash at the end would take a value's first character for its own."""
        odd = (len(text) - len(text.rstrip("\\"))) % 2 == 1
        return odd and (self._on == DOUBLE or (self._form == "shell" and self._on == BARE))

    def _after(self, quote: str, mark: str, text: str, at: int, *, by_line: bool) -> str:
        """What is open after a mark, which stands at a place of the text."""
        if mark == "\n":
            return BARE if by_line or quote == REMARK or self._form == "json" else quote
        if mark[0] == "\\":
            # Within single quotes and remarks it is a character like another.
            if quote == SINGLE and mark[1] == SINGLE:
                return BARE
            ends = mark[1] == "\n" and (quote == REMARK or (quote == SINGLE and by_line))
            return BARE if ends else quote
        if quote == BARE:
            # A here-document, and quotes of another language.
            self._lost |= self._form == "shell" and mark in {"<<", "`", "$'"}
            return mark if self._opens(text, at, mark) else BARE
        if quote == SINGLE:
            return BARE if mark in {SINGLE, "$'"} else quote
        if quote == DOUBLE:
            self._lost |= self._form == "shell" and mark in {"$(", "`"}
            return BARE if mark == DOUBLE else quote
        return quote

    def _opens(self, text: str, at: int, mark: str) -> bool:
        """Whether a mark opens something where nothing is open."""
        if mark not in {SINGLE, DOUBLE, REMARK}:
            return False
        before = text[at - 1] if at else "\n" if self._at_start else "}"
        if self._form == "json":
            return mark == DOUBLE
        if self._form == "shell":
            return mark != REMARK or before in " \t\n;&|("
        if mark == REMARK:
            return before in " \t\n"
        return self._begins_scalar(text, at)

    def _begins_scalar(self, text: str, at: int) -> bool:
        """Whether YAML can begin a scalar there: not within a word, nor behind one."""
        # Bounded: it is looked at for each quote.
        near = text[max(at - _NEAR, 0) : at]
        rest = near.rstrip(_BLANKS)
        if not rest:
            return self._at_start and at <= _NEAR
        last = rest[-1]
        if last == "\n" or last in _FLOW:
            return True
        if last in _INDICATORS and (len(rest) < len(near) or _is_json_key(rest)):
            # A colon ends a key; the others stand alone.
            return last == ":" or rest[-2:-1] in " \t\n"
        return _PROPERTY.search(near) is not None


def _is_json_key(text: str) -> bool:
    """Whether a colon stands behind a closing quote, so that no blank has to follow."""
    return text.endswith(('":', "':"))
