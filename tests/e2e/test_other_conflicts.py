"""The other stores: what is held is kept there too, whether answers to a tenant name owners."""

from __future__ import annotations

import secrets as random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.application import using
from tests.e2e.stack import Stack, Tenant
from tests.servers.garage import GarageStore

pytestmark = pytest.mark.e2e


def tenant_of(stack: Stack, namespace: str, name: str) -> Tenant:
    """One whose access key has a length that every store takes."""
    tenant = stack.tenant(namespace, name)
    return replace(tenant, access_key=f"user{random.token_hex(6)}")


def test_a_bucket_is_kept_and_then_given(
    other_stack: Stack, other_namespace: str, other_strangers_namespace: str
) -> None:
    holder = other_stack.provision(tenant_of(other_stack, other_namespace, "holder"))
    stranger = replace(
        tenant_of(other_stack, other_strangers_namespace, "stranger"), bucket=holder.bucket
    )
    with using(other_stack, holder):
        other_stack.put(stranger)
        other_stack.wait_for(stranger, "Conflict", "BucketClaimed")
        other_stack.touch(stranger)
        other_stack.settle(quiet=0.3)
        assert other_stack.annotations(stranger)["reason"] == "BucketClaimed"
        assert stranger.access_key not in other_stack.s3.names()[0]
    other_stack.delete(holder)
    other_stack.touch(stranger)
    other_stack.wait_for(stranger, "Ready")
    assert other_stack.works(stranger)
    assert not other_stack.works(holder)


def test_a_user_is_kept(
    other_stack: Stack, other_namespace: str, other_strangers_namespace: str
) -> None:
    holder = other_stack.provision(tenant_of(other_stack, other_namespace, "holder"))
    stranger = replace(
        tenant_of(other_stack, other_strangers_namespace, "stranger"),
        access_key=holder.access_key,
    )
    with using(other_stack, holder):
        other_stack.put(stranger)
        other_stack.wait_for(stranger, "Conflict", "AccessKeyClaimed")
        assert stranger.bucket not in other_stack.s3.names()[1]
    other_stack.delete(holder)
    other_stack.touch(stranger)
    if isinstance(other_stack.s3, GarageStore):
        # A key's secret can't be changed there, whosever it is.
        other_stack.wait_for(stranger, "Invalid", "NotSupported")
    else:
        other_stack.wait_for(stranger, "Ready")
        assert other_stack.works(stranger)


def test_at_the_same_moment(
    other_stack: Stack, other_namespace: str, other_strangers_namespace: str
) -> None:
    pairs = []
    for number in range(3):
        one = tenant_of(other_stack, other_namespace, f"one-{number}")
        other = tenant_of(other_stack, other_strangers_namespace, f"other-{number}")
        pairs.append((one, replace(other, bucket=one.bucket)))
    for first, second in pairs:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(other_stack.put, (first, second)))

    def status(tenant: Tenant) -> str:
        return other_stack.annotations(tenant).get("status", "")

    wait_until(
        lambda: all({status(one), status(two)} == {"Ready", "Conflict"} for one, two in pairs),
        timeout=60,
        what="one of each pair to be Ready and the other in Conflict",
    )
    for first, second in pairs:
        winner, loser = (first, second) if status(first) == "Ready" else (second, first)
        assert other_stack.works(winner)
        assert loser.access_key not in other_stack.s3.names()[0]
