"""The bare floor: the fewest requests that do it, from a plain loop, with no operator around."""

from __future__ import annotations

import contextlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from tests.bench import native
from tests.bench.figures import Figures, timed
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.rustfs import POLICY, RustFSStore
from tests.servers.s3 import S3Store
from tests.servers.seaweedfs import SeaweedStore
from tests.servers.store import Store

THREADS = 10
PATH = f"bare loop, {THREADS} threads"


class Refused(RuntimeError):
    """The store doesn't take the credentials."""


class Floor(ABC):
    """A loop for one store.

    Attributes:
        requests: how many provision one user with its bucket, the probe included.
        query: of the probe.
    """

    requests: ClassVar[int]
    query: ClassVar[str]

    def __init__(self, store: S3Store) -> None:
        self.url = store.url
        self.region = store.region
        self.administrator = Credentials(store.access_key, store.secret_key)
        self.pool = urllib3.PoolManager(maxsize=THREADS, block=True, retries=False)

    def close(self) -> None:
        self.pool.clear()

    def provision(self, number: int) -> None:
        self.create(f"user{number:05}", secret_of(number), f"bucket-{number}")
        self.probe(number)

    def probe(self, number: int, secret: str = "") -> None:
        tenant = Credentials(f"user{number:05}", secret or secret_of(number))
        self.signed(tenant, "GET", f"/bucket-{number}?{self.query}=")

    @abstractmethod
    def create(self, user: str, secret: str, bucket: str) -> None: ...

    def rotate(self, number: int) -> None:
        """Another secret for the user, and a probe with it."""
        secret = secret_of(number, 1)
        self.update(f"user{number:05}", secret)
        # VersityGW 1.8.0 mixes up a few of many rotated accounts in its cache, and refuses them.
        with contextlib.suppress(Refused):
            self.probe(number, secret)

    def update(self, user: str, secret: str) -> None:
        """Gives a user another secret, where the store can."""
        raise RuntimeError("this store can't change a secret")

    def signed(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        request = AWSRequest(method, self.url + path, headers=dict(headers or {}), data=body)
        S3SigV4Auth(credentials, "s3", self.region).add_auth(request)
        self.send(method, self.url + path, dict(request.headers.items()), body)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
        answer = self.pool.request(method, url, body=body, headers=dict(headers))
        if answer.status == 403:
            raise Refused(f"{method} {url}")
        if answer.status >= 300:
            raise RuntimeError(f"{method} {url}: {answer.status} {answer.data.decode()[:300]}")
        return answer.data


class VersityFloor(Floor):
    requests = 3
    query = "acl"

    def __init__(self, store: S3Store) -> None:
        super().__init__(store)
        self._writing = threading.Lock()

    def create(self, user: str, secret: str, bucket: str) -> None:
        account = Element("Account")
        for tag, text in (("Access", user), ("Secret", secret), ("Role", "user")):
            SubElement(account, tag).text = text
        body: bytes = tostring(account, encoding="utf-8")
        self.signed(self.administrator, "PATCH", "/create-user", body=body)
        owner = {"x-vgw-owner": user}
        self.signed(self.administrator, "PATCH", f"/{bucket}/create", headers=owner)

    def update(self, user: str, secret: str) -> None:
        change = Element("MutableProps")
        SubElement(change, "Secret").text = secret
        body: bytes = tostring(change, encoding="utf-8")
        # One at a time, as the operator does it: the gateway rewrites the list of all accounts.
        with self._writing:
            self.signed(self.administrator, "PATCH", f"/update-user?access={user}", body=body)


class MinioFloor(Floor):
    requests = 5
    query = "location"

    def __init__(self, store: S3Store) -> None:
        super().__init__(store)
        self._admin = MinioAdmin(
            endpoint=urlsplit(store.url).netloc,
            credentials=StaticProvider(store.access_key, store.secret_key),
            region=store.region,
            secure=False,
            http_client=self.pool,
        )

    def create(self, user: str, secret: str, bucket: str) -> None:
        self._admin.user_add(user, secret)
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        statement = {"Effect": "Allow", "Action": ["s3:*"], "Resource": resources}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self._admin.policy_add(bucket, policy=policy)
        self._admin.attach_policy([bucket], user=user)
        self.signed(self.administrator, "PUT", f"/{bucket}")

    def update(self, user: str, secret: str) -> None:
        self._admin.user_add(user, secret)


class GarageFloor(Floor):
    requests = 4
    query = "location"

    def __init__(self, store: S3Store) -> None:
        super().__init__(store)
        assert isinstance(store, GarageStore)
        self._api = f"{store.admin_url}/v2/"
        self._headers = {"Authorization": f"Bearer {store.admin_token}"}

    def create(self, user: str, secret: str, bucket: str) -> None:
        self._call("ImportKey", accessKeyId=user, secretAccessKey=secret, name=user)
        made = self._call("CreateBucket", globalAlias=bucket)
        permissions = {"read": True, "write": True, "owner": True}
        self._call("AllowBucketKey", bucketId=made["id"], accessKeyId=user, permissions=permissions)

    def _call(self, command: str, **body: Any) -> Any:
        return json.loads(
            self.send("POST", self._api + command, self._headers, json.dumps(body).encode())
        )


class CephRGWFloor(Floor):
    requests = 4
    query = "acl"

    def create(self, user: str, secret: str, bucket: str) -> None:
        made = {"uid": user, "display-name": user, "access-key": user, "secret-key": secret}
        self._call("PUT", "user", made)
        self.signed(self.administrator, "PUT", f"/{bucket}")
        self._call("PUT", "bucket", {"bucket": bucket, "uid": user})

    def update(self, user: str, secret: str) -> None:
        self._call("POST", "user", {"uid": user, "access-key": user, "secret-key": secret})

    def _call(self, method: str, resource: str, query: Mapping[str, str]) -> None:
        encoded = urlencode(sorted(query.items()), quote_via=quote, safe="")
        self.signed(self.administrator, method, f"/admin/{resource}?{encoded}")


class SeaweedFloor(Floor):
    requests = 5
    query = "acl"

    def __init__(self, store: S3Store) -> None:
        super().__init__(store)
        assert isinstance(store, SeaweedStore)
        self._store = store

    def create(self, user: str, secret: str, bucket: str) -> None:
        self._store.create_user(user, secret)
        self._store.allow(user, bucket, [bucket, f"{bucket}/*"])
        self.signed(Credentials(user, secret), "PUT", f"/{bucket}")

    def update(self, user: str, secret: str) -> None:
        self._store.set_secret(user, secret)


class RustFSFloor(Floor):
    requests = 5
    query = "location"

    def __init__(self, store: S3Store) -> None:
        super().__init__(store)
        assert isinstance(store, RustFSStore)
        self._store = store

    def create(self, user: str, secret: str, bucket: str) -> None:
        self._store.add_user(user, secret)
        self._store.give(POLICY + bucket, ["s3:*"], [bucket, f"{bucket}/*"], user)
        self.signed(Credentials(user, secret), "PUT", f"/{bucket}")

    def update(self, user: str, secret: str) -> None:
        self._store.set_secret(user, secret)


FLOORS: Mapping[type[S3Store], type[Floor]] = {
    Store: VersityFloor,
    MinioStore: MinioFloor,
    GarageStore: GarageFloor,
    CephRGWStore: CephRGWFloor,
    SeaweedStore: SeaweedFloor,
    RustFSStore: RustFSFloor,
}


def measure(store: S3Store, count: int, program: Path, *, rotation: bool) -> list[Figures]:
    """Every kind of work, on a store that holds nothing yet, and the probes natively too.

    Args:
        store: running and empty.
        count: how many users, each with a bucket.
        program: the native floor.
        rotation: whether the store can change a user's secret.
    """
    floor = FLOORS[type(store)](store)

    def row(kind: str, call: Callable[[int], None], requests: int) -> Figures:
        times = timed(call, range(count), callers=THREADS)
        return Figures(PATH, kind, count, *times, store_requests=requests * count)

    def rows() -> Iterator[Figures]:
        yield row("new", floor.provision, floor.requests)
        yield row("unchanged", floor.probe, 1)
        # Before the rotation, after which VersityGW 1.8.0 refuses a few of many.
        yield from native.measure(program, store.url, store.region, floor.query, probes(count))
        if rotation:
            yield row("rotated", floor.rotate, 2)

    try:
        return list(rows())
    finally:
        floor.close()


def probes(count: int) -> list[native.Probe]:
    """What the native floor asks for so many users."""
    return [
        native.Probe(f"bucket-{number}", f"user{number:05}", secret_of(number))
        for number in range(count)
    ]


def secret_of(number: int, generation: int = 0) -> str:
    """A secret that every store takes."""
    return f"the-secret-of-user-number-{number}-{generation}"
