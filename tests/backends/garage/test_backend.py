"""What only Garage does; the rest is in the conformance suite."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.base import Claim
from backends.errors import CredentialsRejected, Misconfigured, ServerFault
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.commands.processes import LOOPBACK, free_port
from hooks.contract.outcome import Action
from tests.conformance.subject import RealSubject, garage_subject
from tests.faults import ANSWERS
from tests.servers.garage import GarageStore
from tests.servers.garagenodes import garage_nodes
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")
NOT_SUPPORTED = ("Invalid", "NotSupported")
DOCUMENT = Path(__file__).parents[3] / "docs" / "backends.md"


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


def test_a_node_without_a_layout_is_named(garage: RealSubject, store: GarageStore) -> None:
    with garage_nodes(store, 1, layout=False) as (node,):
        secret = Secret.claiming("no-layout", "no-layout", SECRET)
        garage.operator(node.environ()).sync(secret)
        assert secret.state == ("Retrying", "OperatorMisconfigured")
        assert "garage layout" in secret.annotations["message"]
        backend = garage.connect({**garage.environ(), **node.environ()}, lambda *_: None)
        with pytest.raises(Misconfigured, match="garage layout"):
            wait(backend.check(Deadline(10)))


def test_a_key_is_named_after_its_secret(garage: RealSubject, store: GarageStore) -> None:
    secret = Secret.claiming("named-key", "named-key", SECRET)
    garage.operator().sync(secret)
    assert store.key("named-key")["name"] == f"team/{secret.document['metadata']['name']}"
    assert store.key("named-key")["permissions"] == {"createBucket": False}


def test_a_secret_whose_bucket_is_hidden_by_an_alias_of_its_key_is_not_ready(
    garage: RealSubject, store: GarageStore
) -> None:
    operator = garage.operator()
    secret = Secret.claiming("behind-alias", "behind-alias", SECRET)
    operator.sync(secret)
    store.create_bucket("before-alias")
    alias = {
        "bucketId": store.bucket("before-alias")["id"],
        "accessKeyId": "behind-alias",
        "localAlias": "behind-alias",
    }
    store.call("POST", "AddBucketAlias", body=alias)
    operator.sync(secret)
    assert secret.state == ("Retrying", "NotYetVisible")
    store.call("POST", "RemoveBucketAlias", body=alias)
    operator.sync(secret)
    assert secret.state == READY


def test_a_bucket_that_its_own_key_deletes_is_made_again(
    garage: RealSubject, store: GarageStore
) -> None:
    """A key takes a name of its own for a bucket once, and its owner's permissions come with it."""
    operator = garage.operator()
    credentials = ("again-and-again", SECRET)
    secret = Secret.claiming("again-and-again", *credentials)
    operator.sync(secret)
    for _ in range(3):
        with store.s3(*credentials) as s3:
            s3.delete_bucket(Bucket="again-and-again")
        operator.sync(secret)
        assert secret.state == READY
        assert store.put("again-and-again", "works", b"", as_user=credentials) == ""
        with store.s3(*credentials) as s3:
            s3.delete_object(Bucket="again-and-again", Key="works")
    keys = store.bucket("again-and-again")["keys"]
    assert [key["bucketLocalAliases"] for key in keys] == [[]]


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
    """The key has it by then, and by a name of its own besides."""
    store.create_user("cut-short-key", SECRET)
    allow = {"read": True, "write": True, "owner": True}
    alias = {"accessKeyId": "cut-short-key", "alias": "cut-short", "allow": allow}
    store.call("POST", "CreateBucket", body={"globalAlias": "cut-short", "localAlias": alias})
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


def test_a_release_takes_all_permissions_and_leaves_a_reader(
    garage: RealSubject, store: GarageStore
) -> None:
    garage.operator().sync(Secret.claiming("released", "released-key", SECRET))
    reading = {"read": True, "write": False, "owner": False}
    store.create_user("released-reader", SECRET)
    store.permit("AllowBucketKey", "released", "released-reader", reading)
    backend = garage.backend()
    assert not wait(backend.release("released", "released-reader", Deadline(10)))
    assert wait(backend.release("released", "released-key", Deadline(10)))
    assert _permissions(store, "released") == {"released-reader": reading}


