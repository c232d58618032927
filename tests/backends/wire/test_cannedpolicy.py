"""What counts as administration in a policy of a user's."""

from __future__ import annotations

from typing import Any

import pytest

from backends.errors import ServerFault
from backends.wire.cannedpolicy import full_use, grants_administration, same


def _allowing(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": list(actions), **more}]}


@pytest.mark.parametrize(
    "policy",
    [
        _allowing("admin:*"),
        _allowing("*"),
        _allowing("s3:GetObject", "admin:ServerInfo"),
        _allowing("adm*"),
        _allowing("?dmin:CreateUser"),
        _allowing(NotAction=["s3:DeleteObject"]),
        {"Statement": [*full_use("a-bucket")["Statement"], *_allowing("admin:*")["Statement"]]},
    ],
)
def test_whatever_may_allow_an_admin_action_is_administration(policy: dict[str, Any]) -> None:
    assert grants_administration(policy)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"Statement": None},
        full_use("a-bucket"),
        _allowing("s3:*"),
        _allowing("s*"),
        _allowing("kms:*"),
        {"Statement": [{"Effect": "Deny", "Action": ["admin:*"]}]},
        {"Statement": [{"Effect": "Deny", "NotAction": ["s3:*"]}]},
    ],
)
def test_what_allows_none_is_not(policy: dict[str, Any]) -> None:
    assert not grants_administration(policy)


@pytest.mark.parametrize(
    ("action", "administers"),
    [
        *(("admin:ServerInfo", True), ("kms:*", True), ("kms:DeleteKey", True), ("k*", True)),
        *(("kms:Decrypt", False), ("kms:De*", True), ("s3:*", False)),
    ],
)
def test_a_store_may_have_further_kinds_of_administration(action: str, administers: bool) -> None:
    policy = _allowing("s3:GetObject", action)
    assert grants_administration(policy, ("admin:", "kms:"), {"kms:Decrypt"}) is administers


def test_a_policy_is_the_same_in_any_order_and_no_other_is() -> None:
    policy = full_use("a-bucket")
    turned = full_use("a-bucket")
    turned["Statement"][0]["Resource"].reverse()
    assert same(policy, turned)
    assert not same(policy, full_use("another-bucket"))
    assert not same(policy, {})


@pytest.mark.parametrize(
    "policy",
    [
        {"Statement": "all"},
        {"Statement": [5]},
        {"Statement": [{"Effect": "Allow", "Action": {"admin": "*"}}]},
        {"Statement": [{"Effect": "Allow", "Action": [["admin:*"]]}]},
    ],
)
def test_what_is_no_policy_is_an_answer_that_makes_no_sense(policy: dict[str, Any]) -> None:
    with pytest.raises(ServerFault):
        grants_administration(policy)


def test_lists_in_lists_without_an_end_are_no_policy() -> None:
    deep: list[Any] = []
    for _ in range(2_000):
        deep = [deep]
    assert not same({"Statement": deep}, full_use("a-bucket"))
