"""The shape of a document that S3 has as XML and AWS's own tools as JSON, checked and written.

botocore has these shapes too: to load them takes 0.2 s, and its messages quote values.
A shape here tells a document from a mistake, names the place of one, and is XML in both ways.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from backends.errors import ServerFault
from backends.wire import xmlbody

_NUMBER = re.compile(r"[0-9]{1,18}")
# Control characters, lone surrogates and the two non-characters: XML can carry none of them.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class ShapeError(ValueError):
    """A document is of another shape.

    Args:
        place: where, such as ``Rules[0].Status``.
        problem: the rest of the sentence; quotes nothing.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place} {problem}" if place else problem)


class Shape(ABC):
    """What a value has to be."""

    @abstractmethod
    def check(self, value: Any, place: str) -> None:
        """Raises ShapeError where it is something else."""

    @abstractmethod
    def write(self, parent: Element, tag: str, value: Any) -> None:
        """Adds the value, which was checked, as elements."""

    @abstractmethod
    def read(self, found: Sequence[Element]) -> Any:
        """The value of all the elements of its tag; raises ValueError where it is none."""


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """Text, or one of some words."""

    words: tuple[str, ...] = ()
    longest: int = 1024

    def check(self, value: Any, place: str) -> None:
        """See :class:`Shape`."""
        if not isinstance(value, str):
            raise ShapeError(place, "must be text")
        if self.words and value not in self.words:
            raise ShapeError(place, f"must be one of {', '.join(self.words)}")
        if len(value) > self.longest:
            raise ShapeError(place, f"must have at most {self.longest} characters")
        if _NOT_TEXT.search(value):
            raise ShapeError(place, "must not contain control characters")

    def write(self, parent: Element, tag: str, value: Any) -> None:
        """See :class:`Shape`."""
        SubElement(parent, tag).text = value

    def read(self, found: Sequence[Element]) -> Any:
        """See :class:`Shape`."""
        return found[0].text or ""


@dataclass(frozen=True, slots=True)
class Number(Shape):
    """A whole number."""

    lowest: int = 1
    highest: int = 2**31 - 1

    def check(self, value: Any, place: str) -> None:
        """See :class:`Shape`."""
        if type(value) is not int or not self.lowest <= value <= self.highest:
            raise ShapeError(place, f"must be a whole number from {self.lowest} to {self.highest}")

    def write(self, parent: Element, tag: str, value: Any) -> None:
        """See :class:`Shape`."""
        SubElement(parent, tag).text = str(value)

    def read(self, found: Sequence[Element]) -> Any:
        """See :class:`Shape`."""
        text = (found[0].text or "").strip()
        if not _NUMBER.fullmatch(text):
            raise ValueError("not a number")
        return int(text)


class Flag(Shape):
    """True or false."""

    def check(self, value: Any, place: str) -> None:
        """See :class:`Shape`."""
        if not isinstance(value, bool):
            raise ShapeError(place, "must be true or false")

    def write(self, parent: Element, tag: str, value: Any) -> None:
        """See :class:`Shape`."""
        SubElement(parent, tag).text = "true" if value else "false"

    def read(self, found: Sequence[Element]) -> Any:
        """See :class:`Shape`."""
        return (found[0].text or "").strip().lower() == "true"


class Day(Shape):
    """Midnight of a day, UTC: S3 takes nothing else where it takes a date."""

    def check(self, value: Any, place: str) -> None:
        """See :class:`Shape`."""
        if not isinstance(value, str) or _day(value) is None:
            raise ShapeError(place, "must be a date such as 2030-01-31, at midnight UTC")

    def write(self, parent: Element, tag: str, value: Any) -> None:
        """See :class:`Shape`."""
        SubElement(parent, tag).text = day(value)

    def read(self, found: Sequence[Element]) -> Any:
        """See :class:`Shape`."""
        return day((found[0].text or "").strip())


@dataclass(frozen=True, slots=True)
class List(Shape):
    """Several of one kind; the elements stand side by side, as nearly everywhere in S3."""

    item: Shape
    most: int = 1000

    def check(self, value: Any, place: str) -> None:
        """See :class:`Shape`."""
        if not isinstance(value, list) or not value:
            raise ShapeError(place, "must be a list with something in it")
        if len(value) > self.most:
            raise ShapeError(place, f"must have at most {self.most} items")
        for number, item in enumerate(value):
            self.item.check(item, f"{place}[{number}]")

    def write(self, parent: Element, tag: str, value: Any) -> None:
        """See :class:`Shape`."""
        for item in value:
            self.item.write(parent, tag, item)

    def read(self, found: Sequence[Element]) -> Any:
        """See :class:`Shape`."""
        return [self.item.read([element]) for element in found]


@dataclass(frozen=True, slots=True)
class Struct(Shape):
    """Members by their names in JSON, each with its tag and its shape, in the order of the XML."""

    members: Mapping[str, tuple[str, Shape]]
    required: frozenset[str] = field(default_factory=frozenset)

    def check(self, value: Any, place: str) -> None:
        """See :class:`Shape`."""
        if not isinstance(value, dict):
            raise ShapeError(place, "must be a mapping")
        if not value.keys() <= self.members.keys():
            # Not which: a key may be anything, a credential too.
            raise ShapeError(place, f"has a key that is none of {', '.join(self.members)}")
        for name in sorted(self.required - value.keys()):
            raise ShapeError(place, f"lacks {name}")
        for name, found in value.items():
            self.members[name][1].check(found, f"{place}.{name}" if place else name)

    def write(self, parent: Element, tag: str, value: Any) -> None:
        """See :class:`Shape`."""
        self.fill(SubElement(parent, tag), value)

    def fill(self, element: Element, value: Any) -> None:
        """Adds the members to an element of its own."""
        for name, (tag, shape) in self.members.items():
            if name in value:
                shape.write(element, tag, value[name])

    def read(self, found: Sequence[Element]) -> Any:
        """See :class:`Shape`; what has no place in the shape is passed over."""
        return {
            name: shape.read(elements)
            for name, (tag, shape) in self.members.items()
            if (elements := found[0].findall(tag))
        }


def struct(*required: str, **members: Shape | tuple[str, Shape]) -> Struct:
    """A Struct whose members have their names as tags, unless a tag is given too."""
    return Struct(
        {
            name: shape if isinstance(shape, tuple) else (name, shape)
            for name, shape in members.items()
        },
        frozenset(required),
    )


def to_xml(shape: Struct, root: str, value: Any) -> bytes:
    """A checked document as XML."""
    element = Element(root)
    shape.fill(element, value)
    encoded: bytes = tostring(element, encoding="utf-8")
    return encoded


def from_xml(shape: Struct, root: str, content: bytes) -> Any:
    """A document as a store tells it.

    Raises:
        ServerFault: it is none.
    """
    element = xmlbody.expect(content, root)
    try:
        return shape.read([element])
    except ValueError:
        raise ServerFault("The store's answer is not the XML that was expected.") from None


def day(text: str) -> str:
    """A date in the one form; raises ValueError where it is none."""
    found = _day(text)
    if found is None:
        raise ValueError("not a date")
    return found.strftime("%Y-%m-%dT00:00:00Z")


def _day(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # the first or the last year, elsewhere
        return None
    return found if found.time().replace(tzinfo=None) == datetime.min.time() else None
