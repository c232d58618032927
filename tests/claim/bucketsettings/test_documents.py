"""Each setting's own words: what they come to, and which mistakes are told."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from backends.base import Claim
from backends.bucketsettings import SettingName
from backends.wire.sensitive import Sensitive
from hooks.claim.bucketsettings.reading import with_settings
from hooks.claim.fields import InvalidSecret
from hooks.claim.policy import Policy
from hooks.claim.policyfile import parse
from hooks.claim.secret import Reading, Rules
from hooks.contract.outcome import Reason
from tests.support import encode

RULES = Rules(frozenset({"user"}), (), (), public_access=True)
CLAIM = Claim("team-bucket", "team-user", Sensitive("a-secret"))


def read(data: dict[str, object], rules: Rules = RULES, namespace: str = "team") -> Reading:
    return with_settings(Reading(CLAIM, None, (), {}), data, rules, namespace)


def reading(rules: Rules = RULES, /, **fields: str) -> Reading:
    data: dict[str, object] = {
        key.replace("_", "-") if key.islower() else key: encode(value)
        for key, value in fields.items()
    }
    return read(data, rules)


def documents(rules: Rules = RULES, /, **fields: str) -> dict[str, Any]:
    found = reading(rules, **fields)
    return {setting.name.value: setting.document for setting in found.claim.settings}


def problem(rules: Rules = RULES, /, **fields: str) -> str:
    with pytest.raises(InvalidSecret) as caught:
        reading(rules, **fields)
    assert caught.value.reason in {Reason.INVALID_FIELD, Reason.NOT_ALLOWED}
    return caught.value.message


def rule(**parts: Any) -> dict[str, Any]:
    return {"Status": "Enabled", "Expiration": {"Days": 1}, **parts}


def rules(*found: dict[str, Any]) -> str:
    return json.dumps({"Rules": list(found)})


def test_without_any_key_nothing_changes() -> None:
    before = Reading(CLAIM, None, ("a note",), {"bucket-name": "bucket-name"})
    assert with_settings(before, {"other": encode("x")}, RULES, "team") is before


def test_tags() -> None:
    assert documents(tags="team=a, empty=,tier = gold") == {
        "tags": {"team": "a", "empty": "", "tier": "gold"}
    }


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("team", "pair 1 must be a key and a value"),
        ("a=b,", "pair 2 must be a key and a value"),
        ("=b", "pair 1 must be a key and a value"),
        ("a=b,a=c", "pair 2 has the key of another"),
        ("a=<b>", "pair 1 must be of letters"),
        ("aws:x=b", "pair 1 has a key that S3 keeps for itself"),
        ("k" * 129 + "=b", "pair 1 is too long"),
        (",".join(f"k{number}=v" for number in range(51)), "more than 50 tags"),
    ],
)
def test_tags_that_are_none(tags: str, expected: str) -> None:
    assert expected in problem(tags=tags)


def test_origins_are_short_for_rules() -> None:
    (found,) = documents(cors="https://a.example.com, *")["cors"]["CORSRules"]
    assert found["AllowedOrigins"] == ["*", "https://a.example.com"]
    assert found["AllowedMethods"] == ["DELETE", "GET", "HEAD", "POST", "PUT"]


@pytest.mark.parametrize(
    ("cors", "expected"),
    [
        ("app.example.com", "AllowedOrigins[0] must be * or an origin"),
        ("https://a.example.com/path", "AllowedOrigins[0] must be * or an origin"),
        ("https://*.*.example.com", "AllowedOrigins[0] must be * or an origin"),
        (",", "AllowedOrigins must be a list with something in it"),
        ('{"CORSRules": []}', "CORSRules must be a list with something in it"),
        ('{"CORSRules": [{"AllowedMethods": ["GET"]}]}', "CORSRules[0] lacks AllowedOrigins"),
        (
            '{"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]}',
            "CORSRules[0].AllowedMethods[0] must be one of GET, PUT",
        ),
        ('{"CORSRules": {}, "x": 1}', "has a key that is none of CORSRules"),
    ],
)
def test_cors_that_is_none(cors: str, expected: str) -> None:
    assert expected in problem(cors=cors)


def test_a_header_has_one_wildcard_at_most() -> None:
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "AllowedHeaders": ["x-*", "x-*-*"]}
    expected = "CORSRules[0].AllowedHeaders[1] must be a header's name with one * at most"
    assert expected in problem(cors=json.dumps({"CORSRules": [rule]}))


def test_rules_have_one_form() -> None:
    both = {
        "And": {"Prefix": "x/", "Tags": [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": ""}]}
    }
    found = documents(
        lifecycle=rules(
            rule(Prefix="old/"),
            rule(ID="named", Filter=both, Expiration={"Date": "2030-01-01"}),
        )
    )["lifecycle"]["Rules"]
    assert [each["ID"] for each in found] == ["rule-1", "named"] or {
        each["ID"] for each in found
    } == {"rule-1", "named"}
    by_id = {each["ID"]: each for each in found}
    assert by_id["rule-1"]["Filter"] == {"Prefix": "old/", "Tags": []}
    assert by_id["named"]["Filter"]["Tags"][0] == {"Key": "a", "Value": ""}
    assert by_id["named"]["Expiration"] == {"Date": "2030-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("{}", "lacks Rules"),
        ("[]", "must be a mapping"),
        (rules(), "Rules must be a list with something in it"),
        (rules({"Status": "Enabled"}), "Rules[0] does nothing"),
        (rules(rule(Status="On")), "Rules[0].Status must be one of Enabled, Disabled"),
        (rules(rule(Expiration={"Days": "7"})), "Rules[0].Expiration.Days must be a whole number"),
        (rules(rule(Expiration={"Days": True})), "Rules[0].Expiration.Days must be a whole number"),
        (rules(rule(Expiration={"Days": 0})), "Rules[0].Expiration.Days must be a whole number"),
        (rules(rule(Expiration={"Days": 36_501})), "must be a whole number from 1 to 36500"),
        (
            rules(rule(NoncurrentVersionExpiration={"NoncurrentDays": 36_501})),
            "NoncurrentVersionExpiration.NoncurrentDays must be a whole number from 1 to 36500",
        ),
        (
            rules(rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 36_501})),
            "DaysAfterInitiation must be a whole number from 1 to 36500",
        ),
        (
            rules(rule(Transitions=[{"Days": 36_501, "StorageClass": "COLD"}])),
            "Transitions[0].Days must be a whole number from 0 to 36500",
        ),
        (rules(rule(Expiration={"Date": "2030-01-01T10:00:00Z"})), "Date must be a date"),
        (rules(rule(Expiration={"Date": "9999-12-31T23:00:00-01:00"})), "Date must be a date"),
        (rules(rule(Expiration={"Date": "0001-01-01T00:00:00+01:00"})), "Date must be a date"),
        (rules(rule(Expiration={"Days": 1, "Date": "2030-01-01"})), "must have one of Date, Days"),
        (rules(rule(Expiration={})), "Rules[0].Expiration says nothing"),
        (rules(rule(Prefix="a", Filter={"Prefix": "b"})), "Rules[0] has both Prefix and Filter"),
        (rules(rule(ID="a"), rule(ID="a")), "Rules[1] has the ID of another rule"),
        (
            rules(rule(Filter={"Prefix": "a", "Tag": {"Key": "a", "Value": "b"}})),
            "Rules[0].Filter has several conditions: they go into And",
        ),
        (rules(rule(Filter={"And": {"Prefix": "a"}})), "Rules[0].Filter.And needs two conditions"),
        (rules(rule(Filter={"Prefix": "a\u0000"})), "must not contain control characters"),
        (rules(rule(AKIDSECRETLOOKING="x")), "Rules[0] has a key that is none of"),
    ],
)
def test_rules_that_mean_nothing(found: str, expected: str) -> None:
    message = problem(lifecycle=found)
    assert expected in message
    assert "AKIDSECRETLOOKING" not in message


def test_the_short_forms() -> None:
    found = documents(
        expire_days="30", expire_prefix="tmp/", noncurrent_days="7", abort_uploads_days="2"
    )["lifecycle"]["Rules"]
    assert {each["ID"]: each["Filter"]["Prefix"] for each in found} == {
        "expire": "tmp/",
        "noncurrent": "tmp/",
        "abort-uploads": "",
    }


def test_no_prefix_turns_into_a_wider_one() -> None:
    # Passed over, it would have everything expire.
    assert "EXPIRE_PREFIX must have at most 1024" in problem(
        expire_days="3", EXPIRE_PREFIX="x" * 1025
    )
    with pytest.raises(InvalidSecret, match="EXPIRE_PREFIX is not UTF-8 text"):
        read({"NONCURRENT_DAYS": encode("3"), "EXPIRE_PREFIX": "/w=="})
    assert documents(EXPIRE_PREFIX="x" * 1025, abort_uploads_days="3").keys() == {"lifecycle"}
    (found,) = documents(expire_days="3", expire_prefix="tmp old \n")["lifecycle"]["Rules"]
    assert found["Filter"]["Prefix"] == "tmp old "


def test_the_short_forms_and_the_document_are_not_mixed() -> None:
    both = problem(lifecycle=rules(rule()), expire_days="3")
    assert both == "lifecycle and expire-days are both there: use one of them."
    assert "expire-prefix needs expire-days or noncurrent-days" in problem(
        expire_prefix="x/", abort_uploads_days="3"
    )
    for days in ("0", "-1", "1.5", "soon", "36501", "1" * 10):
        expected = "expire-days must be a whole number of days, from 1 to 36500"
        assert expected in problem(expire_days=days)


def test_a_lock_keeps_its_versioning() -> None:
    before = Reading(replace(CLAIM, versioning="suspended"), None, (), {})
    with pytest.raises(InvalidSecret, match="object-lock can't be beside versioning that is sus"):
        with_settings(before, {"object-lock": encode("enabled")}, RULES, "team")


def test_a_retention_needs_a_lock() -> None:
    assert documents(object_lock="enabled", retention="compliance-2y") == {
        "object-lock": "enabled",
        "retention": {"mode": "compliance", "years": 2},
    }
    assert problem(retention="governance-30d") == "retention needs object-lock: enabled beside it."
    for text in ("30d", "governance-0d", "governance-101y", "GOVERNANCE-1d", "governance-1w"):
        assert "retention must be governance or compliance" in problem(
            object_lock="enabled", retention=text
        )
    assert "object-lock must be enabled" in problem(object_lock="disabled")
    assert "public-access must be read" in problem(public_access="write")


def statement(*actions: str) -> dict[str, Any]:
    bucket = "arn:aws:s3:::team-bucket"
    return {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": bucket}


def test_a_policy_is_looked_through_only_as_long_as_a_store_may_take_it() -> None:
    # Each with a wildcard, so that none is read off at a glance.
    harmless = [f"s3:*ObjectTaggin?{'*' * number}" for number in range(40)]
    assert documents(bucket_policy=json.dumps({"Statement": statement(*harmless)}))
    late = json.dumps({"Statement": [statement(*harmless), statement(*harmless, "get*Acl")]})
    assert "Statement[1].Action must name actions" in problem(bucket_policy=late)
    late = json.dumps({"Statement": [statement(*harmless), statement(*harmless, "s3:GET*ACL")]})
    assert "Statement[1] would lock the bucket's owner out, since it denies s3:GetBucketAcl" in (
        problem(bucket_policy=late)
    )
    long = json.dumps({"Statement": statement(*harmless * 15)})
    assert "it has more than 20 KiB" in problem(bucket_policy=long)
    many = [f"s3:*t*t{'*' * (number % 10)}?{'*' * (number // 10)}" for number in range(101)]
    message = problem(bucket_policy=json.dumps({"Statement": statement(*many)}))
    assert "at most 100 different patterns" in message


def test_generic_keys_count_where_they_can_be_one() -> None:
    assert documents(TAGS="a=b", EXPIRE_DAYS="3").keys() == {"tags", "lifecycle"}
    # As an application means them: passed over, and told.
    found = reading(CORS="true", RETENTION="7 days", EXPIRE_PREFIX="x", TAGS="a b", LIFECYCLE="on")
    assert found.claim.settings == ()
    told = " ".join(found.notes)
    assert all(key in told for key in ("CORS", "RETENTION", "EXPIRE_PREFIX", "TAGS", "LIFECYCLE"))
    found = reading(tags="a=b", TAGS="c=d")
    assert [setting.document for setting in found.claim.settings] == [{"a": "b"}]
    assert "TAGS (another key counts)" in found.notes[0]
    # What can be one and needs another isn't one either.
    assert documents(RETENTION="governance-1d") == {}
    assert documents(lifecycle=rules(rule()), EXPIRE_DAYS="3").keys() == {"lifecycle"}


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (7, "must be a base64 string"),
        ("%%%", "is not UTF-8 text in base64"),
        (base64.b64encode(b"\xff\xfe").decode(), "is not UTF-8 text in base64"),
        (encode("a=b\x00"), "must not contain control characters"),
        (encode("a=" + "b" * 100_000), "is too long: 64 KiB is the most"),
    ],
)
def test_what_is_no_text(encoded: object, expected: str) -> None:
    with pytest.raises(InvalidSecret, match=expected):
        read({"tags": encoded})
    assert read({"TAGS": encoded}).claim.settings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"Rules": [}', "is not valid JSON (line 1, column 12)"),
        ('{"Rules": NaN}', "is not valid JSON"),
        ("[" * 100_00, "is not valid JSON"),
        ('{"Rules": 1, "Rules": 2}', "has a key twice in one mapping"),
    ],
)
def test_what_is_no_json(text: str, expected: str) -> None:
    assert expected in problem(lifecycle=text)


def test_a_document_may_have_lines() -> None:
    text = "\n" + json.dumps({"Rules": [rule()]}, indent=2) + "\r\n"
    assert documents(lifecycle=text).keys() == {"lifecycle"}


def with_rule(lines: str, **parts: Any) -> Rules:
    text = f"rules:\n  - name: teams\n    namespaces: [team]\n    {lines}\n"
    return Rules(frozenset({"user"}), (), (), policy=Policy(rules=parse(text)), **parts)


def test_a_rule_allows_what_it_lists() -> None:
    listed = with_rule("settings: [tags, public-access]", public_access=True)
    assert documents(listed, tags="a=b", public_access="read").keys() == {"tags", "public-access"}
    assert problem(listed, cors="*") == (
        "cors is not among the settings of rule teams of the operator's policy: tags, "
        "public-access."
    )
    # Without a list: anything but what opens a bucket.
    silent = with_rule("adoption: any", public_access=True)
    assert documents(silent, tags="a=b", object_lock="enabled").keys() == {"tags", "object-lock"}
    assert "public-access is not among the settings of rule teams" in problem(
        silent, public_access="read"
    )
    closed = with_rule("settings: [public-access]")
    assert "ALLOW_PUBLIC_ACCESS" in problem(closed, public_access="read")


def test_the_keys_are_those_that_were_read() -> None:
    found = reading(TAGS="a=b", expire_days="3")
    assert found.keys == {"tags": "TAGS", "lifecycle": "expire-days"}
    assert {setting.name for setting in found.claim.settings} == {
        SettingName.TAGS,
        SettingName.LIFECYCLE,
    }
