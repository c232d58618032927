"""Labels and annotations written in one line: ``a=b,c=d``, each as Kubernetes takes it."""

from __future__ import annotations

import re

LIMIT = 64
"""How many there may be in one line."""

_PREFIX_LENGTH = 253
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_VALID_KEY = (
    "a key is at most 63 letters, digits and . _ - with a letter or digit at both ends, after a "
    "domain and / if there is one"
)


class Malformed(ValueError):
    """The text isn't such a line; says how it should be, and quotes nothing."""


def read_labels(text: str) -> dict[str, str]:
    """Labels by their keys.

    Raises:
        Malformed: it isn't a list of labels.
    """
    found = read_annotations(text)
    if any(value and not _WORD.fullmatch(value) for value in found.values()):
        raise Malformed(
            "a value is at most 63 letters, digits and . _ - with a letter or digit at both ends"
        )
    return found


def read_annotations(text: str) -> dict[str, str]:
    """Annotations by their keys; how much they may hold in all is for the caller to know.

    Raises:
        Malformed: it isn't a list of annotations.
    """
    # A line that is read at each sync; each costs time that others wait for.
    if text.count(",") >= LIMIT:
        raise Malformed(f"must not have more than {LIMIT} of them")
    found: dict[str, str] = {}
    for pair in text.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise Malformed("must be key=value, and a comma between two of them")
        if not _is_key(key):
            raise Malformed(_VALID_KEY)
        if key in found:
            raise Malformed("must not have a key twice")
        # Half a character, too: JSON has an escape for it, and nothing can encode it.
        if not value.isprintable():
            raise Malformed("must not have control characters in a value")
        found[key] = value
    return found


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _PREFIX_LENGTH or not _PREFIX.fullmatch(prefix)):
        return False
    return _WORD.fullmatch(name) is not None
