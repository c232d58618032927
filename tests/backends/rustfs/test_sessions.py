"""What a user can make of its credentials: sessions, and no further access keys."""

from __future__ import annotations

from collections.abc import Mapping

import boto3
import pytest

from tests.conformance.subject import RealSubject
from tests.servers.rustfs import RustFSStore, refused
from tests.servers.s3 import code_of
from tests.support import Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")


def _session(store: RustFSStore, user: str) -> Mapping[str, str]:
    """Temporary credentials of a user's, as it can have them for half a day."""
    sts = boto3.client(
        "sts",
        endpoint_url=store.url,
        region_name=store.region,
        aws_access_key_id=user,
        aws_secret_access_key=SECRET,
    )
    role = "arn:aws:iam::000000000000:role/any"
    answer = sts.assume_role(RoleArn=role, RoleSessionName="session")
    found: Mapping[str, str] = answer["Credentials"]
    return found


def _lists(store: RustFSStore, session: Mapping[str, str], bucket: str) -> str:
    """The error code of a listing by a session; "" if it goes well."""
    client = boto3.client(
        "s3",
        endpoint_url=store.url,
        region_name=store.region,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    return code_of(lambda: client.list_objects_v2(Bucket=bucket))


def test_a_session_ends_with_its_users_secret(rustfs: RealSubject, store: RustFSStore) -> None:
    """Who got hold of a secret keeps nothing once it is rotated."""
    operator = rustfs.operator()
    secret = Secret.claiming("of-session", "of-session", SECRET)
    operator.sync(secret)
    operator.sync(Secret.claiming("of-another", "of-another", SECRET))
    session = _session(store, "of-session")
    assert _lists(store, session, "of-session") == ""
    assert _lists(store, session, "of-another") == "AccessDenied"
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert _lists(store, session, "of-session") == "InvalidAccessKeyId"


@pytest.mark.parametrize("of", ["tenant", "administrator"])
def test_a_sessions_key_is_nobody_that_a_secret_could_name(
    rustfs: RealSubject, store: RustFSStore, of: str
) -> None:
    store.create_user(f"session-{of}", SECRET, "admin" if of == "administrator" else "user")
    if of == "tenant":
        # RustFS has no session for who may do nothing.
        store.attach("readonly", "session-tenant")
    session = _session(store, f"session-{of}")
    before = store.names()
    for value in (OTHER_SECRET, session["SecretAccessKey"]):
        secret = Secret.claiming(f"wanted-by-{of}", session["AccessKeyId"], value)
        result = rustfs.operator().sync(secret)
        # Without its token RustFS calls the right secret an error of its own.
        assert secret.state in {("Conflict", "AdminUser"), ("Retrying", "BackendError")}
        assert result.outcome is not None
        assert result.outcome.actions == ()
        assert store.names() == before


def test_a_tenant_makes_no_access_keys(rustfs: RealSubject, store: RustFSStore) -> None:
    for name in ("keyless", "keyless-too"):
        rustfs.operator().sync(Secret.claiming(name, name, SECRET))
    for target in ("", "keyless", "keyless-too", store.access_key):
        body = {"accessKey": "further-key", "secretKey": SECRET, "name": "further-key"}
        wanted = {**body, "targetUser": target} if target else body
        code = refused(store, "PUT", "add-service-accounts", wanted, by=("keyless", SECRET))
        assert code == "AccessDenied", target
    assert not rustfs.accepts("further-key", SECRET)
