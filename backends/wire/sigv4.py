"""AWS's signature, version 4: made by botocore, with less around it than botocore puts there.

A boto3 client costs tens of milliseconds and megabytes to build, and every Secret has credentials
of its own: so only the signature code is botocore's.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth

from backends.base import Credentials


def signed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    *,
    region: str,
    service: str = "s3",
) -> Mapping[str, str]:
    """A request's headers with a signature over all of it.

    Args:
        method: HTTP method.
        url: with the query, encoded.
        headers: all with one value each, and Host among them; signed.
        body: signed.
        credentials: who signs.
        region: for which.
        service: for which; the S3 API has the body's digest in a header of its own too.
    """
    request = _Request(method, url, dict(headers), body)
    kind = _S3Signature if service == "s3" else _Signature
    kind(_Signer(credentials), service, region).add_auth(request)
    return request.headers


class _Signer:
    """What botocore looks at of credentials; no text of it shows them."""

    __slots__ = ("access_key", "secret_key")
    token = None

    def __init__(self, credentials: Credentials) -> None:
        self.access_key = credentials.access_key
        self.secret_key = credentials.secret.reveal()


class _Request:
    """What botocore looks at of a request."""

    __slots__ = ("body", "context", "headers", "method", "params", "url")

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.params: None = None
        self.context: dict[str, Any] = {}


class _Signature(SigV4Auth):  # type: ignore[misc]
    """With headers of one value each: those of botocore are an e-mail's, and half of its work."""

    def headers_to_sign(self, request: _Request) -> dict[str, str]:
        return {name.lower(): value for name, value in request.headers.items()}

    def canonical_headers(self, headers_to_sign: Mapping[str, str]) -> str:
        return "\n".join(
            [f"{name}:{' '.join(value.split())}" for name, value in sorted(headers_to_sign.items())]
        )

    def signed_headers(self, headers_to_sign: Mapping[str, str]) -> str:
        return ";".join(sorted(headers_to_sign))

    def _sign(self, key: bytes, msg: str, hex: bool = False) -> bytes | str:  # noqa: A002
        digest = hmac.digest(key, msg.encode(), "sha256")
        return digest.hex() if hex else digest


class _S3Signature(_Signature, S3SigV4Auth):  # type: ignore[misc]
    """The same for the S3 API."""
