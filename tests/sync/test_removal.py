"""What goes from the store when a Secret goes; the whole matrix is in test_removal_matrix.py."""

from __future__ import annotations

import itertools
import secrets as random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from backends.base import Bucket, Claim, Gap, Probe, User
from backends.errors import Unavailable
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.claim.policyfile import Deletion
from hooks.cluster.kube import Kube
from hooks.contract.grant import Grants
from hooks.contract.outcome import Action, Outcome, Reason, Status
from hooks.contract.status import Keys
from hooks.sync.removal import Holdings, remove
from hooks.tenancy.others import Others
from tests.live import ENABLED, Hooks, Live, kube_of
from tests.model import ADMINISTRATOR, Account, ModelStore
from tests.servers.accounts import account
from tests.servers.cluster import Cluster
from tests.support import ENVIRON, wait

pytestmark = pytest.mark.server
GRANTS = Grants(Sensitive("a-key"))


@pytest.fixture
def others(kube: Kube) -> Others:
    return Others(kube, Keys(ENABLED), GRANTS, ENVIRON["S3_ENDPOINT_URL"])


def holdings(**more: Any) -> Holdings:
    unique = f"b-{random.token_hex(6)}"
    return Holdings(
        **{
            "origin": "team/credentials",
            "uid": "uid",
            "user": f"{unique}-user",
            "bucket": unique,
            "owns_user": True,
            "owns_bucket": True,
            "secret": Sensitive("secret"),
            **more,
        }
    )


def store_of(held: Holdings, *objects: str) -> ModelStore:
    """A store on which all that is held is there."""
    return ModelStore(
        accounts={held.user: Account("secret")},
        owners={held.bucket: held.user},
        objects={(held.bucket, key): b"precious" for key in objects},
    )


def removed(held: Holdings, store: ModelStore, others: Others, policy: str = "delete") -> Outcome:
    return wait(remove(Deletion(policy), held, others, store, Deadline(10)))


def test_an_empty_bucket_goes_before_its_user(others: Others) -> None:
    held = holdings()
    store = store_of(held)
    outcome = removed(held, store, others)
    assert outcome.actions == (Action.DELETE_BUCKET, Action.DELETE_USER)
    assert (store.accounts, store.owners) == ({}, {})


def test_a_bucket_is_given_back_before_its_user_goes(others: Others) -> None:
    held = holdings()
    store = store_of(held, "key")
    outcome = removed(held, store, others, "delete-user")
    assert outcome.actions == (Action.CHANGE_OWNER, Action.DELETE_USER)
    assert store.owners == {held.bucket: ADMINISTRATOR}
    assert store.objects


def test_a_full_bucket_keeps_its_user_who_alone_can_empty_it(others: Others) -> None:
    held = holdings()
    store = store_of(held, "key")
    assert removed(held, store, others).reason.value == "BucketNotEmpty"
    assert store.owners == {held.bucket: held.user}
    assert held.user in store.accounts
    store.objects.clear()
    assert removed(held, store, others).actions == (Action.DELETE_BUCKET, Action.DELETE_USER)


@pytest.mark.parametrize("policy", ["delete-user", "delete"])
@pytest.mark.parametrize("gone", ["user", "bucket", "both"])
def test_what_is_already_gone_is_success(others: Others, policy: str, gone: str) -> None:
    held = holdings()
    store = store_of(held)
    if gone in {"user", "both"}:
        store.accounts.clear()
    if gone in {"bucket", "both"}:
        store.owners.clear()
    assert removed(held, store, others, policy).status.value == "Ready"
    assert store.accounts == {}
    assert store.owners in ({}, {held.bucket: ADMINISTRATOR})
    assert removed(held, store, others, policy).actions == ()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"secret": "anothers"}, id="another-secret"),
        pytest.param({"role": "admin"}, id="administrator"),
        pytest.param({"disabled": True}, id="disabled"),
    ],
)
def test_a_user_in_other_hands_stays(others: Others, changes: dict[str, object]) -> None:
    held = holdings()
    store = store_of(held)
    store.accounts[held.user] = Account(**{"secret": "secret", **changes})  # type: ignore[arg-type]
    before = (dict(store.accounts), dict(store.owners))
    outcome = removed(held, store, others)
    assert outcome.actions == ()
    assert (store.accounts, store.owners) == before


