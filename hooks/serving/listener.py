"""What one port holds open at a time, whoever calls: connections, and the time of each.

Nobody has shown a token when a connection is opened, so nothing that a caller does before may grow.
The bounds of one request's bytes are in :mod:`hooks.serving.protocol`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import resource
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

log = logging.getLogger(__name__)

_LOG_EVERY = 60.0
_ACCEPT_AGAIN = 0.05
# The Kubernetes client's connections, standard streams, watched files, the loop's own.
_OTHER_DESCRIPTORS = 96
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one port; times in seconds, sizes in bytes.

    Args:
        connections: open at a time.
        head: of a request line with its headers, and of a body's trailers.
        headers: how many.
        ahead: requests of one connection that are read while an earlier one is answered.
        handshake: for TLS.
        head_time: for a request's head, from its first byte.
        body_time: for its body, from the end of the head.
        answer_time: for the answer, from the end of the body.
        idle: between two requests, and before the first.
        interval: how often the times are looked at.
    """

    connections: int = 320
    head: int = 32 * 1024
    headers: int = 128
    ahead: int = 8
    handshake: float = 10
    head_time: float = 10
    body_time: float = 30
    answer_time: float = 30
    idle: float = 120
    interval: float = 1


class Connection(Protocol):
    """What a port has to know of a connection."""

    due: float
    """By when it has to be further; of the clock of :class:`Listener`."""

    @property
    def trusted(self) -> bool:
        """Whether a request of it was let pass."""

    @property
    def busy(self) -> bool:
        """Whether a request of it is being answered."""

    def abort(self) -> None:
        """Ends it at once."""


class Listener:
    """The open connections of one port.

    When there are too many, the one goes that is missed least: first those that have never had a
    request let pass, and of these the oldest that waits. So however many say nothing, a caller gets
    in, and one with a token stays.

    Args:
        name: of the port, for the log.
        limits: its bounds.
        refused: told of the status of each request that is refused before it is one.
    """

    def __init__(self, name: str, limits: Limits, refused: Callable[[int], None]) -> None:
        self.limits = limits
        self.refused = refused
        self.now = time.monotonic()
        """As of the last look at the times: no call of the clock for each step of a request."""
        self._name = name
        self._open: dict[Connection, None] = {}
        self._logged = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: Connection) -> bool:
        """Takes a connection in; False if it has to go at once."""
        if len(self._open) >= self.limits.connections:
            self._warn()
            victim = self._least_missed()
            if victim is None:
                return False
            self._end(victim)
        self._open[connection] = None
        return True

    def replace(self, connection: Connection, successor: Connection) -> bool:
        """Gives one's place to another; False if it has none any more."""
        if self._open.pop(connection, self) is self:
            return False
        self._open[successor] = None
        return True

    def leave(self, connection: Connection) -> None:
        """Forgets a connection that is closed."""
        self._open.pop(connection, None)

    def sweep(self) -> None:
        """Ends what has taken too long."""
        self.now = time.monotonic()
        for connection in [each for each in self._open if each.due < self.now]:
            self._end(connection)

    async def accept(
        self,
        listening: socket.socket,
        protocol: Callable[[Arrival], asyncio.Protocol],
        context: ssl.SSLContext | None,
    ) -> NoReturn:
        """Takes in callers until it is cancelled.

        Not the event loop's own server: there a connection counts only when its handshake is done,
        and all that wait are accepted before the first can be closed.

        Args:
            listening: the port's socket.
            protocol: makes what speaks HTTP; it gives the arrival's place on.
            context: TLS, if it is spoken.
        """
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        arrivals: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    accepted, _ = await loop.sock_accept(listening)
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                except OSError:
                    # Gone already, or no descriptor is left.
                    await asyncio.sleep(_ACCEPT_AGAIN)
                    continue
                arrival = Arrival(accepted, self.now + self.limits.handshake)
                if not self.enter(arrival):
                    accepted.close()
                    continue
                speaks = functools.partial(protocol, arrival)
                task = loop.create_task(self._receive(arrival, accepted, speaks, context))
                arrivals.add(task)
                task.add_done_callback(arrivals.discard)
        finally:
            for each in [each for each in self._open if isinstance(each, Arrival)]:
                self._end(each)

    async def _receive(
        self,
        arrival: Arrival,
        accepted: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext | None,
    ) -> None:
        timeout = self.limits.handshake if context else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, accepted, ssl=context, ssl_handshake_timeout=timeout
            )
        except (OSError, ssl.SSLError):
            # A caller's mistake, or none at all: a probe of the port.
            self.leave(arrival)

    async def watch(self) -> None:
        """Sweeps until it is cancelled."""
        while True:
            await asyncio.sleep(self.limits.interval)
            self.sweep()

    def _end(self, connection: Connection) -> None:
        self.leave(connection)
        connection.abort()

    def _least_missed(self) -> Connection | None:
        def missed(connection: Connection) -> tuple[bool, bool]:
            return connection.trusted, connection.busy

        # The first of equals is the oldest.
        victim = min(self._open, key=missed, default=None)
        return None if victim is None or missed(victim) == (True, True) else victim

    def _warn(self) -> None:
        # Once a minute: nor must the log grow.
        now = time.monotonic()
        if self._logged and now - self._logged < _LOG_EVERY:
            return
        self._logged = now
        log.warning(
            "the %s port has %d connections, as many as it takes: the oldest without a valid "
            "request is closed for each new one",
            self._name,
            self.limits.connections,
        )


class Arrival:
    """A connection before HTTP is spoken on it, such as one whose TLS handshake is under way.

    Args:
        accepted: its socket.
        due: by when it has to be further.
    """

    trusted = False
    busy = False

    def __init__(self, accepted: socket.socket, due: float) -> None:
        self._socket = accepted
        self.due = due

    def abort(self) -> None:
        """Ends it: whatever is done with it meets the end of a stream."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def raise_descriptor_limit(needed: int) -> int:
    """Raises how many descriptors this process may have, as far as it may be raised.

    Args:
        needed: descriptors.

    Returns:
        how many it may have now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed if soft == resource.RLIM_INFINITY else soft
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted, soft)


def share_descriptors(limits: tuple[Limits, ...], store: int) -> tuple[Limits, ...]:
    """The limits of the ports with which descriptors are left for the store.

    The process's own limit is raised to what is needed, where that can be. Where it can't, the
    ports get less: a hook that can be reached is of no use when it can't reach the store.

    Args:
        limits: of the ports, as they should be.
        store: connections to stores, at most.
    """
    wanted = sum(each.connections for each in limits)
    allowed = raise_descriptor_limit(wanted + store + _OTHER_DESCRIPTORS)
    left = allowed - store - _OTHER_DESCRIPTORS
    if left >= wanted:
        return limits
    part = max(left, 0) / wanted
    smaller = tuple(
        replace(each, connections=max(int(each.connections * part), _FEWEST)) for each in limits
    )
    log.warning(
        "this process may have %d file descriptors, and %d would be needed: the ports take fewer "
        "connections; raise the hard limit (RLIMIT_NOFILE), or lower SYNC_CONCURRENCY",
        allowed,
        wanted + store + _OTHER_DESCRIPTORS,
    )
    return smaller
