"""Secrets that must be refused: what they say, and that nothing at all happens for them."""

from __future__ import annotations

import pytest

from tests.e2e.stack import Stack, Tenant

pytestmark = pytest.mark.e2e

# Each is a good Secret with these keys changed; None takes the key away. OPERATOR stands for the
# operator's own access key.
OPERATOR = "<operator>"
Change = dict[str, str | None]
BAD: dict[str, tuple[Change, str]] = {
    "no-bucket": ({"bucket-name": None}, "MissingField"),
    "no-secret": ({"access-secret": None}, "MissingField"),
    "empty-secret": ({"access-secret": ""}, "MissingField"),
    "bucket-name-malformed": ({"bucket-name": "Not_A_Bucket"}, "InvalidField"),
    "bucket-name-is-an-address": ({"bucket-name": "192.168.1.1"}, "InvalidField"),
    "bucket-traversal": ({"bucket-name": "../../etc/passwd"}, "InvalidField"),
    "bucket-query-injection": ({"bucket-name": "mine?acl&owner=root"}, "InvalidField"),
    "access-key-xml-injection": (
        {"access-key": "eve</Access><Role>admin</Role><Access>eve"},
        "InvalidField",
    ),
    "access-key-query-injection": ({"access-key": "eve&access=other"}, "InvalidField"),
    "access-key-header-injection": ({"access-key": "eve/20260101,Signature=x"}, "InvalidField"),
    "control-character": ({"access-secret": "first line\nsecond line"}, "InvalidField"),
    "id-not-a-number": ({"user-id": "1; rm"}, "InvalidField"),
    "id-of-root": ({"user-id": "0"}, "IdNotAllowed"),
    "admin-role": ({"role": "admin"}, "RoleNotAllowed"),
    "unknown-role": ({"role": "root"}, "RoleNotAllowed"),
    "operators-access-key": ({"access-key": OPERATOR}, "ReservedAccessKey"),
    "ambiguous-bucket": ({"BUCKET_NAME": "another-bucket"}, "AmbiguousField"),
    "ambiguous-secret": ({"AWS_SECRET_ACCESS_KEY": "another-secret"}, "AmbiguousField"),
}


def bad_data(stack: Stack, tenant: Tenant, changes: Change) -> dict[str, str]:
    data = {**tenant.data, **changes}
    return {
        key: stack.store.access_key if value == OPERATOR else value
        for key, value in data.items()
        if value is not None
    }


@pytest.mark.parametrize("kind", BAD)
def test_bad_secret(stack: Stack, namespace: str, kind: str) -> None:
    changes, reason = BAD[kind]
    users, owners = stack.store.users(), stack.store.owners()
    asked, answered = stack.hook.store_requests(), len(stack.store.request_lines())
    tenant = stack.tenant(namespace, kind)

    stack.put(tenant, bad_data(stack, tenant, changes))
    status = stack.wait_for(tenant, "Invalid", reason)
    stack.settle(quiet=0.2)

    # A message names the key and what is expected, never the value, which may be a credential.
    key = next(iter(changes))
    names = {"BUCKET_NAME": "bucket-name", "AWS_SECRET_ACCESS_KEY": "access-secret"}
    assert names.get(key, key) in status["message"]
    assert len(status["message"]) <= 512
    assert not {"bucket", "user", "grants"} & status.keys()
    assert stack.hook.store_requests() == asked
    assert len(stack.store.request_lines()) == answered
    assert stack.store.users() == users
    assert stack.store.owners() == owners


def test_invalid_utf8(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.settle()
    asked = stack.hook.store_requests()

    stack.cluster.api.merge("Secret", tenant.name, namespace, {"data": {"access-secret": "//79"}})

    stack.wait_for(tenant, "Invalid", "InvalidField")
    assert stack.works(tenant)
    assert stack.hook.store_requests() == asked


def test_mended_secret_is_ready(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    stack.put(tenant, {**tenant.data, "user-id": "many"})
    stack.wait_for(tenant, "Invalid")

    stack.put(tenant)

    stack.wait_for(tenant, "Ready")
    assert stack.works(tenant)


def test_administrator_of_the_store_is_never_taken_over(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    stack.store.create_user(tenant.access_key, "the administrator's own", role="admin")
    try:
        stack.put(tenant)
        stack.wait_for(tenant, "Conflict", "AdminUser")
        user = stack.store.users()[tenant.access_key]
        assert (user.role, user.secret) == ("admin", "the administrator's own")
        assert tenant.bucket not in stack.store.owners()
    finally:
        stack.store.delete_user(tenant.access_key)
