"""A deletion while the store may know a user by its former secret: waited for, and not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.commands.processes import free_port, versitygw, wait_until
from hooks.sync.syncer import Result
from tests.attended import SIGNING_KEY, Attended, ago, cluster_of
from tests.conformance.subject import versitygw_subject
from tests.model import ModelStore
from tests.servers.require import require
from tests.support import PREFIX, Operator, Secret

CACHE = 120
WAITS = ("Retrying", "NotYetVisible")
READY = ("Ready", "Provisioned")
ENVIRON = {"SIGNING_KEY": SIGNING_KEY, "DELETION": "on"}


class Remembering(ModelStore):
    """A store that goes on asking for the secrets that users had at some time."""

    def __init__(self, cache: int = CACHE) -> None:
        super().__init__(account_cache=cache)
        self.actual: dict[str, str] = {}

    def forget_new_secrets(self) -> None:
        for name, account in self.accounts.items():
            self.actual[name], account.secret = account.secret, "a-former-secret"

    def learn(self) -> None:
        for name, secret in self.actual.items():
            self.accounts[name].secret = secret


def deleted(store: ModelStore, secret: Attended, ago_seconds: float) -> Result:
    """One call of the finalize hook for a Secret that was deleted so long ago."""
    secret.document["metadata"]["deletionTimestamp"] = ago(ago_seconds)
    return secret.finalize(Operator(store, ENVIRON, kube=cluster_of(secret)))


def rotated(store: Remembering) -> Attended:
    secret = Attended("app", deletion_policy="delete")
    secret.settle(Operator(store, ENVIRON, kube=cluster_of(secret)))
    assert secret.state == READY
    store.forget_new_secrets()
    return secret


def test_a_refused_secret_is_waited_for_as_long_as_the_store_remembers() -> None:
    store = Remembering()
    secret = rotated(store)
    first = deleted(store, secret, 3)
    assert first.response.finalized is False
    assert secret.state == WAITS
    assert first.response.resync_after == 10
    assert store.accounts
    # A second call changes no annotation, so Metacontroller is called no sooner than that.
    assert deleted(store, secret, 3).response.annotations == first.response.annotations
    store.learn()
    assert deleted(store, secret, 130).response.finalized
    assert (store.accounts, store.owners) == ({}, {})


@pytest.mark.parametrize("seconds", [CACHE + 31, 10_000, -10_000])
def test_then_the_user_is_anothers_and_stays(
    seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    store = Remembering()
    secret = rotated(store)
    assert deleted(store, secret, seconds).response.finalized
    assert store.accounts
    assert "the user isn't the Secret's any more" in caplog.text


@pytest.mark.parametrize("seconds", [3, CACHE + 29, -20])
def test_a_store_that_remembers_nothing_is_believed_at_once(seconds: float) -> None:
    store = Remembering(cache=0)
    assert deleted(store, rotated(store), seconds).response.finalized
    assert store.accounts
    store = Remembering()
    assert not deleted(store, rotated(store), seconds).response.finalized


@pytest.mark.parametrize("generated", [False, True])
def test_a_refusal_of_every_signature_is_waited_out(*, generated: bool) -> None:
    """A proxy that changes the host: it says of no secret that it is another's."""
    store = ModelStore()
    secret = Attended("app", deletion_policy="delete")
    secret.settle(Operator(store, ENVIRON, kube=cluster_of(secret)))
    if generated:
        without_grant(secret)
    store.rewritten = True
    assert deleted(store, secret, 10_000).response.finalized is False
    assert secret.state == ("Retrying", "OperatorMisconfigured")
    assert store.accounts
    store.rewritten = False
    assert deleted(store, secret, 10_000).response.finalized
    assert (store.accounts, store.owners) == ({}, {})


def test_an_unreadable_time_holds_nothing_up() -> None:
    store = Remembering()
    secret = rotated(store)
    secret.document["metadata"]["deletionTimestamp"] = "soon"
    operator = Operator(store, ENVIRON, kube=cluster_of(secret))
    assert secret.finalize(operator).response.finalized


def without_grant(secret: Attended) -> Attended:
    """As its manifest has it, applied by who replaces all annotations."""
    kept = {"enabled", "credentials", "connection-secret", "deletion-policy"}
    marks = secret.document["metadata"]["annotations"]
    for key in [key for key in marks if key.removeprefix(PREFIX) not in kept]:
        del marks[key]
    return secret


def test_generated_credentials_without_a_grant_are_waited_for_too() -> None:
    store = Remembering()
    secret = without_grant(rotated(store))
    assert deleted(store, secret, 3).response.finalized is False
    store.learn()
    assert deleted(store, secret, 60).response.finalized
    assert store.accounts == {}
    store = Remembering()
    assert deleted(store, without_grant(rotated(store)), CACHE + 31).response.finalized
    assert store.accounts


def test_who_was_given_the_user_meanwhile_keeps_it() -> None:
    """The Secret says nothing of the user any more, and the other's secret is only just written."""
    store = Remembering()
    secret = Attended("app", deletion_policy="delete")
    secret.annotate(credentials=None, connection_secret=None)
    secret.set(access_key="user", access_secret="secret")
    secret.sync(Operator(store, ENVIRON, kube=cluster_of(secret)))
    assert secret.state == READY
    other = Secret.claiming("app", "user", "another-secret")
    other.document["metadata"]["labels"] = dict(secret.document["metadata"]["labels"])
    store.accounts["user"].secret = "another-secret"
    store.forget_new_secrets()
    secret.set(access_key="nobody")
    cluster = cluster_of(secret, other)
    secret.document["metadata"]["deletionTimestamp"] = ago(1)
    assert not secret.finalize(Operator(store, ENVIRON, kube=cluster)).response.finalized
    assert "user" in store.accounts
    store.learn()
    assert secret.finalize(Operator(store, ENVIRON, kube=cluster)).response.finalized
    assert "user" in store.accounts


@pytest.mark.server
def test_a_gateway_that_remembers_the_former_secret(tmp_path: Path) -> None:
    """VersityGW's cache, for six seconds, while the secret is changed through another gateway."""
    with versitygw_subject(
        tmp_path, ["--iam-cache-ttl=6", "--iam-cache-prune=1"], cache=True
    ) as real:
        secret = Secret.claiming("app", "app-user", "a-secret-of-before")
        secret.document["metadata"]["annotations"][f"{PREFIX}deletion-policy"] = "delete"
        attended = Attended("app")
        attended.document = secret.document
        operator = real.operator(ENVIRON, kube=cluster_of(attended))
        attended.settle(operator)
        assert attended.state == READY
        assert real.accepts("app-user", "a-secret-of-before")
        store, here = real.store, real.store.url
        port = free_port()
        with versitygw(
            require("versitygw"),
            tmp_path,
            port=port,
            access_key=store.access_key,
            secret_key=store.secret_key,
        ):
            store.url = f"http://127.0.0.1:{port}"
            store.set_secret("app-user", "a-secret-of-now")
            store.url = here
        attended.set(access_secret="a-secret-of-now")
        attended.document["metadata"]["deletionTimestamp"] = ago(0)

        answer = attended.finalize(operator).response
        assert attended.state == WAITS
        assert answer.finalized is False
        assert real.names()[0] == {"app-user"}
        wait_until(
            lambda: attended.finalize(operator).response.finalized,
            timeout=30,
            what="the gateway to forget the former secret",
            interval=1,
        )
        assert real.names() == (set(), set())
