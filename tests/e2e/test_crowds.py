"""Many who want what one holds, with Secrets as large as they may be."""

from __future__ import annotations

import secrets as random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.calls import call
from tests.e2e.conftest import Places
from tests.e2e.rivals import BUCKET_CLAIMED, contender_for, state, tenant_of
from tests.e2e.stack import PREFIX, Stack

pytestmark = pytest.mark.e2e

MANY = 12
# 933 KB of base64, beside which little fits into a Secret.
HEAVY = 700 * 1024


def waits(stack: Stack, secret: dict[str, object], *, minutes: int) -> float:
    """Seconds until a Secret is looked at again that has waited so long already."""
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    metadata = dict(secret["metadata"])  # type: ignore[call-overload]
    key = f"{PREFIX}last-transition-time"
    metadata["annotations"] = {**metadata["annotations"], key: since.strftime("%Y-%m-%dT%H:%M:%SZ")}
    answer = call(stack.hook, stack.hook.token, {**secret, "metadata": metadata})
    assert answer["annotations"][f"{PREFIX}reason"] == "BucketClaimed"
    return float(answer["resyncAfterSeconds"])


def test_who_waits_looks_ever_more_seldom(every_stack: Stack, places: Places) -> None:
    stack = every_stack
    holder = stack.provision(tenant_of(stack, places(stack, "mine")))
    contender = contender_for(stack, holder, places(stack, "never"))
    stack.settle(quiet=0.3)
    secret = stack.observed(contender)
    seconds = [waits(stack, secret, minutes=minutes) for minutes in (0, 4, 60)]
    assert seconds[0] == 30
    assert 30 < seconds[1] < seconds[2] == 300


def test_heavy_contenders_are_not_read(stack: Stack, places: Places) -> None:
    """What they hold up is their own: neither a rotation nor anybody's new Secret reads them."""
    holder = stack.provision(tenant_of(stack, places(stack, "mine")))
    theirs = places(stack, "never")
    contenders = [
        replace(tenant_of(stack, theirs, f"heavy-{number}"), bucket=holder.bucket)
        for number in range(MANY)
    ]

    def put(number: int) -> None:
        tenant = contenders[number]
        filler = random.token_urlsafe(HEAVY)[:HEAVY]
        stack.put(tenant, {**tenant.data, "filler": filler})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(MANY)))
    wait_until(
        lambda: {state(stack, each) for each in contenders} == {BUCKET_CLAIMED},
        timeout=60,
        what="all of them to be in Conflict",
        interval=0.5,
    )
    stack.settle()
    received = stack.gate.received

    holder = stack.rotate(holder)
    stack.provision(tenant_of(stack, places(stack, "others"), "new"))
    adopting = tenant_of(stack, places(stack, "others"), "adopting")
    stack.s3.create_bucket(adopting.bucket)
    stack.provision(adopting)
    stack.touch(contenders[0])
    stack.settle(quiet=0.3)

    # Not one of them was read by it.
    assert stack.gate.received - received < HEAVY
    assert stack.works(holder)
    assert stack.works(adopting)
    assert {state(stack, each) for each in contenders} == {BUCKET_CLAIMED}
