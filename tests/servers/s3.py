"""What every store under test has: an S3 API, a process, and a way around the operator.

Nothing here or in the stores' own files shares code with the product, so that a mistake there
can't hide itself here.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from hooks.commands.processes import LOOPBACK, Process, free_port

Credentials = tuple[str, str]

_CLIENT = Config(
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    connect_timeout=2,
    # SeaweedFS takes some seconds for the first object after its start.
    read_timeout=30,
    retries={"total_max_attempts": 1},
)


class S3Store(ABC):
    """A running store; it keeps its ports and its data over restarts."""

    region: ClassVar[str] = "us-east-1"
    process: Process

    def __init__(self, access_key: str, secret_key: str) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.access_key = access_key
        self.secret_key = secret_key
        self.ca: Path | None = None
        """Whose certificates are believed, once the store speaks TLS."""

    @abstractmethod
    def restart(self) -> None:
        """Starts it again, however it ended."""

    def stop(self) -> None:
        # What it holds is thrown away: nothing is worth waiting for.
        self.process.kill()

    def environ(self, url: str | None = None) -> dict[str, str]:
        """The operator's settings for it, all to be reached at `url` where one is given."""
        return {
            "S3_ENDPOINT_URL": url or self.url,
            "S3_ACCESS_KEY": self.access_key,
            "S3_SECRET_KEY": self.secret_key,
        }

    @abstractmethod
    def names(self) -> tuple[set[str], set[str]]:
        """All users and all buckets."""

    @abstractmethod
    def user(self, name: str) -> Any:
        """One user with its `role`, or None; what else it has differs."""

    @abstractmethod
    def owner(self, bucket: str) -> str | None:
        """A bucket's owner, None for nobody; several are joined by commas."""

    @abstractmethod
    def create_user(self, name: str, secret: str, role: str = "user") -> None: ...

    @abstractmethod
    def delete_user(self, name: str) -> None: ...

    @abstractmethod
    def set_secret(self, name: str, secret: str) -> None: ...

    @abstractmethod
    def create_bucket(self, name: str) -> None:
        """As the administrator."""

    @abstractmethod
    def change_owner(self, bucket: str, owner: str | None) -> None:
        """Gives it away; None gives it back to the administrator."""

    @contextlib.contextmanager
    def s3(self, access_key: str | None = None, secret: str | None = None) -> Iterator[Any]:
        """A boto3 client, for the administrator unless a tenant's credentials are given."""
        client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret or self.secret_key,
            config=_CLIENT,
            verify=None if self.ca is None else str(self.ca),
        )
        try:
            yield client
        finally:
            client.close()

    def put(self, bucket: str, key: str, body: bytes, *, as_user: Credentials | None = None) -> str:
        """Write an object; "" or the error code of the refusal."""
        with self.s3(*(as_user or (None, None))) as client:
            return code_of(lambda: client.put_object(Bucket=bucket, Key=key, Body=body))

    def get(self, bucket: str, key: str, *, as_user: Credentials | None = None) -> bytes | str:
        """Read an object; its bytes, or the error code of the refusal."""
        with self.s3(*(as_user or (None, None))) as client:
            found: list[bytes] = []
            code = code_of(
                lambda: found.append(client.get_object(Bucket=bucket, Key=key)["Body"].read())
            )
            return code or found[0]


def code_of(call: Callable[[], object]) -> str:
    """The S3 error code that a call ends with; "" if it goes well.

    A store that refuses a request before it has read its body closes the connection, at times only
    when the next request is on its way (Garage 2.5.0). That one is made once more.
    """
    try:
        try:
            call()
        except ConnectionClosedError:
            call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""
