"""Two listeners in one process: the hooks for Metacontroller, the ops port for everybody else."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import logging
import math
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

import uvicorn
import uvloop
from starlette.types import ASGIApp

from hooks import __version__
from hooks.cluster.events import Events
from hooks.metrics import Metrics
from hooks.serving.app import Readiness, hook_app, ops_app
from hooks.serving.listener import Arrival, Limits, Listener, share_descriptors
from hooks.serving.places import Places
from hooks.serving.protocol import BoundedProtocol
from hooks.serving.tls import Certificates
from hooks.settings.settings import Settings, SettingsError, Switch
from hooks.sync.operator import Operator, connect
from hooks.sync.stores import opened

log = logging.getLogger(__name__)

# Go's HTTP client keeps an idle connection for 90 s: closed sooner from here, its next call
# would meet a closed socket.
_IDLE = 120
# Metacontroller has one connection for each call at a time and two that wait; the rest is others'.
_SPARE_CONNECTIONS = 256
_BACKLOG = 512
_EVERYWHERE = "::"
# A scrape costs milliseconds, and nobody who scrapes asks for the next before the first is there.
_OPS = Limits(connections=64, ahead=1, answer_time=5, idle=_IDLE)
# A backend's: for the S3 API, and for the admin API.
_STORE_POOLS = 2
# That a list may have more until the next start, without file descriptors running short.
_MORE_STORES = 4
# Beyond SYNC_TIMEOUT_SECONDS.
_ANSWER_GRACE = 5
# A caller whose connection is closed between two calls may just have sent the second. So each that
# calls in this time (seconds) is told with its answer to close it.
_LAST_ANSWERS = 0.25
_CLOSE = (b"connection", b"close")
_OPS_GRACE = 1
# Within the time that SYNC_TIMEOUT_SECONDS + 2 s leave.
_EVENTS_GRACE = 0.7
# Objects. A sync leaves next to nothing that only a collection frees; Python's own 700 have one
# made every few syncs.
_COLLECT_AFTER = 20_000


class ListenError(Exception):
    """An address can't be listened on; the text names the variables."""


def serve(settings: Settings) -> NoReturn:
    """Serves until SIGTERM or SIGINT, and ends the process when all calls in flight are answered.

    That takes SYNC_TIMEOUT_SECONDS + 2 s at most.

    Raises:
        ListenError: an address is taken or isn't this machine's.
        SettingsError: the TLS files can't be used.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))
        # Closing the loop, as any other end, would wait for threads that still wait for a server,
        # also for a name server that doesn't answer. What is done at exit is done first: the
        # Kubernetes client removes the files that it wrote a kubeconfig's keys into.
        atexit._run_exitfuncs()
        os._exit(0)


class _Server(uvicorn.Server):
    """uvicorn with bounds on what callers hold open, and without signal handling of its own.

    Two servers end in an order of ours.

    Args:
        config: uvicorn's.
        listener: the port.
        certificates: for TLS.
    """

    def __init__(
        self, config: uvicorn.Config, listener: Listener, certificates: Certificates | None
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._certificates = certificates
        self._accepting: list[asyncio.Task[NoReturn]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        self.servers = []
        context = self._certificates.context if self._certificates else None
        self._accepting = [
            asyncio.create_task(self._listener.accept(each, self._protocol, context))
            for each in sockets or []
        ]
        self.started = True

    async def main_loop(self) -> None:
        """Goes on until it is to end."""
        watch = asyncio.create_task(self._listener.watch())
        try:
            await super().main_loop()
        finally:
            watch.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes in nobody else, answers what is in flight and ends."""
        for accepting in self._accepting:
            accepting.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        await super().shutdown(sockets)

    def _protocol(self, arrival: Arrival) -> BoundedProtocol:
        return BoundedProtocol(
            self._listener, arrival, self.config, self.server_state, self.lifespan.state
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(settings: Settings) -> None:
    certificates = _certificates(settings)
    metrics = Metrics(by_store=settings.stores is not None)
    readiness = Readiness()
    kube = await asyncio.to_thread(connect, settings)
    events = Events(kube) if kube and settings.events is not Switch.OFF else None
    stores = opened(settings, metrics, kube, events)
    operator = stores.operator
    hooks = hook_app(
        operator,
        Places(settings.sync_concurrency),
        metrics,
        tokens=settings.hook_tokens,
        timeout=settings.sync_timeout,
    )
    hook_limits, ops_limits = share_descriptors(
        (_hook_limits(settings), _OPS),
        store=_STORE_POOLS * settings.connection.pool_size * _most_stores(settings),
    )
    with (
        _listen("HOOK", settings.hook_host, settings.hook_port) as hook_socket,
        _listen("METRICS", settings.metrics_host, settings.metrics_port) as ops_socket,
    ):
        hook_server = _server(
            hooks,
            math.ceil(settings.sync_timeout),
            Listener("hook", hook_limits, metrics.refused),
            certificates,
        )
        ops_server = _server(
            ops_app(metrics, readiness),
            _OPS_GRACE,
            Listener("metrics", ops_limits, metrics.refused),
        )
        stop = _stop_event()
        ops = asyncio.create_task(ops_server.serve([ops_socket]))
        hook = asyncio.create_task(hook_server.serve([hook_socket]))
        while not (ops_server.started and hook_server.started):
            await asyncio.sleep(0.005)
        # What the imports have left stays as long as the process: no collection looks at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        readiness.ready = True
        _log_start(settings, operator, hook_socket, ops_socket)
        await stop.wait()
        readiness.ready = False
        await _dismiss(hook_server)
        log.info("draining: no more calls are taken, those in flight are answered")
        hook_server.should_exit = True
        await hook
        ops_server.should_exit = True
        await ops
    closing = asyncio.ensure_future(stores.close())
    if events:
        await asyncio.to_thread(events.close, _EVENTS_GRACE)
    await closing
    if kube:
        kube.close()
    log.info("stopped")


async def _dismiss(server: _Server) -> None:
    """Has callers close their connections, as long as they call."""
    # uvicorn makes the one list from the other once a second.
    server.config.encoded_headers.append(_CLOSE)
    server.server_state.default_headers.append(_CLOSE)
    await asyncio.sleep(_LAST_ANSWERS)


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _server(
    app: ASGIApp, grace: int, listener: Listener, certificates: Certificates | None = None
) -> _Server:
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=grace,
    )
    return _Server(config, listener, certificates)