def test_a_quota_leaves_the_buckets_website_as_it_is(
    garage: RealSubject, store: GarageStore
) -> None:
    store.create_bucket("website")
    access = {"enabled": True, "indexDocument": "index.html", "errorDocument": None}
    bucket = store.bucket("website")["id"]
    store.call("POST", "UpdateBucket", {"id": bucket}, body={"websiteAccess": access})
    before = store.bucket("website")
    claim = Claim("website", "key", Sensitive(SECRET), quota_objects=7)
    assert wait(garage.backend().set_quota(claim, Deadline(10)))
    after = store.bucket("website")
    assert after.pop("quotas") == {"maxSize": None, "maxObjects": 7}
    before.pop("quotas")
    assert after == before


def test_a_deleted_bucket_goes_with_all_its_names(garage: RealSubject, store: GarageStore) -> None:
    store.create_bucket("one-name")
    body = {"bucketId": store.bucket("one-name")["id"], "globalAlias": "another-name"}
    store.call("POST", "AddBucketAlias", body=body)
    assert wait(garage.backend().delete_bucket("another-name", Deadline(10)))
    assert not {"one-name", "another-name"} & store.names()[1]


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
    # Another's, whose settings go.
    other = Secret.claiming("scoped-token", "scoped-three", SECRET)
    operator.sync(other)
    assert other.state == READY
    assert store.owner("scoped-token") == "scoped-three"
    secret = Secret.claiming("scoped-token", "scoped-two", SECRET)
    operator.sync(secret)
    assert secret.state == READY
    quota = Claim("scoped-token", "scoped-two", Sensitive(SECRET), quota_bytes=1_000)
    backend = garage.connect({**garage.environ(), "S3_ADMIN_TOKEN": token}, lambda *_: None)
    assert wait(backend.set_quota(quota, Deadline(5)))
    calls: list[Callable[[], Coroutine[Any, Any, bool]]] = [
        lambda: backend.delete_user("scoped-two", Deadline(5)),
        lambda: backend.delete_bucket("scoped-token", Deadline(5)),
    ]
    for call in calls:
        with pytest.raises(CredentialsRejected, match="scope"):
            wait(call())
    # What the optional features need beside it.
    section = DOCUMENT.read_text().split("\n## Garage\n")[1].split("\n## ")[0]
    lines = re.findall(r"^- \w+: add (.+)\.$", section, re.MULTILINE)
    body["scope"] = [*found[1].split(","), *re.findall(r"`(\w+)`", " ".join(lines))]
    token = store.call("POST", "CreateAdminToken", body=body)["secretToken"]
    backend = garage.connect({**garage.environ(), "S3_ADMIN_TOKEN": token}, lambda *_: None)
    assert wait(backend.release("scoped-token", "scoped-two", Deadline(5)))
    assert wait(backend.delete_user("scoped-two", Deadline(5)))
    assert wait(backend.delete_bucket("scoped-token", Deadline(5)))


@pytest.mark.parametrize(
    "odd",
    [
        {"id": 5},
        {"id": "a", "keys": None},
        {"id": "a", "keys": ["GK1"], "buckets": ["a"], "quotas": []},
        {"id": "a", "keys": [{}], "buckets": [{"permissions": "owner"}], "quotas": 5},
        {"id": "a", "keys": [{"accessKeyId": 5}], "buckets": 5},
        {"id": "a", "keys": [{"accessKeyId": "GK1", "permissions": ["owner"]}], "buckets": {}},
    ],
)
def test_an_odd_answer_of_the_admin_api_makes_no_sense(
    garage: RealSubject, monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any]
) -> None:
    monkeypatch.setitem(ANSWERS, "odd", (200, json.dumps(odd).encode()))
    backend = garage.backend()
    claim = Claim("odd", "odd", Sensitive(SECRET), quota_bytes=1)
    garage.proxy.always = "odd"
    try:
        for call in (
            lambda: backend.find_bucket("odd", Deadline(10)),
            lambda: backend.change_owner(claim, Deadline(10)),
        ):
            with pytest.raises(ServerFault):
                wait(call())
        for call in (
            lambda: backend.owns_buckets("odd", Deadline(10)),
            lambda: backend.set_quota(claim, Deadline(10)),
        ):
            with contextlib.suppress(ServerFault):
                wait(call())
    finally:
        garage.proxy.calm()
