"""A Secret's data, field by field: decoded, under any of a field's keys."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hooks.contract.outcome import Reason, Refusal

_LINE_END = re.compile(r"[\r\n]")
# Control characters, and the two non-characters: XML can carry neither.
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


class InvalidSecret(Refusal):
    """The Secret's data has to change before anything can be done."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value, under one key."""

    key: str
    text: str = field(repr=False)

    def plain(self) -> str:
        """The text as it is, which means itself."""
        return self.text


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A generic key that is there and isn't read.

    Attributes:
        key: its name.
        problem: why its value can't be one; None where another key of the field says otherwise.
    """

    key: str
    problem: InvalidSecret | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """What a Secret says for one field; empty values don't count.

    Attributes:
        values: those that count.
        problem: what can't be read of them.
        passed_over: the keys that don't count and say something else.
        further: what a list has behind its first value.
        first: the value that counts.
    """

    values: Sequence[Value]
    problem: InvalidSecret | None
    passed_over: Sequence[PassedOver] = ()
    further: Sequence[Value] = ()
    first: Value | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", self.values[0] if self.values else None)

    @classmethod
    def of(
        cls,
        data: Mapping[str, object],
        specific: Sequence[str],
        generic: Sequence[str] = (),
        meaning: Callable[[Value], object] = Value.plain,
    ) -> Field:
        """Looks a field up.

        Args:
            data: the Secret's.
            specific: the field's keys.
            generic: keys that an application may mean something else by: they count only where
                no specific one is set, and where the value can be one at all.
            meaning: what a value comes to; raises InvalidSecret if it can't be one.
        """
        values, problem = _found(data, specific)
        if data.keys().isdisjoint(generic):
            return cls(values, problem) if values else ABSENT
        passed_over: list[PassedOver] = []
        if values:
            passed_over += [
                PassedOver(key)
                for key in generic
                if key in data and not _says_nothing_else(data, key, values[0], meaning)
            ]
            return cls(values, problem, passed_over)
        for key in generic:
            try:
                for value in _found(data, (key,), strict=True)[0]:
                    meaning(value)
                    values.append(value)
            except InvalidSecret as error:
                passed_over.append(PassedOver(key, error))
        return cls(values, None, passed_over)

    def check(self, *, alike: bool) -> None:
        """Raises what is wrong with the values; `alike` ones may differ in spelling."""
        if self.problem:
            raise self.problem
        for other in [] if alike else self.values[1:]:
            if other.text != self.values[0].text:
                raise ambiguous(self.values[0].key, other.key)


ABSENT = Field((), None)
"""One of which no key is there."""


def readable(data: Mapping[str, object], keys: Sequence[str]) -> list[Value]:
    """What stands under the keys and is text at all."""
    return [value for value in _found(data, keys)[0] if value.text]


def _found(
    data: Mapping[str, object], keys: Sequence[str], *, strict: bool = False
) -> tuple[list[Value], InvalidSecret | None]:
    """The values that aren't empty; one that can't be read is empty here, and a problem."""
    values: list[Value] = []
    problem = None
    for key in keys:
        if key not in data:
            continue
        try:
            text = _decode(key, data[key])
        except InvalidSecret as error:
            if strict:
                raise
            # Said later: that another field is missing comes first.
            problem = problem or error
            values.append(Value(key, ""))
        else:
            if text:
                values.append(Value(key, text))
    return values, problem


def _says_nothing_else(
    data: Mapping[str, object], key: str, counts: Value, meaning: Callable[[Value], object]
) -> bool:
    """Whether a generic key is empty, or repeats what counts."""
    try:
        found, _ = _found(data, (key,), strict=True)
        return all(
            value.text == counts.text or meaning(value) == meaning(counts) for value in found
        )
    except InvalidSecret:
        return False


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
    # `echo secret | base64` leaves a line end that nobody means, and on Windows its two characters.
    value = value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value
    if _LINE_END.search(value):
        raise malformed(key, "must not contain a line end; one at its very end is dropped")
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
