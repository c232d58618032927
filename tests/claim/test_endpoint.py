"""Endpoint URLs compared as the servers behind them would be."""

from __future__ import annotations

import pytest

from hooks.claim.endpoint import Endpoint, normalise


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://s3.local", "http://s3.local"),
        ("http://s3.local/", "http://s3.local"),
        ("http://s3.local///", "http://s3.local"),
        ("HTTPS://S3.Example.COM", "https://s3.example.com"),
        ("http://s3.local:80", "http://s3.local"),
        ("https://s3.local:443/", "https://s3.local"),
        ("https://s3.local:80", "https://s3.local:80"),
        ("http://s3.local:443", "http://s3.local:443"),
        ("http://s3.local:7070", "http://s3.local:7070"),
        ("http://s3.local:", "http://s3.local"),
        ("http://10.0.0.1:7070", "http://10.0.0.1:7070"),
        ("http://[::1]:7070/", "http://[::1]:7070"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("https://gateway.local/S3/Store/", "https://gateway.local/S3/Store"),
    ],
)
def test_an_endpoint_is_brought_into_one_spelling(url: str, expected: str) -> None:
    assert normalise(url) == expected
    assert normalise(expected) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://s3.local", "https://s3.local"),
        ("http://s3.local", "http://s3.local:7070"),
        ("http://s3.local/a", "http://s3.local/A"),
        ("http://s3.local", "http://s3.local."),
    ],
)
def test_endpoints_of_different_servers_stay_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "s3.local:7070",
        "//s3.local",
        "http://",
        "http:///hunter2",
        "http://:7070",
        "ftp://hunter2",
        "file:///hunter2",
        "javascript:hunter2",
        "http://s3.local:port",
        "http://hunter2..svc.cluster.local:9000",
        "http://.hunter2",
        "http://hunter2..",
        f"http://{'hunter2' * 10}.local",
        "http://s3.local/hun\nter2",
        "http://s3.local/hun\tter2",
        "http://s3.local/hun ter2",
        "http://s3.local/hunter2?",
        "http://s3.local/hunter2#",
        "http://s3.local:65536",
        "http://s3.local:-1",
        "http://[::1",
        " http://hunter2",
        "http://hunter2 ",
        "http://hunter2\n",
        "http://s3 hunter2.local",
        "http://user:hunter2@s3.local",
        "http://hunter2@s3.local",
        "http://@s3.local",
        "http://s3.local?hunter2",
        "http://s3.local/?hunter2=1",
        "http://s3.local/#hunter2",
    ],
)
def test_what_is_no_endpoint_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="expected an http or https URL") as caught:
        normalise(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("https://S3.local:443/", {"https://s3.local"}),
        ("s3.local:7070", {"http://s3.local:7070", "https://s3.local:7070"}),
        ("S3.local:80/", {"http://s3.local", "https://s3.local:80"}),
        ("store:443", {"http://store:443", "https://store"}),
        ("s3.example.com", {"http://s3.example.com", "https://s3.example.com"}),
        ("10.0.0.1:9000", {"http://10.0.0.1:9000", "https://10.0.0.1:9000"}),
        ("[2001:DB8::1]:1", {"http://[2001:db8::1]:1", "https://[2001:db8::1]:1"}),
        ("[::1]", {"http://[::1]", "https://[::1]"}),
        ("gateway.local/S3/", {"http://gateway.local/S3", "https://gateway.local/S3"}),
    ],
)
def test_without_a_scheme_either_is_meant(text: str, urls: set[str]) -> None:
    assert Endpoint.of(text).urls == urls


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "hunter2:",
        "//s3.local",
        "/hunter2.local",
        ":7070",
        "s3.local:port",
        "s3.local:65536",
        "javascript:hunter2",
        "ftp://hunter2.local",
        "http:/hunter2",
        "user:hunter2@s3.local",
        "hunter2@s3.local:1",
        "s3.local:1?hunter2",
        "s3.local:1#hunter2",
        "s3. local:1",
        "s3.local:1\n",
        "hunter2..local:1",
        "[::1",
    ],
)
def test_what_is_no_host_either_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="expected an http or https URL") as caught:
        Endpoint.of(text)
    assert "hunter2" not in str(caught.value)
