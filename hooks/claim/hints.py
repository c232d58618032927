"""What a person is told of the keys of a Secret that aren't read.

Keys are named, values never: people do write a secret under the wrong key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import islice

from hooks.claim.fieldkeys import ACCESS_KEY, BUCKET, BUCKETS, REGIONS, SECRET, WORDS, Keys
from hooks.claim.fields import InvalidSecret, PassedOver, readable
from hooks.contract.outcome import Reason

# A message has 512 characters, and other things to say.
_NEAR_MISSES = 3
_UNREAD = 5
_SHORT = 40
_IMPOSSIBLE = "can't be one"
_OTHERWISE = "another key counts"
# Nothing that would do harm on a terminal.
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_KNOWN = frozenset(key for keys in (*WORDS.values(), BUCKETS) for key in keys)
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_LOOKED_AT = 1000
_COMPARED = 60
_LONGEST = 64
_ALIKE = 0.85
# What other tools and people call a field, in lower case and without what stands between words.
_NEAR: Mapping[Keys, re.Pattern[str]] = {
    BUCKET: re.compile(r".*bucket(s|id|names?)?"),
    ACCESS_KEY: re.compile(r"(?!.*secret).*(accesskey|accesskeyid|accessid|s3key|rootuser)"),
    SECRET: re.compile(
        r"secret|.*(accesssecret|secretkey|accesssecretkey|secretaccesskey|keysecret|s3secret"
        r"|rootpassword)"
    ),
}


def missing_field(
    data: Mapping[str, object],
    names: Keys,
    passed_over: Sequence[PassedOver],
    annotation: str,
) -> InvalidSecret:
    """What is said of a required field without a value that counts.

    Args:
        data: the Secret's.
        names: the field's keys.
        passed_over: those of them that are there and can't be one.
        annotation: by which other keys are named.
    """
    sentences = []
    problem = next((found.problem for found in passed_over if found.problem), None)
    if problem is not None:
        sentences.append(problem.message)
    if near := _near_misses(data, names):
        found = _listed([shortened(key) for key in near], _NEAR_MISSES)
        sentences.append(
            f"Not read, but there: {found}. Rename it, or name it in the annotation {annotation}."
        )
    if problem is not None:
        return InvalidSecret(problem.reason, " ".join(sentences))
    lists = BUCKETS if names is BUCKET else ()
    if not near and (empty := [key for key in (*names, *lists) if key in data]):
        sentences.append(f"Empty: {_listed(empty, _NEAR_MISSES)}.")
    several = f"; for several {lists[0]}" if lists else ""
    sentences.append(
        f"The Secret has no {names[0]} (also accepted: {', '.join(names[1:])}{several})."
    )
    return InvalidSecret(Reason.MISSING_FIELD, " ".join(sentences))


def unread_keys(passed_over: Sequence[PassedOver]) -> list[str]:
    """A sentence about the generic keys that don't count, if there are any."""
    if not passed_over:
        return []
    told = [
        f"{found.key} ({_IMPOSSIBLE if found.problem else _OTHERWISE})" for found in passed_over
    ]
    return [f"Not read: {_listed(told, _UNREAD)}."]


def other_region(data: Mapping[str, object], region: str) -> list[str]:
    """A sentence about a region that isn't the store's, if there is one.

    It is no mistake: many stores take any region, and no application need read it.

    Args:
        data: the Secret's.
        region: for which requests are signed, empty not to compare it.
    """
    if not region or data.keys().isdisjoint(REGIONS):
        return []
    found = [value.key for value in readable(data, REGIONS) if value.text != region]
    sentence = (
        f"{', '.join(found)} isn't {region}, for which this operator signs: a store that looks at "
        "the region refuses an application that uses it."
    )
    return [sentence] if found else []


def shortened(key: str) -> str:
    """A key's name, at a length that leaves room for more."""
    return key if len(key) <= _SHORT else f"{key[: _SHORT - 1]}…"


def _listed(words: Sequence[str], most: int) -> str:
    shown = ", ".join(words[:most])
    more = len(words) - most
    return f"{shown} and {more} more" if more > 0 else shown


def _near_misses(data: Mapping[str, object], keys: Keys) -> list[str]:
    """The keys of a Secret that look as if a required field were meant, in alphabetical order.

    How much is looked at is bounded, whatever is in the Secret.
    """
    candidates = {
        key: _squashed(key)
        for key in islice(data, _LOOKED_AT)
        if len(key) <= _LONGEST and key not in _KNOWN and _PLAIN.fullmatch(key)
    }
    near = {key for key, word in candidates.items() if _NEAR[keys].fullmatch(word)}
    accepted = sorted({_squashed(key) for key in keys})
    for key, word in islice(candidates.items(), _COMPARED):
        if get_close_matches(word, accepted, n=1, cutoff=_ALIKE) and not any(
            pattern.fullmatch(word) for other, pattern in _NEAR.items() if other is not keys
        ):
            near.add(key)
    return sorted(near)


def _squashed(key: str) -> str:
    return _NO_LETTER.sub("", key.lower())
