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
from hooks.attachments.quoting import BARE, DOUBLE, REMARK, SINGLE

_JSON_FORMS = frozenset({"json", "yaml"})
# What may not touch a value that brings its own quotes along.
_WORD = re.compile(r"[\w/@.\\-]")
# What can follow a YAML scalar on its line.
_BEHIND_SCALAR = re.compile(r"[ \t]*(?:$|[\r\n,\]})]|[ \t]#|:(?:\s|$))")
# YAML takes the first three for the end of a line.
_YAML_ENDS = re.compile("[\x85\u2028\u2029\ufeff\x7f-\x9f]")


def stands_alone(form: str, before: str, behind: str, *, begins: bool) -> bool:
    """Whether a value that brings its own quotes along would be one of its own there.

    Args:
        form: json or yaml.
        before: the character before it, empty at the beginning.
        behind: the text behind it, as far as its line goes.
        begins: whether a scalar can begin there.
    """
    if form == "yaml" and not (begins and _BEHIND_SCALAR.match(behind)):
        return False
    touching = behind[:1]
    return not (_WORD.match(before) or _WORD.match(touching) or before == "}" or touching == "$")


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
    if quote == REMARK and "\n" in value:
        raise Unwritable("a value of several lines, which a remark has none of")
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
