"""What an answer of the Kubernetes API means."""

from __future__ import annotations

from typing import Any

import pytest

from hooks.cluster.kubeerrors import (
    AlreadyExists,
    Conflict,
    Expired,
    Forbidden,
    KubeError,
    NotFound,
    NotServed,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
    error_for,
)

ABSENT = {"reason": "NotFound", "details": {"kind": "secrets"}}


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (302, {}, Unavailable),
        (400, {"reason": "BadRequest"}, Rejected),
        (401, {"reason": "Unauthorized"}, Unauthorized),
        (403, {"reason": "Forbidden"}, Forbidden),
        (404, ABSENT, NotFound),
        # Of a namespace, of nothing at all, and of something that is no Kubernetes API.
        (404, {"reason": "NotFound", "details": {"kind": "namespaces"}}, NotServed),
        (404, {"reason": "NotFound", "details": None}, NotServed),
        (404, {}, NotServed),
        (405, {}, Rejected),
        (408, {}, TimedOut),
        (409, {"reason": "AlreadyExists"}, AlreadyExists),
        (409, {"reason": "Conflict"}, Conflict),
        (410, {"reason": "Expired"}, Expired),
        (413, {}, Rejected),
        (422, {"reason": "Invalid"}, Conflict),
        (429, {"reason": "TooManyRequests"}, Unavailable),
        (500, ABSENT, Unavailable),
        (502, {}, Unavailable),
        (503, ABSENT, Unavailable),
        (504, {"reason": "Timeout"}, TimedOut),
    ],
)
def test_a_status_and_a_reason_are_an_error(
    status: int, answer: dict[str, Any], kind: type[KubeError]
) -> None:
    error = error_for(status, {**answer, "message": "hunter2"}, "list Secrets", "secrets")
    assert type(error) is kind
    assert "hunter2" not in str(error)
    assert str(error).startswith("The Kubernetes API")
    assert str(error).endswith(".")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("answer", "resume"),
    [
        ({"metadata": {"continue": "token"}}, "token"),
        ({"metadata": {"continue": 1}}, ""),
        ({"metadata": None}, ""),
        ({}, ""),
    ],
)
def test_a_forgotten_list_says_how_to_go_on(answer: dict[str, Any], resume: str) -> None:
    error = error_for(410, answer, "list Secrets", "secrets")
    assert isinstance(error, Expired)
    assert error.resume == resume
