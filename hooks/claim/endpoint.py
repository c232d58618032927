"""Endpoint URLs, compared as the servers behind them would be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

# A name, an IPv4 or an IPv6 address; urlsplit has looked at the brackets.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+(%[a-z0-9._-]+)?")
# What urlsplit drops in silence, or takes for the beginning of nothing.
_DROPPED = re.compile(r"[\x00-\x20\x7f?#]")
_LONGEST_LABEL = 63
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PROBLEM = "expected an http or https URL such as https://s3.example.com:7070"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What somebody calls a store.

    Attributes:
        urls: normalised; two where no scheme is written, since either may be meant.
    """

    urls: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Endpoint:
        """Reads a URL, or a host and port as many tools write them.

        A single word is neither: a host without a scheme needs a port or a dot.

        Raises:
            ValueError: it is none. The text doesn't quote it.
        """
        if "://" in text:
            return cls(frozenset({normalise(text)}))
        urls = {normalise(urlunsplit((scheme, text, "", "", ""))) for scheme in _DEFAULT_PORTS}
        parts = urlsplit(urlunsplit(("", text, "", "", "")))
        if parts.port is None and not {".", ":"} & set(parts.hostname or ""):
            raise ValueError(_PROBLEM)
        return cls(frozenset(urls))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its address or as localhost."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def normalise(url: str) -> str:
    """Scheme and host in lower case, the default port and trailing slashes dropped.

    Raises:
        ValueError: not an http or https URL of a host, or one with a user, a query or a
            fragment. The text doesn't quote the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_PROBLEM) from None
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or not _is_host(host) or url != url.strip():
        raise ValueError(_PROBLEM)
    if parts.username is not None or _DROPPED.search(url):
        raise ValueError(f"{_PROBLEM}, without blanks, a user, a query or a fragment")
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def _is_host(host: str) -> bool:
    """Whether a resolver can be asked for it; an address of version 6 has no labels."""
    if not _HOST.fullmatch(host):
        return False
    labels = host.removesuffix(".").split(".")
    return ":" in host or all(0 < len(label) <= _LONGEST_LABEL for label in labels)
