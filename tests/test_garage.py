"""What only Garage does; the rest is in the conformance suite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks.outcome import Action
from hooks.processes import LOOPBACK, free_port
from tests.conformance.subject import RealSubject, garage_subject
from tests.servers.garage import GarageStore
from tests.support import Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")
NOT_SUPPORTED = ("Invalid", "NotSupported")
DOCUMENT = Path(__file__).parent.parent / "docs" / "backends.md"


@pytest.fixture(scope="module")
def garage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with garage_subject(tmp_path_factory.mktemp("garage")) as subject:
        yield subject


@pytest.fixture
def store(garage: RealSubject) -> GarageStore:
    assert isinstance(garage.store, GarageStore)
    return garage.store


def _permissions(store: GarageStore, bucket: str) -> dict[str, dict[str, Any]]:
    keys = store.bucket(bucket)["keys"]
    return {
        key["accessKeyId"]: key["permissions"] for key in keys if any(key["permissions"].values())
    }


def test_a_key_is_named_after_its_secret(garage: RealSubject, store: GarageStore) -> None:
    secret = Secret.claiming("named-key", "named-key", SECRET)
    garage.operator().sync(secret)
    assert store.key("named-key")["name"] == f"team/{secret.document['metadata']['name']}"
    assert store.key("named-key")["permissions"] == {"createBucket": False}


def test_a_changed_secret_changes_and_deletes_nothing(
    garage: RealSubject, store: GarageStore
) -> None:
    operator = garage.operator()
    secret = Secret.claiming("rotated", "rotated-key", SECRET)
    operator.sync(secret)
    before = (store.key("rotated-key"), store.bucket("rotated"))
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert (
        secret.annotations["message"]
        == "Garage can't change the secret of an access key: set a new access key in the Secret, "
        "the bucket and its objects follow."
    )
    assert (store.key("rotated-key"), store.bucket("rotated")) == before


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seven-7", SECRET, "at least 8 characters long"),
        ("team@example.com", SECRET, "only of ASCII alphanumeric characters"),
        ("bad-secret", "fifteen-letters", "at least 16 characters long"),
        ("bad-secret", "with spaces and more of them", "graphic ASCII characters"),
    ],
)
def test_a_bad_format_is_told_in_garages_own_words(
    garage: RealSubject, store: GarageStore, key: str, value: str, words: str
) -> None:
    secret = Secret.claiming("bad-format", key, value)
    garage.operator().sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend")
    assert words in secret.annotations["message"]
    assert store.user(key) is None
    assert "bad-format" not in store.names()[1]


def test_a_former_owner_loses_all_and_a_reader_keeps_what_it_was_given(
    garage: RealSubject, store: GarageStore
) -> None:
    operator = garage.operator()
    secret = Secret.claiming("handed-on", "former-key", SECRET)
    operator.sync(secret)
    reading = {"read": True, "write": False, "owner": False}
    store.create_user("reader-key", SECRET)
    store.permit("AllowBucketKey", "handed-on", "reader-key", reading)
    secret.set(access_key="latter-key")
    operator.sync(secret)
    assert secret.state == READY
    assert _permissions(store, "handed-on") == {
        "reader-key": reading,
        "latter-key": {"read": True, "write": True, "owner": True},
    }
    assert store.user("former-key") is not None


def test_an_owner_beside_the_owner_is_none_without_a_grant(
    garage: RealSubject, store: GarageStore
) -> None:
    secret = Secret.claiming("two-owners", "first-owner", SECRET)
    garage.operator().sync(secret)
    store.create_user("second-owner", SECRET)
    full = {"read": True, "write": True, "owner": True}
    store.permit("AllowBucketKey", "two-owners", "second-owner", full)
    stranger = Secret.claiming("two-owners", "second-owner", SECRET)
    garage.operator({"ADOPTION": "never"}).sync(stranger)
    assert stranger.state == OWNED
    again = secret.made_again()
    garage.operator().sync(again)
    assert again.state == READY
    assert store.owner("two-owners") == "first-owner"


@pytest.mark.parametrize("taken", ["read", "write"])
def test_a_permission_that_was_taken_from_the_owner_is_given_back(
    garage: RealSubject, store: GarageStore, taken: str
) -> None:
    name = f"without-{taken}"
    secret = Secret.claiming(name, name, SECRET)
    operator = garage.operator({"ADOPTION": "never"})
    operator.sync(secret)
    store.permit(
        "DenyBucketKey", name, name, {"read": False, "write": False, taken: True, "owner": False}
    )
    # The probe only reads: without a grant all permissions are looked at.
    again = secret if taken == "read" else secret.made_again()
    result = operator.sync(again)
    assert again.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CHANGE_OWNER,)
    assert store.put(name, "key", b"body", as_user=(name, SECRET)) == ""
    assert store.get(name, "key", as_user=(name, SECRET)) == b"body"


def test_an_expired_key_counts_as_disabled(garage: RealSubject, store: GarageStore) -> None:
    secret = Secret.claiming("expired", "expired-key", SECRET)
    operator = garage.operator()
    operator.sync(secret)
    body = {"expiration": "2020-01-01T00:00:00Z"}
    store.call("POST", "UpdateKey", {"id": "expired-key"}, body=body)
    result = operator.sync(secret)
    assert secret.state == ("Conflict", "UserDisabled")
    assert result.outcome is not None
    assert result.outcome.actions == ()
    store.call("POST", "UpdateKey", {"id": "expired-key"}, body={"neverExpires": True})
    operator.sync(secret)
    assert secret.state == READY


def test_a_bucket_whose_making_was_cut_short_is_gone_on_with(
    garage: RealSubject, store: GarageStore
) -> None:
    store.create_bucket("cut-short")
    operator = garage.operator({"ADOPTION": "never"})
    secret = Secret.claiming("cut-short", "cut-short-key", SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert store.owner("cut-short") == "cut-short-key"


def test_the_admin_api_alone_may_be_down(garage: RealSubject, store: GarageStore) -> None:
    secret = Secret.claiming("admin-down", "admin-down-key", SECRET)
    garage.operator().sync(secret)
    down = {"S3_ADMIN_ENDPOINT_URL": f"http://{LOOPBACK}:{free_port()}"}
    operator = garage.operator(down)
    before = dict(secret.annotations)
    operator.sync(secret)
    assert secret.annotations == before
    assert operator.requests() == 1
    other = Secret.claiming("admin-down", "another-key", SECRET)
    operator.sync(other)
    assert other.state == ("Retrying", "BackendUnavailable")
    assert store.owner("admin-down") == "admin-down-key"


def test_a_wrong_admin_token_is_named_and_an_unchanged_secret_does_not_mind(
    garage: RealSubject,
) -> None:
    secret = Secret.claiming("wrong-token", "wrong-token", SECRET)
    garage.operator().sync(secret)
    wrong = garage.operator({"S3_ADMIN_TOKEN": "not-the-token", "SIGNING_KEY": "k" * 32})
    wrong.sync(secret.made_again())
    again = secret.made_again()
    wrong.sync(again)
    assert again.state == ("Retrying", "OperatorCredentialsRejected")
    assert "S3_ADMIN_TOKEN" in again.annotations["message"]


def test_the_documented_scope_is_enough_for_the_operators_token(
    garage: RealSubject, store: GarageStore
) -> None:
    found = re.search(r"garage admin-token create .*--scope (\S+)", DOCUMENT.read_text())
    assert found
    body = {"name": "operator", "scope": found[1].split(","), "neverExpires": True}
    token = store.call("POST", "CreateAdminToken", body=body)["secretToken"]
    operator = garage.operator({"S3_ADMIN_TOKEN": token})
    secret = Secret.claiming("scoped-token", "scoped-one", SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_key="scoped-two")
    operator.sync(secret)
    assert secret.state == READY
    assert store.owner("scoped-token") == "scoped-two"
