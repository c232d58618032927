"""A proxy between the hooks and the store that spoils requests and answers at random."""

from __future__ import annotations

import contextlib
import random
import re
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hooks.commands.processes import LOOPBACK
from tests.faults import ANSWERS, ERROR, answer, forward, reset

Answer = tuple[int, bytes]

# What the counters are called: what goes wrong, as the hook sees it.
REFUSED = "request dropped"
LOST = "answer dropped"
DELAYED = "delayed"
HELD = "held until given up"
CUT = "reset mid-body"
TRUNCATED = "truncated"
SWAPPED = "answers swapped"
SKEWED = "clock skew"
_CANNED = {
    "500": "answered 500",
    "503": "answered 503",
    "429": "answered 429",
    "garbage": "garbage XML",
    "html-403": "HTML instead",
}
WEIGHTS = {
    REFUSED: 3,
    LOST: 3,
    DELAYED: 4,
    # It takes all of a sync's time.
    HELD: 0.3,
    CUT: 2,
    TRUNCATED: 2,
    SWAPPED: 3,
    SKEWED: 2,
    **dict.fromkeys(_CANNED.values(), 2),
}
CLASSES = tuple(WEIGHTS)

_CREDENTIAL = re.compile(r"Credential=(.*?)/\d{8}/")
_LONGEST_DELAY = 1.5
_HOLD = 12.0
_PARTNER_WAIT = 0.4


class ChaosProxy:
    """Passes everything on, while `rate` is 0.

    Args:
        port: the store's.
        seed: of the dice; which request they fall on depends on the machine's pace all the same.

    Attributes:
        rate: the share of requests that go wrong.
        only: what goes wrong then; None for anything.
        injected: how often each class really happened.
        errors: what went wrong in here, which nothing should.
    """

    def __init__(self, port: int, seed: int) -> None:
        self.rate = 0.0
        self.only: str | None = None
        self.injected: Counter[str] = Counter()
        self.errors: list[str] = []
        self._dice = random.Random(seed)
        self._port = port
        self._exchange = _Exchange()
        self._deck: list[str] = []
        self._touched: list[str] = []
        self._ended = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer goes out in two writes.
            disable_nagle_algorithm = True

            def _handle(self) -> None:
                proxy._handle(self)

            do_GET = do_PATCH = do_POST = do_PUT = do_HEAD = do_DELETE = _handle  # noqa: N815

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                error = sys.exception()
                # Hooks are killed, and give up on what takes too long.
                if not isinstance(error, OSError):
                    proxy.errors.append(repr(error))

        self._server = Server((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def storm(self, rate: float, only: str | None = None) -> None:
        """From now on, so many requests go wrong; in each class of ways once at first."""
        self._touched.clear()
        deck = list(CLASSES)
        self._dice.shuffle(deck)
        self.only, self._deck, self.rate = only, deck, rate

    def calm(self) -> None:
        """From now on, none does; those that are held go on being held."""
        self.rate = 0

    def swapped(self, name: str) -> bool:
        """Whether any answer about a user or a bucket was another's since the storm began."""
        return any(name in touched for touched in self._touched)

    def _pick(self) -> str | None:
        if self.rate <= 0 or (self._dice.random() >= self.rate and not self._exchange.waiting):
            return None
        if self.only is not None:
            return self.only
        if self._exchange.waiting:
            return SWAPPED
        with contextlib.suppress(IndexError):
            return self._deck.pop()
        return self._dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault = self._pick()
        # These two are only counted once they have come about.
        if fault is not None and fault not in {SWAPPED, SKEWED}:
            self.injected[fault] += 1
        canned = next((name for name, called in _CANNED.items() if called == fault), None)
        if canned is not None:
            status, text = ANSWERS[canned]
            if text.isalpha():
                text = ERROR % (text, time.monotonic_ns())
            answer(handler, status, text)
            return
        if fault == HELD:
            self._ended.wait(_HOLD)
            reset(handler)
            return
        if fault == REFUSED:
            reset(handler)
            return
        if fault == DELAYED:
            self._ended.wait(self._dice.uniform(0.05, _LONGEST_DELAY))
        if fault == SKEWED:
            _set_back(handler)
        try:
            given = forward(handler, self._port, body)
        except (OSError, HTTPException):
            # The store was killed or is paused.
            reset(handler)
            return
        self._return(handler, fault, given)

    def _return(self, handler: BaseHTTPRequestHandler, fault: str | None, given: Answer) -> None:
        status, text = given
        if fault == LOST:
            reset(handler)
        elif fault in {CUT, TRUNCATED}:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(text) + 100))
            handler.end_headers()
            handler.wfile.write(text[: len(text) // 2] if fault == CUT else text)
            if fault == CUT:
                reset(handler)
            handler.close_connection = True
        elif fault == SWAPPED:
            other = self._exchange.swap(given)
            if other is not None:
                self.injected[SWAPPED] += 1
                self._touched.append(f"{handler.path} {_signer(handler)}")
            answer(handler, *(other or given))
        else:
            if fault == SKEWED and b"RequestTimeTooSkewed" in text:
                self.injected[SKEWED] += 1
            answer(handler, status, text)


class _Exchange:
    """Where two requests meet to get one another's answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: _Place | None = None

    @property
    def waiting(self) -> bool:
        return self._waiting is not None

    def swap(self, mine: Answer) -> Answer | None:
        """The other's answer, None if nobody else came."""
        with self._lock:
            partner, self._waiting = self._waiting, None
            if partner is not None:
                partner.theirs = mine
                partner.met.set()
                return partner.mine
            place = self._waiting = _Place(mine)
        if not place.met.wait(_PARTNER_WAIT):
            with self._lock:
                if self._waiting is place:
                    self._waiting = None
        return place.theirs


class _Place:
    def __init__(self, mine: Answer) -> None:
        self.mine = mine
        self.theirs: Answer | None = None
        self.met = threading.Event()


def _set_back(handler: BaseHTTPRequestHandler) -> None:
    """As a hook sends it whose clock is an hour behind: the store looks at the time first."""
    past = datetime.now(UTC) - timedelta(hours=1)
    del handler.headers["X-Amz-Date"]
    handler.headers["X-Amz-Date"] = past.strftime("%Y%m%dT%H%M%SZ")


def _signer(handler: BaseHTTPRequestHandler) -> str:
    found = _CREDENTIAL.search(handler.headers.get("Authorization") or "")
    return found[1] if found else ""
