"""Who is given another's bucket inherits none of that one's settings; what is one's own stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from backends.wire.deadline import Deadline
from tests.conformance.subject import RealSubject
from tests.conformance.traits import READY
from tests.servers.s3 import Credentials, code_of
from tests.support import Secret, wait

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
OBJECT = "reports/1"

Call = Callable[[Any, str], object]


def public(bucket: str, owner: str) -> str:
    """Everybody may read; VersityGW wants the owner named besides, or locks it out."""
    statements = [
        {"Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": ["{}/*"]},
        {"Principal": {"AWS": [owner]}, "Action": ["s3:*"], "Resource": ["{}", "{}/*"]},
    ]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    **statement,
                    "Resource": [
                        resource.format(f"arn:aws:s3:::{bucket}")
                        for resource in statement["Resource"]
                    ],
                }
                for statement in statements
            ],
        }
    )


def put_policy(s3: Any, bucket: str) -> object:
    owner = s3._request_signer._credentials.access_key
    policy = public(bucket, owner)
    if "ceph-rgw" in bucket:
        policy = policy.replace(json.dumps([owner]), json.dumps([f"arn:aws:iam:::user/{owner}"]))
    if "minio" in bucket:
        # Of signed users MinIO's bucket policies say nothing, nor may they name one.
        document = json.loads(policy)
        document["Statement"].pop()
        policy = json.dumps(document)
    return s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def put_lifecycle(s3: Any, bucket: str) -> object:
    rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    return s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}
    )


def put_cors(s3: Any, bucket: str) -> object:
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://app.example.com"]}
    return s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def put_website(s3: Any, bucket: str) -> object:
    return s3.put_bucket_website(
        Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
    )


PUT: Mapping[str, Call] = {
    "policy": put_policy,
    "lifecycle": put_lifecycle,
    "cors": put_cors,
    "website": put_website,
}
GET: Mapping[str, Call] = {
    "policy": lambda s3, bucket: s3.get_bucket_policy(Bucket=bucket),
    "lifecycle": lambda s3, bucket: s3.get_bucket_lifecycle_configuration(Bucket=bucket),
    "cors": lambda s3, bucket: s3.get_bucket_cors(Bucket=bucket),
    "website": lambda s3, bucket: s3.get_bucket_website(Bucket=bucket),
}
SETTINGS: Mapping[str, frozenset[str]] = {
    "versitygw": frozenset({"policy", "cors", "website"}),
    "minio": frozenset({"policy", "lifecycle"}),
    "garage": frozenset({"lifecycle", "cors", "website"}),
    # Websites are off unless a gateway is set up for them.
    "ceph-rgw": frozenset({"policy", "lifecycle", "cors"}),
    "seaweedfs": frozenset({"policy", "lifecycle", "cors"}),
    "rustfs": frozenset({"policy", "lifecycle", "cors", "website"}),
}
"""What an owner can set on each store, which is all that has to be removed."""


def settings(subject: RealSubject, bucket: str, who: Credentials) -> set[str]:
    """Those that stand on a bucket, of those that the store has."""
    found = set()
    with subject.store.s3(*who) as s3:
        for name in SETTINGS[subject.backend_name]:
            if is_set(GET[name], s3, bucket):
                found.add(name)
        if "policy" in found and is_the_operators(GET["policy"](s3, bucket)):
            found.remove("policy")
    return found


def is_the_operators(answer: Any) -> bool:
    """Whether a policy has no statements but those that keep a former owner out (Ceph RGW)."""
    statements = json.loads(answer["Policy"])["Statement"]
    return all(
        str(statement.get("Sid", "")).startswith("S3ResourceOperator") for statement in statements
    )


def is_set(get: Call, s3: Any, bucket: str) -> bool:
    """Whether a setting stands on a bucket."""
    answers: list[Any] = []
    code = code_of(lambda: answers.append(get(s3, bucket)))
    # Garage 2.5.0 answers 204 where there is no website.
    return not code and bool(answers[0].keys() - {"ResponseMetadata"})


def set_up(subject: RealSubject, bucket: str, owner: Credentials, *, filled: bool = True) -> None:
    """All settings that the store has, and an object."""
    if filled:
        assert subject.put(bucket, OBJECT, b"body", as_user=owner) == ""
    with subject.store.s3(*owner) as s3:
        for name in sorted(SETTINGS[subject.backend_name]):
            PUT[name](s3, bucket)
    assert settings(subject, bucket, owner) == SETTINGS[subject.backend_name]


@pytest.fixture
def bucket(real: RealSubject, name: str) -> str:
    return f"{name}{real.backend_name.replace('-', '')}"


@pytest.mark.parametrize("filled", [True, False])
def test_a_new_owner_inherits_objects_and_no_settings(
    real: RealSubject, bucket: str, filled: bool
) -> None:
    former = (f"{bucket}former", OTHER_SECRET)
    real.create_user(*former)
    real.create_bucket(bucket, former[0])
    set_up(real, bucket, former, filled=filled)
    secret = Secret.claiming(bucket, f"{bucket}new", SECRET)
    operator = real.operator()
    operator.sync(secret)
    assert secret.state == READY
    assert settings(real, bucket, (f"{bucket}new", SECRET)) == set()
    assert "settings" in secret.annotations["message"]
    found = real.get(bucket, OBJECT, as_user=(f"{bucket}new", SECRET))
    assert found == (b"body" if filled else "NoSuchKey")
    # And it is told in the same words from then on.
    before = dict(secret.annotations)
    operator.sync(secret)
    assert secret.annotations == before


def test_what_one_has_set_up_outlives_drift_rotation_and_a_new_name(
    real: RealSubject, bucket: str
) -> None:
    operator = real.operator()
    secret = Secret.claiming(bucket, f"{bucket}one", SECRET)
    operator.sync(secret)
    set_up(real, bucket, (f"{bucket}one", SECRET))
    secret.set(access_key=f"{bucket}two", access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    kept = SETTINGS[real.backend_name]
    if real.backend_name == "versitygw":
        # A change of owner drops the policy, whatever anybody wants.
        kept -= {"policy"}
    assert settings(real, bucket, (f"{bucket}two", OTHER_SECRET)) == kept
    assert "settings" not in secret.annotations["message"]


def test_what_goes_to_the_administrator_goes_without_settings(
    real: RealSubject, bucket: str
) -> None:
    owner = (f"{bucket}owner", SECRET)
    real.create_user(*owner)
    real.create_bucket(bucket, owner[0])
    set_up(real, bucket, owner)
    backend = real.backend()
    wait(backend.wipe(bucket, Deadline(30)))
    assert settings(real, bucket, owner) == set()
    assert real.get(bucket, OBJECT, as_user=owner) == b"body"
    # There is nothing left to remove, and nothing to remove it from.
    wait(backend.wipe(bucket, Deadline(30)))
    wait(backend.wipe(f"{bucket}gone", Deadline(30)))
    assert real.owner(bucket) == owner[0]
