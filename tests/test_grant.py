"""Grants: what the operator gave a Secret, proven by a signature alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.base import Claim
from backends.sensitive import Sensitive
from hooks.grant import Evidence, Grants

UID = "ce43fd9e-6870-42f9-9f15-94948d720094"
NOW = 1_795_000_000
GRANTS = Grants(Sensitive("signing-key"))
CLAIM = Claim("bucket", "user", Sensitive("tenant-secret"))
TOKEN = GRANTS.issue(UID, "bucket", "user", NOW)
SIGNATURE = TOKEN.rpartition(".")[2]
LAST = chr(ord(SIGNATURE[-1]) + 1)


def test_a_grant_tells_when_it_was_given() -> None:
    assert GRANTS.issued_at(TOKEN, UID, "bucket", "user") == NOW


def test_a_grant_has_the_documented_form_and_names_nothing() -> None:
    version, seconds, signature = TOKEN.split(".")
    assert (version, seconds) == ("v1", str(NOW))
    assert len(signature) == 43
    assert set(signature) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_same_grant_is_given_again_to_the_letter() -> None:
    assert Grants(Sensitive("signing-key")).issue(UID, "bucket", "user", NOW) == TOKEN


@pytest.mark.parametrize(
    ("uid", "bucket", "user"),
    [
        ("another-uid", "bucket", "user"),
        ("", "bucket", "user"),
        (UID, "another", "user"),
        (UID, "bucket", "another"),
        (UID, "user", "bucket"),
        (UID, "bucketuser", ""),
        (UID, "bucke", "tuser"),
        (UID, 'bucket","user', ""),
    ],
)
def test_a_grant_is_for_one_secret_bucket_and_user(uid: str, bucket: str, user: str) -> None:
    assert GRANTS.issued_at(TOKEN, uid, bucket, user) is None


def test_no_grant_holds_for_a_secret_without_a_uid() -> None:
    assert GRANTS.issued_at(GRANTS.issue("", "bucket", "user", NOW), "", "bucket", "user") is None


def test_a_grant_under_another_key_counts_as_none() -> None:
    assert Grants(Sensitive("rotated")).issued_at(TOKEN, UID, "bucket", "user") is None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="none"),
        pytest.param("v1", id="the version alone"),
        pytest.param(f"v2.{NOW}.{SIGNATURE}", id="another version"),
        pytest.param(f"v1.{NOW + 1}.{SIGNATURE}", id="a later time"),
        pytest.param(f"v1.0{NOW}.{SIGNATURE}", id="a leading zero"),
        pytest.param(f"v1.-{NOW}.{SIGNATURE}", id="a sign"),
        pytest.param(f"v1.{NOW}.0.{SIGNATURE}", id="a fraction"),
        pytest.param(f"v1..{SIGNATURE}", id="no time"),
        pytest.param(f"v1.{'9' * 5000}.{SIGNATURE}", id="a time without end"),
        pytest.param(f"v1.{NOW}.{SIGNATURE[:-1]}", id="too short"),
        pytest.param(f"{TOKEN}A", id="too long"),
        pytest.param(f"{TOKEN}=", id="padded"),
        pytest.param(f"{TOKEN}\n", id="a newline at the end"),
        pytest.param(f" {TOKEN}", id="a space before it"),
        pytest.param(f"v1.{NOW}.{SIGNATURE.swapcase()}", id="another case"),
        pytest.param(f"v1.{NOW}.{SIGNATURE[:-1]}{LAST}", id="unused bits of the last letter"),
        pytest.param(f"v1.{NOW}.{'A' * 43}", id="zeros"),
        pytest.param(f"v1.{NOW}." + "\u00e9" * 43, id="no ASCII"),
        pytest.param(f"v1.\u0661.{SIGNATURE}", id="another script's digit"),
    ],
)
def test_a_tampered_grant_counts_as_none(token: str) -> None:
    assert GRANTS.issued_at(token, UID, "bucket", "user") is None


def test_the_derived_key_is_neither_the_credential_nor_the_same_for_two() -> None:
    one, other = Grants.derived(Sensitive("one")), Grants.derived(Sensitive("other"))
    assert one != other
    assert one == Grants.derived(Sensitive("one"))
    assert len(one.reveal()) == 64


@pytest.mark.parametrize(
    ("bucket", "user", "holds", "covers_user", "covers_bucket"),
    [
        pytest.param("bucket", "user", True, True, True, id="what is claimed"),
        pytest.param("former", "user", False, True, False, id="another bucket: it is renamed"),
        pytest.param("bucket", "former", False, False, True, id="another user: it is renamed"),
        pytest.param("former", "former", False, False, False, id="another of both"),
    ],
)
def test_a_grant_covers_what_it_was_given_for(
    bucket: str, user: str, holds: bool, covers_user: bool, covers_bucket: bool
) -> None:
    evidence = Evidence(UID, GRANTS.issue(UID, bucket, user, NOW), bucket, user)
    assert evidence.holds(GRANTS, CLAIM) is holds
    assert evidence.covers_user(GRANTS, CLAIM) is covers_user
    assert evidence.covers_bucket(GRANTS, CLAIM, owners=set()) is covers_bucket


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param(Evidence(UID), id="no grant"),
        pytest.param(Evidence(UID, "", "bucket", "user"), id="annotations without a grant"),
        pytest.param(Evidence("copy", TOKEN, "bucket", "user"), id="another Secret's grant"),
        pytest.param(Evidence("", TOKEN, "bucket", "user"), id="no uid"),
    ],
)
def test_annotations_prove_nothing_without_a_valid_grant(evidence: Evidence) -> None:
    assert not evidence.holds(GRANTS, CLAIM)
    assert not evidence.covers_user(GRANTS, CLAIM)
    assert not evidence.covers_bucket(GRANTS, CLAIM, owners={"user"})


def test_a_forged_annotation_does_not_widen_a_grant() -> None:
    own = GRANTS.issue(UID, "own-bucket", "own-user", NOW)
    for bucket, user in [("bucket", "user"), ("own-bucket", "user"), ("bucket", "own-user")]:
        evidence = Evidence(UID, own, bucket, user)
        assert not evidence.holds(GRANTS, CLAIM)
        assert not evidence.covers_user(GRANTS, CLAIM)
        assert not evidence.covers_bucket(GRANTS, CLAIM, owners={"user"})


def test_a_bucket_is_covered_by_its_owners_name_when_the_annotation_is_gone() -> None:
    evidence = Evidence(UID, GRANTS.issue(UID, "bucket", "former", NOW))
    assert evidence.covers_bucket(GRANTS, CLAIM, owners={"former"})
    assert not evidence.covers_bucket(GRANTS, CLAIM, owners={"somebody"})
    assert not evidence.covers_bucket(GRANTS, CLAIM, owners=set())


@pytest.mark.parametrize(
    "other",
    [
        replace(CLAIM, user="another"),
        replace(CLAIM, role="user"),
        replace(CLAIM, user_id=1),
        replace(CLAIM, group_id=1),
        replace(CLAIM, user_id=1, group_id=1),
    ],
)
def test_the_applied_digest_differs_with_what_it_stands_for(other: Claim) -> None:
    assert GRANTS.applied(other) != GRANTS.applied(CLAIM)


@pytest.mark.parametrize(
    "other",
    [
        replace(CLAIM, quota_bytes=0),
        replace(CLAIM, quota_bytes=1),
        replace(CLAIM, quota_objects=1),
        replace(CLAIM, versioning="enabled"),
        replace(CLAIM, versioning="suspended"),
        replace(CLAIM, versioning="enabled", quota_bytes=1),
        replace(CLAIM, versioning="enabled", user_id=1),
    ],
)
def test_the_applied_digest_covers_what_a_bucket_has(other: Claim) -> None:
    digests = {GRANTS.applied(claim) for claim in (CLAIM, other, replace(other, bucket="another"))}
    assert len(digests) == 3
    assert GRANTS.applied(replace(other, secret=Sensitive("rotated"))) in digests


def test_the_applied_digest_of_a_claim_without_those_is_as_it_ever_was() -> None:
    assert GRANTS.applied(CLAIM) == "Ro51A_lTZDuelChssmcscv"
    assert GRANTS.applied(replace(CLAIM, role="user", user_id=7)) == "JaryIO5nVXXv0Hq9RdizHI"


def test_user_and_group_id_are_told_apart() -> None:
    assert GRANTS.applied(replace(CLAIM, user_id=7)) != GRANTS.applied(replace(CLAIM, group_id=7))


def test_the_applied_digest_is_the_same_for_another_bucket_or_secret() -> None:
    other = replace(CLAIM, bucket="another", secret=Sensitive("rotated"))
    assert GRANTS.applied(other) == GRANTS.applied(CLAIM)


def test_nobody_without_the_key_can_make_the_applied_digest() -> None:
    assert Grants(Sensitive("guessed")).applied(CLAIM) != GRANTS.applied(CLAIM)
