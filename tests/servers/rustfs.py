"""A real RustFS, and what an administrator or a tenant sees of it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer
from defusedxml.ElementTree import fromstring

from hooks.commands.processes import answers, rustfs
from tests.servers.s3 import Credentials, S3Store

POLICY = "s3-resource-operator-bucket-"
"""What the operator's policies are called, before the bucket's name."""
_ADMIN = "/rustfs/admin/v3/"


class AdminRefusal(Exception):
    """What the admin API answers instead of doing what is asked: its own code."""


@dataclass(frozen=True)
class User:
    role: str
    policies: frozenset[str]
    disabled: bool


class RustFSStore(S3Store):
    """RustFS on files below `directory`."""

    def __init__(self, binary: Path, directory: Path) -> None:
        super().__init__("operator-admin", secrets.token_urlsafe(24))
        self._pool = urllib3.PoolManager(timeout=30, retries=False)
        self.process = rustfs(
            binary,
            directory,
            port=self.port,
            access_key=self.access_key,
            secret_key=self.secret_key,
        )

    def restart(self) -> None:
        self.process.kill()
        self.process.start()
        self.process.wait_for(self._is_ready, timeout=30, what="RustFS to be ready")

    def serve_tls(self, folder: Path, ca: Path) -> None:
        """Starts it again with ``rustfs_cert.pem`` and ``rustfs_key.pem`` of a folder.

        Args:
            folder: what RUSTFS_TLS_PATH names.
            ca: whose certificates are believed by what asks from here.
        """
        assert self.process.env is not None
        self.process.env["RUSTFS_TLS_PATH"] = str(folder)
        self.url = self.url.replace("http:", "https:")
        self.ca = ca
        self._pool = urllib3.PoolManager(timeout=30, retries=False, ca_certs=str(ca))
        self.restart()

    def _is_ready(self) -> bool:
        if self.ca is None:
            return answers(self.port, "/health/ready", status=200)
        try:
            return self.unsigned("/health/ready") == 200
        except urllib3.exceptions.HTTPError:
            return False

    def stop(self) -> None:
        self._pool.clear()
        super().stop()

    def admin(
        self,
        method: str,
        call: str,
        body: Any = None,
        /,
        *,
        by: Credentials | None = None,
        **query: str,
    ) -> Any:
        """One call of the admin API, as the administrator unless others sign; its JSON.

        Raises:
            AdminRefusal: with the code of the answer.
        """
        encoded = urlencode(sorted(query.items()), quote_via=quote, safe="")
        url = f"{self.url}{_ADMIN}{call}" + (f"?{encoded}" if query else "")
        data = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, url, data=data)
        signer = Signer(*(by or (self.access_key, self.secret_key)))
        S3SigV4Auth(signer, "s3", self.region).add_auth(request)
        answer = self._pool.request(method, url, body=data, headers=dict(request.headers.items()))
        if answer.status >= 300:
            raise AdminRefusal(fromstring(answer.data).findtext("Code") or str(answer.status))
        return json.loads(answer.data) if answer.data else None

    def unsigned(self, path: str) -> int:
        """The status that a request ends with which nobody has signed."""
        return self._pool.request("GET", self.url + path).status

    def names(self) -> tuple[set[str], set[str]]:
        with self.s3() as client:
            buckets = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        return set(self.admin("GET", "list-users")), buckets

    def user(self, name: str) -> User | None:
        try:
            info = self.admin("GET", "user-info", accessKey=name)
        except AdminRefusal:
            return None
        policies = frozenset(str(info.get("policyName") or "").split(",")) - {""}
        role = "admin" if "consoleAdmin" in policies else "user"
        return User(role, policies, info["status"] == "disabled")

    def owner(self, bucket: str) -> str | None:
        found = self.admin("GET", "idp/builtin/policy-entities", policy=POLICY + bucket)
        holders: list[str] = []
        for mapping in found.get("policyMappings", []):
            holders += mapping["users"] + mapping["groups"]
        return ",".join(sorted(holders)) or None

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        self.add_user(name, secret)
        if role == "admin":
            self.attach("consoleAdmin", name)

    def add_user(self, name: str, secret: str, status: str = "enabled") -> None:
        """Makes a user, or makes one anew that keeps its policies."""
        self.admin("PUT", "add-user", {"secretKey": secret, "status": status}, accessKey=name)

    def delete_user(self, name: str) -> None:
        self.admin("DELETE", "remove-user", accessKey=name)

    def set_secret(self, name: str, secret: str) -> None:
        self.add_user(name, secret)

    def set_status(self, name: str, status: str) -> None:
        self.admin("PUT", "set-user-status", accessKey=name, status=status)

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
        self.add_policy(policy, {"Version": "2012-10-17", "Statement": [statement]})

    def add_policy(self, policy: str, document: object) -> None:
        self.admin("PUT", "add-canned-policy", document, name=policy)

    def policies(self) -> set[str]:
        """The names of all policies."""
        return set(self.admin("GET", "list-canned-policies", bucket=""))

    def attach(self, policy: str, user: str) -> None:
        self._associate("attach", {"policies": [policy], "user": user})

    def detach(self, policy: str, user: str) -> None:
        self._associate("detach", {"policies": [policy], "user": user})

    def attach_to_group(self, policy: str, group: str) -> None:
        self._associate("attach", {"policies": [policy], "group": group})

    def _associate(self, verb: str, body: object) -> None:
        self.admin("POST", f"idp/builtin/policy/{verb}", body)

    def add_to_group(self, group: str, user: str) -> None:
        body = {"group": group, "members": [user], "groupStatus": "enabled", "isRemove": False}
        self.admin("PUT", "update-group-members", body)

    def disable_group(self, group: str) -> None:
        self.admin("PUT", "set-group-status", group=group, status="disabled")

    def add_service_account(self, access_key: str, secret: str, user: str = "") -> None:
        """A further access key of a user's, by default of root's."""
        body = {"accessKey": access_key, "secretKey": secret, "name": access_key}
        if user:
            body["targetUser"] = user
        self.admin("PUT", "add-service-accounts", body)


def refused(store: RustFSStore, method: str, call: str, body: Any = None, /, **query: Any) -> str:
    """The error code that an admin call ends with; "" if it goes well."""
    try:
        store.admin(method, call, body, **query)
    except AdminRefusal as error:
        return str(error)
    return ""
