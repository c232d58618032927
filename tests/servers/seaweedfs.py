"""A real SeaweedFS in one process, and what an administrator or a tenant sees of it."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from defusedxml.ElementTree import fromstring

from hooks.commands.processes import LOOPBACK, Process, answers, free_port, seaweedfs
from tests.servers.s3 import Credentials as Tenant
from tests.servers.s3 import S3Store

POLICY = "s3-resource-operator-bucket-"
"""What the operator's policies are called, before the bucket's name."""
_IDENTITIES = "/etc/iam/identities"
_EVERYTHING = 1_000_000
# What its filer says some seconds after each start, and before that takes no object.
_LOCKS = "LockRing: applying master ring update"


class IamRefusal(Exception):
    """What the IAM API answers instead of doing what is asked: its own code."""


@dataclass(frozen=True)
class Identity:
    role: str
    keys: Mapping[str, str]
    disabled: bool


class SeaweedStore(S3Store):
    """SeaweedFS on files below `directory`.

    What stands in IAM is looked at on the filer, where it is stored: the IAM API tells no
    secrets, and of no policy who has it.
    """

    def __init__(self, binary: Path, directory: Path, *, extra_args: Sequence[str] = ()) -> None:
        super().__init__("operator-admin", secrets.token_urlsafe(24))
        self._pool = urllib3.PoolManager(timeout=30, retries=False)
        self.process = seaweedfs(
            binary,
            directory,
            port=self.port,
            access_key=self.access_key,
            secret_key=self.secret_key,
            extra_args=extra_args,
        )
        self._starts, self._writable = 0, False
        flags = dict(flag.split("=", 1) for flag in self.process.command if "=" in flag)
        self.filer_url = f"http://{LOOPBACK}:{flags['-filer.port']}"
        self.filer = f"{LOOPBACK}:{flags['-filer.port']}.{flags['-filer.port.grpc']}"
        self.master = f"{flags['-master.port']}.{flags['-master.port.grpc']}"

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Tenant | None = None) -> str:
        # Without this, the first object waits as long, and its client gives up.
        if not self._writable:
            self.process.wait_for(
                lambda: self.process.log_text().count(_LOCKS) > self._starts,
                timeout=30,
                what="SeaweedFS to know its own filer",
            )
            self._writable = True
        return super().put(bucket, key, body, as_user=as_user)

    def restart(self) -> None:
        # It would wait for the connections that others keep open.
        self.process.kill()
        self._starts, self._writable = self.process.log_text().count(_LOCKS), False
        self.process.start()
        self.process.wait_for(
            lambda: answers(self.port, "/healthz", status=200),
            timeout=30,
            what="SeaweedFS to be ready",
        )

    def stop(self) -> None:
        self._pool.clear()
        super().stop()

    def names(self) -> tuple[set[str], set[str]]:
        listed = self._filed(f"{_IDENTITIES}/?limit={_EVERYTHING}") or {}
        files = [entry["FullPath"] for entry in listed.get("Entries") or []]
        users = {Path(file).stem for file in files if file.endswith(".json")}
        with self.s3() as client:
            buckets = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        return users, buckets

    def user(self, name: str) -> Identity | None:
        found = self._filed(f"{_IDENTITIES}/{quote(name, safe='')}.json")
        if found is None:
            return None
        keys = {key["access_key"]: key["secret_key"] for key in found.get("credentials", [])}
        role = "admin" if "Admin" in found.get("actions", []) else "user"
        return Identity(role, keys, bool(found.get("disabled")))

    def policies(self) -> dict[str, dict[str, Any]]:
        """Every user's inline policies."""
        found = self._filed("/etc/iam/policies.json") or {}
        policies: dict[str, dict[str, Any]] = found.get("inlinePolicies", {})
        return policies

    def listed(self) -> set[str]:
        """The operator's index of owners, see `change_owner`."""
        found = self._filed(f"/etc/iam/policies/?limit={_EVERYTHING}") or {}
        return {Path(entry["FullPath"]).stem for entry in found.get("Entries") or []}

    def owner(self, bucket: str) -> str | None:
        name = POLICY + bucket
        owners = [user for user, policies in self.policies().items() if name in policies]
        return ",".join(sorted(owners)) or None

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        self.iam("CreateUser", UserName=name)
        self.iam("CreateAccessKey", UserName=name, AccessKeyId=name, SecretAccessKey=secret)
        if role == "admin":
            self.allow(name, "administration", ["*"])

    def delete_user(self, name: str) -> None:
        found = self.user(name)
        assert found is not None
        for key in found.keys:
            self.iam("DeleteAccessKey", UserName=name, AccessKeyId=key)
        self.iam("DeleteUser", UserName=name)

    def set_secret(self, name: str, secret: str) -> None:
        self.iam("DeleteAccessKey", UserName=name, AccessKeyId=name)
        self.iam("CreateAccessKey", UserName=name, AccessKeyId=name, SecretAccessKey=secret)

    def create_bucket(self, name: str) -> None:
        with self.s3() as client:
            client.create_bucket(Bucket=name)

    def change_owner(self, bucket: str, owner: str | None) -> None:
        """As an operator does: each owner is in the index, and has the policy."""
        for former in (self.owner(bucket) or "").split(","):
            if former:
                self.iam("DeleteUserPolicy", UserName=former, PolicyName=POLICY + bucket)
        if owner is not None:
            self.iam(
                "CreatePolicy",
                PolicyName=f"{POLICY}{bucket.replace('.', 'D')}_{owner}",
                PolicyDocument=_document([bucket, f"{bucket}/*"]),
            )
            self.allow(owner, POLICY + bucket, [bucket, f"{bucket}/*"])

    def allow(self, user: str, policy: str, resources: list[str]) -> None:
        """Gives a user an inline policy: everything on these resources."""
        document = _document(resources)
        self.iam("PutUserPolicy", UserName=user, PolicyName=policy, PolicyDocument=document)

    def iam(self, action: str, /, **fields: str) -> Any:
        """One action as the administrator; the answer's root element.

        Raises:
            IamRefusal: with the code of the answer.
        """
        body = urlencode({"Action": action, "Version": "2010-05-08", **fields})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = AWSRequest("POST", f"{self.url}/", data=body, headers=headers)
        signer = Credentials(self.access_key, self.secret_key)
        SigV4Auth(signer, "iam", self.region).add_auth(request)
        answer = self._pool.request(
            "POST", f"{self.url}/", body=body, headers=dict(request.headers.items())
        )
        root = fromstring(answer.data)
        if answer.status >= 300:
            raise IamRefusal(root.findtext(".//{*}Code"))
        return root

    @contextlib.contextmanager
    def gateway(self) -> Iterator[str]:
        """A further gateway on the same filer; its URL."""
        folder = Path(self.process.log).parent
        port = free_port()
        flags = {
            "filer": self.filer,
            "port": port,
            "port.grpc": free_port(),
            "port.iceberg": 0,
            "port.lance": 0,
            "ip.bind": LOOPBACK,
            "config": folder / "s3.json",
        }
        command = [self.process.command[0], "s3", *(f"-{key}={flags[key]}" for key in flags)]
        with Process(command, log=folder / "gateway.log", cwd=folder, name="gateway") as process:
            process.wait_for(
                lambda: answers(port, "/healthz", status=200), timeout=30, what="it to be ready"
            )
            yield f"http://{LOOPBACK}:{port}"

    def shell(self, command: str) -> str:
        """One command of `weed shell`, which is another way to change identities; its output."""
        master = f"-master={LOOPBACK}:{self.master}"
        done = subprocess.run(  # noqa: S603 - the server's own program
            [self.process.command[0], "shell", master],
            input=f"{command}\nexit\n",
            text=True,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    def _filed(self, path: str) -> Any:
        """What the filer has there, None for nothing."""
        answer = self._pool.request(
            "GET", self.filer_url + path, headers={"Accept": "application/json"}
        )
        if answer.status == 404:
            return None
        assert answer.status == 200, answer.status
        return json.loads(answer.data)


def _document(resources: Sequence[str]) -> str:
    statement = {
        "Effect": "Allow",
        "Action": ["s3:*"],
        "Resource": [f"arn:aws:s3:::{resource}" for resource in resources],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
