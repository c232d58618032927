"""Templates of a tenant's own for keys of its connection Secret.

``${name}`` stands for a value and ``${form:name}`` for the value as that form writes it; ``$${`` is
``${`` itself. There is no logic. What is put in is never looked at for placeholders again, so no
value can bring another one in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hooks.attachments import escapes
from hooks.attachments.formats import Access, Unwritable
from hooks.attachments.quoting import BARE, REMARK, Reading

LIMIT = 128 * 1024
"""Bytes of all templates of a Secret together, keys included, before and after expansion."""

_PLACE = re.compile(r"\$\$\{|\$\{(?:([a-z0-9]{1,16}):)?([a-z-]{1,32})\}|\$\{")
_ESCAPED = "$${"
# As far as is looked at what follows a value on its line.
_AHEAD = 64

VALUES: Mapping[str, Callable[[Access], str]] = {
    "bucket": lambda access: access.bucket,
    "access-key": lambda access: access.access_key,
    "access-secret": lambda access: access.secret.reveal(),
    "endpoint": lambda access: access.endpoint,
    "host": lambda access: access.host,
    "port": lambda access: access.port,
    "region": lambda access: access.region,
    "ca": lambda access: access.ca or "",
}
"""What a template may name; `ca` is empty where the store has no CAs of its own."""


class TemplateError(ValueError):
    """A template can't be used; the text is the rest of a sentence that begins with the key."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One placeholder; `form` is empty for the value as it is, `quote` is what is open there."""

    form: str
    name: str
    quote: str
    at: int


_Piece = str | _Place


def expand(templates: Mapping[str, str], access: Access) -> dict[str, bytes]:
    """The templates with the values in their places.

    Args:
        templates: by the keys that they are for.
        access: the values.

    Raises:
        TemplateError: with the first mistake, its key and where it stands; quotes nothing.
    """
    written: dict[tuple[str, str, str], bytes] = {}
    parsed: dict[str, Sequence[_Piece]] = {}
    size = 0
    # All is counted before any of it is built.
    raw = 0
    for key, text in templates.items():
        raw += len(key) + len(text)
        if raw > LIMIT:
            raise _too_long(key)
        parsed[key] = pieces = list(_parse(key, text))
        size += len(key)
        for piece in pieces:
            if isinstance(piece, str):
                size += len(piece.encode())
                continue
            value = (piece.form, piece.name, piece.quote)
            if value not in written:
                written[value] = _write(key, text, piece, access)
            size += len(written[value])
        if size > LIMIT:
            raise _too_long(key)
    return {
        key: b"".join(
            piece.encode()
            if isinstance(piece, str)
            else written[piece.form, piece.name, piece.quote]
            for piece in pieces
        )
        for key, pieces in parsed.items()
    }


def _parse(key: str, text: str) -> Iterator[_Piece]:
    """Text and placeholders in turn.

    Raises:
        TemplateError: something that looks like a placeholder is none.
    """
    last = 0
    literal = ""
    # Only for the forms that are there.
    readings = {form: Reading(form) for form in escapes.QUOTING if "${" + form + ":" in text}
    for found in _PLACE.finditer(text):
        literal += text[last : found.start()]
        last = found.end()
        if found[0] == _ESCAPED:
            literal += "${"
            continue
        form, name = found[1] or "", found[2] or ""
        if name not in VALUES:
            raise TemplateError(
                f"{_position(key, text, found.start())} must name one of {', '.join(VALUES)} "
                "between ${ and }; $${ is ${ itself"
            )
        if form and form not in escapes.FORMS:
            raise TemplateError(
                f"{_position(key, text, found.start())} must have one of "
                f"{', '.join(escapes.FORMS)} before the colon"
            )
        for reading in readings.values():
            reading.read(literal)
        quote = BARE
        if form in readings:
            try:
                quote = _quote(readings[form], form, literal, text[last : last + _AHEAD])
            except Unwritable as error:
                raise TemplateError(f"{_position(key, text, found.start())} {error}") from None
        if literal:
            yield literal
        literal = ""
        yield _Place(form, name, quote, found.start())
    if literal or last < len(text):
        yield literal + text[last:]


def _quote(reading: Reading, form: str, before: str, behind: str) -> str:
    """What is open where a value goes, if it can be told and the value can go there.

    Raises:
        Unwritable: it can't; the text is the rest of a sentence.
    """
    quote = reading.quote
    if quote is None:
        raise Unwritable(
            f"stands where {form} could read it in more than one way: behind a quote that is open "
            "at the end of a line, a backslash, or in sh a here-document, backquotes, or $( "
            "between quotes; put it on a line of its own before"
        )
    if (
        form in escapes.OWN_QUOTES
        and quote in {BARE, REMARK}
        and not escapes.stands_alone(form, before[-1:], behind, begins=reading.alone)
    ):
        raise Unwritable(
            f"must stand alone or between double quotes: {form} writes quotes of its own"
        )
    return quote


def _write(key: str, text: str, place: _Place, access: Access) -> bytes:
    value = VALUES[place.name](access)
    if not place.form:
        return value.encode()
    try:
        return escapes.escaped(place.form, value, place.quote).encode()
    except Unwritable as error:
        raise TemplateError(
            f"{_position(key, text, place.at)} asks for {place.name} in a form, {place.form}, "
            f"that can't hold it: it is {error}"
        ) from None


def _position(key: str, text: str, at: int) -> str:
    line = text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1)
    return f"{key}, line {line + 1}, character {column + 1},"


def _too_long(key: str) -> TemplateError:
    return TemplateError(
        f"{key} is too long: all templates of a Secret together may have {LIMIT // 1024} KiB, "
        "with the values in their places"
    )
