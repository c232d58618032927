"""Objects as an application writes and reads them: past the proxy, and sharing no product code."""

from __future__ import annotations

from urllib.parse import quote

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from defusedxml.ElementTree import ParseError, fromstring

from tests.servers.store import REGION, Store


class Objects:
    """The store's objects; for several threads.

    Args:
        store: where they are.
        connections: how many at a time.
    """

    def __init__(self, store: Store, connections: int) -> None:
        self._store = store
        self._pool = urllib3.PoolManager(maxsize=connections, block=True, timeout=15, retries=2)

    def close(self) -> None:
        self._pool.clear()

    def put(self, bucket: str, key: str, body: bytes, user: tuple[str, str]) -> str:
        """Writes one; "" or the code of the refusal."""
        return self._send("PUT", bucket, key, body, user)[0]

    def get(self, bucket: str, key: str, user: tuple[str, str] | None = None) -> tuple[str, bytes]:
        """Reads one, as the administrator if no user is given; the refusal's code, and it."""
        return self._send("GET", bucket, key, b"", user)

    def delete(self, bucket: str, key: str, user: tuple[str, str]) -> str:
        """Deletes one; "" or the code of the refusal."""
        return self._send("DELETE", bucket, key, b"", user)[0]

    def delete_bucket(self, bucket: str, user: tuple[str, str]) -> str:
        """Deletes a bucket that is empty; "" or the code of the refusal."""
        return self._send("DELETE", bucket, "", b"", user)[0]

    def _send(
        self, method: str, bucket: str, key: str, body: bytes, user: tuple[str, str] | None
    ) -> tuple[str, bytes]:
        signer = Credentials(*(user or (self._store.access_key, self._store.secret_key)))
        url = "/".join([self._store.url, *(quote(part) for part in (bucket, key) if part)])
        request = AWSRequest(method, url, data=body)
        S3SigV4Auth(signer, "s3", REGION).add_auth(request)
        answer = self._pool.request(method, url, body=body, headers=dict(request.headers.items()))
        if answer.status < 300:
            return "", answer.data
        return _code(answer.data) or str(answer.status), b""


def _code(body: bytes) -> str:
    try:
        return str(fromstring(body).findtext("Code", ""))
    except ParseError:
        return ""
