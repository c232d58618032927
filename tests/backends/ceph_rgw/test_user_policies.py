"""Policies of a user's own, which let it into buckets that are another's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hooks.commands.cephrgw import OPERATOR
from tests.conformance.subject import RealSubject
from tests.servers.ceph_rgw import CephRGWStore
from tests.support import Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
ADMIN = ("Conflict", "AdminUser")


@pytest.fixture
def capable(store: CephRGWStore) -> Iterator[CephRGWStore]:
    """The operator's user may read and write users' policies."""
    caps = {"uid": OPERATOR, "caps": "", "user-caps": "user-policy=*"}
    store.call("PUT", "user", caps)
    yield store
    store.call("DELETE", "user", caps)


def allow(store: CephRGWStore, user: str, statements: Any) -> None:
    """Gives a user a policy, through the gateway's IAM API."""
    fields = {
        "Action": "PutUserPolicy",
        "UserName": user,
        "PolicyName": "further",
        "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": statements}),
        "Version": "2010-05-08",
    }
    url = f"{store.url}/?{urlencode(sorted(fields.items()), quote_via=quote, safe='')}"
    request = AWSRequest("POST", url)
    signer = S3SigV4Auth(Credentials(store.access_key, store.secret_key), "s3", store.region)
    signer.add_auth(request)
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", url, headers=dict(request.headers.items()))
        assert answer.status == 200, answer.data


def reading(resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [resource]}


@pytest.mark.parametrize("alone", [False, True], ids=["in-a-list", "by-itself"])
def test_a_user_that_may_use_all_buckets_is_never_taken_over(
    ceph: RealSubject, capable: CephRGWStore, alone: bool
) -> None:
    name = f"broad{int(alone)}"
    tenant = Secret.claiming(f"of-tenant-{name}", f"tenant{name}", SECRET)
    ceph.operator().sync(tenant)
    assert capable.put(f"of-tenant-{name}", "key", b"body", as_user=(f"tenant{name}", SECRET)) == ""
    capable.create_user(name, SECRET)
    statement = reading("arn:aws:s3:::*")
    allow(capable, name, statement if alone else [statement])
    assert capable.get(f"of-tenant-{name}", "key", as_user=(name, SECRET)) == b"body"
    operator = ceph.operator()
    secret = Secret.claiming(f"bucket-{name}", name, OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == ADMIN
    assert ceph.accepts(name, SECRET)
    # Who knows its secret takes nothing over.
    secret.set(access_secret=SECRET)
    operator.sync(secret)
    assert secret.state == READY


def test_one_that_may_use_named_buckets_only_is(ceph: RealSubject, capable: CephRGWStore) -> None:
    capable.create_user("named", SECRET)
    allow(capable, "named", [reading("arn:aws:s3:::of-somebody/*")])
    secret = Secret.claiming("bucket-named", "named", OTHER_SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY


def test_without_the_cap_nothing_is_known_of_policies(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    store.create_user("untold", SECRET)
    secret = Secret.claiming("bucket-untold", "untold", OTHER_SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY
