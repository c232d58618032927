"""What AWS's SDK writes by default through TLS, with a connection Secret alone, at each real store.

Since 2025 its checksums follow the body there, which not every store takes.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.attachments.connection import Connections
from hooks.settings.settings import Settings
from tests.attachments.test_connection import KEYS, request
from tests.facts.wire import owner
from tests.facts.worlds import STORES
from tests.servers.require import require
from tests.servers.s3 import Credentials
from tests.servers.tlsfront import tls_front

pytestmark = pytest.mark.server

# As an application does it: nothing is said but the names of bucket and object.
WRITE = """
import boto3, os, sys
client = boto3.client("s3")
bucket, key = sys.argv[1:]
client.put_object(Bucket=bucket, Key=key, Body=b"body")
client.put_object(Bucket=bucket, Key="empty", Body=b"")
client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "empty"}]})
print(client.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
"""


@dataclass(frozen=True)
class Tenant:
    """A tenant of a store behind TLS."""

    connections: Connections
    credentials: Credentials
    bucket: str
    ca: Path

    def data(self, **annotations: str) -> dict[str, str]:
        """What its connection Secret holds."""
        user, secret = self.credentials
        claim = Claim(self.bucket, user, Sensitive(secret))
        asked = request({}, connection_secret="app-s3", **annotations)
        made: dict[str, Any] | None = self.connections.make(asked, claim)
        assert made is not None
        return {key: base64.b64decode(value).decode() for key, value in made["data"].items()}

    def write(self, key: str, environ: dict[str, str]) -> str:
        """What the SDK reads of an object that it has written."""
        ran = subprocess.run(  # noqa: S603 - no shell, and nothing in it comes from outside
            [sys.executable, "-c", WRITE, self.bucket, key],
            env={"PATH": os.environ["PATH"], "AWS_CA_BUNDLE": str(self.ca), **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ran.stdout.strip() or ran.stderr[-500:]


@pytest.fixture(scope="module", params=[name for name in STORES if name != "rustfs"])
def tenant(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenant]:
    folder = tmp_path_factory.mktemp(request.param)
    store = STORES[request.param](require(request.param), folder)
    try:
        credentials, bucket = owner(store)
        with tls_front(store.port, folder) as (url, ca):
            environ = {
                **store.environ(),
                "BACKEND_NAME": request.param,
                "S3_PUBLIC_ENDPOINT_URL": url,
                "S3_REGION": store.region,
                "S3_CA_BUNDLE": str(ca),
            }
            connections = Connections.of(KEYS, Settings.load(environ))
            yield Tenant(connections, credentials, bucket, ca)
    finally:
        store.stop()


def test_the_environment_is_all_that_an_sdk_needs(tenant: Tenant) -> None:
    environ = {key: value for key, value in tenant.data().items() if key.startswith("AWS_")}
    assert tenant.write("by-environment", environ) == "body"


def test_the_files_are_all_that_an_sdk_needs(tenant: Tenant, tmp_path: Path) -> None:
    data = tenant.data(connection_format="aws", connection_defaults="false")
    for key in ("credentials", "config"):
        (tmp_path / key).write_text(data[key])
    environ = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    assert tenant.write("by-files", environ) == "body"
