"""The times in a grant, which anybody may have written: a tenant's JSON holds any number."""

from __future__ import annotations

# No clock shows it, and a grant of the first version has no room for it.
_END = 10**12


def second(value: object) -> int:
    """A time in Unix seconds.

    Raises:
        ValueError: it is none.
    """
    # True is a number too, and a float may be infinite.
    if type(value) is not int or not 0 <= value < _END:
        raise ValueError("not a second")
    return value
