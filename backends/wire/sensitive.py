"""A credential that doesn't show itself."""

from __future__ import annotations


class Sensitive:
    """A string that only :meth:`reveal` shows: not a log line, a traceback or an f-string."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Sensitive('***')"

    __str__ = __repr__
