"""The bare floor: the same signed requests from a plain loop, with no operator around them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.bench.figures import Figures, timed
from tests.servers.store import REGION, Store, running_store

THREADS = 10
PATH = f"bare loop, {THREADS} threads"


def measure(versitygw: Path, directory: Path, count: int) -> list[Figures]:
    with running_store(versitygw, directory) as store:
        loop = _Loop(store)
        try:
            seconds, latencies = timed(loop.provision, range(count), callers=THREADS)
            new = Figures(PATH, "new", count, seconds, latencies, store_requests=3 * count)
            seconds, latencies = timed(loop.probe, range(count), callers=THREADS)
            unchanged = Figures(PATH, "unchanged", count, seconds, latencies, store_requests=count)
        finally:
            loop.close()
        return [new, unchanged]


class _Loop:
    def __init__(self, store: Store) -> None:
        self._url = store.url
        self._admin = Credentials(store.access_key, store.secret_key)
        self._pool = urllib3.PoolManager(maxsize=THREADS, block=True, retries=False)

    def close(self) -> None:
        self._pool.clear()

    def provision(self, number: int) -> None:
        user, bucket = f"user-{number}", f"bucket-{number}"
        account = Element("Account")
        for tag, text in (("Access", user), ("Secret", _secret(number)), ("Role", "user")):
            SubElement(account, tag).text = text
        body: bytes = tostring(account, encoding="utf-8")
        self._request(self._admin, "PATCH", "/create-user", body=body)
        self._request(self._admin, "PATCH", f"/{bucket}/create", headers={"x-vgw-owner": user})
        self.probe(number)

    def probe(self, number: int) -> None:
        tenant = Credentials(f"user-{number}", _secret(number))
        self._request(tenant, "GET", f"/bucket-{number}?acl=")

    def _request(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        request = AWSRequest(method, self._url + path, headers=dict(headers or {}), data=body)
        S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
        answer = self._pool.request(
            method, self._url + path, body=body, headers=dict(request.headers.items())
        )
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data.decode()[:300]}")


def _secret(number: int) -> str:
    return f"the secret of user number {number}"
