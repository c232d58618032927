"""Secrets with several buckets, in memory."""

from __future__ import annotations

import secrets as random

from tests.properties.cluster import Seen, Slot
from tests.tenancy.ground import SECRET, Ground

NAMES = tuple(f"bucket-{number}" for number in range(1, 17))


def put(
    ground: Ground,
    slot: Slot,
    *names: str,
    user: str = "user",
    secret: str = SECRET,
    **more: str,
) -> Seen:
    """Makes a Secret with a list of buckets or changes its data, and syncs it."""
    fields = {"bucket-names": ",".join(names), "access-key": user, "access-secret": secret}
    more = {key.replace("_", "-"): value for key, value in more.items()}
    ground.kube.put(slot, random.token_hex(8), {**fields, **more})
    return ground.sync(slot)


def given(ground: Ground, slot: Slot) -> dict[str, str]:
    """How a Secret holds each bucket, as its grant says."""
    return {name: kind for name, (_, kind, *_) in ground.told(slot)["buckets"].items()}


def settled(ground: Ground, slot: Slot) -> Seen:
    """A Secret after a second sync, which answers as the one before."""
    first = ground.call(slot).response
    second = ground.call(slot).response
    assert first.encode() == second.encode()
    return ground.seen(slot)
