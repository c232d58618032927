"""Bucket policies and public reading: in effect, and no statement of the operator's is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3

from backends.base import Claim
from backends.bucketsettings import SettingName
from backends.capabilities import CAPABILITIES
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.contract.outcome import Action
from tests.conformance.bucketsettings import (
    PUBLIC,
    SECRET,
    seen,
    settled,
    statements,
    with_setting,
)
from tests.conformance.subject import RealSubject
from tests.conformance.traits import NOT_SUPPORTED, READY
from tests.support import Secret, wait

OPENED = with_setting(SettingName.PUBLIC)
NOT_ALLOWED = ("Invalid", "NotAllowed")
INVALID = ("Invalid", "InvalidField")
TAKEN = ("Invalid", "RejectedByBackend")
ARN = "arn:aws:s3:::${bucket}"


def policy(*found: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(found)})


def allow(**parts: Any) -> dict[str, Any]:
    """Everybody may read what is below pub/."""
    return {
        "Sid": "Mine",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"{ARN}/pub/*",
        **parts,
    }


def principal(real: RealSubject, user: str) -> dict[str, str]:
    """How the store calls a user in a policy."""
    form = CAPABILITIES[real.backend_name].settings.principal or "NAME"
    return {"AWS": form.replace("NAME", user)}


def unsigned(real: RealSubject, bucket: str, key: str) -> int:
    """The status that somebody without credentials is answered."""
    with urllib3.PoolManager(timeout=10, retries=False) as http:
        return http.request("GET", f"{real.store.url}/{bucket}/{key}").status


def filled(real: RealSubject, name: str) -> None:
    for key in ("pub/1", "private"):
        assert real.put(name, key, b"body", as_user=(name, SECRET)) == ""


@pytest.mark.parametrize("real", OPENED, indirect=True)
def test_everybody_may_read_and_do_nothing_else(real: RealSubject, name: str) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name)
    filled(real, name)
    assert unsigned(real, name, "private") in {401, 403}
    secret.set(public_access="read")
    result = operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert result.outcome is not None
    assert result.outcome.actions == (Action.SET_PUBLIC_ACCESS, Action.MAKE_PUBLIC)
    assert unsigned(real, name, "private") == 200
    with urllib3.PoolManager(timeout=10, retries=False) as http:
        assert http.request("PUT", f"{real.store.url}/{name}/new", body=b"x").status >= 400
        assert http.request("GET", f"{real.store.url}/{name}").status >= 400
    assert real.put(name, "own", b"body", as_user=(name, SECRET)) == ""
    before, answered = operator.requests(), dict(secret.annotations)
    operator.sync(secret)
    assert (operator.requests(), secret.annotations) == (before + 1, answered)
    del secret.document["data"]["public-access"]
    operator.sync(secret)
    assert secret.state == READY
    assert unsigned(real, name, "private") in {401, 403}
    assert seen(real, name, SettingName.POLICY) is None


@pytest.mark.parametrize("real", OPENED, indirect=True)
def test_an_empty_bucket_is_told_public_only_where_it_is(real: RealSubject, name: str) -> None:
    settled(real.operator(PUBLIC), name)
    claim = Claim(name, name, Sensitive(SECRET))
    store = real.backend().bucket_settings
    assert not wait(store.is_public(claim, Deadline(30)))
    wait(store.write(SettingName.PUBLIC, "read", claim, Deadline(30)))
    assert wait(store.is_public(claim, Deadline(30)))


@pytest.mark.parametrize("real", OPENED, indirect=True)
def test_a_policy_is_honoured_beside_public_reading_and_alone(real: RealSubject, name: str) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name, bucket_policy=policy(allow()), public_access="read")
    filled(real, name)
    assert {unsigned(real, name, key) for key in ("pub/1", "private")} == {200}
    del secret.document["data"]["public-access"]
    result = operator.sync(secret)
    assert result.outcome is not None
    assert result.outcome.actions == (Action.REMOVE_PUBLIC_ACCESS,)
    assert unsigned(real, name, "pub/1") == 200
    assert unsigned(real, name, "private") in {401, 403}
    # A bucket that was open stays so without being told anew; and other statements replace these.
    secret.set(bucket_policy=policy(allow(Sid="Other", Resource=f"{ARN}/other/*")))
    result = operator.sync(secret)
    assert result.outcome is not None
    assert result.outcome.actions == (Action.SET_POLICY,)
    assert unsigned(real, name, "pub/1") in {401, 403}
    del secret.document["data"]["bucket-policy"]
    operator.sync(secret)
    assert secret.state == READY
    assert seen(real, name, SettingName.POLICY) is None


@pytest.mark.parametrize("real", OPENED, indirect=True)
def test_the_operators_statements_stay_whatever_the_secret_says(
    real: RealSubject, name: str
) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name, bucket_policy=policy(allow()))
    ours = {
        "Sid": "S3ResourceOperatorShareOther",
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{name}/shared/*"],
    }
    found = statements(real, name)
    with real.store.s3(name, SECRET) as client:
        client.put_bucket_policy(Bucket=name, Policy=policy(*found.values(), ours))
    secret.set(bucket_policy=policy(allow(Sid="Other")))
    operator.sync(secret)
    assert secret.state == READY
    assert {"S3ResourceOperatorShareOther", "Other"} <= statements(real, name).keys()
    assert "Mine" not in statements(real, name)
    del secret.document["data"]["bucket-policy"]
    operator.sync(secret)
    assert secret.state == READY
    left = statements(real, name).keys() - {"S3ResourceOperatorOwner", "S3ResourceOperatorKeep"}
    assert left == {"S3ResourceOperatorShareOther"}
    assert real.put(name, "own", b"body", as_user=(name, SECRET)) == ""


@pytest.mark.parametrize(
    "real",
    [
        case
        for case in with_setting(SettingName.POLICY)
        if CAPABILITIES[case.id].settings.signed_principals
    ],
    indirect=True,
)
def test_another_user_is_let_in_and_kept_out(real: RealSubject, name: str) -> None:
    operator = real.operator(PUBLIC)
    other = settled(operator, f"{name}b")
    secret = settled(operator, name)
    filled(real, name)
    reader = (f"{name}b", SECRET)
    secret.set(
        bucket_policy=policy(
            allow(Principal=principal(real, reader[0]), Resource=f"{ARN}/*"),
            allow(
                Sid="No",
                Effect="Deny",
                Principal=principal(real, reader[0]),
                Resource=f"{ARN}/private",
            ),
        )
    )
    result = operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert result.outcome is not None
    assert Action.MAKE_PUBLIC not in result.outcome.actions
    assert real.get(name, "pub/1", as_user=reader) == b"body"
    assert real.get(name, "private", as_user=reader) == "AccessDenied"
    assert real.put(name, "new", b"x", as_user=reader) == "AccessDenied"
    assert real.get(name, "private", as_user=(name, SECRET)) == b"body"
    assert other.state == READY


@pytest.mark.parametrize("real", OPENED, indirect=True)
def test_a_condition_holds(real: RealSubject, name: str) -> None:
    operator = real.operator(PUBLIC)
    elsewhere = {"IpAddress": {"aws:SourceIp": "10.99.0.0/16"}}
    secret = settled(operator, name, bucket_policy=policy(allow(Condition=elsewhere)))
    filled(real, name)
    assert unsigned(real, name, "pub/1") in {401, 403}
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    secret.set(bucket_policy=policy(allow(Condition=here)))
    operator.sync(secret)
    assert secret.state == READY
    assert unsigned(real, name, "pub/1") == 200


def lockout(**parts: Any) -> str:
    return policy(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [ARN, f"{ARN}/*"]}
        | parts
    )


BAD = {
    "not JSON": ("{'Version'", "is not valid JSON (line 1, column 2)"),
    "a list": ("[]", "it must be a mapping with Version and Statement"),
    "a key twice": ('{"Statement": [], "Statement": []}', "has a key twice in one mapping"),
    "no statement": (policy(), "Statement must be a list of 1 to 100 statements"),
    "another bucket": (
        policy(allow(Resource="arn:aws:s3:::another-bucket/*")),
        "Statement[0].Resource must be this bucket",
    ),
    "every bucket": (policy(allow(Resource="*")), "Statement[0].Resource must be this bucket"),
    "100 KB": (policy(allow(Sid="x" * 100_000)), "is too long: 64 KiB is the most"),
    "nested without end": ('{"Statement":' * 5_000, "is not valid JSON"),
    "locks the owner out": (lockout(), "Statement[0] would lock the bucket's owner out"),
    "locks the owner out by a condition": (
        lockout(Condition={"Bool": {"aws:SecureTransport": "false"}}),
        "Statement[0] would lock the bucket's owner out",
    ),
    "an exception of principals": (
        policy({**allow(), "NotPrincipal": "*"}),
        "Statement[0] has NotPrincipal, which some stores pass over",
    ),
    "the operator's word": (
        policy(allow(Sid="S3ResourceOperatorOwner")),
        "Statement[0].Sid begins with S3ResourceOperator",
    ),
    "an older version": (
        policy(allow()).replace("2012-10-17", "2008-10-17"),
        "Version must be 2012-10-17",
    ),
    "an action that there isn't": (
        policy(allow(Action=["s3:GetObject", "s3:GetNonsense"])),
        "Statement[0].Action must name actions such as s3:GetObject",
    ),
    "another service": (policy(allow(Action="iam:*")), "Statement[0].Action must name actions"),
    "no principal": (
        json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": ARN}}),
        "Statement[0] lacks Principal",
    ),
}


@pytest.mark.parametrize("real", OPENED, indirect=True)
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_policy_is_told_and_changes_nothing(real: RealSubject, name: str, kind: str) -> None:
    document, problem = BAD[kind]
    operator = real.operator(PUBLIC)
    secret = settled(operator, name, bucket_policy=policy(allow()))
    before, asked = statements(real, name), operator.requests()
    secret.set(bucket_policy=document)
    operator.sync(secret)
    assert secret.state == INVALID
    assert problem in secret.annotations["message"]
    assert (statements(real, name), operator.requests()) == (before, asked)


def _unknown(document: dict[str, Any], label: str, taken_by: frozenset[str] = frozenset()) -> Any:
    """The case on each store but those that take it."""
    return [
        pytest.param(*case.values, document, marks=case.marks, id=f"{case.id}-{label}")
        for case in OPENED
        if case.id not in taken_by
    ]


@pytest.mark.parametrize(
    ("real", "document"),
    [
        # RustFS has users by bare names, and takes one that it doesn't know.
        *_unknown(
            allow(Principal={"AWS": "nobody-of-that-name"}),
            "unknown principal",
            frozenset({"rustfs"}),
        ),
        *_unknown(allow(Condition={"Nonsense": {"aws:Nonsense": "x"}}), "unknown condition"),
    ],
    indirect=["real"],
)
def test_what_only_the_store_can_know_is_refused_by_it_and_changes_nothing(
    real: RealSubject, name: str, document: dict[str, Any]
) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name, bucket_policy=policy(allow()))
    before = statements(real, name)
    secret.set(bucket_policy=policy(document))
    operator.sync(secret)
    assert secret.state in {TAKEN, NOT_SUPPORTED}
    assert statements(real, name) == before
    # It is asked again at the next sync, and says the same.
    answered = dict(secret.annotations)
    operator.sync(secret)
    assert secret.annotations == answered


@pytest.mark.parametrize("real", OPENED, indirect=True)
@pytest.mark.parametrize("key", ["public_access", "bucket_policy"])
def test_nobody_opens_a_bucket_without_leave(real: RealSubject, name: str, key: str) -> None:
    operator = real.operator()
    value = "read" if key == "public_access" else policy(allow())
    secret = Secret.claiming(name, name, SECRET, **{key: value})
    operator.sync(secret)
    assert secret.state == NOT_ALLOWED
    assert "ALLOW_PUBLIC_ACCESS" in secret.annotations["message"]
    assert operator.requests() == 0
    assert name not in real.names()[1]
