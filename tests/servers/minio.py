"""A real MinIO, and what an administrator or a tenant sees of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from hooks.commands.processes import LOOPBACK, answers, minio
from tests.servers.s3 import S3Store

POLICY = "s3-resource-operator-bucket-"
"""What the operator's policies are called, before the bucket's name."""


@dataclass(frozen=True)
class User:
    role: str
    policies: frozenset[str]
    disabled: bool


class MinioStore(S3Store):
    """MinIO on files below `directory`.

    Users and who holds what are read and written as an export and an import of them, which MinIO
    does not encrypt: each encrypted body takes either end about 90 ms of CPU (Argon2id).
    """

    def __init__(self, binary: Path, directory: Path) -> None:
        super().__init__("operator-admin", secrets.token_urlsafe(24))
        self._pool = urllib3.PoolManager(timeout=10, retries=False)
        self.process = minio(
            binary,
            directory,
            port=self.port,
            access_key=self.access_key,
            secret_key=self.secret_key,
        )

    def restart(self) -> None:
        self.process.stop()
        self.process.start()
        self.process.wait_for(
            lambda: answers(self.port, "/minio/health/cluster", status=200),
            timeout=20,
            what="MinIO to be initialised",
        )

    def stop(self) -> None:
        self._pool.clear()
        super().stop()

    def admin(self, access_key: str | None = None, secret: str | None = None) -> MinioAdmin:
        """The admin client, for the administrator unless other credentials are given."""
        return MinioAdmin(
            endpoint=f"{LOOPBACK}:{self.port}",
            credentials=StaticProvider(access_key or self.access_key, secret or self.secret_key),
            region=self.region,
            secure=False,
            http_client=self._pool,
        )

    def names(self) -> tuple[set[str], set[str]]:
        with self.s3() as client:
            buckets = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        (users,) = self._exported("users")
        return set(users), buckets

    def user(self, name: str) -> User | None:
        try:
            info = json.loads(self.admin().user_info(name))
        except MinioAdminException:
            return None
        policies = frozenset(str(info.get("policyName") or "").split(",")) - {""}
        role = "admin" if "consoleAdmin" in policies else "user"
        return User(role, policies, info.get("status") == "disabled")

    def owner(self, bucket: str) -> str | None:
        holders = [
            holder
            for mappings in self._exported("user_mappings", "group_mappings")
            for holder, mapping in mappings.items()
            if POLICY + bucket in mapping["policy"].split(",")
        ]
        return ",".join(sorted(holders)) or None

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        self.set_secret(name, secret)
        if role == "admin":
            self.attach("consoleAdmin", name)

    def delete_user(self, name: str) -> None:
        self.admin().user_remove(name)

    def set_secret(self, name: str, secret: str) -> None:
        archive = BytesIO()
        with ZipFile(archive, "w") as written:
            users = {name: {"secretKey": secret, "status": "enabled"}}
            written.writestr("iam-assets/users.json", json.dumps(users))
        done = json.loads(self._signed("PUT", "import-iam-v2", archive.getvalue()))
        if done["added"].get("users") != [name]:
            # The call for one user says why it is refused.
            self.admin().user_add(name, secret)

    def create_bucket(self, name: str) -> None:
        with self.s3() as client:
            client.create_bucket(Bucket=name)

    def change_owner(self, bucket: str, owner: str | None) -> None:
        policy = POLICY + bucket
        for former in (self.owner(bucket) or "").split(","):
            if former:
                self.detach(policy, former)
        if owner is not None:
            self.give(policy, ["s3:*"], [bucket, f"{bucket}/*"], owner)

    def give(self, policy: str, actions: list[str], resources: list[str], user: str) -> None:
        """Makes a policy and attaches it to a user."""
        self.write_policy(policy, actions, resources)
        self.attach(policy, user)

    def write_policy(self, policy: str, actions: list[str], resources: list[str]) -> None:
        statement: dict[str, object] = {"Effect": "Allow", "Action": actions}
        if resources:
            statement["Resource"] = [f"arn:aws:s3:::{resource}" for resource in resources]
        self.admin().policy_add(policy, policy={"Version": "2012-10-17", "Statement": [statement]})

    def attach(self, policy: str, user: str) -> None:
        self._set_policies(user, self._policies(user) | {policy})

    def add_to_group(self, group: str, user: str) -> None:
        # Annotated as a string, sent as it is: the server takes a list.
        self.admin().group_add(group, [user])  # type: ignore[arg-type]

    def attach_to_group(self, policy: str, group: str) -> None:
        self.admin().attach_policy([policy], group=group)

    def detach(self, policy: str, user: str) -> None:
        self._set_policies(user, self._policies(user) - {policy})

    def _exported(self, *names: str) -> list[dict[str, Any]]:
        """Files of the export of users, groups and policies."""
        with ZipFile(BytesIO(self._signed("GET", "export-iam"))) as archive:
            return [json.loads(archive.read(f"iam-assets/{name}.json")) for name in names]

    def _signed(self, method: str, command: str, body: bytes = b"") -> bytes:
        """A command of the admin API that the admin client doesn't have."""
        url = f"{self.url}/minio/admin/v3/{command}"
        request = AWSRequest(method, url, data=body)
        administrator = Credentials(self.access_key, self.secret_key)
        S3SigV4Auth(administrator, "s3", self.region).add_auth(request)
        answer = self._pool.request(method, url, body=body, headers=dict(request.headers.items()))
        if answer.status != 200:
            raise RuntimeError(f"{command}: {answer.status} {answer.data.decode()[:500]}")
        return answer.data

    def _policies(self, user: str) -> set[str]:
        found = self.user(user)
        assert found is not None
        return set(found.policies)

    def _set_policies(self, user: str, policies: set[str]) -> None:
        # Not `attach_policy`: its request and its answer are encrypted, each end of each takes
        # about 100 ms of CPU, and nobody else changes them meanwhile.
        self.admin().policy_set(",".join(sorted(policies)), user=user)


def refused(call: Callable[[], object]) -> str:
    """The error code that an admin call ends with; "" if it goes well."""
    try:
        call()
    except MinioAdminException as error:
        return str(json.loads(error._body)["Code"])
    return ""
