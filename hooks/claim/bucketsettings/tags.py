"""Tags: ``a=b,c=d``."""

from __future__ import annotations

import re

from backends.bucketsettings import Document
from hooks.claim.bucketsettings import source
from hooks.claim.fields import Value, malformed

# What every store of the table takes: S3's own letters, without those that separate here.
_PART = re.compile(r"[\w .:/+@-]*")
_MOST = 50
_KEY = 128
_VALUE = 256


def read(found: Value) -> Document:
    """The tags as a mapping.

    Raises:
        InvalidSecret: they are none.
    """
    tags: dict[str, str] = {}
    for number, pair in enumerate(found.text.split(","), 1):
        key, equals, value = (part.strip() for part in pair.partition("="))
        place = f"pair {number}"
        if not equals or not key:
            raise source.wrong(found, f"{place} must be a key and a value such as team=a")
        if not (_PART.fullmatch(key) and _PART.fullmatch(value)):
            raise source.wrong(
                found, f"{place} must be of letters, digits, blanks and . : / + @ _ - alone"
            )
        if len(key) > _KEY or len(value) > _VALUE:
            raise source.wrong(
                found, f"{place} is too long: {_KEY} characters for a key, {_VALUE} for a value"
            )
        if key.lower().startswith("aws:"):
            raise source.wrong(found, f"{place} has a key that S3 keeps for itself")
        if key in tags:
            raise source.wrong(found, f"{place} has the key of another")
        tags[key] = value
    if len(tags) > _MOST:
        raise malformed(found.key, f"has more than {_MOST} tags")
    return tags
