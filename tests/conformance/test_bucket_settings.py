"""Tags, lifecycle rules and CORS: honoured in effect, or refused before the store is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3

from backends.bucketsettings import Rule, SettingName
from backends.capabilities import CAPABILITIES
from hooks.contract.outcome import Action
from tests.conformance.bucketsettings import (
    PUBLIC,
    SECRET,
    seen,
    settled,
    with_setting,
    without_setting,
)
from tests.conformance.subject import RealSubject
from tests.conformance.traits import NOT_SUPPORTED, READY, REAL
from tests.support import Operator, Secret

REFUSED = ("Invalid", "RejectedByBackend")
ORIGIN = "https://app.example.com"
VALUES = {
    SettingName.TAGS: "team=a, tier=gold",
    SettingName.LIFECYCLE: json.dumps(
        {"Rules": [{"Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}]}
    ),
    SettingName.CORS: ORIGIN,
    SettingName.POLICY: json.dumps(
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
    ),
    SettingName.PUBLIC: "read",
    SettingName.LOCK: "enabled",
}
OTHERS = {
    SettingName.TAGS: "team=b",
    SettingName.LIFECYCLE: VALUES[SettingName.LIFECYCLE].replace("tmp/", "old/"),
    SettingName.CORS: "https://other.example.com, http://localhost:3000",
}
PLAIN = tuple(OTHERS)
CHANGES = {
    SettingName.TAGS: (Action.SET_TAGS, Action.REMOVE_TAGS),
    SettingName.LIFECYCLE: (Action.SET_LIFECYCLE, Action.REMOVE_LIFECYCLE),
    SettingName.CORS: (Action.SET_CORS, Action.REMOVE_CORS),
}


def each(*names: SettingName) -> list[Any]:
    """Each of the settings on each real store that has it."""
    return [
        pytest.param(store, name, marks=pytest.mark.server, id=f"{store}-{name.value}")
        for store, traits in REAL.items()
        for name in names
        if name in traits.capabilities.settings.names
    ]


def field(name: SettingName) -> str:
    return name.value.replace("-", "_")


def change(operator: Operator, secret: Secret) -> tuple[Action, ...]:
    """What one sync did, which ended Ready."""
    result = operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert result.outcome is not None
    return result.outcome.actions


def expiring(prefix: str = "", /, **parts: Any) -> str:
    rule = {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": prefix}, **parts}
    return json.dumps({"Rules": [rule]})


RULES = {
    Rule.DATE: expiring(Expiration={"Date": "2040-01-01"}),
    Rule.DELETE_MARKER: expiring("x/", Expiration={"ExpiredObjectDeleteMarker": True}),
    Rule.TAG: expiring(
        Filter={"And": {"Prefix": "x/", "Tags": [{"Key": "a", "Value": "b"}]}},
        Expiration={"Days": 3},
    ),
    Rule.SIZE: expiring(Filter={"ObjectSizeGreaterThan": 500}, Expiration={"Days": 3}),
    Rule.ABORT: expiring(
        Expiration={"Days": 3}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2}
    ),
    Rule.NONCURRENT: expiring(NoncurrentVersionExpiration={"NoncurrentDays": 4}),
    Rule.NONCURRENT_COUNT: expiring(
        NoncurrentVersionExpiration={"NoncurrentDays": 4, "NewerNoncurrentVersions": 2}
    ),
    Rule.TRANSITION: expiring(Transitions=[{"Days": 5, "StorageClass": "STANDARD_IA"}]),
}


@pytest.mark.parametrize(("real", "setting"), each(*PLAIN), indirect=["real"])
def test_a_setting_is_written_once_and_again_when_it_changes(
    real: RealSubject, name: str, setting: SettingName
) -> None:
    operator = real.operator()
    secret = settled(operator, name, **{field(setting): VALUES[setting]})
    first = seen(real, name, setting)
    assert first
    answered = dict(secret.annotations)
    before = operator.requests()
    assert change(operator, secret) == ()
    assert operator.requests() == before + 1
    assert secret.annotations == answered
    secret.set(**{field(setting): OTHERS[setting]})
    assert change(operator, secret) == (CHANGES[setting][0],)
    assert seen(real, name, setting) not in (None, first)
    # What stands there already is not written again, whoever made it.
    again = secret.made_again()
    assert change(operator, again) == ()


@pytest.mark.parametrize(("real", "setting"), each(*PLAIN), indirect=["real"])
def test_without_its_key_what_was_written_is_removed(
    real: RealSubject, name: str, setting: SettingName
) -> None:
    operator = real.operator()
    secret = settled(operator, name, **{field(setting): VALUES[setting]})
    del secret.document["data"][setting.value]
    assert change(operator, secret) == (CHANGES[setting][1],)
    assert seen(real, name, setting) is None
    before = operator.requests()
    assert change(operator, secret) == ()
    assert operator.requests() == before + 1


@pytest.mark.parametrize(("real", "setting"), each(*PLAIN), indirect=["real"])
def test_what_somebody_else_has_changed_stays_without_its_key_and_is_told(
    real: RealSubject, name: str, setting: SettingName
) -> None:
    operator = real.operator()
    secret = settled(operator, name, **{field(setting): VALUES[setting]})
    put_other(real, name, setting)
    changed = seen(real, name, setting)
    del secret.document["data"][setting.value]
    assert change(operator, secret) == ()
    assert seen(real, name, setting) == changed
    assert (
        f"Left on the bucket, since it is not what this Secret wrote: {setting.value}."
        in (secret.annotations["message"])
    )
    answered = dict(secret.annotations)
    before = operator.requests()
    assert change(operator, secret) == ()
    assert (secret.annotations, operator.requests()) == (answered, before + 1)
    # Named again it is the Secret's again.
    secret.set(**{field(setting): VALUES[setting]})
    assert change(operator, secret) == (CHANGES[setting][0],)
    assert "Left" not in secret.annotations["message"]


def put_other(real: RealSubject, bucket: str, setting: SettingName) -> None:
    with real.store.s3(bucket, SECRET) as client:
        match setting:
            case SettingName.TAGS:
                tags = {"TagSet": [{"Key": "mine", "Value": "x"}]}
                client.put_bucket_tagging(Bucket=bucket, Tagging=tags)
            case SettingName.LIFECYCLE:
                client.put_bucket_lifecycle_configuration(
                    Bucket=bucket,
                    LifecycleConfiguration=json.loads(expiring("mine/", Expiration={"Days": 9})),
                )
            case _:
                rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://mine.example"]}]
                client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


@pytest.mark.parametrize(
    ("real", "setting"),
    without_setting(*VALUES),
    indirect=["real"],
)
def test_a_setting_that_the_store_lacks_is_refused_before_it_is_asked(
    real: RealSubject, name: str, setting: SettingName
) -> None:
    operator = real.operator(PUBLIC)
    secret = Secret.claiming(name, name, SECRET, **{field(setting): VALUES[setting]})
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert operator.requests() == 0
    assert name not in real.names()[0]
    told = secret.annotations["message"]
    assert f"This store has no {setting.value} for a bucket: remove {setting.value}" in told


@pytest.mark.parametrize("real", with_setting(SettingName.LIFECYCLE), indirect=True)
@pytest.mark.parametrize("part", Rule)
def test_a_part_of_a_rule_is_kept_or_refused_and_never_dropped(
    real: RealSubject, name: str, part: Rule
) -> None:
    operator = real.operator()
    secret = settled(operator, name)
    before = operator.requests()
    secret.set(lifecycle=RULES[part])
    operator.sync(secret)
    if part not in CAPABILITIES[real.backend_name].settings.rules:
        assert secret.state == NOT_SUPPORTED
        assert operator.requests() == before
        assert seen(real, name, SettingName.LIFECYCLE) is None
        told = secret.annotations["message"]
        # A number of versions stands in what is about versions at all.
        assert part.value in told or (
            part is Rule.NONCURRENT_COUNT and Rule.NONCURRENT.value in told
        )
    elif secret.state == REFUSED:
        # Classes other than its own are the store's to know.
        assert part is Rule.TRANSITION
        assert seen(real, name, SettingName.LIFECYCLE) is None
    else:
        assert secret.state == READY, secret.annotations["message"]
        (rule,) = seen(real, name, SettingName.LIFECYCLE)
        assert wanted_parts(json.loads(RULES[part])["Rules"][0]) <= wanted_parts(rule)


def wanted_parts(rule: dict[str, Any]) -> set[str]:
    """What a rule says, flat: an answer may have more around it."""
    found: set[str] = set()

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for key, child in value.items():
                walk(child, f"{path}.{key}")
        elif isinstance(value, list):
            for child in value:
                walk(child, path)
        else:
            found.add(f"{path}={str(value)[:10]}")

    walk({key: value for key, value in rule.items() if key != "Filter"}, "")
    for key, value in rule.get("Filter", {}).items():
        # One condition alone may be answered with And around it, and an And of one without.
        walk(value if key == "And" else {key: value}, "Filter")
    return {part.replace(".Tags.", ".Tag.") for part in found if part != "Filter.Prefix="}


@pytest.mark.parametrize("real", with_setting(SettingName.LIFECYCLE), indirect=True)
def test_the_older_prefix_of_a_rule_keeps_its_meaning(real: RealSubject, name: str) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Prefix": "tmp/", "Expiration": {"Days": 3}}
    settled(real.operator(), name, lifecycle=json.dumps({"Rules": [rule]}))
    (found,) = seen(real, name, SettingName.LIFECYCLE)
    assert found["Filter"] == {"Prefix": "tmp/"}


@pytest.mark.parametrize("real", with_setting(SettingName.LIFECYCLE), indirect=True)
def test_the_short_forms_come_to_rules(real: RealSubject, name: str) -> None:
    rules = CAPABILITIES[real.backend_name].settings.rules
    short = {"expire_days": "30", "expire_prefix": "tmp/"}
    if Rule.ABORT in rules:
        short["abort_uploads_days"] = "2"
    if Rule.NONCURRENT in rules:
        short["noncurrent_days"] = "7"
    settled(real.operator(), name, **short)
    found = {rule["ID"]: rule for rule in seen(real, name, SettingName.LIFECYCLE)}
    assert len(found) == len(short) - 1
    assert found["expire"]["Expiration"]["Days"] == 30
    assert found["expire"]["Filter"]["Prefix"] == "tmp/"
    if Rule.ABORT in rules:
        abort = found["abort-uploads"]
        assert abort["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    if Rule.NONCURRENT in rules:
        assert found["noncurrent"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7


@pytest.mark.parametrize("real", with_setting(SettingName.CORS), indirect=True)
def test_a_browser_is_let_in_from_the_origin_and_from_no_other(
    real: RealSubject, name: str
) -> None:
    settled(real.operator(), name, cors=ORIGIN)
    assert preflight(real, name, ORIGIN) in {ORIGIN, "*"}
    assert preflight(real, name, "https://evil.example.com") == ""


@pytest.mark.parametrize("real", with_setting(SettingName.CORS), indirect=True)
def test_a_second_rule_for_an_origin_counts_or_is_refused(real: RealSubject, name: str) -> None:
    operator = real.operator()
    secret = settled(operator, name)
    upload = {"AllowedMethods": ["PUT"], "AllowedOrigins": [ORIGIN]}
    read = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    before = operator.requests()
    secret.set(cors=json.dumps({"CORSRules": [upload, read]}))
    operator.sync(secret)
    if CAPABILITIES[real.backend_name].settings.first_origin_alone:
        assert (secret.state, operator.requests()) == (NOT_SUPPORTED, before)
        assert "CORSRules[1] of cors would not count" in secret.annotations["message"]
        upload["AllowedMethods"] = ["GET", "PUT"]
        secret.set(cors=json.dumps({"CORSRules": [upload, read]}))
        operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    for method in ("GET", "PUT"):
        assert preflight(real, name, ORIGIN, method) in {ORIGIN, "*"}
    assert preflight(real, name, "https://other.example.com", "GET") != ""
    assert preflight(real, name, "https://other.example.com", "PUT") == ""


def preflight(real: RealSubject, bucket: str, origin: str, method: str = "PUT") -> str:
    """Which origin a browser is told that may do that; "" for none."""
    with urllib3.PoolManager(timeout=10, retries=False) as http:
        answer = http.request(
            "OPTIONS",
            f"{real.store.url}/{bucket}/key",
            headers={"Origin": origin, "Access-Control-Request-Method": method},
        )
        # Some stores leave the method out where it isn't allowed, and answer 200 all the same.
        if method not in answer.headers.get("Access-Control-Allow-Methods", ""):
            return ""
        return answer.headers.get("Access-Control-Allow-Origin", "") if answer.status < 300 else ""


def test_a_bucket_that_is_made_again_gets_its_settings_again(real: RealSubject, name: str) -> None:
    names = CAPABILITIES[real.backend_name].settings.names
    fields = {field(each): VALUES[each] for each in PLAIN if each in names}
    operator = real.operator()
    secret = settled(operator, name, **fields)
    with real.store.s3(name, SECRET) as client:
        client.delete_bucket(Bucket=name)
    change(operator, secret)
    assert all(seen(real, name, each) for each in PLAIN if each in names)
