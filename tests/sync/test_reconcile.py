"""The loop's own bounds; what it does to a store is in the conformance suite."""

from __future__ import annotations

import pytest

from backends import errors
from backends.base import Claim, Gap, Probe
from backends.wire.deadline import Deadline
from hooks.contract.outcome import Action, Status
from tests.model import Account, ModelStore
from tests.support import Operator, Secret

SECRET = "a-very-strong-and-long-password"


class Forgetful(ModelStore):
    """A store whose caches haven't seen the repair yet."""

    stuck: Gap = Gap.WRONG_SECRET

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        await super().probe(claim, deadline)
        return Probe(self.stuck)


@pytest.mark.parametrize("gap", [Gap.NO_USER, Gap.WRONG_SECRET, Gap.NO_BUCKET])
def test_a_repair_that_is_not_yet_visible_is_not_repeated(gap: Gap) -> None:
    store = Forgetful(accounts={"user": Account("former")}, owners={"bucket": "somebody"})
    store.stuck = gap
    secret = Secret.claiming("bucket", "user", SECRET)
    result = Operator(store).sync(secret)
    assert result.response.resync_after is not None
    writes = [call for call in store.calls if call.startswith(("create", "update", "change"))]
    assert len(writes) <= 1
    assert secret.state == ("Retrying", "NotYetVisible")
    assert gap.value in secret.annotations["message"]


def test_a_denied_probe_of_the_users_own_bucket_is_ready() -> None:
    store = Forgetful(accounts={"user": Account(SECRET)}, owners={"bucket": "user"})
    store.stuck = Gap.DENIED
    secret = Secret.claiming("bucket", "user", SECRET)
    Operator(store).sync(secret)
    assert secret.annotations["status"] == "Ready"
    assert store.calls == ["find_bucket", "probe", "find_bucket", "may_deny"]


def test_a_denied_probe_of_the_users_own_bucket_that_nothing_explains_is_not_ready() -> None:
    store = Forgetful(accounts={"user": Account(SECRET)}, owners={"bucket": "user"})
    store.stuck = Gap.DENIED
    store.has_policies = False
    secret = Secret.claiming("bucket", "user", SECRET)
    Operator(store).sync(secret)
    assert secret.state == ("Retrying", "NotYetVisible")
    assert store.owners["bucket"] == "user"


def test_a_user_that_was_disabled_on_the_store_stays_disabled() -> None:
    store = ModelStore(accounts={"user": Account(SECRET, disabled=True)})
    secret = Secret.claiming("bucket", "user", SECRET)
    Operator(store).sync(secret)
    assert secret.state == ("Conflict", "UserDisabled")
    assert store.accounts["user"].disabled


@pytest.mark.parametrize("owner", [None, "somebody"])
def test_a_store_without_owners_is_asked_once_and_trusted_with_the_grant(
    owner: str | None,
) -> None:
    store = ModelStore(
        accounts={"user": Account(SECRET, role="admin"), "somebody": Account("x")},
        owners={"bucket": "user"},
        names_owners=False,
    )
    operator = Operator(store)
    secret = Secret.claiming("bucket", "user", SECRET)
    operator.sync(secret)
    assert secret.annotations["status"] == "Ready"
    assert store.calls == ["find_bucket", "probe", "find_bucket"]
    store.calls.clear()
    operator.sync(secret)
    assert store.calls == ["probe"]
    # Without the grant the accepted probe proves nothing: a broad policy may let it pass.
    store.owners["bucket"] = owner
    again = secret.made_again()
    operator.sync(again)
    assert again.state == ("Conflict", "AdminUser")
    assert store.owners["bucket"] == owner


def test_a_role_that_the_store_does_not_have_is_refused_before_anything_is_made() -> None:
    store = ModelStore(roles=frozenset({"user"}))
    secret = Secret.claiming("bucket", "user", SECRET, role="userplus")
    Operator(store, {"ALLOWED_ROLES": "user,userplus"}).sync(secret)
    assert secret.state == ("Invalid", "NotSupported")
    assert store.calls == []


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.Rejected("The store refuses it."), ("Invalid", "RejectedByBackend")),
        (errors.Unsupported("The store can't do it."), ("Invalid", "NotSupported")),
        (errors.ServerFault("The store failed."), ("Retrying", "BackendError")),
    ],
)
def test_what_was_done_before_an_error_is_still_counted(
    error: errors.StoreError, state: tuple[str, str]
) -> None:
    store = ModelStore()

    def fail(operation: str) -> None:
        if operation == "create_bucket":
            raise error

    store.before = fail
    operator = Operator(store)
    secret = Secret.claiming("bucket", "user", SECRET)
    result = operator.sync(secret)
    assert secret.state == state
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CREATE_USER,)
    assert "s3_operator_users_created_total 1.0" in operator.metrics.render().decode()


