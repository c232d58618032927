"""Which policies of a user's reach buckets that they don't name."""

from __future__ import annotations

from typing import Any

import pytest

from backends.errors import ServerFault
from backends.sharing import Access
from backends.wire.cannedpolicy import full_use
from backends.wire.reach import reaches_any_bucket
from backends.wire.shares import canned

ALL = "arn:aws:s3:::*"


def allowing(actions: Any, resources: Any, **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources, **more}]}


@pytest.mark.parametrize(
    "policy",
    [
        allowing(["s3:*"], [ALL]),
        allowing(["s3:GetBucketLocation", "s3:GetObject"], [ALL]),
        allowing(["s3:Get*"], ["*"]),
        allowing("s3:PutObject", "arn:aws:s3:::*/*"),
        allowing(["*"], [ALL]),
        allowing(["S3:GetObject"], ["arn:aws:s3:::team-?/*"]),
        allowing(["s?:GetObject"], ["arn:aws:s3:::team-*"]),
        allowing(["s3:ListBucket"], ["arn:*"]),
        allowing(["s3:ListBucket"], ["arn:aws:s3:::a-bucket", ALL]),
        allowing(["s3:GetObject"], ["arn:aws:s3:::${aws:username}*"]),
        {"Statement": [{"Effect": "Allow", "NotAction": ["s3:DeleteObject"], "Resource": [ALL]}]},
        {"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "NotResource": ["arn:aws:s3:::a"]}]},
        {"Statement": full_use("a-bucket")["Statement"] + allowing(["s3:*"], [ALL])["Statement"]},
        # Neither tells what is left.
        allowing(["s3:GetObject"], [ALL], Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        {
            "Statement": [
                *allowing(["s3:*"], [ALL])["Statement"],
                {"Effect": "Deny", "Action": ["s3:DeleteObject"], "Resource": [ALL]},
            ]
        },
    ],
)
def test_a_pattern_of_buckets_reaches_any_of_them(policy: dict[str, Any]) -> None:
    assert reaches_any_bucket(policy)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"Statement": None},
        full_use("a-bucket"),
        full_use("a-bucket", locked=True),
        *(canned(access, "a-bucket") for access in Access),
        allowing(["s3:*"], ["arn:aws:s3:::a-bucket", "arn:aws:s3:::a-bucket/*/p?th/*"]),
        allowing(["s3:*"], ["arn:aws:s3:::${aws:username}", "arn:aws:s3:::${aws:username}/*"]),
        allowing(["s3:ListAllMyBuckets", "s3:GetBucketLocation"], [ALL]),
        allowing(["admin:ServerInfo"], []),
        allowing(["kms:*"], ["arn:minio:kms:::*"]),
        allowing(["sts:AssumeRole"], ["*"]),
        allowing(["s3:*"], None),
        {"Statement": [{"Effect": "Deny", "Action": ["s3:*"], "Resource": [ALL]}]},
    ],
)
def test_a_bucket_that_is_named_is_no_other(policy: dict[str, Any]) -> None:
    assert not reaches_any_bucket(policy)


@pytest.mark.parametrize("policy", [{"Statement": "all"}, {"Statement": [5]}])
def test_what_is_no_policy_is_an_answer_that_makes_no_sense(policy: dict[str, Any]) -> None:
    with pytest.raises(ServerFault):
        reaches_any_bucket(policy)
