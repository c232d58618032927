"""Which CORS rule would never count where an origin's first one alone is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from hooks.claim.bucketsettings.cors import hidden


def rule(methods: str, *origins: str, headers: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"AllowedMethods": methods.split(), "AllowedOrigins": list(origins)}
    return {**found, "AllowedHeaders": headers.split()} if headers else found


A, B = "https://a.example.com", "https://b.example.com"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule("GET", A)], None),
        ([rule("GET", A), rule("PUT", B)], None),
        ([rule("GET", A), rule("PUT", B), rule("PUT", A)], 2),
        ([rule("GET PUT", A), rule("GET", A)], None),
        ([rule("PUT", A), rule("GET", "*")], 1),
        ([rule("GET PUT", A), rule("GET", "*")], None),
        ([rule("GET", "*"), rule("GET PUT", A)], 1),
        ([rule("GET", "https://*.example.com"), rule("PUT", A)], 1),
        ([rule("GET", "https://*.example.org"), rule("PUT", A)], None),
        ([rule("GET", "https://*.example.com"), rule("PUT", "https://a.*")], 1),
        ([rule("GET", "https://a.*"), rule("PUT", "https://b.*")], None),
        ([rule("GET", "http://*.test"), rule("PUT", "*.other")], None),
        # What stands before and behind the * doesn't share its letters.
        ([rule("GET", "https://aa*aa"), rule("PUT", "https://aaa")], None),
        ([rule("PUT", A, headers="x-a"), rule("PUT", A, headers="x-b")], 1),
        ([rule("PUT", A, headers="X-A X-B"), rule("PUT", A, headers="x-b")], None),
        ([rule("PUT", A, headers="*"), rule("PUT", A, headers="x-b")], None),
        ([rule("PUT", A), rule("PUT", A, headers="x-b")], 1),
    ],
)
def test_a_rule_that_another_hides(rules: list[dict[str, Any]], expected: int | None) -> None:
    assert hidden({"CORSRules": rules}) == expected
