"""Whose a bucket is where policies say so: what MinIO and RustFS have in common."""

from __future__ import annotations

import threading

import pytest

from hooks.contract.outcome import Action
from tests.backends.policies.conftest import PolicyStore
from tests.conformance.subject import RealSubject
from tests.servers.minio import POLICY
from tests.support import Operator, Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")


def _new_bucket(store: PolicyStore, operator: Operator, secret: Secret) -> None:
    secret.set(bucket_name="foreign-2")


def _rotation(store: PolicyStore, operator: Operator, secret: Secret) -> None:
    secret.set(access_secret=OTHER_SECRET)


def _theft(store: PolicyStore, operator: Operator, secret: Secret) -> None:
    store.create_user("foreign-thief", SECRET)
    store.change_owner("foreign-2", "foreign-thief")


def _adoption(store: PolicyStore, operator: Operator, secret: Secret) -> None:
    store.create_bucket("foreign-3")
    secret.set(bucket_name="foreign-3")


def test_foreign_policies_of_a_user_outlive_every_repair(
    subject: RealSubject, store: PolicyStore
) -> None:
    store.create_user("foreign", SECRET)
    store.create_bucket("foreign-logs")
    store.give("may-read-logs", ["s3:GetObject"], ["foreign-logs/*"], "foreign")
    store.put("foreign-logs", "key", b"a line")
    operator = subject.operator()
    secret = Secret.claiming("foreign-1", "foreign", SECRET)
    held = {"may-read-logs", f"{POLICY}foreign-1"}
    for change, gained in (
        (None, "foreign-1"),
        (_new_bucket, "foreign-2"),
        (_rotation, "foreign-2"),
        (_theft, "foreign-2"),
        (_adoption, "foreign-3"),
    ):
        if change is not None:
            change(store, operator, secret)
        operator.sync(secret)
        assert secret.state == READY
        held.add(POLICY + gained)
        user = store.user("foreign")
        assert user is not None
        assert user.policies == held
        credentials = ("foreign", secret.plain("access-secret"))
        assert store.get("foreign-logs", "key", as_user=credentials) == b"a line"


@pytest.mark.parametrize(("adoption", "expected"), [("never", OWNED), ("any", READY)])
def test_a_broad_policy_of_a_stranger_is_no_ownership(
    subject: RealSubject, store: PolicyStore, adoption: str, expected: tuple[str, str]
) -> None:
    owner, stranger = f"broad-{adoption}", f"stranger-{adoption}"
    subject.operator().sync(Secret.claiming(owner, owner, SECRET))
    store.create_user(stranger, SECRET)
    store.attach("readwrite", stranger)
    assert store.put(owner, "key", b"body", as_user=(stranger, SECRET)) == ""
    secret = Secret.claiming(owner, stranger, SECRET)
    subject.operator({"ADOPTION": adoption}).sync(secret)
    assert secret.state == expected
    assert store.owner(owner) == (owner if expected == OWNED else stranger)


def test_the_right_user_keeps_its_access_while_others_lose_theirs(
    subject: RealSubject, store: PolicyStore
) -> None:
    secret = Secret.claiming("shared", "shared", SECRET)
    subject.operator().sync(secret)
    store.put("shared", "key", b"body")
    for other in ("shared-one", "shared-two"):
        store.create_user(other, SECRET)
        store.attach(f"{POLICY}shared", other)
    store.add_to_group("shared-group", "shared-one")
    store.attach_to_group(f"{POLICY}shared", "shared-group")
    seen: list[bytes | str] = []
    ended = threading.Event()

    def poll() -> None:
        while not ended.is_set():
            seen.append(store.get("shared", "key", as_user=("shared", SECRET)))
            ended.wait(0.02)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        again = secret.made_again()
        subject.operator({"SYNC_TIMEOUT_SECONDS": "20"}).sync(again)
    finally:
        ended.set()
        thread.join(30)
    assert again.state == READY
    assert len(seen) > 5
    assert set(seen) == {b"body"}
    assert store.owner("shared") == "shared"
    assert store.get("shared", "key", as_user=("shared-one", SECRET)) == "AccessDenied"


def test_an_unchanged_secret_costs_no_admin_request(subject: RealSubject) -> None:
    operator = subject.operator()
    secret = Secret.claiming("unchanged", "unchanged", SECRET)
    operator.sync(secret)
    before = _by_operation(operator)
    operator.sync(secret)
    after = _by_operation(operator)
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "probe": 1
    }


def test_a_policy_that_was_changed_by_hand_is_put_right(
    subject: RealSubject, store: PolicyStore
) -> None:
    operator = subject.operator({"ADOPTION": "never"})
    secret = Secret.claiming("by-hand", "by-hand", SECRET)
    operator.sync(secret)
    store.write_policy(f"{POLICY}by-hand", ["s3:PutObject"], ["by-hand/*"])
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CHANGE_OWNER,)
    assert store.put("by-hand", "key", b"body", as_user=("by-hand", SECRET)) == ""
    assert store.get("by-hand", "key", as_user=("by-hand", SECRET)) == b"body"
    result = operator.sync(secret.made_again())
    assert result.outcome is not None
    assert result.outcome.actions == ()


def test_a_bucket_that_was_deleted_is_made_anew_for_the_next_owner_alone(
    subject: RealSubject, store: PolicyStore
) -> None:
    subject.operator().sync(Secret.claiming("second-life", "former", SECRET))
    with store.s3() as client:
        client.delete_bucket(Bucket="second-life")
    secret = Secret.claiming("second-life", "latter", SECRET)
    subject.operator({"ADOPTION": "never"}).sync(secret)
    assert secret.state == READY
    assert store.owner("second-life") == "latter"
    assert store.put("second-life", "key", b"body", as_user=("former", SECRET)) == "AccessDenied"


def _by_operation(operator: Operator) -> dict[str, float]:
    return {
        sample.labels["operation"]: sample.value
        for family in operator.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "s3_operator_backend_requests_total" and sample.labels["code"] == "200"
    }
