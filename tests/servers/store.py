"""A real VersityGW, and what an administrator or a tenant sees of it."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

# Only to write XML; what the store answers is read with defusedxml.
from xml.etree.ElementTree import Element, SubElement, tostring

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from defusedxml.ElementTree import fromstring

from hooks.commands.processes import Process, answers, versitygw
from tests.servers.s3 import S3Store

REGION = S3Store.region

_LOG_ENTRY = re.compile(r"\d\d:\d\d:\d\d \| vgw \| (?:(?!\d\d:\d\d:\d\d \| vgw).)*")


@dataclass(frozen=True)
class User:
    role: str
    secret: str
    user_id: int
    group_id: int


class Store(S3Store):
    """VersityGW on files below `directory`, without its cache of accounts unless `cache` is set.

    That cache may take a user that was changed for another one whose name is as long (1.8.0; see
    the pitfalls in docs/backends.md), so what a test sees would be left to chance.
    """

    def __init__(
        self,
        binary: Path,
        directory: Path,
        *,
        extra_args: Sequence[str] = (),
        cache: bool = False,
    ) -> None:
        super().__init__("operator-admin", secrets.token_urlsafe(24))
        self._pool = urllib3.PoolManager(timeout=10, retries=False)
        self.process: Process = versitygw(
            binary,
            directory,
            port=self.port,
            access_key=self.access_key,
            secret_key=self.secret_key,
            extra_args=[*([] if cache else ["--iam-cache-disable"]), *extra_args],
        )

    def restart(self) -> None:
        self.process.stop()
        self.process.start()
        self.process.wait_for(lambda: answers(self.port), timeout=20, what="VersityGW to answer")

    def stop(self) -> None:
        self._pool.clear()
        self.process.stop()

    def request_lines(self) -> list[str]:
        """One entry for each request it has answered, whoever asked."""
        # It writes an entry and the end of its line apart, so that two may share a line.
        return _LOG_ENTRY.findall(self.process.log_text())

    def names(self) -> tuple[set[str], set[str]]:
        return set(self.users()), set(self.owners())

    def user(self, name: str) -> User | None:
        return self.users().get(name)

    def owner(self, bucket: str) -> str | None:
        return self.owners().get(bucket)

    def users(self) -> dict[str, User]:
        return {
            account.findtext("Access", ""): User(
                account.findtext("Role", ""),
                account.findtext("Secret", ""),
                int(account.findtext("UserID", "0")),
                int(account.findtext("GroupID", "0")),
            )
            for account in self._admin("/list-users").iter("Accounts")
        }

    def owners(self) -> dict[str, str]:
        """Each bucket with its owner."""
        return {
            bucket.findtext("Name", ""): bucket.findtext("Owner", "")
            for bucket in self._admin("/list-buckets").iter("Buckets")
        }

    def create_user(self, name: str, secret: str, role: str = "user") -> None:
        account = Element("Account")
        for tag, text in (("Access", name), ("Secret", secret), ("Role", role)):
            SubElement(account, tag).text = text
        body: bytes = tostring(account, encoding="utf-8")
        self._admin("/create-user", body=body)

    def delete_user(self, name: str) -> None:
        self._admin("/delete-user", {"access": name})

    def set_secret(self, name: str, secret: str) -> None:
        properties = Element("MutableProps")
        SubElement(properties, "Secret").text = secret
        body = tostring(properties, encoding="utf-8")
        self._admin("/update-user", {"access": name}, body=body)

    def create_bucket(self, name: str) -> None:
        with self.s3() as client:
            client.create_bucket(Bucket=name)

    def change_owner(self, bucket: str, owner: str | None) -> None:
        query = {"bucket": bucket, "owner": owner or self.access_key}
        self._admin("/change-bucket-owner/", query)

    def _admin(
        self, path: str, query: dict[str, str] | None = None, *, body: bytes = b""
    ) -> Element:
        url = f"{self.url}{quote(path)}"
        if query:
            url += f"?{urlencode(sorted(query.items()), quote_via=quote)}"
        request = AWSRequest("PATCH", url, data=body)
        S3SigV4Auth(Credentials(self.access_key, self.secret_key), "s3", REGION).add_auth(request)
        answer = self._pool.request("PATCH", url, body=body, headers=dict(request.headers.items()))
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {answer.data.decode()[:500]}")
        parsed: Element = fromstring(answer.data or b"<Nothing/>")
        return parsed


@contextlib.contextmanager
def running_store(
    binary: Path, directory: Path, *, extra_args: Sequence[str] = (), cache: bool = False
) -> Iterator[Store]:
    store = Store(binary, directory, extra_args=extra_args, cache=cache)
    try:
        yield store
    finally:
        store.stop()