def test_the_operators_own_account_stays(others: Others) -> None:
    held = holdings(user=ADMINISTRATOR)
    store = store_of(held)
    assert removed(held, store, others).actions == ()
    assert store.owners == {held.bucket: ADMINISTRATOR}
    assert store.calls == []


@pytest.mark.parametrize("policy", ["delete-user", "delete"])
@pytest.mark.parametrize("owner", ["somebody", ADMINISTRATOR, None])
def test_a_bucket_that_is_not_its_own_any_more_stays_as_it_is(
    others: Others, policy: str, owner: str | None
) -> None:
    held = holdings()
    store = store_of(held)
    store.owners[held.bucket] = owner
    outcome = removed(held, store, others, policy)
    assert outcome.actions == (Action.DELETE_USER,)
    assert store.owners == {held.bucket: owner}


@pytest.mark.parametrize(
    ("owns_user", "owns_bucket", "actions"),
    [
        (True, False, (Action.DELETE_USER,)),
        (False, True, (Action.DELETE_BUCKET,)),
        (False, False, ()),
    ],
)
def test_what_it_only_shares_is_not_its_own_to_remove(
    others: Others, owns_user: bool, owns_bucket: bool, actions: tuple[Action, ...]
) -> None:
    held = holdings(owns_user=owns_user, owns_bucket=owns_bucket)
    store = store_of(held)
    assert removed(held, store, others).actions == actions
    assert (held.user in store.accounts) != owns_user
    assert (held.bucket in store.owners) != owns_bucket


def test_without_its_secret_the_grant_speaks_for_it(others: Others) -> None:
    held = holdings(secret=None)
    store = store_of(held)
    assert removed(held, store, others).actions == (Action.DELETE_BUCKET, Action.DELETE_USER)
    assert "probe" not in store.calls


def test_the_next_owner_of_a_bucket_inherits_nothing(others: Others) -> None:
    held = holdings()
    store = store_of(held, "key")
    store.settings[held.bucket] = "everybody may read"
    assert removed(held, store, others, "delete-user").status is Status.READY
    assert store.owners == {held.bucket: ADMINISTRATOR}
    assert store.settings == {}
    # Before, so that they never hold for another, and afterwards, since the user could write them.
    calls = [call for call in store.calls if call in {"wipe", "release"}]
    assert calls == ["wipe", "release", "wipe"]


@pytest.mark.parametrize("policy", ["delete-user", "delete"])
def test_it_goes_on_wherever_it_was_cut_off(others: Others, policy: str) -> None:
    for failing in range(1, 14):
        held = holdings()
        store = store_of(held)
        count = itertools.count(1)

        def before(_: str, count: Iterator[int] = count, failing: int = failing) -> None:
            if next(count) == failing:
                raise Unavailable("The store is gone.")

        store.before = before
        first = removed(held, store, others, policy)
        assert first.status.value == ("Retrying" if next(count) > failing else "Ready")
        store.before = lambda _: None
        assert removed(held, store, others, policy).status.value == "Ready"
        assert store.accounts == {}
        assert store.owners == ({} if policy == "delete" else {held.bucket: ADMINISTRATOR})


class Misled(ModelStore):
    """Answers one call as if it were another's; what is told to be done isn't."""

    lies: dict[str, object]
    told: list[str]

    async def _lie(self, operation: str, truth: Callable[[], Awaitable[Any]]) -> Any:
        if operation in self.lies:
            self.told.append(operation)
            return self.lies.pop(operation)
        return await truth()

    async def probe(self, claim: Claim, deadline: Deadline) -> Any:
        return await self._lie("probe", lambda: ModelStore.probe(self, claim, deadline))

    async def find_user(self, name: str, deadline: Deadline) -> Any:
        return await self._lie("find_user", lambda: ModelStore.find_user(self, name, deadline))

    async def find_bucket(self, name: str, deadline: Deadline) -> Any:
        return await self._lie("find_bucket", lambda: ModelStore.find_bucket(self, name, deadline))

    async def delete_user(self, name: str, deadline: Deadline) -> Any:
        return await self._lie("delete_user", lambda: ModelStore.delete_user(self, name, deadline))

    async def delete_bucket(self, name: str, deadline: Deadline) -> Any:
        return await self._lie(
            "delete_bucket", lambda: ModelStore.delete_bucket(self, name, deadline)
        )

    async def release(self, bucket: str, user: str, deadline: Deadline) -> Any:
        return await self._lie("release", lambda: ModelStore.release(self, bucket, user, deadline))


