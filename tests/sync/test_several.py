"""What several buckets come to together, and that none waits for another for ever."""

from __future__ import annotations

import asyncio
import time

import pytest

from backends.base import Claim
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grant, Held, Holding, Kind
from hooks.contract.outcome import Action, Outcome, Reason, Status
from hooks.sync.locks import KeyedLocks
from hooks.sync.parts import gathered, merged
from hooks.sync.reconcile import READY
from tests.model import ModelStore
from tests.support import Operator, Secret, wait
from tests.tenancy.ground import HOLDER, Ground
from tests.tenancy.lists import NAMES, put

CLAIM = Claim("a", "user", Sensitive("secret"), more_buckets=("b", "c"))
OWN = Holding(100, Kind.OWN)
FINE = Outcome(Reason.PROVISIONED, READY, accepted=True)


def refused(reason: Reason, message: str = "Because.") -> Outcome:
    return Outcome(reason, message)


def told(**parts: Outcome) -> Outcome:
    return merged(CLAIM, parts, None)


@pytest.mark.parametrize(
    ("one", "other", "worst"),
    [
        (Reason.TIMEOUT, Reason.BUCKET_CLAIMED, Reason.BUCKET_CLAIMED),
        (Reason.BUCKET_CLAIMED, Reason.NOT_SUPPORTED, Reason.NOT_SUPPORTED),
        (Reason.NOT_YET_VISIBLE, Reason.REJECTED_BY_BACKEND, Reason.REJECTED_BY_BACKEND),
        (Reason.BUCKET_OWNED, Reason.BUCKET_CLAIMED, Reason.BUCKET_OWNED),
    ],
)
def test_the_worst_is_the_secrets(one: Reason, other: Reason, worst: Reason) -> None:
    outcome = told(a=FINE, b=refused(one), c=refused(other))
    assert outcome.reason is worst
    assert outcome.accepted
    assert outcome.status is not Status.READY


def test_the_message_names_the_bucket_where_that_lasts() -> None:
    outcome = told(a=FINE, b=refused(Reason.BUCKET_OWNED), c=refused(Reason.BUCKET_CLAIMED))
    assert outcome.message == (
        "Bucket b: Because. Not right either: c. The Secret's other buckets stay usable."
    )


@pytest.mark.parametrize("bad", ["a", "b", "c"])
def test_what_is_wrong_with_the_store_is_told_the_same_whichever_bucket_met_it(bad: str) -> None:
    """Every change of a message makes Metacontroller call again at once."""
    parts = {}
    for name in CLAIM.buckets:
        parts[name] = FINE
        if name == bad:
            parts[name] = refused(Reason.BACKEND_UNAVAILABLE)
            break
    assert merged(CLAIM, parts, None).message == "Because."


def test_one_alone_that_is_not_visible_yet_is_named() -> None:
    outcome = told(a=FINE, b=refused(Reason.NOT_YET_VISIBLE), c=FINE)
    assert outcome.message == "Bucket b: Because."
    outcome = told(a=FINE, b=refused(Reason.BACKEND_ERROR), c=refused(Reason.BACKEND_ERROR))
    assert outcome.message == "Because."


def test_what_all_say_is_said_once_and_what_some_say_with_their_names() -> None:
    notes = Outcome(Reason.PROVISIONED, f"{READY} A note.", (Action.SET_TAGS,), accepted=True)
    assert told(a=notes, b=notes, c=notes).message.endswith("3 buckets are the user's. A note.")
    outcome = told(a=FINE, b=notes, c=FINE)
    assert outcome.message.endswith("all 3 buckets are the user's. b: A note.")
    assert outcome.actions == (Action.SET_TAGS,)


def grant_of(*names: str, user: str = "user") -> Grant:
    return Grant(user, OWN, dict.fromkeys(names, OWN))


def accepted(name: str) -> Outcome:
    return Outcome(Reason.PROVISIONED, READY, accepted=True, grant=grant_of(name))


