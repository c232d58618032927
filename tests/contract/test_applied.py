"""The digest that tells whether what no probe can see was written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.contract.grant import Grants

GRANTS = Grants(Sensitive("signing-key"))
CLAIM = Claim("bucket", "user", Sensitive("tenant-secret"))


def test_the_derived_key_is_neither_the_credential_nor_the_same_for_two() -> None:
    one, other = Grants.derived(Sensitive("one")), Grants.derived(Sensitive("other"))
    assert one != other
    assert one == Grants.derived(Sensitive("one"))
    assert len(one.reveal()) == 64


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