class Forgetful(Misled):
    """A deleted user's name stays on nothing, as on Garage and MinIO."""

    async def delete_user(self, name: str, deadline: Deadline) -> Any:
        deleted = await Misled.delete_user(self, name, deadline)
        for bucket, owner in self.owners.items():
            if owner == name and name not in self.accounts:
                self.owners[bucket] = ADMINISTRATOR
        return deleted


LIES: list[tuple[str, str, object]] = [
    ("anothers-secret", "probe", Probe(Gap.WRONG_SECRET)),
    ("no-user", "probe", Probe(Gap.NO_USER)),
    ("no-such-user", "find_user", None),
    ("administrator", "find_user", User(admin=True)),
    ("no-such-bucket", "find_bucket", None),
    ("anothers-bucket", "find_bucket", Bucket(frozenset({"somebody"}))),
    ("user-deleted", "delete_user", True),
    ("user-was-gone", "delete_user", False),
    ("bucket-deleted", "delete_bucket", True),
    ("bucket-was-gone", "delete_bucket", False),
    ("bucket-released", "release", True),
    ("bucket-was-anothers", "release", False),
]
NEVER_ASKED = {("delete-user", "delete_bucket"), ("delete", "release")}


@pytest.mark.parametrize("kind", [Misled, Forgetful])
@pytest.mark.parametrize(
    ("policy", "operation", "lie"),
    [
        pytest.param(policy, operation, lie, id=f"{policy}-{name}")
        for policy in ("delete-user", "delete")
        for name, operation, lie in LIES
        if (policy, operation) not in NEVER_ASKED
    ],
)
def test_one_answer_that_is_not_so_is_found_out(
    others: Others, kind: type[Misled], policy: str, operation: str, lie: object
) -> None:
    held = holdings()
    store = kind(accounts={held.user: Account("secret")}, owners={held.bucket: held.user})
    store.lies, store.told = {operation: lie}, []

    outcome = removed(held, store, others, policy)
    assert store.told == [operation]
    if outcome.status is not Status.READY:
        assert outcome.reason is Reason.BACKEND_ERROR
        assert removed(held, store, others, policy).status is Status.READY

    assert store.accounts == {}
    assert store.owners == ({} if policy == "delete" else {held.bucket: ADMINISTRATOR})


@pytest.mark.parametrize("lie", [Gap.ACCEPTED, Gap.NO_USER, Gap.NO_BUCKET, Gap.DENIED])
def test_one_answer_that_is_not_so_gives_nobody_elses_user_away(others: Others, lie: Gap) -> None:
    held = holdings()
    anothers = Account("anothers-secret")
    store = Misled(accounts={held.user: anothers}, owners={held.bucket: held.user})
    store.lies, store.told = {"probe": Probe(lie)}, []

    outcome = removed(held, store, others)
    assert (outcome.reason, outcome.actions) == (Reason.BACKEND_ERROR, ())
    assert removed(held, store, others).status is Status.READY

    assert store.accounts == {held.user: anothers}
    assert store.owners == {held.bucket: held.user}


def test_a_secret_that_is_deleted_too_uses_nothing(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    store = ModelStore()
    hooks = Hooks(store, kube, {"DELETION": "on"})
    unique = f"b-{random.token_hex(6)}"
    first = Live(api_cluster, namespace, unique, unique, unique).put()
    second = replace(first, name=f"{unique}-2").put()
    for live in (first, second):
        hooks.sync(live)
        live.mark({"deletion-policy": "delete"})
        live.hold()
        live.delete()
    hooks.finalize(first)
    hooks.finalize(second)
    assert (store.accounts, store.owners) == ({}, {})
    assert not first.exists()
    assert not second.exists()


def test_nothing_is_removed_while_kubernetes_does_not_answer(api_cluster: Cluster) -> None:
    kube = kube_of(account(api_cluster))
    held = holdings()
    store = store_of(held)
    others = Others(kube, Keys(ENABLED), GRANTS, None)
    outcome = removed(held, store, others)
    assert (outcome.reason.value, outcome.actions) == ("GuardUnavailable", ())
    assert store.owners == {held.bucket: held.user}
    assert held.user in store.accounts
    kube.close()
