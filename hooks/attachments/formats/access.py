"""What a consumer has to know to use a bucket, and what it can't be told."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from backends.wire.sensitive import Sensitive

_PORTS = {"http": 80, "https": 443}


class Unwritable(ValueError):
    """A form has no way to write a value down; the text says which, without it."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a consumer has to know.

    Args:
        endpoint: URL of the S3 API.
        region: of the signatures.
        access_key: the user.
        secret: its secret.
        bucket: the bucket, of several the first.
        ca: the store's own CAs in PEM, None where the system's do.
        listed: all buckets, where the Secret lists them.
        trailers: whether the store takes a checksum that follows a body.
    """

    endpoint: str
    region: str
    access_key: str
    secret: Sensitive
    bucket: str = ""
    ca: str | None = None
    listed: tuple[str, ...] = ()
    trailers: bool = True

    @property
    def buckets(self) -> str:
        """All buckets with commas between them, for consumers that take several."""
        return ",".join(self.listed) or self.bucket

    @property
    def url(self) -> SplitResult:
        """The endpoint in its parts."""
        return urlsplit(self.endpoint)

    @property
    def host(self) -> str:
        """Name or address alone."""
        return self.url.hostname or ""

    @property
    def port(self) -> str:
        """The port, also where the endpoint leaves it out."""
        return str(self.url.port or _PORTS[self.url.scheme])

    @property
    def tls(self) -> bool:
        """Whether it is https."""
        return self.url.scheme == "https"

    def netloc(self) -> str:
        """Host, and the port where the endpoint has one, for consumers that take no URL.

        Raises:
            Unwritable: the endpoint has a path, which would be lost.
        """
        self.without_path()
        return self.url.netloc

    def without_path(self) -> str:
        """The endpoint, for consumers that take a URL but no path in it.

        Raises:
            Unwritable: it has one.
        """
        if self.url.path.strip("/"):
            raise Unwritable("an endpoint with a path")
        return self.endpoint.rstrip("/")
