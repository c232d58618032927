"""``bucket-names``: several buckets for one user, as a list of names with commas between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hooks.claim.fieldkeys import BUCKET, BUCKETS, KeyChoice
from hooks.claim.fields import (
    Field,
    InvalidSecret,
    PassedOver,
    Value,
    ambiguous,
    malformed,
    readable,
)
from hooks.claim.names import check_bucket

MOST = 16
"""Buckets that one Secret can have; a probe each is what it costs."""
# What a longer list mentions beyond these is nobody's: its owner never had so many.
_MENTIONED = 256


def bucket_field(data: Mapping[str, object], choice: KeyChoice) -> Field:
    """The Secret's bucket, or all of them: the first is the value, the others follow.

    A list of one name is like any other key for the bucket. A longer one stands alone: beside a key
    for a single bucket it can't be told which of the two is meant.

    Args:
        data: the Secret's.
        choice: which of its keys are to be read; one that is named for the bucket counts alone.
    """
    specific, generic = choice.split(BUCKET)
    single = Field.of(data, specific, generic, check_bucket)
    if data.keys().isdisjoint(BUCKETS):
        return single
    lists = Field.of(data, BUCKETS)
    if not lists.values:
        return single
    if BUCKET in choice.named and choice.problem is None:
        unread = [PassedOver(value.key) for value in lists.values]
        return Field(single.values, single.problem, (*single.passed_over, *unread))
    beside = Field.of(data, specific)
    key = lists.values[0].key
    names = _names(lists.values[0].text)
    problem = lists.problem or beside.problem or _mistake(key, names)
    if any(_names(other.text) != names for other in lists.values[1:]):
        problem = problem or ambiguous(key, lists.values[1].key)
    passed_over = [
        PassedOver(other)
        for other in generic
        if not {value.text for value in readable(data, (other,))} <= {*names}
    ]
    if len(names) < 2:
        listed = [Value(value.key, value.text.strip()) for value in lists.values]
        return Field((*beside.values, *listed), problem, passed_over)
    if beside.values:
        problem = problem or ambiguous(beside.values[0].key, key)
    values = [Value(f"Name {place} in {key}", name) for place, name in enumerate(names[:MOST], 1)]
    return Field(values[:1], problem, passed_over, values[1:])


def mentioned(data: Mapping[str, object], choice: KeyChoice) -> list[Value]:
    """Every name of the lists, whether or not one can be a bucket's.

    Args:
        data: the Secret's.
        choice: which of its keys are to be read.
    """
    if BUCKET in choice.named and choice.problem is None:
        return []
    return [
        Value(value.key, name)
        for value in readable(data, BUCKETS)
        for name in _names(value.text, _MENTIONED)
        if name
    ]


def _names(text: str, most: int = MOST + 1) -> list[str]:
    """The names of a list; no more than a few beyond what can be, however many there are."""
    return [name.strip() for name in text.split(",", most)[:most]]


def _mistake(key: str, names: Sequence[str]) -> InvalidSecret | None:
    if len(names) > MOST:
        return malformed(key, f"must name at most {MOST} buckets")
    if not all(names):
        return malformed(key, "must be names of buckets with a comma between each two")
    if len(set(names)) < len(names):
        return malformed(key, "must name each bucket once")
    return None
