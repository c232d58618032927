"""Which files have no test that an expression of marks asks for, told without importing them."""

from __future__ import annotations

import re

_NOT = re.compile(r"not (\w+)")
_WHOLE = re.compile(r"^pytestmark = (?:\[(?P<several>[^]]*)\]|(?P<one>.*))$", re.MULTILINE)
_MARK = re.compile(r"\bpytest\.mark\.(\w+)")


def leaves_out(expression: str, source: str) -> bool:
    """Whether `-m EXPRESSION` takes no test of a module with this source.

    Only expressions such as ``not server and not e2e`` are looked into: what another one takes
    depends on the marks of each test.
    """
    terms = [_NOT.fullmatch(term.strip()) for term in expression.split(" and ")]
    unwanted = {term[1] for term in terms if term}
    found = _WHOLE.search(source)
    if not all(terms) or not found:
        return False
    return not unwanted.isdisjoint(_MARK.findall(found["several"] or found["one"] or ""))
