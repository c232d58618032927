"""The two ASGI applications: what Metacontroller calls, and what probes and Prometheus do."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from backends.wire.sensitive import Sensitive
from hooks import metrics as prometheus
from hooks.contract.decorator import NotAHookRequest, SyncRequest
from hooks.logs import request_id
from hooks.metrics import Metrics
from hooks.serving.auth import BearerTokens
from hooks.serving.places import Busy, Places
from hooks.sync.operator import Operator
from hooks.sync.syncer import Result

log = logging.getLogger(__name__)

BODY_LIMIT = 4 * 1024 * 1024
_BUSY = PlainTextResponse("busy", status_code=429, headers={"Retry-After": "1"})


class Readiness:
    """Whether the process takes calls: from the listeners being up to the drain."""

    def __init__(self) -> None:
        self.ready = False


Hook = Callable[[SyncRequest], Awaitable[Result]]


class _Endpoint:
    """A function of a request's, without the layers that Starlette puts around one.

    They turn exceptions into answers, which the function does itself, and cost as much as the
    whole answer.

    Args:
        serve: answers a request; raises only HTTPException for what is above it.
    """

    def __init__(self, serve: Callable[[Request], Awaitable[Response]]) -> None:
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._serve(Request(scope, receive, send))
        await response(scope, receive, send)


class _Posts:
    """Goes straight to what answers a POST to a path, which is every call of Metacontroller's.

    Args:
        endpoints: by their paths.
        otherwise: answers all else.
    """

    def __init__(self, endpoints: Mapping[str, ASGIApp], otherwise: ASGIApp) -> None:
        self._endpoints = endpoints
        self._otherwise = otherwise

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        answers = self._otherwise
        if scope["type"] == "http" and scope["method"] == "POST":
            answers = self._endpoints.get(scope["path"], answers)
        return answers(scope, receive, send)


def hook_app(
    operator: Operator,
    places: Places,
    metrics: Metrics,
    *,
    tokens: Sequence[Sensitive],
    timeout: float,
) -> ASGIApp:
    """What Metacontroller calls.

    Args:
        operator: does the work.
        places: how many calls are served at a time.
        metrics: counted into.
        tokens: bearer tokens, any of which is accepted; none accepts everybody.
        timeout: seconds until an answer is given, whatever the store does.
    """

    async def answer(
        request: Request, hook: Hook, timed_out: Callable[[SyncRequest], Result]
    ) -> Response:
        try:
            shown = SyncRequest.parse(await _body(request))
        except NotAHookRequest as error:
            metrics.refused(400)
            return PlainTextResponse(f"not a hook request: {error}", status_code=400)
        try:
            with places:
                async with asyncio.timeout(timeout):
                    result = await hook(shown)
        except Busy:
            metrics.refused(429)
            return _BUSY
        except TimeoutError:
            result = timed_out(shown)
        operator.reporter.record(shown, result)
        return Response(result.response.encode(), media_type="application/json")

    def route(path: str, hook: Hook, timed_out: Callable[[SyncRequest], Result]) -> Route:
        async def serve(request: Request) -> Response:
            started = time.perf_counter()
            with request_id(secrets.token_hex(8)):
                try:
                    return await answer(request, hook, timed_out)
                except HTTPException as error:
                    metrics.refused(error.status_code)
                    raise
                except ClientDisconnect:
                    return Response(status_code=400)
                except Exception:
                    # Metacontroller quotes the body in an Event, so there is nothing in it.
                    metrics.internal_error()
                    log.exception("a hook call failed for a reason that is a bug of this operator")
                    return PlainTextResponse("internal error", status_code=500)
                finally:
                    metrics.sync_duration.observe(time.perf_counter() - started)

        return Route(path, _Endpoint(serve), methods=["POST"], max_body_size=BODY_LIMIT)

    syncer, finalizer = operator.syncer, operator.finalizer
    routes = [
        route("/sync", syncer.sync, syncer.timed_out),
        route("/finalize", finalizer.finalize, finalizer.timed_out),
    ]
    posts = _Posts({each.path: each.app for each in routes}, Router(routes=routes))
    return BearerTokens(posts, tokens=tokens, refused=metrics.refused)


async def _body(request: Request) -> bytes:
    """A request's body, which the request doesn't keep: a mebibyte for each call that waits."""
    return b"".join([chunk async for chunk in request.stream()])


def ops_app(metrics: Metrics, readiness: Readiness) -> Starlette:
    """What the kubelet and Prometheus call; none of it asks the store."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "healthy"})

    async def readyz(_: Request) -> Response:
        if readiness.ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, status_code=503)

    def scrape(_: Request) -> Response:
        return Response(metrics.render(), media_type=prometheus.CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", scrape),
        ]
    )
