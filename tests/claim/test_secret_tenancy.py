"""What the policy forbids, quota and versioning, and what a store can't do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.base import Claim
from backends.capabilities import CAPABILITIES
from hooks.claim.allowed import Pattern
from hooks.claim.policy import Policy, PolicyFile
from hooks.claim.secret import InvalidSecret, Rules, check_supported, read
from hooks.contract.outcome import Reason
from tests.claim.reading import FIELDS, RULES, claimed, encoded, refused, whole, with_field
from tests.claim.test_policyfile import EXAMPLE

OWN = {"bucket-name": "team-a.data", "access-key": "team-a.app"}


def ask(rules: Rules, namespace: str, **fields: str) -> Claim:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    data = {name: encoded(value) for name, value in {**FIELDS, **OWN, **named}.items()}
    return read(data, rules, namespace=namespace)[0]


def not_allowed(rules: Rules, namespace: str, **fields: str) -> str:
    with pytest.raises(InvalidSecret) as caught:
        ask(rules, namespace, **fields)
    assert caught.value.reason is Reason.NOT_ALLOWED
    return caught.value.message


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    (tmp_path / "policy.yaml").write_text(EXAMPLE)
    return replace(RULES, policy=Policy(file=PolicyFile(tmp_path / "policy.yaml")))


def test_what_the_policy_allows_is_claimed(rules: Rules) -> None:
    claim = ask(rules, "team-a", role="user", user_id="1000", group_id="1999")
    assert (claim.bucket, claim.user) == ("team-a.data", "team-a.app")


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"bucket_name": "team-b.data"}, "team-a.*, shared-*"),
        ({"access_key": "team-b.app"}, "team-a.*"),
        ({"role": "userplus"}, "user"),
        ({"user_id": "1999", "group_id": "3"}, "1000-1999"),
    ],
)
def test_a_refusal_names_the_field_the_rule_and_what_it_allows(
    rules: Rules, fields: dict[str, str], allowed: str
) -> None:
    field = list(fields)[-1].replace("_", "-")
    by = "is not allowed by rule teams of the operator's policy"
    assert not_allowed(rules, "team-a", **fields) == f"{field} {by}: {allowed}."


def test_a_refusal_names_the_key_that_the_secret_uses(rules: Rules) -> None:
    data = {"BUCKET": "team-b.data", "access-key": "team-a.app", "access-secret": "hunter2"}
    with pytest.raises(InvalidSecret, match=r"^BUCKET is not allowed by rule teams"):
        read({key: encoded(value) for key, value in data.items()}, rules, namespace="team-a")


@pytest.mark.parametrize("namespace", ["", "other"])
def test_a_namespace_without_a_rule_is_refused(rules: Rules, namespace: str) -> None:
    message = not_allowed(rules, namespace)
    assert message == "No rule of the operator's policy is for this namespace."


def test_a_pattern_allows_nothing_without_a_namespace() -> None:
    rules = replace(RULES, policy=Policy([Pattern.bucket("{namespace}*")]))
    assert ask(rules, "team-a").bucket == "team-a.data"
    assert "BUCKET_NAME_PATTERN" in not_allowed(rules, "")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"bucket_name": "x"}, Reason.INVALID_FIELD),
        ({"quota_bytes": "x"}, Reason.INVALID_FIELD),
        ({"access_key": "root"}, Reason.RESERVED_ACCESS_KEY),
        ({"bucket_name": "backup-x"}, Reason.RESERVED_BUCKET),
        ({"role": "admin"}, Reason.ROLE_NOT_ALLOWED),
        ({"user_id": "5"}, Reason.ID_NOT_ALLOWED),
        ({"endpoint_url": "http://elsewhere"}, Reason.NOT_ALLOWED),
    ],
)
def test_the_policy_comes_after_the_other_rules_and_before_the_endpoint(
    rules: Rules, fields: dict[str, str], reason: Reason
) -> None:
    with pytest.raises(InvalidSecret) as caught:
        ask(rules, "nowhere", **fields)
    assert caught.value.reason is reason


@pytest.mark.parametrize("key", ["quota-bytes", "QUOTA_BYTES", "quota-objects", "QUOTA_OBJECTS"])
@pytest.mark.parametrize("number", ["0", "1", "007", "9223372036854775807"])
def test_a_quota_is_a_whole_number_and_zero_is_one(key: str, number: str) -> None:
    field = key.lower().replace("_", "-")
    assert claimed({**FIELDS, key: number})[0].bucket_attributes == {field: int(number)}


@pytest.mark.parametrize("key", ["quota-bytes", "quota-objects"])
@pytest.mark.parametrize(
    "number", ["-1", "+1", "1.5", "10Gi", "1e9", "0x10", " 1", "9223372036854775808", "9" * 40]
)
def test_a_quota_that_is_no_such_number_is_an_invalid_field(key: str, number: str) -> None:
    error = refused(with_field(key, number))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith(f"{key} must be ")


@pytest.mark.parametrize("key", ["versioning", "VERSIONING"])
@pytest.mark.parametrize("word", ["enabled", "suspended"])
def test_versioning_is_one_of_two_words(key: str, word: str) -> None:
    assert claimed({**FIELDS, key: word})[0].bucket_attributes == {"versioning": word}


@pytest.mark.parametrize("word", ["Enabled", "true", "disabled", "enabled ", "hunter2"])
def test_another_word_for_versioning_is_an_invalid_field(word: str) -> None:
    error = refused(with_field("versioning", word))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message == "versioning must be enabled or suspended."


def test_an_absent_or_empty_field_leaves_the_bucket_as_it_is() -> None:
    claim = claimed({**FIELDS, "quota-bytes": "", "versioning": "\n"})[0]
    assert claim.bucket_attributes == {}
    assert claim == claimed(FIELDS)[0]


@pytest.mark.parametrize(
    ("backend", "supported"),
    [
        ("versitygw", {"role", "versioning"}),
        ("minio", {"quota-bytes", "versioning"}),
        ("garage", {"quota-bytes", "quota-objects"}),
        ("ceph-rgw", {"quota-bytes", "quota-objects", "versioning"}),
        ("seaweedfs", {"versioning"}),
        ("rustfs", {"quota-bytes", "versioning"}),
    ],
)
def test_what_a_store_can_not_do_is_refused_by_the_fields_name(
    backend: str, supported: set[str]
) -> None:
    values = {
        "role": "userplus",
        "quota-bytes": "0",
        "quota-objects": "5",
        "versioning": "suspended",
    }
    for field, value in values.items():
        claim = claimed({**FIELDS, field: value})[0]
        if field in supported:
            check_supported(claim, CAPABILITIES[backend])
            continue
        with pytest.raises(InvalidSecret, match=f": remove {field} from the Secret") as caught:
            check_supported(claim, CAPABILITIES[backend])
        assert caught.value.reason is Reason.NOT_SUPPORTED
        # By the key that was read.
        alias = field.upper().replace("-", "_")
        reading = whole({**FIELDS, alias: value})
        with pytest.raises(InvalidSecret, match=f": remove {alias} from the Secret"):
            check_supported(reading.claim, CAPABILITIES[backend], reading.keys)


@pytest.mark.parametrize("backend", sorted(CAPABILITIES))
def test_ids_and_the_role_of_every_user_are_supported_everywhere(backend: str) -> None:
    claim = claimed({**FIELDS, "role": "user", "user-id": "1000", "group-id": "1"})[0]
    check_supported(claim, CAPABILITIES[backend])