def _hook_limits(settings: Settings) -> Limits:
    return replace(
        Limits(),
        connections=_SPARE_CONNECTIONS + 2 * settings.sync_concurrency,
        answer_time=settings.sync_timeout + _ANSWER_GRACE,
        idle=_IDLE,
    )


def _most_stores(settings: Settings) -> int:
    """How many stores there may be before the next start: a list may grow."""
    return 1 if settings.stores is None else len(settings.every) + _MORE_STORES


def _certificates(settings: Settings) -> Certificates | None:
    if settings.tls is None:
        return None
    try:
        return Certificates(settings.tls)
    except (OSError, ssl.SSLError):
        problem = "needs a PEM certificate, HOOK_TLS_KEY_FILE its PEM key, the client CA is PEM"
        raise SettingsError([f"HOOK_TLS_CERT_FILE: {problem}"]) from None


def _listen(name: str, host: str, port: int) -> socket.socket:
    # One socket for both families, or IPv4 alone on a node that has no IPv6 at all.
    both = host == _EVERYWHERE and socket.has_dualstack_ipv6()
    if host == _EVERYWHERE and not both:
        host = "0.0.0.0"  # noqa: S104
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no host's name"
        raise ListenError(
            f"{name}_HOST, {name}_PORT: can't listen on {host}:{port} ({why})"
        ) from None


def _log_start(
    settings: Settings, operator: Operator, hook: socket.socket, ops: socket.socket
) -> None:
    log.info(
        "serving",
        extra={
            "fields": {
                "version": __version__,
                "backend": ",".join(each.backend_name for each in settings.every),
                "endpoint": ",".join(each.connection.endpoint for each in settings.every),
                "hook": _address(hook),
                "ops": _address(ops),
                "token": bool(settings.hook_tokens),
                "tls": settings.tls is not None,
                "mutual_tls": bool(settings.tls and settings.tls.client_ca),
                "adoption": settings.adoption.value,
                "conflict_guard": operator.guarded,
                "deletion": settings.deletion,
                "store_certificate_checked": all(
                    each.connection.tls_verify for each in settings.every
                ),
            }
        },
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
