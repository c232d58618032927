"""Grants of the first version: for one Secret, bucket and user, and for nobody else."""

from __future__ import annotations

import pytest

from backends.wire.sensitive import Sensitive
from hooks.contract.grant import Grants

UID = "ce43fd9e-6870-42f9-9f15-94948d720094"
NOW = 1_795_000_000
GRANTS = Grants(Sensitive("signing-key"))
FIRST = GRANTS.issue_first(UID, "bucket", "user", NOW)
FIRST_SIGNATURE = FIRST.rpartition(".")[2]
FIRST_LAST = chr(ord(FIRST_SIGNATURE[-1]) + 1)


# The first version


def test_a_former_grant_tells_when_it_was_given() -> None:
    assert GRANTS.issued_at(FIRST, UID, "bucket", "user") == NOW


def test_a_former_grant_is_as_it_ever_was() -> None:
    """Secrets have them, and a roll-back reads them."""
    assert FIRST.startswith(f"v1.{NOW}.")
    assert FIRST_SIGNATURE == "PL_9bbUT4kiRX78T6IPwLo1gR6GKrRuGtuPQa3Rgit4"


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
def test_a_former_grant_is_for_one_secret_bucket_and_user(uid: str, bucket: str, user: str) -> None:
    assert GRANTS.issued_at(FIRST, uid, bucket, user) is None


def test_no_former_grant_holds_for_a_secret_without_a_uid() -> None:
    token = GRANTS.issue_first("", "bucket", "user", NOW)
    assert GRANTS.issued_at(token, "", "bucket", "user") is None


def test_a_former_grant_under_another_key_counts_as_none() -> None:
    assert Grants(Sensitive("rotated")).issued_at(FIRST, UID, "bucket", "user") is None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="none"),
        pytest.param("v1", id="the version alone"),
        pytest.param(f"v2.{NOW}.{FIRST_SIGNATURE}", id="another version"),
        pytest.param(f"v1.{NOW + 1}.{FIRST_SIGNATURE}", id="a later time"),
        pytest.param(f"v1.0{NOW}.{FIRST_SIGNATURE}", id="a leading zero"),
        pytest.param(f"v1.-{NOW}.{FIRST_SIGNATURE}", id="a sign"),
        pytest.param(f"v1.{NOW}.0.{FIRST_SIGNATURE}", id="a fraction"),
        pytest.param(f"v1..{FIRST_SIGNATURE}", id="no time"),
        pytest.param(f"v1.{'9' * 5000}.{FIRST_SIGNATURE}", id="a time without end"),
        pytest.param(f"v1.{NOW}.{FIRST_SIGNATURE[:-1]}", id="too short"),
        pytest.param(f"{FIRST}A", id="too long"),
        pytest.param(f"{FIRST}=", id="padded"),
        pytest.param(f"{FIRST}\n", id="a newline at the end"),
        pytest.param(f" {FIRST}", id="a space before it"),
        pytest.param(f"v1.{NOW}.{FIRST_SIGNATURE.swapcase()}", id="another case"),
        pytest.param(f"v1.{NOW}.{FIRST_SIGNATURE[:-1]}{FIRST_LAST}", id="unused bits"),
        pytest.param(f"v1.{NOW}.{'A' * 43}", id="zeros"),
        pytest.param(f"v1.{NOW}." + "\u00e9" * 43, id="no ASCII"),
        pytest.param(f"v1.\u0661.{FIRST_SIGNATURE}", id="another script's digit"),
    ],
)
def test_a_tampered_former_grant_counts_as_none(token: str) -> None:
    assert GRANTS.issued_at(token, UID, "bucket", "user") is None
