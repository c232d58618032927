"""Bearer tokens of the hook listener."""

from __future__ import annotations

import asyncio
import hashlib
import logging

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from backends.wire.sensitive import Sensitive
from hooks.serving.auth import BearerTokens


def guarded(*tokens: str) -> BearerTokens:
    async def endpoint(_: Request) -> PlainTextResponse:
        return PlainTextResponse("passed")

    return BearerTokens(
        Starlette(routes=[Route("/", endpoint)]), [Sensitive(token) for token in tokens]
    )


def call(app: BearerTokens, *headers: bytes | str) -> Response:
    """One request with these Authorization headers."""

    async def send() -> Response:
        encoded = [(b"Authorization", h.encode() if isinstance(h, str) else h) for h in headers]
        async with AsyncClient(transport=ASGITransport(app), base_url="http://hook") as client:
            return await client.get("/", headers=encoded)

    return asyncio.run(send())


@pytest.mark.parametrize("header", [(), ("Bearer whatever",), ("Basic eDp5",)])
def test_without_tokens_everybody_passes(header: tuple[str, ...]) -> None:
    assert call(guarded(), *header).text == "passed"


@pytest.mark.parametrize("header", ["Bearer new", "Bearer old", "bearer new", "Bearer  new "])
def test_each_of_the_tokens_passes(header: str) -> None:
    assert call(guarded("new", "old"), header).text == "passed"


@pytest.mark.parametrize("token", ["p\u00e4ss", "voil\u00e0", "\u4e16\u754c"])
def test_a_token_need_not_be_ascii(token: str) -> None:
    assert call(guarded(token), f"Bearer {token}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param((), id="none"),
        pytest.param(("",), id="an empty header"),
        pytest.param(("Bearer",), id="no token"),
        pytest.param(("Bearer ",), id="an empty token"),
        pytest.param(("new",), id="no scheme"),
        pytest.param(("Basic new",), id="another scheme"),
        pytest.param(("Bearer ne",), id="the beginning"),
        pytest.param(("Bearer newx",), id="more than it"),
        pytest.param(("Bearer NEW",), id="another case"),
        pytest.param(("Bearer new,old",), id="both"),
        pytest.param(("Bearer new old",), id="both apart"),
        pytest.param(("Bearer new\nold",), id="the whole variable"),
        pytest.param(("Bearernew",), id="no space"),
        pytest.param((b"Bearer \xff\xfe",), id="no UTF-8"),
        pytest.param(("Bearer " + "x" * 100_000,), id="a long one"),
    ],
)
def test_anything_else_is_401(headers: tuple[bytes | str, ...]) -> None:
    response = call(guarded("new", "old"), *headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "passed" not in response.text


def test_a_token_does_not_pass_as_its_hash() -> None:
    digest = hashlib.sha256(b"new").hexdigest()
    assert call(guarded("new"), f"Bearer {digest}").status_code == 401


def test_a_refusal_is_logged_once_a_minute_with_what_to_do_and_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = guarded("the-right-token")
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            call(app, "Bearer the-wrong-token")
    (line,) = [record for record in caplog.records if record.name.startswith("hooks")]
    assert line.levelno == logging.WARNING
    assert "4.16" in line.getMessage()
    assert "HOOK_TOKEN" in line.getMessage()
    assert "-token" not in line.getMessage()


def test_a_call_that_passes_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "hooks"):
        call(guarded("new"), "Bearer new")
    assert [record for record in caplog.records if record.name.startswith("hooks")] == []
