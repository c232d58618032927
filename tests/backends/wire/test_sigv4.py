"""Signatures against those that botocore makes by itself."""

from __future__ import annotations

import datetime

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from backends.base import Credentials
from backends.wire.sensitive import Sensitive
from backends.wire.sigv4 import signed

SIGNER = Credentials("tenant", Sensitive("the-tenants-sécret/+="))
MOMENT = datetime.datetime(2026, 3, 1, 4, 5, 6, tzinfo=datetime.UTC)
SIGNERS = {"s3": S3SigV4Auth, "iam": SigV4Auth}


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: MOMENT)


@pytest.mark.parametrize("service", SIGNERS)
@pytest.mark.parametrize(
    ("method", "url", "headers", "body"),
    [
        ("GET", "http://store:7070/bucket?acl=", {}, b""),
        ("PUT", "https://store/a/b%20c?x-id=1&versioning=", {"x-amz-acl": "private"}, b"<a/>"),
        ("PATCH", "http://[::1]:7070/pre/fix", {"X-Mixed-Case": "  a   b ", "Range": "0"}, b"\xff"),
        ("GET", "https://store/bucket/~key%2Fwith+plus?b=2&a=1&a=0", {"Content-MD5": "abc="}, b"1"),
    ],
)
def test_it_is_what_botocore_signs(
    service: str, method: str, url: str, headers: dict[str, str], body: bytes
) -> None:
    given = {**headers, "Host": "store:7070"}
    request = AWSRequest(method, url, headers=given, data=body)
    signer = SigningCredentials(SIGNER.access_key, SIGNER.secret.reveal())
    SIGNERS[service](signer, service, "us-east-1").add_auth(request)

    found = signed(method, url, given, body, SIGNER, region="us-east-1", service=service)

    assert found == dict(request.headers.items())
    assert "Authorization" not in given


def test_each_headers_own_value_counts() -> None:
    def signature(value: str) -> str:
        headers = {"Host": "store", "x-amz-acl": value}
        return signed("GET", "http://store/", headers, b"", SIGNER, region="r")["Authorization"]

    assert signature("private") != signature("public-read")
    assert signature("private") == signature("private")
