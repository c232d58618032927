"""Values written for the form of file that they go into, and for the quotes around them there."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Mapping
from urllib.parse import quote as percent_encoded

from hooks.attachments.formats import Unwritable
from hooks.attachments.formats.inifile import plain

BARE, SINGLE, DOUBLE = "", "'", '"'
"""What opened the text that a value goes into, if anything did."""

_JSON_FORMS = frozenset({"json", "yaml"})
# A backslash with what it stands before, or a mark that may open or close.
_MARKS = re.compile(r"\\.|[\"'\n]", re.DOTALL)
# What may not touch a value that brings its own quotes along.
_WORD = re.compile(r"[\w/@.\\-]")
# YAML takes the first three for the end of a line.
_YAML_ENDS = re.compile("[\x85\u2028\u2029\ufeff\x7f-\x9f]")


def after(form: str, text: str, quote: str) -> str:
    """What is open after a piece of text, which begins with `quote` open.

    No text goes beyond its line: an apostrophe in a remark is the remark's alone.

    Args:
        form: json, yaml or shell.
        text: the piece.
        quote: what is open before it.
    """
    for found in _MARKS.finditer(text):
        mark = found[0]
        if mark == "\n":
            quote = BARE
        elif mark[0] == "\\":
            # Within single quotes it is a character like another.
            if quote == SINGLE and mark[1] in "'\n":
                quote = BARE
        elif mark == quote:
            quote = BARE
        elif quote == BARE and not (mark == SINGLE and _is_apostrophe(form, text, found.start())):
            quote = mark
    return quote


def _is_apostrophe(form: str, text: str, at: int) -> bool:
    """JSON has no single quotes, and YAML none within a word."""
    return form == "json" or (form == "yaml" and at > 0 and text[at - 1].isalnum())


def stands_alone(before: str, behind: str) -> bool:
    """Whether a value that brings its own quotes along would be one of its own there.

    Args:
        before: the character before it, empty at the beginning.
        behind: the character behind it, empty at the end.
    """
    return not (_WORD.match(before) or _WORD.match(behind) or before == "}" or behind == "$")


def escaped(form: str, value: str, quote: str = BARE) -> str:
    """A value as the form writes it.

    Args:
        form: one of :data:`FORMS`.
        value: any text.
        quote: what is open where it goes; else it brings quotes along, where the form has any.

    Raises:
        Unwritable: the form can't hold it.
    """
    return FORMS[form](value, quote)


def _json(value: str, quote: str) -> str:
    text = json.dumps(value)
    return text[1:-1] if quote == DOUBLE else text


def _yaml(value: str, quote: str) -> str:
    if quote == SINGLE:
        if not value.isprintable():
            raise Unwritable("a value that YAML's single quotes can't hold")
        return value.replace("'", "''")
    # JSON's escapes are YAML's, but not its halves of a character.
    text = _YAML_ENDS.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False)
    )
    return text[1:-1] if quote == DOUBLE else text


def _shell(value: str, quote: str) -> str:
    if quote == SINGLE:
        return value.replace("'", "'\\''")
    if quote == DOUBLE:
        return re.sub(r'([\\$`"])', r"\\\1", value)
    return shlex.quote(value)


FORMS: Mapping[str, Callable[[str, str], str]] = {
    "json": _json,
    "yaml": _yaml,
    "ini": lambda value, _: plain(value, references=True),
    "url": lambda value, _: percent_encoded(value, safe=""),
    "base64": lambda value, _: base64.b64encode(value.encode()).decode(),
    "shell": _shell,
}
QUOTING = frozenset({*_JSON_FORMS, "shell"})
"""Forms in which it matters what is open."""
OWN_QUOTES = _JSON_FORMS
"""Forms in which a value that isn't between quotes brings them along, always."""
