"""What a client sees of each class of faults."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hooks.commands.processes import LOOPBACK
from tests.chaos import proxy
from tests.chaos.proxy import ChaosProxy

pytestmark = pytest.mark.long

Seen = tuple[int, bytes] | type[Exception]


class Echo(BaseHTTPRequestHandler):
    """A store that answers with the path, and refuses any time but this one."""

    protocol_version = "HTTP/1.1"
    carried_out: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def do_GET(self) -> None:
        self.carried_out.append(self.path)
        late = self.headers["X-Amz-Date"] != "now"
        body = b"<Code>RequestTimeTooSkewed</Code>" if late else self.path.encode() * 10
        self.send_response(403 if late else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def between() -> Iterator[ChaosProxy]:
    Echo.carried_out.clear()
    store = ThreadingHTTPServer((LOOPBACK, 0), Echo)
    store.daemon_threads = True
    threading.Thread(target=store.serve_forever, args=(0.02,), daemon=True).start()
    made = ChaosProxy(store.server_address[1], seed=1)
    yield made
    made.close()
    store.shutdown()
    store.server_close()
    assert made.errors == []


def ask(between: ChaosProxy, path: str = "/bucket", timeout: float = 5) -> Seen:
    port = int(between.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    headers = {"X-Amz-Date": "now", "Authorization": "AWS4 Credential=some-user/20260101/x"}
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error)
    finally:
        connection.close()


def test_calm_passes_everything_on(between: ChaosProxy) -> None:
    assert ask(between) == (200, b"/bucket" * 10)
    assert between.injected.total() == 0


@pytest.mark.parametrize(
    ("fault", "seen", "carried_out"),
    [
        (proxy.REFUSED, ConnectionResetError, False),
        (proxy.LOST, ConnectionResetError, True),
        (proxy.DELAYED, (200, b"/bucket" * 10), True),
        (proxy.HELD, TimeoutError, False),
        (proxy.TRUNCATED, http.client.IncompleteRead, True),
        (proxy.SKEWED, (403, b"<Code>RequestTimeTooSkewed</Code>"), True),
        ("garbage XML", (200, b"<AccessControlPolicy><Owner><ID>"), False),
    ],
)
def test_each_class_is_what_it_says(
    between: ChaosProxy, fault: str, seen: Seen, carried_out: bool
) -> None:
    between.storm(1, fault)
    assert ask(between, timeout=2) == seen
    assert between.injected == {fault: 1}
    assert Echo.carried_out == ["/bucket"] * carried_out


def test_a_body_ends_in_a_reset(between: ChaosProxy) -> None:
    between.storm(1, proxy.CUT)
    assert ask(between) in (ConnectionResetError, http.client.IncompleteRead)
    assert between.injected == {proxy.CUT: 1}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_errors_are_answered_as_xml(between: ChaosProxy, status: int) -> None:
    between.storm(1, f"answered {status}")
    seen = ask(between)
    assert isinstance(seen, tuple)
    assert seen[0] == status
    assert seen[1].startswith(b"<Error><Code>")
    assert Echo.carried_out == []


def test_two_requests_get_one_anothers_answer(between: ChaosProxy) -> None:
    between.storm(1, proxy.SWAPPED)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda path: ask(between, path), ["/first", "/second"])
    assert (first, second) == ((200, b"/second" * 10), (200, b"/first" * 10))
    assert between.injected == {proxy.SWAPPED: 2}
    assert between.swapped("first")
    assert between.swapped("some-user")
    assert not between.swapped("third")


def test_nobody_to_swap_with_is_no_fault(between: ChaosProxy) -> None:
    between.storm(1, proxy.SWAPPED)
    assert ask(between) == (200, b"/bucket" * 10)
    assert between.injected.total() == 0


def test_a_storm_begins_with_each_class_once(between: ChaosProxy) -> None:
    between.storm(1)
    # One after the other: whoever comes while an answer waits for another is swapped with it.
    for _ in proxy.CLASSES:
        ask(between, timeout=3)
    # Which takes two, and isn't counted otherwise.
    assert between.injected == dict.fromkeys(set(proxy.CLASSES) - {proxy.SWAPPED}, 1)


def test_a_store_that_is_gone_is_a_reset(between: ChaosProxy) -> None:
    gone = ChaosProxy(int(between.url.rsplit(":", 1)[1]), seed=1)
    try:
        between.storm(1, proxy.REFUSED)
        assert ask(gone) is ConnectionResetError
        assert gone.errors == []
    finally:
        gone.close()
