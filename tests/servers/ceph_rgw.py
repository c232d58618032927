"""A real Ceph RGW, and what an administrator or a tenant sees of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer

from hooks.commands.cephrgw import OPERATOR, Gateway, ceph_rgw
from hooks.commands.processes import answers
from tests.servers.s3 import Credentials, S3Store, code_of


class CephRefusal(Exception):
    """What the admin API answers instead of doing what is asked: its own code."""


@dataclass(frozen=True)
class User:
    role: str
    secrets: Mapping[str, str]
    """Each by its access key."""
    suspended: bool
    max_buckets: int


class CephRGWStore(S3Store):
    """Ceph RGW with a monitor and a storage daemon in memory, below `directory`.

    The operator's user may do no more than it needs, and isn't called like its access key.
    """

    process: Gateway

    def __init__(self, binary: Path, directory: Path) -> None:
        super().__init__("operator-admin", "")
        self._pool = urllib3.PoolManager(timeout=10, retries=False)
        self.process = ceph_rgw(binary, directory, port=self.port, access_key=self.access_key)
        self.secret_key = self.process.secret_key

    def restart(self) -> None:
        # The gateway alone: what is behind it keeps all in memory.
        self.process.kill()
        self.process.start()
        self.process.wait_for(lambda: answers(self.port), timeout=20, what="Ceph RGW to answer")

    def stop(self) -> None:
        self._pool.clear()
        self.process.stop()

    def names(self) -> tuple[set[str], set[str]]:
        # Not `radosgw-admin user list`: a program for each look, which dies at its end at times.
        listed = self.call("GET", "user", {"list": "", "max-entries": "1000000"})
        assert not listed["truncated"]
        return set(listed["keys"]), set(self.call("GET", "bucket"))

    def user(self, name: str) -> User | None:
        try:
            found = self.call("GET", "user", {"uid": name})
        except CephRefusal:
            return None
        admin = "true" in {found["system"], found["admin"]} or found["caps"]
        keys = {key["access_key"]: key["secret_key"] for key in found["keys"]}
        return User(
            "admin" if admin else "user", keys, bool(found["suspended"]), found["max_buckets"]
        )

    def owner(self, bucket: str) -> str | None:
        try:
            owner = str(self.bucket(bucket)["owner"])
        except CephRefusal:
            return None
        return self.access_key if owner == OPERATOR else owner

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        query = {"uid": name, "display-name": name, "access-key": name, "secret-key": secret}
        if role == "admin":
            query["user-caps"] = "metadata=read"
        self.call("PUT", "user", query)

    def delete_user(self, name: str) -> None:
        """Also one that owns buckets, which keep its name."""
        for bucket in self.call("GET", "bucket", {"uid": name}):
            self.call("POST", "bucket", {"bucket": bucket, "uid": name})
        self.call("DELETE", "user", {"uid": name})

    def set_secret(self, name: str, secret: str) -> None:
        self.call("POST", "user", {"uid": name, "access-key": name, "secret-key": secret})

    def create_bucket(self, name: str) -> None:
        with self.s3() as client:
            client.create_bucket(Bucket=name)

    def change_owner(self, bucket: str, owner: str | None) -> None:
        self.call("PUT", "bucket", {"bucket": bucket, "uid": owner or OPERATOR})

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None = None) -> str:
        """Without a user as the owner, since the administrator may not."""
        with self.s3(*(as_user or self.owner_of(bucket))) as client:
            return code_of(lambda: client.put_object(Bucket=bucket, Key=key, Body=body))

    def owner_of(self, bucket: str) -> Credentials:
        """The owner's credentials; the administrator's where it is gone."""
        owner = self.bucket(bucket)["owner"]
        found = self.user(owner)
        if owner == OPERATOR or found is None:
            return self.access_key, self.secret_key
        return owner, found.secrets[owner]

    def bucket(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "bucket", {"bucket": name})
        return found

    def policy(self, bucket: str) -> dict[str, Any] | None:
        """The bucket's policy, as its owner reads it."""
        with self.s3(*self.owner_of(bucket)) as client:
            found: list[Any] = []
            code_of(lambda: found.append(client.get_bucket_policy(Bucket=bucket)["Policy"]))
            return json.loads(found[0]) if found else None

    def call(self, method: str, resource: str, query: Mapping[str, str] | None = None) -> Any:
        """One call of the admin API.

        Raises:
            CephRefusal: with the code of the answer.
        """
        url = f"{self.url}/admin/{resource}"
        if query:
            url += "?" + urlencode(sorted(query.items()), quote_via=quote, safe="")
        request = AWSRequest(method, url)
        signer = S3SigV4Auth(Signer(self.access_key, self.secret_key), "s3", self.region)
        signer.add_auth(request)
        answer = self._pool.request(method, url, headers=dict(request.headers.items()))
        if answer.status >= 300:
            raise CephRefusal(json.loads(answer.data)["Code"])
        return json.loads(answer.data or b"null")
