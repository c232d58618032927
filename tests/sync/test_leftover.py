"""Generated credentials whose grant or signing key is gone: nobody is left behind in silence."""

from __future__ import annotations

import base64
import json

import pytest

from hooks.sync.leftover import LEFT, UNPROVEN
from tests.attended import SIGNING_KEY, Attended, ago, cluster_of
from tests.model import ModelStore
from tests.support import PREFIX, Operator

READY = ("Ready", "Provisioned")
GARAGE = {"BACKEND_NAME": "garage", "S3_ADMIN_TOKEN": "t", "S3_ADMIN_ENDPOINT_URL": "http://a"}
LONG_AGO = 1_700_000_000


@pytest.fixture
def store() -> ModelStore:
    return ModelStore()


def operator(store: ModelStore, secret: Attended, key: str = SIGNING_KEY, **more: str) -> Operator:
    return Operator(store, {"SIGNING_KEY": key, **more}, kube=cluster_of(secret))


def provisioned(store: ModelStore, **more: str) -> Attended:
    secret = Attended("app")
    secret.settle(operator(store, secret, **more))
    assert secret.state == READY
    return secret


def forge(secret: Attended, **changes: object) -> None:
    """Changes what the grant says, as whoever may edit annotations can."""
    marks = secret.document["metadata"]["annotations"]
    version, payload, signature = marks[PREFIX + "grants"].split(".")
    document = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    document |= changes
    encoded = base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
    marks[PREFIX + "grants"] = f"{version}.{encoded}.{signature}"


def rest(secret: Attended) -> None:
    """Another replica with another key could be at it for ten minutes."""
    forge(secret, signed=LONG_AGO)


def test_a_lost_key_leaves_a_user_of_which_the_status_tells(store: ModelStore) -> None:
    secret = provisioned(store)
    former = secret.pair[0]
    rest(secret)
    one = operator(store, secret, "another")
    secret.settle(one)
    assert secret.state == READY
    assert store.owners["app"] == secret.pair[0] != former
    message = secret.annotations["message"]
    assert LEFT.format(users=former) in message
    # It stays so without a further request, and byte for byte.
    store.calls.clear()
    first = secret.ask(one).response.encode()
    assert store.calls == ["probe"]
    assert secret.ask(one).response.encode() == first
    assert secret.annotations["message"] == message


def test_it_is_told_no_more_when_it_was_removed(store: ModelStore) -> None:
    secret = provisioned(store)
    former = secret.pair[0]
    rest(secret)
    one = operator(store, secret, "another")
    secret.settle(one)
    secret.annotate(rotate=ago(60))
    secret.settle(one)
    assert former in secret.annotations["message"]
    del store.accounts[former]
    secret.annotate(rotate=ago(5))
    secret.settle(one)
    assert former not in secret.annotations["message"]
    assert set(store.accounts) == {secret.pair[0]}


@pytest.mark.parametrize("back", [False, True], ids=["gone", "back"])
def test_where_nothing_may_be_taken_over_it_says_what_to_do(store: ModelStore, back: bool) -> None:
    secret = provisioned(store)
    pair, attached = secret.pair, dict(secret.attached)
    rest(secret)
    one = operator(store, secret, "another", ADOPTION="never")
    secret.settle(one)
    assert secret.state == ("Conflict", "BucketOwned")
    assert secret.annotations["message"].endswith(UNPROVEN)
    # Applications go on with what they have.
    assert secret.attached.keys() == attached.keys()
    assert secret.pair == pair
    assert store.accounts.keys() == {pair[0]}
    if back:
        secret.settle(operator(store, secret, f"another\n{SIGNING_KEY}", ADOPTION="never"))
        assert secret.pair == pair
    else:
        secret.annotate(grants=None)
        secret.settle(one)
        assert UNPROVEN not in secret.annotations["message"]


def test_a_forged_grant_removes_nobody_and_gets_no_text_in(store: ModelStore) -> None:
    secret = provisioned(store)
    store.accounts["GK" + "0" * 24] = store.accounts["somebody"] = store.accounts[secret.pair[0]]
    names = ["GK" + "0" * 24, "somebody", "<b>", 7, ["x"], {}, *(f"GK{n:024x}" for n in range(9))]
    forge(
        secret,
        signed=LONG_AGO,
        user=["GK" + "1" * 24, 1, "own"],
        generated=[0, "k", names],
        left=names,
    )
    secret.settle(operator(store, secret))
    assert secret.state == READY
    assert {"GK" + "0" * 24, "somebody"} <= store.accounts.keys()
    told = secret.annotations["message"].partition("remove it there: ")[2]
    assert told == "GK" + "0" * 24 + "."


@pytest.mark.parametrize("user", [[], [["x"], 1, "own"], [{}, 1, "own"], 7, None])
def test_a_grant_of_another_form_is_none(store: ModelStore, user: object) -> None:
    secret = provisioned(store)
    forge(secret, signed=LONG_AGO, user=user)
    secret.settle(operator(store, secret))
    assert secret.state == READY
    assert "remove it there" not in secret.annotations["message"]


def test_the_grant_is_lost_in_the_middle_of_a_rotation(store: ModelStore) -> None:
    """Its own users are derived anew, so they need nobody to prove them."""
    secret = provisioned(store, **GARAGE)
    one = operator(store, secret, **GARAGE)
    former = secret.pair[0]
    secret.annotate(rotate=ago(5))
    secret.sync(one)
    assert secret.pair[0] != former
    assert store.accounts.keys() == {former, secret.pair[0]}
    secret.annotate(grants=None, status=None, reason=None)
    secret.settle(one)
    assert secret.state == READY
    assert store.accounts.keys() == {secret.pair[0]}


def test_a_secret_made_again_in_the_middle_of_a_rotation_leaves_none(store: ModelStore) -> None:
    secret = provisioned(store, **GARAGE)
    secret.annotate(rotate=ago(5))
    secret.sync(operator(store, secret, **GARAGE))
    assert len(store.accounts) == 2
    again = secret.remade()
    again.settle(operator(store, again, **GARAGE))
    assert again.state == READY
    assert store.accounts.keys() == {again.pair[0]}
