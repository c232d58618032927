"""Buckets that a Secret names no more, when the store has a fault just then."""

from __future__ import annotations

from copy import deepcopy

import pytest

from backends.base import Claim
from backends.bucketsettings import Document, SettingName
from backends.errors import Rejected, ServerFault
from backends.wire.deadline import Deadline
from hooks.contract.outcome import Action
from tests.model import ModelStore
from tests.modelsettings import ModelSettings
from tests.support import Operator, Secret

READY = ("Ready", "Provisioned")
FORMER = ("bucket", SettingName.PUBLIC)


class Unreadable(ModelSettings):
    """Tells nothing of the former bucket while there is an error to answer with."""

    error: type[Rejected | ServerFault] | None = None

    async def read(self, name: SettingName, claim: Claim, deadline: Deadline) -> Document | None:
        if self.error is not None and claim.bucket == FORMER[0]:
            raise self.error("The store refuses it, in its words.")
        return await super().read(name, claim, deadline)


@pytest.fixture
def settings() -> Unreadable:
    return Unreadable(ModelStore()._called)


def renamed(store: ModelStore) -> tuple[Operator, Secret]:
    """A Secret that names another bucket by now, and was never told that its former one is open."""
    operator = Operator(store, {"ALLOW_PUBLIC_ACCESS": "true"})
    secret = Secret.claiming("bucket", "user", "a-very-strong-and-long-password")
    operator.sync(secret)
    lost = deepcopy(secret)
    lost.set(public_access="read")
    operator.sync(lost)
    assert FORMER in store.bucket_settings.documents
    secret.set(bucket_name="next")
    return operator, secret


@pytest.fixture
def store(settings: Unreadable) -> ModelStore:
    found = ModelStore()
    found.bucket_settings = settings
    return found


def test_a_fault_of_the_store_is_no_reason_to_forget_an_open_bucket(
    store: ModelStore, settings: Unreadable
) -> None:
    operator, secret = renamed(store)
    settings.error = ServerFault
    operator.sync(secret)
    assert secret.state == ("Retrying", "BackendError")
    assert FORMER in settings.documents
    settings.error = None
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.REMOVE_PUBLIC_ACCESS,)
    assert FORMER not in settings.documents
    assert "bucket/" not in secret.annotations["applied"]


def test_a_bucket_that_is_not_the_users_any_more_keeps_nobody_from_being_ready(
    store: ModelStore, settings: Unreadable
) -> None:
    operator, secret = renamed(store)
    settings.error = Rejected
    operator.sync(secret)
    assert secret.state == READY
    assert FORMER in settings.documents
