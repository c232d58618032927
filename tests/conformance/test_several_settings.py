"""Several buckets of one Secret have its settings, each by itself."""

from __future__ import annotations

import json
from typing import Any

from backends.bucketsettings import SettingName
from hooks.contract.outcome import Action
from tests.conformance.bucketsettings import PUBLIC, SECRET, seen
from tests.conformance.subject import ModelSubject, RealSubject
from tests.conformance.traits import READY
from tests.support import Operator, Secret

VALUES = {
    SettingName.TAGS: "team=a, tier=gold",
    SettingName.LIFECYCLE: json.dumps(
        {"Rules": [{"Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}]}
    ),
    SettingName.CORS: "https://app.example.com",
    SettingName.PUBLIC: "read",
}
ONCE = {
    Action.SET_TAGS,
    Action.SET_LIFECYCLE,
    Action.SET_CORS,
    Action.SET_PUBLIC_ACCESS,
    Action.SET_QUOTA,
    Action.SET_VERSIONING,
}
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Sid": "Public",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::${bucket}/pub/*",
        },
    }
)


def listing(names: list[str], user: str, fields: dict[str, str]) -> Secret:
    secret = Secret(f"{user}-list", access_key=user, access_secret=SECRET)
    secret.set(bucket_names=",".join(names))
    for key, value in fields.items():
        secret.set_raw(key, value)
    return secret


def ready(operator: Operator, secret: Secret) -> list[Action]:
    """What it took until the Secret is Ready; a slow store takes more than one call."""
    actions: list[Action] = []
    for _ in range(6):
        result = operator.sync(secret)
        assert result.outcome is not None
        actions += result.outcome.actions
        if secret.state == READY:
            break
    assert secret.state == READY, secret.annotations
    return actions


def check_settled(operator: Operator, secret: Secret, number: int) -> None:
    before = operator.requests()
    first, second = operator.sync(secret), operator.sync(secret)
    assert operator.requests() - before == 2 * number
    assert first.outcome is not None
    assert first.outcome.actions == ()
    assert first.response.encode() == second.response.encode()


def test_sixteen_buckets_with_all_settings_cost_sixteen_requests(
    real: RealSubject, name: str
) -> None:
    can = real.traits.capabilities
    fields = {key.value: value for key, value in VALUES.items() if key in can.settings.names}
    if can.quota_bytes:
        fields["quota-bytes"] = str(2**30)
    if can.versioning:
        fields["versioning"] = "enabled"
    names = [f"{name}-{place}" for place in range(1, 17)]
    operator, secret = real.operator(PUBLIC), listing(names, name, fields)
    actions = ready(operator, secret)
    # Each is written once, however many calls that takes.
    assert {actions.count(action) for action in ONCE & set(actions)} <= {16}
    for key in {SettingName.TAGS, SettingName.LIFECYCLE, SettingName.CORS} & can.settings.names:
        assert all(seen(real, bucket, key, name) for bucket in names), key
    check_settled(operator, secret, 16)
    if SettingName.TAGS not in can.settings.names:
        return
    # One is changed on all, and gone from all but the one that isn't named any more.
    secret.set_raw("tags", "team=b")
    assert ready(operator, secret) == [Action.SET_TAGS] * 16
    secret.set(bucket_names=",".join(names[:-1]))
    del secret.document["data"]["tags"]
    assert ready(operator, secret) == [Action.REMOVE_TAGS] * 15
    assert [seen(real, bucket, SettingName.TAGS, name) for bucket in names[:2]] == [None, None]
    assert seen(real, names[-1], SettingName.TAGS, name)
    assert names[-1] not in secret.annotations["applied"]
    check_settled(operator, secret, 15)


def test_a_further_bucket_gets_them_and_the_others_are_left_alone(name: str) -> None:
    subject = ModelSubject()
    operator = subject.operator()
    names = [f"{name}-{place}" for place in range(1, 4)]
    secret = listing(names[:2], name, {"tags": "team=a", "quota-bytes": "1000"})
    operator.sync(secret)
    assert secret.state == READY
    subject.store.bucket_settings.documents[names[0], SettingName.TAGS] = {"changed": "by hand"}
    secret.set(bucket_names=",".join(names))
    assert ready(operator, secret) == [Action.CREATE_BUCKET, Action.SET_QUOTA, Action.SET_TAGS]
    documents: dict[tuple[str, SettingName], Any] = subject.store.bucket_settings.documents
    assert documents[names[0], SettingName.TAGS] == {"changed": "by hand"}
    assert documents[names[2], SettingName.TAGS] == documents[names[1], SettingName.TAGS]
    check_settled(operator, secret, 3)
    # What isn't what the Secret wrote stays, and the message says on which bucket.
    del secret.document["data"]["tags"]
    operator.sync(secret)
    assert secret.state == READY
    assert f"{names[0]}: Left on the bucket" in secret.annotations["message"]
    assert [key for key in documents if key[1] is SettingName.TAGS] == [
        (names[0], SettingName.TAGS)
    ]


def test_a_policy_for_several_names_none_of_them(name: str) -> None:
    subject = ModelSubject()
    operator = subject.operator(PUBLIC)
    names = [f"{name}-{place}" for place in range(1, 4)]
    secret = listing(names, name, {"bucket-policy": POLICY.replace("${bucket}", names[0])})
    operator.sync(secret)
    assert secret.state == ("Invalid", "InvalidField")
    assert "${bucket}" in secret.annotations["message"]
    assert subject.store.owners == {}
    secret.set_raw("bucket-policy", POLICY)
    operator.sync(secret)
    assert secret.state == READY
    assert {bucket for bucket, _ in subject.store.bucket_settings.documents} == set(names)
