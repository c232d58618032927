"""For how long what is written into a bucket with an object lock stays: ``governance-30d``."""

from __future__ import annotations

import re

from backends.bucketsettings import Document
from hooks.claim.fields import Value, malformed

_RETENTION = re.compile(r"(governance|compliance)-([1-9][0-9]{0,4})([dy])")
_LONGEST = {"d": 36_500, "y": 100}
_UNITS = {"d": "days", "y": "years"}


def read_retention(found: Value) -> Document:
    """The default retention: ``{"mode": …, "days" or "years": …}``.

    Raises:
        InvalidSecret: it is none.
    """
    match = _RETENTION.fullmatch(found.text)
    if match is None or int(match[2]) > _LONGEST[match[3]]:
        raise malformed(
            found.key,
            "must be governance or compliance with a number of days or years, such as "
            "governance-30d or compliance-1y",
        )
    return {"mode": match[1], _UNITS[match[3]]: int(match[2])}
