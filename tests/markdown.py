"""The documents as the tests look at them: headings, links, tables and blocks of code."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Document:
    """A Markdown file."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _FENCE.sub("", self.text)

    @property
    def anchors(self) -> set[str]:
        """What a link may name behind ``#``, as GitHub makes it of the headings."""
        found: Counter[str] = Counter()
        anchors = set()
        for _, heading in _HEADING.findall(self.prose):
            slug = slug_of(heading)
            anchors.add(f"{slug}-{found[slug]}" if found[slug] else slug)
            found[slug] += 1
        return anchors

    @property
    def links(self) -> list[str]:
        """Targets, with those of pictures."""
        return [target for _, target in _LINK.findall(self.prose)]

    def blocks(self, language: str) -> list[str]:
        """Blocks of code in a language."""
        return [
            textwrap.dedent(code)
            for _, found, code in _FENCE.findall(self.text)
            if found == language
        ]

    @property
    def code(self) -> str:
        """All that is code: prose may make anything."""
        inline = re.findall(r"`[^`\n]+`", self.prose)
        return "\n".join([*(code for _, _, code in _FENCE.findall(self.text)), *inline])

    def section(self, title: str) -> str:
        """What stands under a heading, up to the next of its level or a higher one."""
        lines = self.text.splitlines(keepends=True)
        start = next(n for n, line in enumerate(lines) if re.fullmatch(rf"#+ {title}\n", line))
        level = len(lines[start]) - len(lines[start].lstrip("#"))
        end = start + 1
        fenced = False
        while end < len(lines) and (fenced or not re.match(rf"#{{1,{level}}} ", lines[end])):
            fenced ^= lines[end].lstrip().startswith("```")
            end += 1
        return "".join(lines[start + 1 : end])

    def rows(self, title: str, header: str) -> list[list[str]]:
        """The cells of a section's table whose header line begins with a cell."""
        lines = self.section(title).splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith(f"| {header} |"))
        return list(_rows(lines[start + 2 :]))


def slug_of(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = _LINK.sub(r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w -]", "", plain).replace(" ", "-")


def names(cell: str) -> list[str]:
    """What a cell lists."""
    return [name.strip(" `") for name in re.split(r"[,;]", cell) if name.strip()]


def coded(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def _rows(lines: list[str]) -> Iterator[list[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
