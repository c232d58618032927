"""A Secret's data, field by field: decoded, under any of a field's keys."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hooks.outcome import Reason, Refusal

# Control characters, and the two non-characters: XML can carry neither.
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


class InvalidSecret(Refusal):
    """The Secret's data has to change before anything can be done."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value, under one key."""

    key: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Field:
    """What a Secret says for one field, under any of its keys; empty values don't count."""

    values: Sequence[Value]
    problem: InvalidSecret | None

    @classmethod
    def of(cls, data: Mapping[str, object], keys: Sequence[str]) -> Field:
        """Looks a field up.

        Args:
            data: the Secret's.
            keys: the field's.
        """
        if data.keys().isdisjoint(keys):
            return _ABSENT
        values = []
        problem = None
        for key in keys:
            if key not in data:
                continue
            try:
                text = _decode(key, data[key])
            except InvalidSecret as error:
                # Said later: that another field is missing comes first.
                problem = problem or error
                values.append(Value(key, ""))
            else:
                if text:
                    values.append(Value(key, text))
        return cls(values, problem)

    @property
    def first(self) -> Value | None:
        """The value that counts."""
        return self.values[0] if self.values else None

    def check(self, *, alike: bool) -> None:
        """Raises what is wrong with the values; `alike` ones may differ in spelling."""
        if self.problem:
            raise self.problem
        for other in [] if alike else self.values[1:]:
            if other.text != self.values[0].text:
                raise ambiguous(self.values[0].key, other.key)


_ABSENT = Field((), None)


def _decode(key: str, encoded: object) -> str:
    if encoded is None:
        return ""
    if not isinstance(encoded, str):
        raise malformed(key, "must be a base64 string")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise malformed(key, "is not valid base64") from None
    try:
        value = raw.decode()
    except UnicodeDecodeError:
        raise malformed(key, "is not UTF-8 text") from None
    # `echo secret | base64` leaves a newline that nobody means.
    value = value[:-1] if value.endswith("\n") else value
    if _NOT_TEXT.search(value):
        raise malformed(key, "must not contain control characters")
    return value


def ambiguous(one: str, other: str) -> InvalidSecret:
    """Two keys of one field that differ."""
    return InvalidSecret(
        Reason.AMBIGUOUS_FIELD,
        f"{one} and {other} mean the same and differ: remove one of them or make them equal.",
    )


def malformed(key: str, problem: str) -> InvalidSecret:
    """A value that can't be one; the problem is the rest of a sentence."""
    return InvalidSecret(Reason.INVALID_FIELD, f"{key} {problem}.")
