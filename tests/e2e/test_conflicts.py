"""Two namespaces want the same bucket or the same user: who holds it keeps it, whatever happens."""

from __future__ import annotations

import secrets as random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.application import using
from tests.e2e.holdings import document
from tests.e2e.stack import PREFIX, Stack, Tenant

pytestmark = pytest.mark.e2e

Claims = Callable[[Tenant, Tenant], Tenant]


def the_bucket(stranger: Tenant, holder: Tenant) -> Tenant:
    return replace(stranger, bucket=holder.bucket)


def the_user(stranger: Tenant, holder: Tenant) -> Tenant:
    return replace(stranger, access_key=holder.access_key)


def both(stranger: Tenant, holder: Tenant) -> Tenant:
    return replace(stranger, bucket=holder.bucket, access_key=holder.access_key)


REASONS: dict[Claims, str] = {
    the_bucket: "BucketClaimed",
    the_user: "AccessKeyClaimed",
    both: "AccessKeyClaimed",
}
EACH = (the_bucket, the_user)


class Rivals:
    """A stranger in another namespace who wants what a holder has."""

    def __init__(self, stack: Stack, claims: Claims, mine: str, theirs: str) -> None:
        self.stack = stack
        self.claims = claims
        self.reason = REASONS[claims]
        self.theirs = theirs
        self.holder = stack.provision(stack.tenant(mine, "holder"))
        self.stranger = claims(stack.tenant(theirs, "stranger"), self.holder)
        self.own = stack.tenant(theirs, "stranger")

    def refused(self, stranger: Tenant | None = None) -> dict[str, str]:
        """Wait for the stranger's Conflict, and see that it stays so and leaves nothing behind."""
        stranger = stranger or self.stranger
        status = self.stack.wait_for(stranger, "Conflict", self.reason)
        for _ in range(2):
            before = self.stack.hook.syncs()
            self.stack.touch(stranger)
            wait_until(
                lambda before=before: self.stack.hook.syncs() > before,  # type: ignore[misc]
                timeout=10,
                what="another sync",
            )
        self.stack.settle(quiet=0.2)
        status = self.stack.annotations(stranger)
        assert (status["status"], status["reason"]) == ("Conflict", self.reason)
        users, buckets = self.stack.s3.names()
        if stranger.access_key != self.holder.access_key:
            assert stranger.access_key not in users
        if stranger.bucket != self.holder.bucket:
            assert stranger.bucket not in buckets
        return status


@pytest.fixture(params=EACH, ids=lambda claims: claims.__name__)
def rivals(
    request: pytest.FixtureRequest, stack: Stack, namespace: str, strangers_namespace: str
) -> Rivals:
    return Rivals(stack, request.param, namespace, strangers_namespace)


@pytest.mark.parametrize("rivals", REASONS, indirect=True, ids=lambda claims: claims.__name__)
def test_one_after_the_other(stack: Stack, rivals: Rivals) -> None:
    with using(stack, rivals.holder):
        stack.put(rivals.stranger)
        status = rivals.refused()
    assert not {"bucket", "user", "grants"} & status.keys()
    assert not stack.works(rivals.stranger)

    stack.delete(rivals.holder)
    stack.touch(rivals.stranger)

    stack.wait_for(rivals.stranger, "Ready")
    assert stack.works(rivals.stranger)


