"""What is read from a description of a user, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from backends.base import Answer, Claim
from backends.ceph_rgw.accounts import Account, is_account
from backends.ceph_rgw.api import document, documents, names
from backends.ceph_rgw.errors import CODES
from backends.ceph_rgw.names import is_usable_secret, require_usable
from backends.errors import (
    CredentialsRejected,
    Misconfigured,
    Rejected,
    ServerFault,
    Unsupported,
)
from backends.wire.sensitive import Sensitive


def described(**fields: Any) -> dict[str, Any]:
    """As Ceph 16.2.15 describes one."""
    return {
        "tenant": "",
        "user_id": "user",
        "suspended": 0,
        "max_buckets": 1000,
        "keys": [{"user": "user", "access_key": "user", "secret_key": "the-secret"}],
        "caps": [],
        "system": "false",
        "admin": "false",
        **fields,
    }


def test_a_plain_user() -> None:
    account = Account.read(described())
    user = account.as_user("user")
    assert (user.admin, user.disabled, user.refusal) == (False, False, "")
    assert account.credentials is not None
    assert account.credentials.secret.reveal() == "the-secret"
    assert "the-secret" not in repr(account)


@pytest.mark.parametrize(
    "fields",
    [
        {"system": "true"},
        {"system": True},
        {"admin": "true"},
        {"caps": [{"type": "usage", "perm": "read"}]},
    ],
    ids=repr,
)
def test_every_kind_of_administrator(fields: dict[str, Any]) -> None:
    assert Account.read(described(**fields)).as_user("user").admin


def test_a_suspended_one_signs_nothing() -> None:
    account = Account.read(described(suspended=1))
    assert account.as_user("user").disabled
    assert account.credentials is None


def test_the_key_of_a_subuser_is_not_its_users() -> None:
    key = {"user": "user:sub", "access_key": "sub", "secret_key": "x"}
    account = Account.read(described(keys=[key]))
    assert account.keys == {}
    assert account.credentials is None


def test_a_user_of_an_account_or_of_another_name_is_none_of_a_secrets() -> None:
    member = Account.read(described(account_id="RGW00000000000000001"))
    assert "an account" in member.as_user("user").refusal
    foreign = Account.read(described(user_id="obc-1"))
    assert "another name" in foreign.as_user("user").refusal
    of_a_tenant = Account.read(described(tenant="team"))
    assert of_a_tenant.name == "team$user"
    assert "another name" in of_a_tenant.as_user("user").refusal


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("RGW00000000000000001", True), ("RGW1", False), ("user", False)],
)
def test_an_account_is_told_by_its_name(owner: str, expected: bool) -> None:
    assert is_account(owner) is expected


@pytest.mark.parametrize(
    "user",
    [{}, {"user_id": ""}, {"user_id": 5}, described(keys={}), described(caps="all")],
    ids=["nothing", "no-name", "number", "keys", "caps"],
)
def test_what_describes_no_user_is_a_fault(user: dict[str, Any]) -> None:
    with pytest.raises(ServerFault):
        Account.read(user)


@pytest.mark.parametrize("name", ["a", "team@example.com", "a+b~c_d.e-f", "_x", "A" * 128])
def test_names_that_can_be(name: str) -> None:
    require_usable(Claim("bucket", name, Sensitive("printable, with spaces")))


@pytest.mark.parametrize("name", ["", "a$b", "a:b", "anonymous", "a/b", "a,b", 'a"b', "a b", "ä"])
def test_names_that_can_not_be(name: str) -> None:
    with pytest.raises(Unsupported):
        require_usable(Claim("bucket", name, Sensitive("secret")))


@pytest.mark.parametrize("secret", ["ä", "a\x00", "a\n", "a\x7f", ""])
def test_secrets_that_are_never_accepted(secret: str) -> None:
    claim = Claim("bucket", "name", Sensitive(secret))
    assert not is_usable_secret(claim)
    with pytest.raises(Unsupported) as caught:
        require_usable(claim)
    assert not secret or secret not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"5", b"<xml/>"])
def test_an_answer_that_is_something_else_is_a_fault(body: bytes) -> None:
    for reader in (document, documents, names):
        with pytest.raises(ServerFault):
            reader(Answer(200, body))


@pytest.mark.parametrize(
    ("status", "code", "admin", "expected"),
    [
        (403, "AccessDenied", True, CredentialsRejected),
        (400, "TooManyBuckets", True, Misconfigured),
        (400, "InvalidBucketName", True, Rejected),
        (500, "UnknownError", True, ServerFault),
        (404, "", True, ServerFault),
    ],
)
def test_refusals_are_told_by_their_code(
    status: int, code: str, admin: bool, expected: type[Exception]
) -> None:
    found = CODES.error(Answer(status, b"", code), admin=admin)
    assert type(found) is expected
    # The gateway says nothing beside the code.
    assert not str(found).endswith((": .", ":."))
