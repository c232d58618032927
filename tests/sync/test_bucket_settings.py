"""Settings in a sync, where no server is needed: failures half-way, silent losses, who may."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from backends.base import Claim
from backends.bucketsettings import Document, SettingName
from backends.errors import Rejected, ServerFault
from backends.wire.deadline import Deadline
from hooks.cluster.events import event_for
from hooks.commands.rehearsal import Rehearsal
from hooks.contract.outcome import Action
from tests.attended import cluster_of
from tests.model import ModelStore
from tests.modelsettings import ModelSettings
from tests.support import Operator, Secret

READY = ("Ready", "Provisioned")
SECRET = "a-very-strong-and-long-password"


class Odd(ModelSettings):
    """Fails at the settings of `failing`, and drops a part of those of `dropping`."""

    failing: frozenset[SettingName] = frozenset()
    error: type[Rejected | ServerFault] = Rejected
    dropping: frozenset[SettingName] = frozenset()
    hidden = False

    async def write(
        self, name: SettingName, document: Document, claim: Claim, deadline: Deadline
    ) -> None:
        if name in self.failing:
            raise self.error("The store refuses it, in its words.")
        dropped = isinstance(document, dict) and name in self.dropping and len(document) > 1
        kept = dict(list(document.items())[1:]) if dropped else document
        await super().write(name, kept, claim, deadline)

    async def is_public(self, claim: Claim, deadline: Deadline) -> bool:
        return not self.hidden and await super().is_public(claim, deadline)


@pytest.fixture
def store() -> ModelStore:
    found = ModelStore()
    found.bucket_settings = Odd(found._called)
    return found


def odd(store: ModelStore) -> Odd:
    assert isinstance(store.bucket_settings, Odd)
    return store.bucket_settings


def documents(store: ModelStore) -> dict[str, Any]:
    found = store.bucket_settings.documents
    return {name.value: document for (_, name), document in found.items()}


def claiming(**fields: str) -> Secret:
    return Secret.claiming("bucket", "user", SECRET, **fields)


def synced(operator: Operator, secret: Secret) -> tuple[Action, ...]:
    outcome = operator.sync(secret).outcome
    assert outcome is not None
    return outcome.actions


def test_what_was_written_before_a_refusal_is_not_written_again(store: ModelStore) -> None:
    operator = Operator(store)
    odd(store).failing = frozenset({SettingName.CORS})
    secret = claiming(tags="a=b", cors="*")
    operator.sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend")
    assert documents(store).keys() == {"tags"}
    assert "bucket/tags=" in secret.annotations["applied"]
    odd(store).failing = frozenset()
    store.calls.clear()
    assert synced(operator, secret) == (Action.SET_CORS,)
    assert secret.state == READY
    assert store.calls.count("write_setting") == 1


def test_a_store_that_fails_is_asked_again_and_keeps_what_it_has(store: ModelStore) -> None:
    operator = Operator(store)
    secret = claiming(tags="a=b")
    operator.sync(secret)
    odd(store).failing, odd(store).error = frozenset({SettingName.TAGS}), ServerFault
    secret.set(tags="a=c")
    operator.sync(secret)
    assert secret.state == ("Retrying", "BackendError")
    assert documents(store) == {"tags": {"a": "b"}}
    odd(store).failing = frozenset()
    assert synced(operator, secret) == (Action.SET_TAGS,)


def test_what_is_dropped_in_silence_is_put_back_as_it_was(store: ModelStore) -> None:
    operator = Operator(store)
    odd(store).dropping = frozenset({SettingName.TAGS})
    secret = claiming(tags="a=b,c=d")
    operator.sync(secret)
    assert secret.state == ("Invalid", "NotSupported")
    assert "keeps something else of it in silence" in secret.annotations["message"]
    assert documents(store) == {}
    secret.set(tags="a=b")
    operator.sync(secret)
    assert secret.state == READY
    secret.set(tags="a=b,c=d")
    operator.sync(secret)
    assert secret.state == ("Invalid", "NotSupported")
    assert documents(store) == {"tags": {"a": "b"}}


def test_one_that_shares_the_bucket_sets_nothing_and_is_told(store: ModelStore) -> None:
    holder, other = claiming(tags="a=b"), claiming(tags="a=c")
    other.document["metadata"]["name"] = "other"
    operator = Operator(store, kube=cluster_of(holder, other))
    operator.sync(holder)
    assert synced(operator, other) == ()
    assert other.state == READY
    assert "the bucket's settings are that one's to set" in other.annotations["message"]
    assert ";" not in other.annotations["applied"]
    del other.document["data"]["tags"]
    assert synced(operator, other) == ()
    assert documents(store) == {"tags": {"a": "b"}}


def test_a_bucket_that_vanished_gets_all_again_even_after_a_failure(store: ModelStore) -> None:
    operator = Operator(store)
    secret = claiming(tags="a=b", cors="*")
    operator.sync(secret)
    del store.owners["bucket"]
    store.bucket_settings.forget("bucket")
    odd(store).failing, odd(store).error = frozenset({SettingName.TAGS}), ServerFault
    operator.sync(secret)
    assert secret.state == ("Retrying", "BackendError")
    odd(store).failing = frozenset()
    # Nothing is made by this sync any more, and still nothing is believed to be there.
    assert synced(operator, secret) == (Action.SET_TAGS, Action.SET_CORS)
    assert documents(store).keys() == {"tags", "cors"}


def test_a_bucket_that_changes_its_name_takes_no_note_along(store: ModelStore) -> None:
    operator = Operator(store)
    secret = claiming(tags="a=b")
    operator.sync(secret)
    secret.set(bucket_name="another")
    operator.sync(secret)
    assert secret.state == READY
    assert "bucket/" not in secret.annotations["applied"]
    assert "another/tags=" in secret.annotations["applied"]
    assert documents(store) == {"tags": {"a": "b"}}


def test_without_settings_the_annotation_is_what_it_was(store: ModelStore) -> None:
    operator = Operator(store)
    secret = claiming(quota_bytes="1024")
    operator.sync(secret)
    before = secret.annotations["applied"]
    assert ";" not in before
    secret.set(tags="a=b")
    operator.sync(secret)
    assert secret.annotations["applied"].startswith(f"{before};bucket/tags=")
    del secret.document["data"]["tags"]
    assert synced(operator, secret) == (Action.REMOVE_TAGS,)
    assert secret.annotations["applied"] == before


def test_public_that_is_not_is_no_ready_and_no_news_until_it_is(store: ModelStore) -> None:
    operator = Operator(store, {"ALLOW_PUBLIC_ACCESS": "true"})
    odd(store).hidden = True
    secret = claiming(public_access="read")
    operator.sync(secret)
    assert secret.state == ("Retrying", "NotYetVisible")
    odd(store).hidden = False
    result = operator.sync(secret)
    assert result.outcome is not None
    assert result.outcome.actions == (Action.MAKE_PUBLIC,)
    event = event_for("Retrying", "NotYetVisible", result.outcome)
    assert event is not None
    assert event.reason == "BucketPublic"
    assert synced(operator, secret) == ()


def test_a_dry_run_shows_what_would_become_of_each(store: ModelStore) -> None:
    environ = {"ALLOW_PUBLIC_ACCESS": "true"}
    operator = Operator(store, environ)
    secret = claiming(tags="a=b", cors="*")
    rehearsal = Rehearsal(store)
    rehearsing = Operator(rehearsal, environ)
    foretold = rehearsing.sync(secret.made_again()).outcome
    assert foretold is not None
    assert documents(store) == {}
    outcome = operator.sync(secret).outcome
    assert outcome is not None
    assert foretold.actions == outcome.actions
    secret.set(tags="a=c", public_access="read")
    del secret.document["data"]["cors"]
    rehearsal = Rehearsal(store)
    again = deepcopy(secret)
    foretold = Operator(rehearsal, environ).sync(again).outcome
    assert documents(store).keys() == {"tags", "cors"}
    changes = {change.name.value: change for change in rehearsal.bucket_settings.changes}
    assert (changes["tags"].before, changes["tags"].after) == ({"a": "b"}, {"a": "c"})
    assert changes["cors"].after is None
    assert changes["public-access"].document() == {
        "bucket": "bucket",
        "setting": "public-access",
        "before": None,
        "after": "read",
    }
    outcome = operator.sync(secret).outcome
    assert outcome is not None
    assert foretold is not None
    assert foretold.actions == outcome.actions


def test_sixteen_buckets_with_all_settings_cost_a_probe_each_when_nothing_changed(
    store: ModelStore,
) -> None:
    names = [f"bucket-{number:02}" for number in range(16)]
    environ = {"ALLOW_PUBLIC_ACCESS": "true"}
    operator = Operator(store, environ)
    policy = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::${bucket}/pub/*",
    }
    secret = claiming(
        bucket_names=",".join(names),
        tags="a=b",
        cors="*",
        expire_days="3",
        object_lock="enabled",
        retention="governance-1d",
        public_access="read",
        bucket_policy=json.dumps({"Statement": policy}),
    )
    del secret.document["data"]["bucket-name"]
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    found = store.bucket_settings.documents
    assert set(found) == {(bucket, name) for bucket in names for name in SettingName}
    answered = dict(secret.annotations)
    store.calls.clear()
    assert synced(operator, secret) == ()
    assert (store.calls, secret.annotations) == (["probe"] * 16, answered)
    # One of them that changes is the only one that is written.
    del store.owners["bucket-07"]
    store.bucket_settings.forget("bucket-07")
    store.calls.clear()
    operator.sync(secret)
    assert secret.state == READY
    assert store.calls.count("write_setting") == len(SettingName) - 1
    # A policy that names one bucket can't be every bucket's.
    policy["Resource"] = "arn:aws:s3:::bucket-00/*"
    secret.set(bucket_policy=json.dumps({"Statement": policy}))
    operator.sync(secret)
    assert secret.state == ("Invalid", "InvalidField")
    assert "arn:aws:s3:::${bucket}" in secret.annotations["message"]


def test_what_never_had_its_effect_is_taken_back_all_the_same(store: ModelStore) -> None:
    operator = Operator(store, {"ALLOW_PUBLIC_ACCESS": "true"})
    odd(store).hidden = True
    secret = claiming(public_access="read")
    operator.sync(secret)
    assert secret.state == ("Retrying", "NotYetVisible")
    before = secret.annotations
    operator.sync(secret)
    assert secret.annotations == before
    # A public access block that an administrator lifts later must not open the bucket then.
    del secret.document["data"]["public-access"]
    assert synced(operator, secret) == (Action.REMOVE_PUBLIC_ACCESS,)
    assert documents(store) == {}
    assert secret.state == READY


@pytest.mark.parametrize("lands", [True, False])
def test_what_a_write_without_an_answer_has_left_is_taken_back(
    store: ModelStore, lands: bool
) -> None:
    operator = Operator(store)
    secret = claiming(tags="a=b")
    operator.sync(secret)
    secret.set(tags="a=c")
    odd(store).failing, odd(store).error = frozenset({SettingName.TAGS}), ServerFault
    operator.sync(secret)
    assert secret.state == ("Retrying", "BackendError")
    if lands:
        store.bucket_settings.documents["bucket", SettingName.TAGS] = {"a": "c"}
    odd(store).failing = frozenset()
    del secret.document["data"]["tags"]
    assert synced(operator, secret) == (Action.REMOVE_TAGS,)
    assert documents(store) == {}
    assert ";" not in secret.annotations["applied"]


def test_a_change_of_owner_that_was_killed_half_way_loses_no_setting(store: ModelStore) -> None:
    operator = Operator(store)
    secret = claiming(tags="a=b", cors="*")
    operator.sync(secret)
    secret.set(access_key="another")
    # Its owner was changed, which takes a policy along (VersityGW 1.8.0), and then the process
    # died: no answer was written.
    Operator(store).sync(deepcopy(secret))
    assert store.owners["bucket"] == "another"
    store.bucket_settings.forget("bucket")
    assert synced(operator, secret) == (Action.SET_TAGS, Action.SET_CORS)
    assert secret.state == READY
    assert documents(store).keys() == {"tags", "cors"}
    store.calls.clear()
    assert synced(operator, secret) == ()
    assert "read_setting" not in store.calls


def test_public_reading_ends_with_its_key_also_where_the_annotations_are_lost(
    store: ModelStore,
) -> None:
    operator = Operator(store, {"ALLOW_PUBLIC_ACCESS": "true"})
    secret = claiming(public_access="read", tags="a=b")
    operator.sync(secret)
    del secret.document["data"]["public-access"]
    del secret.document["data"]["tags"]
    # One replace takes the key away, and with it all that the operator had noted.
    again = secret.made_again()
    assert synced(operator, again) == (Action.REMOVE_PUBLIC_ACCESS,)
    assert again.state == READY
    # What may be anybody's stays.
    assert documents(store) == {"tags": {"a": "b"}}
    store.calls.clear()
    assert synced(operator, again) == ()
    assert "read_setting" not in store.calls


class Failing(ModelStore):
    """Fails where a quota is to be set, as long as it is told to."""

    failing = False

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        if self.failing:
            raise ServerFault("The store answered 500 InternalError.")
        return await super().set_quota(claim, deadline)


@pytest.mark.parametrize("several", [False, True])
def test_a_bucket_that_is_made_again_is_not_taken_for_set_up_before_it_is(several: bool) -> None:
    store = Failing()
    store.bucket_settings = Odd(store._called)
    operator = Operator(store)
    secret = claiming(tags="a=b", quota_bytes="1024")
    if several:
        secret.set(bucket_names="bucket,other")
        del secret.document["data"]["bucket-name"]
    operator.sync(secret)
    assert secret.state == READY
    before = dict(secret.annotations)
    del store.owners["bucket"]
    store.bucket_settings.forget("bucket")
    store.quotas.pop("bucket")
    store.failing = True
    # It is made, and the sync ends before its quota is set and it comes to its tags.
    operator.sync(secret)
    assert secret.state == ("Retrying", "BackendError")
    assert "bucket" in store.owners
    store.failing = False
    actions = synced(operator, secret)
    assert actions == (Action.SET_QUOTA, Action.SET_TAGS)
    assert store.quotas["bucket"] == (1024, 0)
    assert secret.state == READY
    assert secret.annotations["applied"] == before["applied"]
    assert synced(operator, secret) == ()