def test_the_loser_gets_its_turn_by_itself_within_a_minute(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    """Nothing touches it: the operator asked to be called again."""
    waiting: list[tuple[Tenant, Tenant]] = []
    for claims in EACH:
        holder = stack.provision(stack.tenant(namespace, f"holder-{len(waiting)}"))
        stranger = stack.tenant(strangers_namespace, f"stranger-{len(waiting)}")
        waiting.append((claims(stranger, holder), holder))
    for stranger, _ in waiting:
        stack.put(stranger)
        stack.wait_for(stranger, "Conflict")
    stack.settle()
    deleted = time.monotonic()
    for _, holder in waiting:
        stack.delete(holder)
    for stranger, _ in waiting:
        stack.wait_for(stranger, "Ready", timeout=60 - (time.monotonic() - deleted))
        assert stack.works(stranger)


@pytest.mark.parametrize("claims", EACH, ids=lambda claims: claims.__name__)
def test_at_the_same_moment(
    stack: Stack, namespace: str, strangers_namespace: str, claims: Claims
) -> None:
    """Ten times: one of the two gets it, keeps it, and the other leaves nothing behind."""
    pairs = []
    for number in range(10):
        one = stack.tenant(namespace, f"one-{number}")
        pairs.append((one, claims(stack.tenant(strangers_namespace, f"other-{number}"), one)))
    for first, second in pairs:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(stack.put, (first, second)))

    def status(tenant: Tenant) -> str:
        return stack.annotations(tenant).get("status", "")

    wait_until(
        lambda: all({status(one), status(two)} == {"Ready", "Conflict"} for one, two in pairs),
        timeout=30,
        what="one of each pair to be Ready and the other in Conflict",
    )
    winners = [(one, two) if status(one) == "Ready" else (two, one) for one, two in pairs]
    stack.settled_sync()
    users, buckets = stack.s3.names()
    for winner, loser in winners:
        assert (status(winner), status(loser)) == ("Ready", "Conflict")
        assert stack.annotations(loser)["reason"] == REASONS[claims]
        assert stack.works(winner)
        if claims is the_bucket:
            assert loser.access_key not in users
        else:
            assert loser.bucket not in buckets


def test_an_older_secret_is_retargeted_in_vain(stack: Stack, rivals: Rivals) -> None:
    with using(stack, rivals.holder):
        # The grant that it has is for something else, and later than the holder's.
        stack.provision(rivals.own)
        stack.put(rivals.stranger)
        rivals.refused()
    assert stack.works(rivals.own)


def test_forged_labels_and_copied_annotations_do_not_help(stack: Stack, rivals: Rivals) -> None:
    metadata = stack.observed(rivals.holder)["metadata"]
    copied = {
        kind: {key: value for key, value in metadata[kind].items() if key.startswith(PREFIX)}
        for kind in ("annotations", "labels")
    }
    with using(stack, rivals.holder):
        manifest = stack.manifest(rivals.stranger)
        manifest["metadata"] |= copied
        stack.cluster.api.create(manifest)
        rivals.refused()
        # Nor do they keep the holder from anything.
        stack.touch(rivals.holder)
        stack.settle(quiet=0.2)
        assert stack.annotations(rivals.holder)["status"] == "Ready"


