"""A real Garage of one node, and what an administrator or a tenant sees of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import urllib3

from hooks.commands.processes import LOOPBACK, answers, free_port, garage
from tests.servers.s3 import Credentials, S3Store

_FULL = {"read": True, "write": True, "owner": True}


class GarageRefusal(Exception):
    """What the admin API answers instead of doing what is asked: its own code."""


@dataclass(frozen=True)
class Key:
    name: str
    secret: str
    role: str = "user"


class GarageStore(S3Store):
    """Garage on files below `directory`.

    The administrator is no S3 user there: what the tests write as one, a key of their own
    writes that may read and write the bucket but never owns it.
    """

    region: ClassVar[str] = "garage"

    def __init__(self, binary: Path, directory: Path) -> None:
        super().__init__("tests-own-key", secrets.token_urlsafe(24))
        self.admin_port = free_port()
        self.admin_url = f"http://{LOOPBACK}:{self.admin_port}"
        self.admin_token = secrets.token_urlsafe(24)
        self._pool = urllib3.PoolManager(timeout=10, retries=False)
        self.process = garage(
            binary,
            directory,
            port=self.port,
            admin_port=self.admin_port,
            admin_token=self.admin_token,
        )
        self.create_user(self.access_key, self.secret_key)

    def restart(self) -> None:
        # It would wait 10 s for the connections that others keep open.
        self.process.kill()
        self.process.start()
        self.process.wait_for(
            lambda: answers(self.admin_port, "/health", status=200) and answers(self.port),
            timeout=20,
            what="Garage to be healthy",
        )

    def stop(self) -> None:
        self._pool.clear()
        super().stop()

    def environ(self, url: str | None = None) -> dict[str, str]:
        return {
            "S3_ENDPOINT_URL": url or self.url,
            "S3_ADMIN_ENDPOINT_URL": url or self.admin_url,
            "S3_ADMIN_TOKEN": self.admin_token,
        }

    def names(self) -> tuple[set[str], set[str]]:
        keys = {listed["id"] for listed in self.call("GET", "ListKeys")}
        listed = self.call("GET", "ListBuckets")
        return keys, {alias for bucket in listed for alias in bucket["globalAliases"]}

    def user(self, name: str) -> Key | None:
        try:
            found = self.key(name)
        except GarageRefusal:
            return None
        return Key(found["name"], found["secretAccessKey"])

    def owner(self, bucket: str) -> str | None:
        try:
            keys = self.bucket(bucket)["keys"]
        except GarageRefusal:
            return None
        owners = [key["accessKeyId"] for key in keys if key["permissions"]["owner"]]
        return ",".join(sorted(owners)) or None

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        body = {"accessKeyId": name, "secretAccessKey": secret, "name": "by-hand"}
        self.call("POST", "ImportKey", body=body)

    def delete_user(self, name: str) -> None:
        self.call("POST", "DeleteKey", {"id": name})

    def set_secret(self, name: str, secret: str) -> None:
        raise GarageRefusal(f"the secret of {name} can't be changed")

    def create_bucket(self, name: str) -> None:
        self.call("POST", "CreateBucket", body={"globalAlias": name})

    def change_owner(self, bucket: str, owner: str | None) -> None:
        for key in self.bucket(bucket)["keys"]:
            if key["permissions"]["owner"]:
                self.permit("DenyBucketKey", bucket, key["accessKeyId"], _FULL)
        if owner is not None:
            self.permit("AllowBucketKey", bucket, owner, _FULL)

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None = None) -> str:
        if as_user is None:
            own = {"read": True, "write": True, "owner": False}
            self.permit("AllowBucketKey", bucket, self.access_key, own)
        return super().put(bucket, key, body, as_user=as_user)

    def key(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call(
            "GET", "GetKeyInfo", {"id": name, "showSecretKey": "true"}
        )
        return found

    def bucket(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "GetBucketInfo", {"globalAlias": name})
        return found

    def permit(self, command: str, bucket: str, key: str, permissions: Mapping[str, bool]) -> None:
        body = {
            "bucketId": self.bucket(bucket)["id"],
            "accessKeyId": key,
            "permissions": permissions,
        }
        self.call("POST", command, body=body)

    def call(
        self,
        method: str,
        command: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """One call of the admin API.

        Raises:
            GarageRefusal: with the code of the answer.
        """
        url = f"{self.admin_url}/v2/{command}"
        if query:
            url += "?" + urlencode(query, quote_via=quote)
        answer = self._pool.urlopen(
            method,
            url,
            headers={"Authorization": f"Bearer {self.admin_token}"},
            body=None if body is None else json.dumps(body),
        )
        if answer.status >= 300:
            raise GarageRefusal(json.loads(answer.data)["code"])
        return json.loads(answer.data or b"null")
