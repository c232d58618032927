"""What Secrets call their store, and several operators that see the same Secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Reason
from tests.model import ModelStore
from tests.support import PREFIX, Operator, Secret, wait

NAMES = {
    "S3_ENDPOINT_URL": "http://store.storage.svc.cluster.local:7070",
    "S3_PUBLIC_ENDPOINT_URL": "https://S3.Example.com:443/",
    "S3_ENDPOINT_ALIASES": "http://store.storage.svc:7070,store:7070",
    "SIGNING_KEY": "the-first-operators",
}
OTHER = {"S3_ENDPOINT_URL": "https://archive.example.com", "SIGNING_KEY": "the-other-operators"}
# As it is written in a Secret, and by which name the operator then reports.
CALLED = {
    "http://store.storage.svc.cluster.local:7070/": NAMES["S3_ENDPOINT_URL"],
    "https://s3.example.com": "https://s3.example.com",
    "s3.example.com": "https://s3.example.com",
    "S3.EXAMPLE.COM:443": "https://s3.example.com",
    "http://store.storage.svc:7070": "http://store.storage.svc:7070",
    "store.storage.svc:7070": "http://store.storage.svc:7070",
    "https://store:7070": "https://store:7070",
    "store:7070": "http://store:7070",
}
ENDPOINT_KEYS = ["endpoint-url", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINTS", "ENDPOINT_URL"]


def claiming(**fields: str) -> Secret:
    return Secret.claiming("a-bucket", "a-user", "a-secret-of-its-own", **fields)


def go_round(secret: Secret, *operators: Operator) -> None:
    """Calls each in turn, and again, as Metacontroller does after each change."""
    for operator in operators:
        operator.sync(secret)
    for operator in operators:
        operator.sync(secret)
    settled = str(secret.document)
    for operator in operators * 2:
        operator.sync(secret)
        assert str(secret.document) == settled


@pytest.mark.parametrize("called", CALLED)
@pytest.mark.parametrize("key", ENDPOINT_KEYS)
def test_each_name_of_the_store_is_the_store(called: str, key: str) -> None:
    secret, operator = claiming(), Operator(ModelStore(), NAMES)
    secret.set_raw(key, called)
    go_round(secret, operator)
    assert secret.state == ("Ready", "Provisioned")
    assert secret.annotations["endpoint"] == CALLED[called]


@pytest.mark.parametrize("called", CALLED)
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("fields", [{}, {"role": "root"}])
def test_an_operator_that_knows_not_all_names_leaves_the_secret_alone(
    called: str, first: int, fields: dict[str, str]
) -> None:
    other = ModelStore()
    operators = [Operator(ModelStore(), NAMES), Operator(other, OTHER)]
    secret = claiming(endpoint_url=called, **fields)
    go_round(secret, *(operators[first:] + operators[:first]))
    assert secret.state[0] == ("Invalid" if fields else "Ready")
    assert secret.annotations["endpoint"] == CALLED[called]
    assert other.calls == []


def test_without_an_endpoint_the_operators_own_is_told() -> None:
    secret = claiming()
    go_round(secret, Operator(ModelStore(), NAMES))
    assert secret.annotations["endpoint"] == NAMES["S3_ENDPOINT_URL"]


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoint-url": "no endpoint"},
        {"endpoint-url": "https://u:p@s3.example.com"},
        {"endpoint-url": "https://s3.example.com", "AWS_ENDPOINTS": "https://archive.example.com"},
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_where_the_store_can_not_be_told_one_operator_reports(
    fields: dict[str, str], first: int
) -> None:
    operators = [Operator(ModelStore(), NAMES), Operator(ModelStore(), OTHER)]
    secret = claiming()
    for key, value in fields.items():
        secret.set_raw(key, value)
    go_round(secret, *(operators[first:] + operators[:first]))
    assert secret.state[0] == "Invalid"
    assert secret.annotations["endpoint"] == [NAMES, OTHER][first]["S3_ENDPOINT_URL"]
    # The other one takes it when it is put right.
    secret.document["data"].pop("AWS_ENDPOINTS", None)
    secret.set(endpoint_url=OTHER["S3_ENDPOINT_URL"])
    go_round(secret, *operators)
    assert secret.state[0] == "Ready"
    assert secret.annotations["endpoint"] == OTHER["S3_ENDPOINT_URL"]


@pytest.mark.parametrize(
    ("one", "other"), [("s3.example.com", "store:7070"), ("store:7070", "s3.example.com")]
)
def test_another_name_of_the_same_store_is_no_other_store(one: str, other: str) -> None:
    store = ModelStore()
    secret, operator = claiming(endpoint_url=one), Operator(store, NAMES)
    go_round(secret, operator, Operator(ModelStore(), OTHER))
    grant = secret.annotations["grants"]
    secret.set(endpoint_url=other)
    go_round(secret, operator, Operator(ModelStore(), OTHER))
    assert secret.state[0] == "Ready"
    assert secret.annotations["endpoint"] == CALLED[other]
    assert secret.annotations["grants"] == grant


@pytest.mark.parametrize("key", ENDPOINT_KEYS)
def test_the_message_names_the_key_that_was_read(key: str) -> None:
    secret = claiming()
    secret.set_raw(key, "https://nobody.example.com")
    operators = Operator(ModelStore(), NAMES), Operator(ModelStore(), OTHER)
    go_round(secret, *operators)
    assert secret.state == ("Skipped", "EndpointMismatch")
    assert secret.annotations["message"].startswith(f"{key} names a store")
    assert "nobody" not in secret.annotations["message"]
    told = f"{PREFIX}keys: endpoint=endpoint-url"
    assert (told in secret.annotations["message"]) == (key == "ENDPOINT_URL")
    # What the message says helps where it says it.
    secret.document["metadata"]["annotations"][f"{PREFIX}keys"] = "endpoint=endpoint-url"
    operators[0].sync(secret)
    assert secret.state[0] == ("Skipped" if key == "endpoint-url" else "Ready")


def test_what_was_not_read_stands_in_the_message() -> None:
    secret = claiming()
    secret.set_raw("SECRET_KEY", "django-insecure-hunter2")
    secret.set_raw("ROLE", "worker")
    secret.set_raw("AWS_REGION", "eu-hunter2")
    go_round(secret, Operator(ModelStore()))
    assert secret.state == ("Ready", "Provisioned")
    message = secret.annotations["message"]
    assert "Not read: SECRET_KEY (another key counts), ROLE (can't be one)." in message
    assert "AWS_REGION isn't us-east-1" in message
    assert "hunter2" not in message


def test_the_store_is_known_by_each_name_when_the_secret_goes() -> None:
    secret = claiming(endpoint_url="store:7070")
    secret.document["metadata"]["annotations"][f"{PREFIX}deletion-policy"] = "delete"
    operators = [
        Operator(ModelStore(), {**names, "DELETION": "on"}) for names in (NAMES, OTHER, {})
    ]
    go_round(secret, *operators)
    shown = replace(SyncRequest.of(secret.document), deleting=True, finalizing=True)
    own, *others = (wait(operator.parts.finalizer.finalize(shown)) for operator in operators)
    # Without the other Secrets it can't be done, but it would be.
    assert own.outcome is not None
    assert own.outcome.reason is Reason.GUARD_UNAVAILABLE
    assert own.response.annotations[f"{PREFIX}endpoint"] == "http://store:7070"
    assert not own.response.finalized
    assert all(other.response.finalized and other.outcome is None for other in others)


@pytest.mark.parametrize("fields", [{}, {"role": "root"}, {"endpoint-url": "https://nobody"}])
def test_operators_with_a_name_and_a_key_in_common_do_not_write_for_ever(
    fields: dict[str, str],
) -> None:
    """A name belongs to one of them; where it doesn't, they at least agree."""
    common = {"S3_ENDPOINT_ALIASES": "store:7070", "SIGNING_KEY": NAMES["SIGNING_KEY"]}
    store = ModelStore()
    operators = [Operator(store, {**names, **common}) for names in (NAMES, OTHER)]
    secret = claiming(endpoint_url="store:7070")
    for key, value in fields.items():
        secret.set_raw(key, value)
    go_round(secret, *operators)
    expected = {"role": "Invalid", "endpoint-url": "Skipped"}
    assert secret.state[0] == expected.get(next(iter(fields), ""), "Ready")
