"""Which mistake of a bucket policy is told, and where it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hooks.claim.bucketsettings import policy
from hooks.claim.fields import InvalidSecret, Value

ALLOW: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": ["reader"]},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::team-bucket/*",
}

CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"NotAction": "s3:GetObject"}, " has NotAction, which some stores pass over"),
    ({"NotPrincipal": "*"}, " has NotPrincipal"),
    ({"Owner": "me"}, " has a key that is none of"),
    ({"Sid": 7}, ".Sid must be letters and digits"),
    ({"Sid": "a/b"}, ".Sid must be letters and digits"),
    ({"Effect": "allow"}, ".Effect must be Allow or Deny"),
    ({"Principal": "reader"}, '.Principal must be "*" or a mapping with AWS'),
    ({"Principal": {"Service": "s3"}}, '.Principal must be "*" or a mapping with AWS'),
    ({"Principal": {"AWS": []}}, ".Principal.AWS must be text or a list of texts"),
    ({"Action": [7]}, ".Action must be text or a list of texts"),
    ({"Action": "iam:CreateUser"}, ".Action must name actions such as s3:GetObject"),
    ({"Resource": "arn:aws:s3:::other/*"}, ".Resource must be this bucket"),
    ({"Condition": "always"}, ".Condition must be a mapping of mappings"),
    ({"Condition": {"Bool": "yes"}}, ".Condition must be a mapping of mappings"),
    ({"Condition": {"Bool": {"a": [{}]}}}, ".Condition must have texts as values"),
]


def read(document: Any) -> Any:
    return policy.read(Value("bucket-policy", json.dumps(document)), "team-bucket", "team-user")


def test_one_that_is_right_is_read_with_a_place_for_the_bucket() -> None:
    (found,) = read({"Version": "2012-10-17", "Id": "mine", "Statement": ALLOW})
    assert found["Resource"] == ["arn:aws:s3:::${bucket}/*"]
    assert found["Principal"] == {"AWS": ["reader"]}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([ALLOW], "it must be a mapping with Version and Statement"),
        ({"Statement": ALLOW, "Owner": "me"}, "none of Version, Id, Statement"),
        ({"Statement": ALLOW, "Version": "2008-10-17"}, "Version must be 2012-10-17"),
        ({"Version": "2012-10-17"}, "Statement must be a list of 1 to"),
        ({"Statement": []}, "Statement must be a list of 1 to"),
        ({"Statement": [ALLOW, "s3:*"]}, "Statement[1] must be a mapping"),
        *(
            ({"Statement": [{**ALLOW, **change}]}, f"Statement[0]{told}")
            for change, told in CHANGES
        ),
        *(
            (
                {"Statement": {key: value for key, value in ALLOW.items() if key != lacking}},
                f"Statement[0] lacks {lacking}",
            )
            for lacking in ALLOW
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(document: Any, told: str) -> None:
    with pytest.raises(InvalidSecret) as caught:
        read(document)
    assert caught.value.message.startswith("bucket-policy ")
    assert told in caught.value.message
    # Nothing of what a tenant wrote is repeated.
    assert "reader" not in caught.value.message
