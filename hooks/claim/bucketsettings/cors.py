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
