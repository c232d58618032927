"""Secrets that lose what the operator wrote on them, or are made anew under another name or uid.

Under `own-names` they get their own names back, and nobody else does. What a former version wrote
stays where it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from backends.wire.sensitive import Sensitive
from hooks.contract.grant import Grants
from tests.e2e.application import using
from tests.e2e.conftest import Places
from tests.e2e.holdings import given
from tests.e2e.rivals import (
    BUCKET_CLAIMED,
    KEY_CLAIMED,
    OWN,
    contender_for,
    holds,
    named_tenant_of,
    rotate,
    rotated,
    state,
    synced,
    tenant_of,
)
from tests.e2e.stack import Stack, Tenant

pytestmark = pytest.mark.e2e


def replaced(stack: Stack, tenant: Tenant) -> Tenant:
    """Rotated by a write that knows nothing of the operator's annotations and labels."""
    changed = rotated(stack, tenant)
    stack.cluster.api.replace(stack.manifest(changed))
    return changed


def strangers(stack: Stack, holder: Tenant, places: Places) -> list[Tenant]:
    """Secrets of another namespace that want the holder's bucket, and its user."""
    namespace = places(stack, "unowned")
    wanted = [
        replace(tenant_of(stack, namespace, "bucket"), bucket=holder.bucket),
        replace(tenant_of(stack, namespace, "user"), access_key=holder.access_key),
    ]
    for each in wanted:
        stack.put(each)
        stack.wait_for(each, "Conflict")
    return wanted


# Metadata that is replaced


def test_a_secret_whose_metadata_is_replaced_rotates(every_stack: Stack, places: Places) -> None:
    """As SealedSecrets, `kubectl replace` and older ExternalSecrets do it."""
    stack = every_stack
    holder = stack.provision(named_tenant_of(stack, places(stack, "kept")))
    waiting = strangers(stack, holder, places)
    stack.settle(quiet=0.3)
    for _ in range(2):
        former, holder = holder, replaced(stack, holder)
        stack.wait_for(holder, "Ready", user=holder.access_key)
        stack.settle(quiet=0.3)
        assert stack.works(holder)
        assert not stack.works(former)
        assert holds(stack, holder) == OWN
        for each in waiting:
            assert synced(stack, each)[0] == "Conflict"
    assert stack.works(holder)


def test_who_has_no_name_of_its_own_is_told_so(every_stack: Stack, places: Places) -> None:
    """Without patterns nobody can tell it from a stranger but an administrator."""
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "unowned")))
    stack.settle(quiet=0.3)
    changed = replaced(stack, holder)
    stack.wait_for(changed, "Conflict")
    expected = "BucketOwned" if stack.kind == "garage" else "UserExists"
    assert synced(stack, changed) == ("Conflict", expected)
    assert stack.works(holder)


# Successors


@pytest.mark.parametrize("name", ["holder", "holder-8d5g2k7f6h"], ids=["same-name", "hash-suffix"])
def test_a_successor_gets_what_its_predecessor_had(
    every_stack: Stack, places: Places, name: str
) -> None:
    stack = every_stack
    holder = stack.provision(named_tenant_of(stack, places(stack, "kept")))
    assert stack.s3.put(holder.bucket, "kept", b"kept", as_user=holder.credentials) == ""
    waiting = strangers(stack, holder, places)
    successor = replace(rotated(stack, holder), name=name)
    if name != holder.name:
        # kustomize makes the new one first, and prunes the old one later.
        stack.put(successor)
        expected = BUCKET_CLAIMED if stack.kind == "garage" else KEY_CLAIMED
        stack.wait_for(successor, *expected)
        assert stack.works(holder)
    stack.delete(holder)
    stack.put(successor)
    stack.touch(successor)

    stack.wait_for(successor, "Ready", user=successor.access_key)

    kept = stack.s3.get(successor.bucket, "kept", as_user=successor.credentials)
    assert kept == b"kept"
    assert not stack.works(holder)
    assert holds(stack, successor) == OWN
    stack.settle(quiet=0.3)
    for each in waiting:
        assert synced(stack, each)[0] == "Conflict"
    assert stack.works(successor)


def test_who_may_not_have_the_name_gets_nothing(every_stack: Stack, places: Places) -> None:
    """Also while nobody holds it."""
    stack = every_stack
    holder = stack.provision(named_tenant_of(stack, places(stack, "kept")))
    waiting = strangers(stack, holder, places)
    stack.delete(holder)
    stack.settle(quiet=0.3)
    for each in waiting:
        assert synced(stack, each)[0] == "Conflict"
    other = replace(named_tenant_of(stack, places(stack, "kept"), "other"), bucket=holder.bucket)
    stack.put(other)
    stack.wait_for(other, "Invalid", "NotAllowed")
    assert stack.works(holder)
    stack.provision(holder)


# What a former version has written


@contextmanager
def upgraded(stack: Stack) -> Iterator[Callable[[Tenant, int], str]]:
    """Within, only the former version has ever been there; afterwards today's is started."""

    def granted(tenant: Tenant, seconds_ago: int) -> str:
        """Puts the first version's grant in the place of today's."""
        uid = stack.observed(tenant)["metadata"]["uid"]
        second = int(time.time()) - seconds_ago
        grants = Grants(Sensitive(stack.hook.signing_key))
        first = grants.issue_first(uid, tenant.bucket, tenant.access_key, second)
        stack.mark(tenant, {"grant": first, "grants": None})
        return first

    stack.settle(quiet=0.3)
    stack.metacontroller.stop()
    stack.hook.stop()
    try:
        yield granted
    finally:
        stack.hook.start()
        stack.metacontroller.restart()
        stack.settle()


def test_a_former_versions_grant_is_taken_over_and_kept(every_stack: Stack, places: Places) -> None:
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "never")))
    with upgraded(stack) as granted:
        first = granted(holder, 3600)
    with using(stack, holder):
        stack.settled_sync()
        assert state(stack, holder) == ("Ready", "Provisioned")
        assert holds(stack, holder) == OWN
    # So that the former version, should it come back, finds what it wrote.
    assert stack.annotations(holder)["grant"] == first
    contender = contender_for(stack, holder, places(stack, "never"))
    version = stack.resource_version(holder)
    stack.settled_sync()
    assert stack.resource_version(holder) == version
    new = rotate(stack, holder)
    assert holds(stack, new) == OWN
    assert synced(stack, contender) == BUCKET_CLAIMED


def test_of_two_former_grants_the_older_one_counts(every_stack: Stack, places: Places) -> None:
    """The former version gave the newer one to whoever brought the pair."""
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "mine")))
    thief = stack.provision(replace(holder, namespace=places(stack, "theirs"), name="thief"))
    with upgraded(stack) as granted:
        granted(holder, 3600)
        granted(thief, 60)
    stack.settled_sync()
    assert holds(stack, holder) == OWN
    assert "own" not in given(stack.annotations(thief)).values()
    new = rotate(stack, holder)
    assert synced(stack, thief)[0] == "Conflict"
    assert not stack.works(thief)
    assert stack.works(new)
