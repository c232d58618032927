"""The pooled HTTP client, in front of a server that fails as it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from backends import errors
from backends.base import Answer, Connection, Credentials
from backends.wire.deadline import Deadline
from backends.wire.pool import HttpPool
from backends.wire.sensitive import Sensitive
from tests.faults import FaultProxy
from tests.support import wait


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    # What it would pass on has nowhere to go: every answer is a fault's.
    with FaultProxy(1) as proxy:
        yield proxy


class Client:
    """A pool that remembers what it was observed to do."""

    def __init__(self, url: str) -> None:
        self.seen: list[str] = []
        connection = Connection(url, url, "us-east-1", Credentials("a", Sensitive("b")))
        self._pool = HttpPool(
            url, connection, lambda _, code, __: self.seen.append(code), lambda _: ("", "")
        )

    def send(self, method: str, *, seconds: float = 5, repeat: bool = True) -> Answer:
        sending = self._pool.send(
            method,
            "/",
            dict,
            operation="test",
            deadline=Deadline(seconds),
            repeat=repeat,
        )
        try:
            return wait(sending)
        finally:
            wait(self._pool.close())


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_a_connection_that_breaks_is_tried_once_more(proxy: FaultProxy, method: str) -> None:
    proxy.faults.extend(["reset", "empty"])
    client = Client(proxy.url)
    assert client.send(method).status == 200
    assert client.seen == ["unavailable", "200"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_it_is_not_tried_for_ever(proxy: FaultProxy, method: str) -> None:
    proxy.always = "reset"
    client = Client(proxy.url)
    with pytest.raises(errors.BrokenConnection):
        client.send(method)
    assert proxy.injected == ["reset", "reset"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_nor_at_all_where_a_second_answer_would_tell_something_else(
    proxy: FaultProxy, method: str
) -> None:
    # The HTTP library would send a PUT again by itself.
    proxy.always = "reset"
    client = Client(proxy.url)
    with pytest.raises(errors.BrokenConnection):
        client.send(method, repeat=False)
    assert proxy.injected == ["reset"]
    assert client.seen == ["unavailable"]


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_an_answer_that_does_not_end_is_given_up_in_time(proxy: FaultProxy, fault: str) -> None:
    proxy.always = fault
    client = Client(proxy.url)
    started = time.monotonic()
    with pytest.raises(errors.TimedOut):
        client.send("GET", seconds=0.5)
    assert time.monotonic() - started < 4
    assert client.seen == ["timeout"]


def test_nobody_there_is_told_from_somebody_who_hangs_up() -> None:
    with pytest.raises(errors.Unavailable, match="refused"):
        Client("http://127.0.0.1:1").send("GET")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_redirect_is_told_and_not_followed(proxy: FaultProxy, status: int, method: str) -> None:
    proxy.faults.append(f"redirect-{status} https://s3.example.com/bucket?a=b")
    client = Client(proxy.url)
    with pytest.raises(errors.Misconfigured) as caught:
        client.send(method)
    assert str(caught.value) == (
        f"{proxy.url} is not the store itself but a redirect ({status}) to "
        "https://s3.example.com, which is not followed: set S3_ENDPOINT_URL, or "
        "S3_ADMIN_ENDPOINT_URL if it is that one, to the URL that the store answers at."
    )
    # It was reached, and asked once.
    assert client.seen == [str(status)]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://user:password@s3.example.com:8443/x?token=y", " to https://s3.example.com:8443,"),
        ("https://[fd00::1]:9000/", " to https://[fd00::1]:9000,"),
        ("/console/", " (301),"),
        ("", " (301),"),
        ("javascript:alert", " (301),"),
        ("https://s3.example.com:port/", " (301),"),
        ("https://s3.<b>.com/", " (301),"),
        ("https://" + "x" * 300, " (301),"),
    ],
)
def test_only_a_redirects_host_is_told_and_only_if_it_is_one(
    proxy: FaultProxy, location: str, told: str
) -> None:
    proxy.faults.append(f"redirect-301 {location}")
    with pytest.raises(errors.Misconfigured) as caught:
        Client(proxy.url).send("GET")
    text = str(caught.value)
    assert told in text.replace("a redirect (301) to", "a redirect to")
    assert "password" not in text
    assert "token" not in text
