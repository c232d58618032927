"""Who holds a thing keeps it, whatever the store loses and whoever learns its credentials."""

from __future__ import annotations

import secrets as random
from dataclasses import replace

import pytest
import urllib3

from tests.conformance.test_settings import GET, PUT, SETTINGS, is_set, is_the_operators
from tests.e2e.application import using
from tests.e2e.conftest import Places
from tests.e2e.rivals import (
    BUCKET_CLAIMED,
    KEY_CLAIMED,
    OWN,
    SHARED,
    contender_for,
    delete_bucket,
    holds,
    rotate,
    synced,
    tenant_of,
)
from tests.e2e.stack import Stack, Tenant

pytestmark = pytest.mark.e2e


# A bucket that vanishes


@pytest.mark.parametrize("user_too", [False, True], ids=["bucket", "bucket-and-user"])
def test_what_vanished_stays_its_holders(
    every_stack: Stack, places: Places, user_too: bool
) -> None:
    """Who waits for a bucket never gets it because the store has lost it."""
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "never")))
    contender = contender_for(stack, holder, places(stack, "never"))
    stack.settle(quiet=0.3)

    delete_bucket(stack, holder)
    if user_too:
        stack.s3.delete_user(holder.access_key)
    for _ in range(3):
        assert synced(stack, contender) == BUCKET_CLAIMED
        users, buckets = stack.s3.names()
        assert contender.access_key not in users
        assert holder.bucket not in buckets

    if user_too and stack.kind == "garage":
        # A deleted key can't be made again there: its holder names another.
        assert synced(stack, holder)[0] != "Ready"
        assert synced(stack, contender) == BUCKET_CLAIMED
        holder = rotate(stack, holder)
    else:
        assert synced(stack, holder) == ("Ready", "Provisioned")
    assert stack.works(holder)
    assert holds(stack, holder) == OWN
    assert synced(stack, contender) == BUCKET_CLAIMED
    assert holds(stack, contender) == [None, None]


# A pair that leaks


@pytest.fixture
def leaked(every_stack: Stack, places: Places) -> tuple[Tenant, Tenant]:
    """A holder, and a Secret of a stranger's with its credentials."""
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "mine")))
    thief = replace(holder, namespace=places(stack, "theirs"), name="thief")
    with using(stack, holder):
        stack.provision(thief)
        stack.settle(quiet=0.3)
    return holder, thief


def test_a_leaked_pair_owns_nothing(every_stack: Stack, leaked: tuple[Tenant, Tenant]) -> None:
    stack, (holder, thief) = every_stack, leaked
    users = stack.s3.names()[0]
    with using(stack, holder):
        # Another user for the bucket.
        renamed = replace(thief, access_key=f"user{random.token_hex(6)}")
        stack.put(renamed)
        stack.wait_for(renamed, *BUCKET_CLAIMED)
        # Another secret for the user.
        changed = replace(thief, secret=random.token_urlsafe(24))
        stack.put(changed)
        stack.wait_for(changed, *KEY_CLAIMED)
        # Both.
        both = replace(renamed, secret=changed.secret)
        stack.put(both)
        stack.wait_for(both, *BUCKET_CLAIMED)
        assert synced(stack, both) == BUCKET_CLAIMED
        assert synced(stack, holder) == ("Ready", "Provisioned")
    assert stack.s3.names()[0] == users
    assert stack.s3.owner(holder.bucket) == holder.access_key
    assert holds(stack, holder) == OWN
    # And back: it shares what it shared.
    stack.put(thief)
    stack.wait_for(thief, "Ready")
    assert holds(stack, thief) == SHARED


def test_a_leaked_pair_ends_with_the_holders_rotation(
    every_stack: Stack, leaked: tuple[Tenant, Tenant]
) -> None:
    stack, (holder, thief) = every_stack, leaked
    new = rotate(stack, holder)
    assert stack.works(new)
    assert not stack.works(thief)

    refused = synced(stack, thief)

    # On Garage the key is another one: the former still is the thief's to use, the bucket isn't.
    assert refused == (BUCKET_CLAIMED if stack.kind == "garage" else KEY_CLAIMED)
    assert not stack.works(thief)
    assert stack.works(new)
    assert synced(stack, new) == ("Ready", "Provisioned")
    assert holds(stack, new) == OWN
    # Nor does it get anything by asking for something else first.
    own = tenant_of(stack, thief.namespace, thief.name)
    stack.provision(own)
    stack.put(thief)
    assert synced(stack, thief)[0] == "Conflict"
    assert not stack.works(thief)
    assert stack.works(new)


# What the store can set up, and no probe sees.
ASKED = {"versitygw": {"user-id": "4711"}, "seaweedfs": {"versioning": "enabled"}}


def test_a_leaked_pair_sets_nothing_up(every_stack: Stack, leaked: tuple[Tenant, Tenant]) -> None:
    stack, (holder, thief) = every_stack, leaked
    asked = ASKED.get(stack.kind, {"quota-bytes": "1"})
    with using(stack, holder):
        stack.put(thief, {**thief.data, **asked})
        assert synced(stack, thief) == ("Ready", "Provisioned")
        assert "Another Secret" in stack.annotations(thief)["message"]
        assert stack.works(holder)
    if stack.kind == "versitygw":
        assert stack.store.users()[holder.access_key].user_id == 0


# A bucket that has another owner


def unsigned(stack: Stack, bucket: str, key: str) -> int:
    """The status of a read by nobody in particular."""
    return urllib3.request("GET", f"{stack.s3.url}/{bucket}/{key}", retries=False).status


def settings(stack: Stack, tenant: Tenant) -> set[str]:
    """The settings that stand on the bucket, of those that the store has."""
    with stack.s3.s3(*tenant.credentials) as s3:
        found = {name for name in SETTINGS[stack.kind] if is_set(GET[name], s3, tenant.bucket)}
        if "policy" in found and is_the_operators(GET["policy"](s3, tenant.bucket)):
            found.remove("policy")
        return found


def test_the_next_owner_inherits_objects_and_no_settings(
    every_stack: Stack, places: Places
) -> None:
    """A policy that opens the bucket, or rules by which objects expire, would outlive its owner."""
    stack = every_stack
    former = stack.provision(tenant_of(stack, places(stack, "mine"), f"former-{stack.kind}"))
    assert stack.s3.put(former.bucket, "kept", b"kept", as_user=former.credentials) == ""
    with stack.s3.s3(*former.credentials) as s3:
        for name in sorted(SETTINGS[stack.kind]):
            PUT[name](s3, former.bucket)
    assert settings(stack, former) == SETTINGS[stack.kind]
    public = "policy" in SETTINGS[stack.kind]
    assert (unsigned(stack, former.bucket, "kept") == 200) is public
    stack.delete(former)
    stack.settle(quiet=0.3)

    heir = replace(tenant_of(stack, places(stack, "theirs"), "heir"), bucket=former.bucket)
    stack.provision(heir)

    assert settings(stack, heir) == set()
    assert unsigned(stack, former.bucket, "kept") == 403
    assert stack.s3.get(former.bucket, "kept", as_user=heir.credentials) == b"kept"
    assert not stack.works(former)
    assert "settings" in stack.annotations(heir)["message"]
    # What it sets itself stays, whatever happens.
    with stack.s3.s3(*heir.credentials) as s3:
        for name in sorted(SETTINGS[stack.kind]):
            PUT[name](s3, heir.bucket)
    stack.settled_sync()
    assert settings(stack, heir) == SETTINGS[stack.kind]
