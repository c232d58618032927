"""Which proxy a request goes through: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, read as Go reads them.

kubectl, Metacontroller and most of a cluster are written in Go, so that what these variables mean
to the rest of it is what they mean here. The libraries each differ, above all about networks such
as 10.0.0.0/8 in NO_PROXY.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyError(ValueError):
    """A proxy variable can't be used.

    Args:
        variable: its name.
        problem: the rest of the sentence, without the value: a proxy's URL may hold a password.
    """

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of an environment; none by default.

    Args:
        http: for http:// URLs; empty for none.
        https: for https:// URLs.
        exempt: hosts to be reached without one, as NO_PROXY has them.
    """

    http: str = field(default="", repr=False)
    https: str = field(default="", repr=False)
    exempt: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Proxies:
        """Those of an environment; upper case goes before lower case."""

        def get(name: str) -> str:
            return (environ.get(name) or environ.get(name.lower()) or "").strip()

        return cls(get("HTTP_PROXY"), get("HTTPS_PROXY"), get("NO_PROXY"))

    def for_url(self, url: str) -> str | None:
        """The URL of the proxy for a URL, None where there is none.

        This machine itself is never reached through one.

        Raises:
            ProxyError: the variable for it is no URL of a proxy that can be used.
        """
        target = urlsplit(url)
        secure = target.scheme == "https"
        proxy = self.https if secure else self.http
        if not proxy or not target.hostname or self._is_exempt(target):
            return None
        return checked(proxy, "HTTPS_PROXY" if secure else "HTTP_PROXY")

    def _is_exempt(self, target: SplitResult) -> bool:
        host = (target.hostname or "").rstrip(".")
        port = target.port or _PORTS.get(target.scheme)
        address = _address(host)
        if host == "localhost" or (address and address.is_loopback):
            return True
        return any(
            _matches(entry.strip().lower(), host, port, address) for entry in self.exempt.split(",")
        )


def checked(proxy: str, name: str) -> str:
    """A proxy's URL, made whole.

    Args:
        proxy: a URL, or a host with a port.
        name: what the error calls it.

    Raises:
        ProxyError: it is none, or of a kind that isn't supported, such as SOCKS.
    """
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ProxyError(name, "must be the http:// or https:// URL of a proxy")
    return url


def _matches(entry: str, host: str, port: int | None, address: _Address | None) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    if network := _network(entry):
        return address is not None and address in network
    name, given = _split(entry)
    if given is not None and given != port:
        return False
    if other := _address(name):
        return address == other
    if address is not None:
        return False
    if name.startswith("*."):
        name = name[1:]
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split(entry: str) -> tuple[str, int | None]:
    """Host and port of an entry."""
    if _address(entry):
        return entry, None
    host, colon, port = entry.rpartition(":")
    if colon and port.isdecimal():
        return host.strip("[]"), int(port)
    return entry.strip("[]"), None


def _network(entry: str) -> _Network | None:
    if "/" not in entry:
        return None
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
