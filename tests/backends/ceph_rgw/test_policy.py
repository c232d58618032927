"""The statements that keep former owners out, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backends.ceph_rgw import policy
from backends.errors import ServerFault
from backends.wire import policydocument

MINE = {"Sid": "Mine", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def test_the_owner_is_let_in_and_the_former_ones_are_kept_out_of_all_objects() -> None:
    made = policy.handed_over(None, "bucket", "new", ["b", "a"])
    assert made == document(
        {
            "Sid": policydocument.OWNER_SID,
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam:::user/new"]},
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"],
        },
        {
            "Sid": policy.FORMER_SID,
            "Effect": "Deny",
            "Principal": {"AWS": ["arn:aws:iam:::user/a", "arn:aws:iam:::user/b"]},
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::bucket/*"],
        },
    )
    assert policy.formers(made) == {"a", "b"}
    assert policydocument.parse(policy.encoded(made)) == made


def test_a_user_of_a_tenant_is_named_as_one() -> None:
    made = policy.handed_over(None, "bucket", "new", ["tenant$user"])
    assert made["Statement"][1]["Principal"] == {"AWS": ["arn:aws:iam::tenant:user/user"]}
    assert policy.formers(made) == {"tenant$user"}


def test_what_is_the_owners_stays_in_its_place() -> None:
    before = {**document(MINE), "Id": "of-my-own"}
    made = policy.handed_over(before, "bucket", "new", ["old"])
    assert made["Id"] == "of-my-own"
    assert made["Statement"][0] == MINE
    assert policy.others(made) == [MINE]
    again = policy.handed_over(made, "bucket", "new", ["old"])
    assert again == made


@pytest.mark.parametrize("single", [MINE, [MINE]], ids=["object", "list"])
def test_one_statement_needs_no_list(single: Any) -> None:
    assert policy.others({"Version": "2012-10-17", "Statement": single}) == [MINE]


def test_without_the_owners_statements_only_the_operators_are_left() -> None:
    assert policy.bare(document(MINE), "bucket", "owner", []) is None
    made = policy.handed_over(document(MINE), "bucket", "new", ["old"])
    assert policy.bare(made, "bucket", "new", ["old"]) == policy.handed_over(
        None, "bucket", "new", ["old"]
    )


@pytest.mark.parametrize(
    "principal",
    ["*", {"AWS": "*"}, {"AWS": ["*", 5, None]}, {"AWS": {}}, None, [], {"Service": ["x"]}],
    ids=repr,
)
def test_nothing_but_names_is_taken_from_what_a_tenant_wrote(principal: Any) -> None:
    forged = {"Sid": policy.FORMER_SID, "Effect": "Allow", "Principal": principal}
    assert policy.formers(document(forged)) == set()
    assert policy.others(document(forged)) == []


def test_so_many_names_are_not_kept() -> None:
    made = policy.handed_over(None, "bucket", "new", [f"old-{number:04}" for number in range(500)])
    assert len(policy.formers(made)) == 100


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"<xml/>", b'{"Statement":' + b"[" * 40 + b"]" * 40 + b"}"],
    ids=["empty", "list", "null", "xml", "deep"],
)
def test_what_is_no_policy_is_a_fault(content: bytes) -> None:
    with pytest.raises(ServerFault):
        policydocument.parse(content)


@pytest.mark.parametrize("statement", [None, 5, "text", [1], {"Sid": []}, {"Sid": None}], ids=repr)
def test_odd_statements_are_nobodys_harm(statement: Any) -> None:
    odd = policydocument.parse(json.dumps({"Statement": [statement]}).encode())
    assert policy.others(odd) == [statement]
    assert policy.formers(odd) == set()
