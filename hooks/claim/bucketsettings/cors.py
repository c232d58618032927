"""CORS rules: the JSON that AWS's own tools take, or origins between commas."""

from __future__ import annotations

import re

from backends.bucketsettings import Document
from backends.wire.settingforms import CORS as SHAPE
from backends.wire.settingforms import cors
from backends.wire.shapes import ShapeError
from hooks.claim.bucketsettings import source
from hooks.claim.fields import Value

# A scheme and a host, with one wildcard at most; `null` is what a file's page sends.
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]{0,31}://[^\s/,?#@]{1,253}")
_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
_MAX_AGE = 3600


def read(found: Value) -> Document:
    """The rules.

    An origin alone may do what a browser's upload and download take: any method, any header, and
    read the ETag of what it has written.

    Raises:
        InvalidSecret: it is neither.
    """
    document = source.parse(found) if source.is_json(found) else _of_origins(found)
    try:
        SHAPE.check(document, "")
        for number, rule in enumerate(document["CORSRules"]):
            for each, origin in enumerate(rule["AllowedOrigins"]):
                if origin.count("*") > 1 or not _ORIGIN.fullmatch(origin):
                    place = f"CORSRules[{number}].AllowedOrigins[{each}]"
                    raise ShapeError(
                        place,
                        "must be * or an origin such as https://app.example.com, with one * at "
                        "most and without a path",
                    )
            # SeaweedFS and Garage take more and let no header in.
            for each, header in enumerate(rule.get("AllowedHeaders", ())):
                if header.count("*") > 1:
                    place = f"CORSRules[{number}].AllowedHeaders[{each}]"
                    raise ShapeError(place, "must be a header's name with one * at most")
    except ShapeError as error:
        raise source.wrong(found, error) from None
    return cors(document)


def _of_origins(found: Value) -> Document:
    origins = [origin.strip() for origin in found.text.split(",")]
    rule = {
        "AllowedOrigins": [origin for origin in origins if origin],
        "AllowedMethods": _METHODS,
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": _MAX_AGE,
    }
    return {"CORSRules": [rule]}


def hidden(document: Document) -> int | None:
    """The first rule that never counts in full where an origin's first rule alone is looked at.

    One before it names an origin of its own too, and allows it less.

    Args:
        document: rules in the one form.

    Returns:
        Its number, from 0; None for none.
    """
    rules = document["CORSRules"]
    for number, rule in enumerate(rules):
        for before in rules[:number]:
            shared = any(
                _overlap(one, other)
                for one in before["AllowedOrigins"]
                for other in rule["AllowedOrigins"]
            )
            if shared and not _allows(before, rule):
                return number
    return None


def _overlap(one: str, other: str) -> bool:
    """Whether some origin fits both patterns, each with one * at most."""
    if "*" not in one and "*" not in other:
        return one == other
    if "*" not in one:
        one, other = other, one
    beginning, _, end = one.partition("*")
    if "*" not in other:
        long_enough = len(other) >= len(beginning) + len(end)
        return long_enough and other.startswith(beginning) and other.endswith(end)
    start, _, rest = other.partition("*")
    return (beginning.startswith(start) or start.startswith(beginning)) and (
        end.endswith(rest) or rest.endswith(end)
    )


def _allows(rule: Document, other: Document) -> bool:
    """Whether a rule allows at least what another does, whatever the origins."""
    headers = {header.lower() for header in rule.get("AllowedHeaders", ())}
    wanted = {header.lower() for header in other.get("AllowedHeaders", ())}
    return set(rule["AllowedMethods"]) >= set(other["AllowedMethods"]) and (
        "*" in headers or headers >= wanted
    )
