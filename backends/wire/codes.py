"""A store's error codes as a table: what each means, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backends.base import Answer, Gap
from backends.errors import StoreError, error_for

Meaning = Callable[[Answer], StoreError]
"""The error that an answer means."""


@dataclass(frozen=True, slots=True)
class Code:
    """A row of the table.

    Args:
        name: the code, as the store writes it.
        meaning: what is so where the store says it, in a few words.
        gap: what it says of a tenant whose request is answered with it.
        error: the error that it means wherever it was not expected; without one what
            :func:`backends.errors.error_for` says.
        to_tenant: the same, where a tenant's request is answered with it.
        to_admin: the same, where the operator's own is.
    """

    name: str
    meaning: str
    gap: Gap | None = None
    error: Meaning | None = None
    to_tenant: Meaning | None = None
    to_admin: Meaning | None = None


class Codes:
    """All codes of a store that its backend knows; iterates over the rows.

    Args:
        seen: the program and version that they were seen with.
        codes: the rows.

    Raises:
        ValueError: a code stands there twice.
    """

    def __init__(self, seen: str, *codes: Code) -> None:
        self.seen = seen
        self._codes = {code.name: code for code in codes}
        if len(self._codes) != len(codes):
            raise ValueError("A code stands in the table twice.")

    def __iter__(self) -> Iterator[Code]:
        return iter(self._codes.values())

    def gap(self, answer: Answer) -> Gap:
        """What an answer to the tenant says is missing.

        Raises:
            StoreError: it says something else.
        """
        if answer.ok:
            return Gap.ACCEPTED
        code = self._codes.get(answer.code)
        if code is None or code.gap is None:
            raise self.error(answer, admin=False)
        return code.gap

    def error(self, answer: Answer, *, admin: bool) -> StoreError:
        """What an answer means that isn't a success, and was not expected.

        Args:
            answer: the answer.
            admin: whether the request was the operator's own rather than a tenant's.
        """
        code = self._codes.get(answer.code, _UNKNOWN)
        means = (code.to_admin if admin else code.to_tenant) or code.error
        if means is not None:
            return means(answer)
        return error_for(answer.status, answer.code, answer.message, admin=admin)

    def admin_error(self, answer: Answer) -> StoreError:
        """What an answer to the operator itself means; see :meth:`error`."""
        return self.error(answer, admin=True)

    def tenants_error(self, answer: Answer) -> StoreError:
        """What an answer to a tenant means; see :meth:`error`."""
        return self.error(answer, admin=False)

    def require(self, answer: Answer) -> Answer:
        """The answer to the operator itself, if it is a success.

        Raises:
            StoreError: it isn't.
        """
        if not answer.ok:
            raise self.admin_error(answer)
        return answer


_UNKNOWN = Code("", "")
