"""Deletion policies where others want what is deleted, and where the Secret has a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.application import using
from tests.e2e.conftest import Places
from tests.e2e.rivals import (
    BUCKET_CLAIMED,
    OWN,
    contender_for,
    empty,
    holds,
    synced,
    tenant_of,
)
from tests.e2e.stack import Stack, Tenant
from tests.e2e.test_deletion import DELETE, DELETE_USER, made

pytestmark = pytest.mark.e2e


# Somebody waits for what is deleted


def test_a_contender_gets_nothing_by_a_deletion(every_stack: Stack, places: Places) -> None:
    """The bucket has objects, so its Secret waits; nobody else is given them meanwhile."""
    stack = every_stack
    holder = made(stack, tenant_of(stack, places(stack, "never")), DELETE, key="kept")
    contender = contender_for(stack, holder, places(stack, "never"))

    stack.delete(holder)

    stack.wait_for(holder, "Retrying", "BucketNotEmpty")
    stack.touch(contender)
    stack.wait_for(contender, "Conflict", "BucketOwned")
    assert synced(stack, contender) == ("Conflict", "BucketOwned")
    assert stack.exists(holder)
    assert stack.s3.owner(holder.bucket) == holder.access_key
    assert stack.s3.get(holder.bucket, "kept", as_user=holder.credentials) == b"kept"
    assert contender.access_key not in stack.s3.names()[0]
    # Nor does it keep anything from going.
    empty(stack, holder, "kept")
    stack.touch(holder)
    stack.wait_until_gone(holder)
    users, buckets = stack.s3.names()
    assert holder.access_key not in users
    assert holder.bucket not in buckets or stack.s3.owner(holder.bucket) == contender.access_key


def test_what_goes_to_the_administrator_goes_to_no_contender(
    every_stack: Stack, places: Places
) -> None:
    stack = every_stack
    holder = made(stack, tenant_of(stack, places(stack, "never")), DELETE_USER, key="kept")
    contender = contender_for(stack, holder, places(stack, "never"))

    stack.delete(holder)
    stack.wait_until_gone(holder)

    stack.touch(contender)
    stack.wait_for(contender, "Conflict", "BucketOwned")
    assert synced(stack, contender) == ("Conflict", "BucketOwned")
    assert contender.access_key not in stack.s3.names()[0]
    assert holder.access_key not in stack.s3.names()[0]
    # Where the administrator is no user of the store's, a key of the tests' own is let in by that.
    assert stack.s3.put(holder.bucket, "looked-at", b"") == ""
    assert stack.s3.get(holder.bucket, "kept") == b"kept"


def test_a_stranger_with_the_pair_keeps_nothing(every_stack: Stack, places: Places) -> None:
    """It shares what the holder has, as long as that one has it."""
    stack = every_stack
    holder = made(stack, tenant_of(stack, places(stack, "mine")), DELETE)
    thief = stack.provision(replace(holder, namespace=places(stack, "never"), name="thief"))

    stack.delete(holder)

    stack.wait_until_gone(holder)
    users, buckets = stack.s3.names()
    assert holder.access_key not in users
    assert holder.bucket not in buckets
    assert not stack.works(thief)


# A mistake in the Secret that is deleted


def no_such_bucket_name(stack: Stack, tenant: Tenant) -> None:
    stack.put(tenant, {**tenant.data, "bucket-name": "Not_A_Bucket"}, DELETE)
    stack.wait_for(tenant, "Invalid", "InvalidField")


def no_secret(stack: Stack, tenant: Tenant) -> None:
    stack.put(tenant, {**tenant.data, "access-secret": ""}, DELETE)
    stack.wait_for(tenant, "Invalid", "MissingField")


def anothers_bucket(stack: Stack, tenant: Tenant) -> None:
    other = stack.provision(tenant_of(stack, tenant.namespace, "other"))
    with using(stack, other):
        stack.put(replace(tenant, bucket=other.bucket), annotations=DELETE)
        stack.wait_for(tenant, *BUCKET_CLAIMED)


MISTAKES: tuple[Callable[[Stack, Tenant], None], ...] = (
    no_such_bucket_name,
    no_secret,
    anothers_bucket,
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_drops_no_policy(
    every_stack: Stack, places: Places, mistake: Callable[[Stack, Tenant], None]
) -> None:
    stack = every_stack
    tenant = made(stack, tenant_of(stack, places(stack, "mine")), DELETE)
    mistake(stack, tenant)
    stack.settle(quiet=0.3)
    others = stack.s3.names()[1] - {tenant.bucket}

    stack.delete(tenant)

    stack.wait_until_gone(tenant)
    users, buckets = stack.s3.names()
    assert tenant.access_key not in users
    assert buckets == others


def test_a_mistake_deletes_no_objects(every_stack: Stack, places: Places) -> None:
    stack = every_stack
    tenant = made(stack, tenant_of(stack, places(stack, "mine")), DELETE, key="kept")
    no_such_bucket_name(stack, tenant)
    # It has what it had, and says so.
    assert holds(stack, tenant) == OWN
    marks = stack.annotations(tenant)
    assert (marks["bucket"], marks["user"]) == (tenant.bucket, tenant.access_key)
    stack.delete(tenant)
    stack.wait_for(tenant, "Retrying", "BucketNotEmpty")
    assert stack.s3.get(tenant.bucket, "kept", as_user=tenant.credentials) == b"kept"
    empty(stack, tenant, "kept")
    # The operator deletes the bucket itself now, maybe before anybody else could.
    stack.touch(tenant)
    stack.wait_until_gone(tenant)
    wait_until(
        lambda: tenant.access_key not in stack.s3.names()[0], timeout=5, what="the user to be gone"
    )
