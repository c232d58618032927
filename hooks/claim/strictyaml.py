"""YAML files that an administrator writes, read strictly: nothing is passed over or guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TypeVar

import yaml

T = TypeVar("T")
Word = TypeVar("Word", bound=StrEnum)

# Anchors let a small file name a long list very often.
ITEM_LIMIT = 10_000
_TAG = "tag:yaml.org,2002:"
TEXT = frozenset({f"{_TAG}str"})
"""What only text may stand for."""
NUMBERS = TEXT | {f"{_TAG}int"}
"""What a whole number may stand for, too."""
SWITCH = frozenset({f"{_TAG}bool"})
"""What is true or false."""


class FileError(ValueError):
    """A file can't be used.

    Args:
        mistakes: one sentence each, with its line where there is one.
    """

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def compose(text: str, limit: int) -> yaml.Node | None:
    """The nodes of a document; None if it is empty.

    Args:
        text: the file's.
        limit: characters that it may have.

    Raises:
        FileError: it is none.
    """
    if len(text) > limit:
        raise FileError([f"has more than {limit // 1024} KiB"])
    if text.startswith("\ufeff"):
        raise FileError(["begins with a byte order mark (BOM): save it as UTF-8 without"])
    try:
        # Nodes only: they know their lines and repeated keys, and nothing is made from them.
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise FileError([f"{where}is not valid YAML ({error.problem})"]) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        # Not all of the library's own: it makes characters of whatever number is escaped.
        raise FileError(["is not valid YAML"]) from None


class Nodes:
    """Takes a document's nodes apart; a mistake is noted, and None or nothing returned.

    Attributes:
        mistakes: all so far, each with its line.
    """

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self._items = 0

    def mapping(
        self, node: yaml.Node, where: str, known: tuple[str, ...], required: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        """A mapping's values by their keys, without those that aren't known."""
        if not isinstance(node, yaml.MappingNode):
            self.note(node, where, f"must be a mapping with the keys {', '.join(known)}")
            return {}
        keys: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "a key that is no word"
            if name not in known:
                self.note(key, where, f"{name} is unknown (known: {', '.join(known)})")
            elif name in keys:
                self.note(key, where, f"{name} is there twice")
            else:
                keys[name] = value
        for name in required:
            if name not in keys:
                self.note(node, where, f"{name} is missing")
        return keys

    def sequence(self, node: yaml.Node | None, where: str) -> Iterator[yaml.Node]:
        """A list's items."""
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self.note(node, where, "must be a list")
        elif not node.value:
            self.note(node, where, "must not be an empty list, which would allow nothing")
        else:
            for item in node.value:
                self._items += 1
                if self._items > ITEM_LIMIT:
                    self.note(item, where, f"is more than {ITEM_LIMIT} items in all")
                    return
                yield item

    def list(
        self,
        node: yaml.Node | None,
        where: str,
        item: Callable[[str], T],
        tags: frozenset[str],
    ) -> tuple[T, ...] | None:
        """What `item` makes of each of a list's words; None where there is no list."""
        if node is None:
            return None
        values = (self.one(child, where, item, tags) for child in self.sequence(node, where))
        return tuple(value for value in values if value is not None)

    def one(
        self,
        node: yaml.Node | None,
        where: str,
        item: Callable[[str], T],
        tags: frozenset[str] = TEXT,
    ) -> T | None:
        """What `item` makes of a word, or raises ValueError about."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag not in tags:
            self.note(node, where, "must be text (put numbers and words like yes into quotes)")
            return None
        try:
            return item(node.value)
        except ValueError as error:
            self.note(node, where, f"{error}")
            return None

    def note(self, node: yaml.Node, where: str, problem: str) -> None:
        """Notes a mistake with its line."""
        place = f"line {node.start_mark.line + 1}: "
        self.mistakes.append(f"{place}{where}: {problem}" if where else f"{place}{problem}")


def word(words: type[Word]) -> Callable[[str], Word]:
    """Reads one of some words."""

    def read(text: str) -> Word:
        try:
            return words(text)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(words)}") from None

    return read