def test_a_stale_grant_does_not_come_back_to_life(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    former = stack.provision(stack.tenant(strangers_namespace, "former"))
    stale = stack.annotations(former)
    moved = replace(former, bucket=f"{former.bucket}-2")
    stack.put(moved)
    wait_until(
        lambda: stack.annotations(moved).get("bucket") == moved.bucket,
        timeout=10,
        what="the former holder to have moved",
    )
    given = document(stale)["user"][1]
    wait_until(lambda: time.time() > given + 1, timeout=5, what="a second to pass")
    holder = stack.provision(replace(stack.tenant(namespace, "holder"), bucket=former.bucket))

    with using(stack, holder):
        forged = {key: stale[key] for key in ("grants", "bucket", "user", "applied")}
        stack.mark(former, forged)
        stack.put(former)
        stack.wait_for(former, "Conflict", "BucketClaimed")
        stack.mark(former, forged)
        stack.settle(quiet=0.3)
        assert stack.annotations(former)["reason"] == "BucketClaimed"


def test_the_holder_rotates_while_the_stranger_hammers(stack: Stack, rivals: Rivals) -> None:
    stack.put(rivals.stranger)
    over = threading.Event()
    seen: set[str] = set()

    def hammer() -> None:
        while not over.is_set():
            stack.put(replace(rivals.stranger, secret=random.token_urlsafe(24)))
            seen.add(stack.annotations(rivals.stranger).get("reason", ""))

    holder = rivals.holder
    with ThreadPoolExecutor(1) as pool:
        hammering = pool.submit(hammer)
        try:
            for _ in range(3):
                holder = stack.rotate(holder)
            with using(stack, holder):
                pass
        finally:
            over.set()
        hammering.result()
    assert seen <= {"", rivals.reason}
    stack.wait_for(rivals.stranger, "Conflict", rivals.reason)
    assert stack.works(holder)


def test_a_user_deleted_at_the_store_goes_back_to_its_holder(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    rivals = Rivals(stack, the_user, namespace, strangers_namespace)
    stack.put(rivals.stranger)
    rivals.refused()
    stack.store.delete_user(rivals.holder.access_key)
    stack.touch(rivals.stranger)
    stack.settle(quiet=0.3)
    assert stack.store.user(rivals.holder.access_key) is None
    assert stack.annotations(rivals.stranger)["reason"] == "AccessKeyClaimed"

    stack.touch(rivals.holder)

    wait_until(lambda: stack.works(rivals.holder), timeout=10, what="the holder to work again")
    rivals.refused()


def test_the_holder_may_do_with_its_own_what_it_likes(stack: Stack, rivals: Rivals) -> None:
    """Also after its Secret was deleted and made again, with somebody waiting for that."""
    stack.put(rivals.stranger)
    rivals.refused()
    stack.delete(rivals.holder)
    stack.provision(rivals.holder)
    rotated = stack.rotate(rivals.holder)
    renamed = replace(rotated, access_key=f"{rotated.access_key}-2")
    stack.put(renamed)
    stack.wait_for(renamed, "Ready", user=renamed.access_key)
    assert stack.works(renamed)
    if rivals.claims is the_bucket:
        rivals.refused()


def test_the_same_credentials_are_shared(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    one = stack.provision(stack.tenant(namespace, "one"))
    with using(stack, one):
        other = stack.provision(replace(one, namespace=strangers_namespace))
        assert stack.works(other)


def test_without_an_answer_from_kubernetes_nothing_is_taken(stack: Stack, rivals: Rivals) -> None:
    newcomer = stack.tenant(rivals.theirs, "newcomer")
    users, buckets = stack.s3.names()
    with using(stack, rivals.holder), stack.gate.shut():
        for each in (rivals.stranger, newcomer):
            stack.put(each)
            status = stack.wait_for(each, "Retrying", "GuardUnavailable")
            assert rivals.holder.name not in status["message"]
        assert stack.s3.names() == (users, buckets)
        # Who has what it asks for is not in need of an answer.
        stack.touch(rivals.holder)
        stack.settle(quiet=0.3)
        assert stack.annotations(rivals.holder)["status"] == "Ready"
    stack.wait_for(newcomer, "Ready", timeout=30)
    stack.wait_for(rivals.stranger, "Conflict", rivals.reason, timeout=30)


def test_a_kubernetes_that_hangs_takes_no_longer_than_a_sync_may(
    stack: Stack, namespace: str
) -> None:
    ready = stack.provision(stack.tenant(namespace, "ready"))
    stack.settle(quiet=0.3)
    newcomers = [stack.tenant(namespace, f"newcomer-{number}") for number in range(8)]
    with using(stack, ready), stack.gate.shut(silent=True):
        for each in newcomers:
            stack.put(each)
        # Those that need no answer are not kept waiting by those that do.
        started = time.monotonic()
        stack.put(ready, {**ready.data, "role": "admin"})
        stack.wait_for(ready, "Invalid")
        stack.put(ready)
        stack.wait_for(ready, "Ready")
        assert time.monotonic() - started < 5
        for each in newcomers:
            stack.wait_for(each, "Retrying", "GuardUnavailable", timeout=20)
        # Metacontroller hangs up after 10 s and says so.
        assert stack.events(namespace) == []
    for each in newcomers:
        stack.wait_for(each, "Ready", timeout=40)


def test_the_holder_is_named_within_its_namespace_only(stack: Stack, rivals: Rivals) -> None:
    neighbour = replace(rivals.stranger, namespace=rivals.holder.namespace, name="neighbour")
    stack.put(neighbour)
    stack.put(rivals.stranger)
    message = rivals.refused()["message"]
    assert "another namespace" in message
    assert rivals.holder.name in rivals.refused(neighbour)["message"]
    told = stack.wait_for_told(rivals.stranger, rivals.reason)
    hidden = {rivals.holder.namespace, f"Secret {rivals.holder.name}"}
    if rivals.claims is the_bucket:
        hidden.add(rivals.holder.access_key)
    metadata = stack.observed(rivals.stranger)["metadata"]
    seen = [*metadata["annotations"].values(), *metadata["labels"].values()]
    seen += [event["message"] for event in told.values()]
    assert not [name for name in hidden for text in seen if name in text]
