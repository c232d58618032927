"""Two teams and one bucket: what each can do with it, as the Secrets' annotations say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.conftest import Places
from tests.e2e.holdings import given
from tests.e2e.rivals import synced, tenant_of
from tests.e2e.stack import Stack, Tenant

pytestmark = pytest.mark.e2e

NOT_SHARED = ("Conflict", "NotShared")


def read(stack: Stack, tenant: Tenant) -> bytes | str:
    return stack.s3.get(tenant.bucket, "key", as_user=tenant.credentials)


def write(stack: Stack, tenant: Tenant, key: str = "key") -> str:
    return stack.s3.put(tenant.bucket, key, b"body", as_user=tenant.credentials)


def guest_of(stack: Stack, holder: Tenant, namespace: str, access: str) -> Tenant:
    """A Secret that wants access to a holder's bucket; nobody lets it in yet."""
    guest = replace(tenant_of(stack, namespace, "guest"), bucket=holder.bucket)
    stack.put(guest, annotations={"access": access})
    stack.wait_for(guest, *NOT_SHARED)
    return guest


def share(stack: Stack, holder: Tenant, *guests: str) -> None:
    stack.mark(holder, {"share-with": ", ".join(guests) or None})


def test_access_comes_and_goes_with_the_holders_consent(every_stack: Stack, places: Places) -> None:
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "holders")))
    assert write(stack, holder) == ""
    theirs = places(stack, "guests")
    guest = guest_of(stack, holder, theirs, "read-only")
    assert guest.access_key not in stack.s3.names()[0]

    share(stack, holder, f"{theirs}/guest")
    # By itself, within a minute; a change of the Secret is looked at now.
    stack.touch(guest)
    stack.wait_for(guest, "Ready")
    assert read(stack, guest) == b"body"
    assert write(stack, guest) == "AccessDenied"
    assert stack.s3.owner(holder.bucket) == holder.access_key
    assert given(stack.annotations(guest)) == {("user", guest.access_key): "own"}
    assert write(stack, holder) == ""

    # Nothing goes on by itself: neither writes, nor calls that never end.
    stack.settle(quiet=0.5)
    versions = [stack.resource_version(each) for each in (holder, guest)]
    stack.settled_sync()
    assert [stack.resource_version(each) for each in (holder, guest)] == versions

    share(stack, holder)
    wait_until(
        lambda: read(stack, guest) == "AccessDenied", timeout=15, what="the access to be gone"
    )
    stack.settle(quiet=0.3)
    assert synced(stack, guest) == NOT_SHARED
    assert synced(stack, holder) == ("Ready", "Provisioned")
    assert read(stack, holder) == b"body"


def test_a_writer_that_is_deleted_takes_its_user_and_no_object(
    every_stack: Stack, places: Places
) -> None:
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "holders")))
    theirs = places(stack, "guests")
    guest = guest_of(stack, holder, theirs, "read-write")
    share(stack, holder, f"{theirs}/guest:read-write")
    stack.mark(guest, {"deletion-policy": "delete"})
    stack.wait_for(guest, "Ready", timeout=70)
    assert write(stack, guest) == ""
    assert read(stack, holder) == b"body"
    wait_until(
        lambda: stack.observed(guest)["metadata"].get("finalizers"), timeout=15, what="a finalizer"
    )

    stack.delete(guest)
    stack.wait_until_gone(guest)

    assert guest.access_key not in stack.s3.names()[0]
    assert stack.s3.owner(holder.bucket) == holder.access_key
    assert read(stack, holder) == b"body"
    assert synced(stack, holder) == ("Ready", "Provisioned")
    # Who is next called so has nothing of it, where the store takes the name again.
    if stack.kind != "garage":
        stack.s3.create_user(guest.access_key, guest.secret)
        assert read(stack, guest) == "AccessDenied"
        stack.s3.delete_user(guest.access_key)