def test_what_is_not_right_at_the_moment_is_held_as_before() -> None:
    held = Held(grant_of("b", "gone"))
    parts = {"a": accepted("a"), "b": refused(Reason.TIMEOUT)}
    grant = gathered(CLAIM, held, parts)
    assert grant is not None
    assert grant.buckets == {"a": OWN, "b": OWN}


def test_without_any_that_is_right_the_grant_stays() -> None:
    held = Held(grant_of("a", "gone"))
    assert gathered(CLAIM, held, {"a": refused(Reason.TIMEOUT)}) is None


def test_another_user_is_written_down_once_all_that_is_held_has_moved() -> None:
    held = Held(grant_of("a", "b", user="former"))
    parts = {"a": accepted("a"), "b": refused(Reason.BACKEND_ERROR)}
    assert gathered(CLAIM, held, parts) is None
    # One that was never held keeps none of the others waiting.
    parts = {"a": accepted("a"), "b": accepted("b"), "c": refused(Reason.BUCKET_CLAIMED)}
    grant = gathered(CLAIM, held, parts)
    assert grant is not None
    assert (grant.user, set(grant.buckets)) == ("user", {"a", "b"})


@pytest.mark.anyio
async def test_who_holds_a_user_may_take_one_bucket_after_the_other() -> None:
    locks = KeyedLocks()

    async def several() -> None:
        async with locks.hold(Deadline(5), user="u", bucket=()):
            for name in ("b", "c", "b"):
                async with locks.hold(Deadline(5), bucket=name):
                    await asyncio.sleep(0)

    async def single() -> None:
        for _ in range(20):
            async with locks.hold(Deadline(5), bucket="b", user="u"):
                await asyncio.sleep(0)

    async def all_of_them() -> None:
        async with locks.hold(Deadline(5), bucket=("c", "b"), user="other"):
            await asyncio.sleep(0)

    await asyncio.gather(several(), single(), all_of_them(), several())
    assert not locks.is_held("bucket", "b")
    assert not locks.is_held("user", "u")


def test_secrets_that_name_the_same_in_another_order_all_end() -> None:
    store = ModelStore()
    operator = Operator(store, {"SYNC_TIMEOUT_SECONDS": "10"})
    secrets = []
    for number in range(6):
        names = NAMES[:8] if number % 2 else NAMES[7::-1]
        secrets.append(
            Secret(
                f"s-{number}",
                bucket_names=",".join(names),
                access_key="user",
                access_secret="a-long-secret",
            )
        )

    async def together() -> list[str]:
        requests = [SyncRequest.of(secret.document) for secret in secrets]
        results = await asyncio.gather(*map(operator.parts.syncer.sync, requests))
        return [result.outcome.status for result in results if result.outcome is not None]

    assert wait(together()) == ["Ready"] * 6
    assert store.owners == dict.fromkeys(NAMES[:8], "user")


def test_a_kubernetes_api_that_hangs_takes_the_time_of_one_question() -> None:
    ground = Ground(environ={"SYNC_TIMEOUT_SECONDS": "2"})
    put(ground, HOLDER, *NAMES)
    ground.strip(HOLDER)
    listed = ground.kube.secrets

    def hangs(*arguments: object, **options: object) -> object:
        time.sleep(3)
        return listed(*arguments, **options)  # type: ignore[arg-type]

    ground.kube.secrets = hangs  # type: ignore[method-assign, assignment]
    began = time.monotonic()
    seen = ground.sync(HOLDER)
    assert time.monotonic() - began < 2.5
    # All are accepted by the store: that is Ready, without a grant for now.
    assert seen.state == ("Ready", "Provisioned")
    assert "grants" not in seen.annotations
    ground.kube.secrets = listed  # type: ignore[method-assign]
    # With time enough on a busy machine.
    ground.start(SYNC_TIMEOUT_SECONDS="20")
    assert "grants" in ground.sync(HOLDER).annotations