def test_a_user_deleted_on_another_gateway_is_made_again() -> None:
    store = Forgetful()
    secret = Secret.claiming("bucket", "user", SECRET)
    result = Operator(store).sync(secret)
    assert result.outcome is not None
    assert result.outcome.status is Status.RETRYING
    assert result.outcome.actions == (Action.CREATE_USER, Action.CREATE_BUCKET)
    assert "user" in store.accounts


def test_a_secret_that_nothing_was_reported_on_is_not_probed_before_its_user_is_there() -> None:
    store = ModelStore()
    Operator(store).sync(secret := Secret.claiming("bucket", "user", SECRET))
    assert secret.annotations["status"] == "Ready"
    assert store.calls == ["find_bucket", "create_user", "create_bucket", "probe"]


def test_a_secret_shown_again_before_its_status_is_costs_one_request() -> None:
    store = ModelStore()
    operator = Operator(store)
    operator.sync(Secret.claiming("bucket", "user", SECRET))
    store.calls.clear()
    operator.sync(Secret.claiming("bucket", "user", SECRET))
    assert store.calls == ["probe"]


def test_a_user_that_is_there_already_only_gets_the_bucket() -> None:
    store = ModelStore(accounts={"user": Account(SECRET)})
    result = Operator(store).sync(secret := Secret.claiming("bucket", "user", SECRET))
    assert secret.annotations["status"] == "Ready"
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CREATE_BUCKET,)


@pytest.mark.parametrize("adoption", ["unowned", "never"])
def test_a_user_that_is_there_with_another_secret_is_left_as_it_is(adoption: str) -> None:
    store = ModelStore(accounts={"user": Account("another")})
    operator = Operator(store, {"ADOPTION": adoption})
    operator.sync(secret := Secret.claiming("bucket", "user", SECRET))
    assert secret.state == ("Conflict", "UserExists")
    assert store.accounts == {"user": Account("another")}
    assert store.owners == {}


def test_the_remains_of_a_former_user_do_not_bar_the_one_that_is_there() -> None:
    store = ModelStore(accounts={"user": Account(SECRET)}, owners={"other": "user"})
    operator = Operator(store, {"ADOPTION": "never"})
    operator.sync(secret := Secret.claiming("bucket", "user", SECRET))
    assert secret.annotations["status"] == "Ready"
    assert store.owners == {"other": "user", "bucket": "user"}


@pytest.mark.parametrize("adoption", ["any", "unowned", "never"])
def test_a_new_user_whose_secret_is_not_yet_visible_is_not_taken_for_a_strangers(
    adoption: str,
) -> None:
    store = Forgetful()
    Operator(store, {"ADOPTION": adoption}).sync(secret := Secret.claiming("b-1", "u", SECRET))
    assert secret.state == ("Retrying", "NotYetVisible")


def test_what_a_bucket_has_is_written_once_and_again_for_a_new_one() -> None:
    store = ModelStore(quotas={}, versioning={})
    operator = Operator(store)
    secret = Secret.claiming("bucket", "user", SECRET, quota_bytes="1000", versioning="enabled")
    result = operator.sync(secret)
    assert secret.state == ("Ready", "Provisioned")
    assert result.outcome is not None
    assert {Action.SET_QUOTA, Action.SET_VERSIONING} <= set(result.outcome.actions)
    store.calls.clear()
    operator.sync(secret)
    assert store.calls == ["probe"]
    secret.set(quota_bytes="2000")
    operator.sync(secret)
    assert store.quotas["bucket"][0] == 2000
    # Somebody deletes the bucket: the one that is made in its place has no quota by itself.
    del store.owners["bucket"]
    store.quotas.clear()
    store.versioning.clear()
    operator.sync(secret)
    assert store.quotas["bucket"][0] == 2000
    assert store.versioning["bucket"] == "enabled"
