"""Signed requests as they go over the wire, and the names that the facts make up.

Also for requests that no client would send: a region of another store, a sub-resource that is
none, a part for an upload that isn't there.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import ParseError

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer
from defusedxml.ElementTree import fromstring

from tests.servers.s3 import Credentials, S3Store, code_of

SECRET = "example-only-0123456789"
_POOL = urllib3.PoolManager(retries=False)
AnyStore = TypeVar("AnyStore", bound=S3Store)
_numbers = itertools.count(1)


class _At(S3SigV4Auth):  # type: ignore[misc] # botocore ships no types
    """Signs as if it were another time."""

    time: datetime | None = None

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        if self.time is not None:
            request.context["timestamp"] = self.time.strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)


@dataclass(frozen=True)
class Answer:
    """What a server answers."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The error code in XML or JSON; "" where there is none."""
        return self.text("Code") or self._field("Code") or self._field("code")

    def text(self, tag: str) -> str:
        """The first element of that name in the XML answer; "" where there is none."""
        try:
            return fromstring(self.body).findtext(f".//{{*}}{tag}") or ""
        except ParseError:
            return ""

    def _field(self, name: str) -> str:
        try:
            parsed: Any = json.loads(self.body)
        except ValueError:
            return ""
        return str(parsed.get(name, "")) if isinstance(parsed, dict) else ""

    def __str__(self) -> str:
        return f"{self.status} {self.code}".rstrip()


def fresh() -> str:
    """A bucket's and a user's name that nobody has; every store takes it."""
    return f"fact{next(_numbers):04}"


def admin(store: S3Store) -> Credentials:
    return store.access_key, store.secret_key


def through(store: AnyStore, url: str) -> AnyStore:
    """The same store, reached through another of its gateways."""
    other = copy.copy(store)
    other.url = url
    return other


def call(
    store: S3Store,
    by: Credentials,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    region: str | None = None,
    at: datetime | None = None,
    service: str = "s3",
    seconds: float = 30,
) -> Answer:
    """One signed request.

    Args:
        store: where it goes.
        by: access key and secret of who signs.
        method: the HTTP method.
        path: below the server's address, not yet encoded.
        query: the query's parameters, not yet encoded.
        body: sent as it is.
        headers: further ones; they are signed, too.
        region: another than the store's.
        at: another time than now.
        service: what the signature is for; SeaweedFS's IAM API is another than S3.
        seconds: how long an answer is waited for.
    """
    url = f"{store.url}/{quote(path)}"
    if query:
        url += "?" + urlencode(sorted(query.items()), quote_via=quote, safe="")
    request = AWSRequest(method, url, data=body, headers=dict(headers or {}))
    signer = _At(Signer(*by), service, region or store.region)
    signer.time = at
    signer.add_auth(request)
    # A store that refuses a body without having read it closes the connection by and by.
    sent = {**dict(request.headers.items()), "Connection": "close"}
    answer = _POOL.request(method, url, body=body, headers=sent, redirect=False, timeout=seconds)
    return Answer(answer.status, answer.data, answer.headers)


def tenant(store: S3Store, name: str | None = None) -> Credentials:
    """A new user."""
    made = name or fresh()
    store.create_user(made, SECRET)
    return made, SECRET


def owner(store: S3Store) -> tuple[Credentials, str]:
    """A new user, and a bucket of its own."""
    made, bucket = tenant(store), fresh()
    store.create_bucket(bucket)
    store.change_owner(bucket, made[0])
    return made, bucket


def answers_to_probes(store: S3Store, query: str) -> str:
    """What a probe signed by the tenant ends with, for each of the gaps that it is to tell.

    In this order: an unknown user, another secret, a bucket that isn't there, somebody else's
    bucket, its own bucket.
    """
    mine, bucket = owner(store)
    _, theirs = owner(store)
    asked = [
        ((fresh() + "unknown", SECRET), bucket),
        ((mine[0], SECRET + "-wrong"), bucket),
        (mine, fresh()),
        (mine, theirs),
        (mine, bucket),
    ]
    return ", ".join(str(call(store, who, "GET", name, {query: ""})) for who, name in asked)


def write_that_makes_nothing(store: S3Store, by: Credentials, bucket: str) -> str:
    """A part for an upload that isn't there: it tells who may write, and leaves nothing."""
    query = {"partNumber": "1", "uploadId": "bm8tc3VjaC11cGxvYWQ"}
    return str(call(store, by, "PUT", f"{bucket}/part", query, body=b"x"))


def deleted_with_unfinished_upload(store: S3Store) -> str:
    """Whether a bucket that holds nothing but an unfinished upload can be deleted."""
    mine, bucket = owner(store)
    with store.s3(*mine) as client:
        client.create_multipart_upload(Bucket=bucket, Key="unfinished")
        return code_of(lambda: client.delete_bucket(Bucket=bucket)) or "deleted"


def preflight_of_second_rule(store: S3Store, by: Credentials, bucket: str) -> Answer:
    """What a browser is told of PUT, by the second of two CORS rules for one origin."""
    origin = "https://example.org"
    rules = [{"AllowedMethods": [method], "AllowedOrigins": [origin]} for method in ("GET", "PUT")]
    with store.s3(*by) as client:
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT", "Connection": "close"}
    answer = _POOL.request("OPTIONS", f"{store.url}/{bucket}/key", headers=asked, timeout=30)
    return Answer(answer.status, answer.data, answer.headers)


def read_under_two_slashes(store: S3Store) -> str:
    """Which of two objects is read by the first one's name; the other's has one slash less."""
    mine, bucket = owner(store)
    for key in ("folder//one", "folder/one"):
        with store.s3(*mine) as client:
            client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return f"folder//one is {store.get(bucket, 'folder//one', as_user=mine)!r}"


def deleted_by_deleting(store: S3Store, *settings: str) -> str:
    """What deleting settings of an empty bucket, which no store need know, does to the bucket."""
    told = []
    for setting in settings:
        mine, bucket = owner(store)
        answer = call(store, mine, "DELETE", bucket, {setting: ""})
        there = call(store, mine, "GET", bucket, {"location": ""}).status == 200
        told.append(f"{setting} {answer}, and the bucket is {'there' if there else 'gone'}")
    return "; ".join(told)


def policy(*statements: Mapping[str, object]) -> bytes:
    """A bucket's policy as it is sent."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}).encode()


def allow(user: object, actions: list[str], bucket: str, effect: str = "Allow") -> dict[str, Any]:
    """A statement about a bucket and its objects."""
    return {
        "Effect": effect,
        "Principal": {"AWS": [user]},
        "Action": actions,
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
