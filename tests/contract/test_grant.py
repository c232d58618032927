"""Grants: what the operator gave a Secret, proven by a signature alone."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.contract.grant import Evidence, Grant, Grants, Held, Holding, Kind, Mark, shares_told

UID = "ce43fd9e-6870-42f9-9f15-94948d720094"
NOW = 1_795_000_000
GRANTS = Grants(Sensitive("signing-key"))
CLAIM = Claim("bucket", "user", Sensitive("tenant-secret"))
OWN = Holding(NOW, Kind.OWN)
GRANT = Grant("user", OWN, {"bucket": OWN})
TOKEN = GRANTS.issue(UID, GRANT, NOW)
PAYLOAD, SIGNATURE = TOKEN.split(".")[1:]
LAST = chr(ord(SIGNATURE[-1]) + 1)
FIRST = GRANTS.issue_first(UID, "bucket", "user", NOW)
FIRST_SIGNATURE = FIRST.rpartition(".")[2]
FIRST_LAST = chr(ord(FIRST_SIGNATURE[-1]) + 1)


def document(token: str) -> Any:
    """What a grant says, whoever signed it."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def payload(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


# The second version, which names what it is for


def test_a_grant_says_what_was_given() -> None:
    given = Grant(
        "user",
        Holding(1, Kind.SHARED),
        {
            "one": Holding(2, Kind.OWN, Mark.ADOPTED),
            "two": Holding(3, Kind.OWN, Mark.WIPED),
            "three": Holding(4, Kind.SHARED_WITHIN),
            "four": Holding(5, Kind.UNGUARDED),
        },
    )
    read = GRANTS.read(GRANTS.issue(UID, given, NOW), UID)
    assert read == given
    assert read is not None
    assert (read.signed, read.current) == (NOW, True)


def test_a_grant_has_the_documented_form() -> None:
    version, content, signature = TOKEN.split(".")
    assert version == "v2"
    assert len(signature) == 43
    letters = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert set(content + signature) <= letters
    assert document(TOKEN) == {
        "buckets": {"bucket": [NOW, "own"]},
        "signed": NOW,
        "store": "default",
        "uid": UID,
        "user": ["user", NOW, "own"],
    }


def test_the_same_grant_is_given_again_to_the_letter() -> None:
    """Whatever order its buckets came in: the payload is canonical JSON."""
    one = Grant("user", OWN, {"a": OWN, "b": OWN, "c": OWN})
    other = Grant("user", OWN, {"c": OWN, "a": OWN, "b": OWN})
    token = GRANTS.issue(UID, one, NOW)
    assert Grants(Sensitive("signing-key")).issue(UID, other, NOW) == token
    content = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    canonical = json.dumps(document(token), sort_keys=True, separators=(",", ":"))
    assert content == canonical.encode()


def test_sixteen_buckets_with_the_longest_names_fit() -> None:
    buckets = {f"{number:02}" + "b" * 61: Holding(NOW, Kind.SHARED_WITHIN) for number in range(16)}
    given = Grant("u" * 128, Holding(NOW, Kind.SHARED_WITHIN), buckets)
    token = GRANTS.issue(UID, given, NOW)
    assert GRANTS.read(token, UID) == given


@pytest.mark.parametrize("uid", ["another-uid", "", UID.upper(), f" {UID}"])
def test_a_grant_is_for_one_secret(uid: str) -> None:
    assert GRANTS.read(TOKEN, uid) is None


def test_no_grant_holds_for_a_secret_without_a_uid() -> None:
    assert GRANTS.read(GRANTS.issue("", GRANT, NOW), "") is None


def test_a_grant_under_another_key_counts_as_none() -> None:
    assert Grants(Sensitive("rotated")).read(TOKEN, UID) is None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="none"),
        pytest.param("v2", id="the version alone"),
        pytest.param(f"v1.{PAYLOAD}.{SIGNATURE}", id="the former version"),
        pytest.param(f"v3.{PAYLOAD}.{SIGNATURE}", id="a later version"),
        pytest.param(f"v2.{NOW}.{FIRST_SIGNATURE}", id="a signature of the former version"),
        pytest.param(f"v2..{SIGNATURE}", id="no payload"),
        pytest.param(f"v2.{PAYLOAD}", id="no signature"),
        pytest.param(f"v2.{PAYLOAD}.{SIGNATURE[:-1]}", id="too short"),
        pytest.param(f"{TOKEN}A", id="too long"),
        pytest.param(f"{TOKEN}=", id="padded"),
        pytest.param(f"v2.{PAYLOAD}=.{SIGNATURE}", id="a padded payload"),
        pytest.param(f"{TOKEN}\n", id="a newline at the end"),
        pytest.param(f" {TOKEN}", id="a space before it"),
        pytest.param(f"v2.{PAYLOAD}.{SIGNATURE.swapcase()}", id="another case"),
        pytest.param(f"v2.{PAYLOAD}.{SIGNATURE[:-1]}{LAST}", id="unused bits of the last letter"),
        pytest.param(f"v2.{PAYLOAD}A.{SIGNATURE}", id="a longer payload"),
        pytest.param(f"v2.{PAYLOAD}.{'A' * 43}", id="zeros"),
        pytest.param(f"v2.{PAYLOAD}." + "\u00e9" * 43, id="no ASCII"),
        pytest.param(f"v2.{'A' * 8193}.{SIGNATURE}", id="oversized"),
        pytest.param(f"v2.{'W' * 200_000}.{SIGNATURE}", id="an annotation's whole length"),
    ],
)
def test_a_tampered_grant_counts_as_none(token: str) -> None:
    assert GRANTS.read(token, UID) is None
    assert Evidence(UID, token).held(GRANTS) == Held()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: d["user"].__setitem__(0, "victim"), id="the user"),
        pytest.param(lambda d: d["buckets"].update(victim=[NOW, "own"]), id="a bucket more"),
        pytest.param(lambda d: d["user"].__setitem__(1, NOW + 9), id="a later second"),
        pytest.param(lambda d: d.update(signed=NOW + 9), id="a later signature"),
        pytest.param(lambda d: d.update(uid="another"), id="the uid"),
        pytest.param(lambda d: d.update(store="another"), id="the store"),
        pytest.param(lambda d: None, id="other blanks"),
    ],
)
def test_what_a_tenant_writes_into_a_grant_makes_it_none(change: Callable[[Any], None]) -> None:
    changed = document(TOKEN)
    change(changed)
    token = f"v2.{payload(changed)}.{SIGNATURE}"
    assert token != TOKEN
    for uid in (UID, "another"):
        assert GRANTS.read(token, uid) is None


def signed(content: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a later version, or one with a fault, may have signed with the same key."""
    with monkeypatch.context() as patch:
        patch.setattr("hooks.contract.grant._encode", lambda _: json.dumps(content))
        made = GRANTS.issue(UID, GRANT, NOW).split(".")[1]
    return f"v2.{made}.{Grants._sign(b'signing-key', 'grants', made)}"


@pytest.mark.parametrize(
    "change",
    [
        {"store": "another"},
        {"store": None},
        {"uid": "another"},
        {"user": "user"},
        {"user": []},
        {"user": ["user"]},
        {"user": ["user", NOW, "owned"]},
        {"user": ["user", "soon", "own"]},
        {"buckets": None},
        {"buckets": ["bucket"]},
        {"buckets": {"bucket": NOW}},
        {"buckets": {"bucket": []}},
        {"buckets": {"bucket": [NOW, ["own"]]}},
    ],
)
def test_a_signed_grant_that_is_anothers_or_makes_no_sense_counts_as_none(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signed({**document(TOKEN), **change}, monkeypatch)
    assert GRANTS.read(token, UID) is None


@pytest.mark.parametrize("content", [None, [], "text", 5, {}])
def test_a_signed_payload_that_is_no_object_counts_as_none(
    content: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert GRANTS.read(signed(content, monkeypatch), UID) is None


def test_what_a_later_version_adds_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    later = {**document(TOKEN), "since": 5, "former": ["user-1"]}
    later["buckets"] = {
        "bucket": [NOW, "own", "of-a-later-version", 7],
        "borrowed": [NOW, "a-kind-of-a-later-version"],
    }
    read = GRANTS.read(signed(later, monkeypatch), UID)
    assert read == GRANT


# Several keys


def test_every_key_verifies_and_the_first_signs() -> None:
    both = Grants(Sensitive("new"), Sensitive("signing-key"))
    read = both.read(TOKEN, UID)
    assert read == GRANT
    assert read is not None
    assert not read.current
    anew = both.issue(UID, GRANT, NOW)
    assert Grants(Sensitive("new")).read(anew, UID) == GRANT
    assert GRANTS.read(anew, UID) is None
    # Second first: a replica that still signs with the old one reads what the new one will sign.
    early = Grants(Sensitive("signing-key"), Sensitive("new"))
    assert early.issue(UID, GRANT, NOW) == TOKEN
    read = early.read(anew, UID)
    assert read is not None
    assert not read.current


def test_the_applied_digest_and_the_former_grant_verify_under_every_key() -> None:
    both = Grants(Sensitive("new"), Sensitive("signing-key"))
    assert both.is_applied(GRANTS.applied(CLAIM), CLAIM)
    assert both.applied(CLAIM) != GRANTS.applied(CLAIM)
    assert both.is_applied(both.applied(CLAIM), CLAIM)
    assert not GRANTS.is_applied(both.applied(CLAIM), CLAIM)
    assert not both.is_applied("", CLAIM)
    assert both.issued_at(FIRST, UID, "bucket", "user") == NOW


@pytest.mark.parametrize("text", ["\u00e9", "\ud800", "\x00", "A" * 22])
def test_any_text_is_a_digest_or_none(text: str) -> None:
    assert not GRANTS.is_applied(text, CLAIM)


def test_the_time_of_another_keys_signature_is_told_and_proves_nothing() -> None:
    other = Grants(Sensitive("another"))
    assert other.signed_by_another(TOKEN, UID) == NOW
    assert other.read(TOKEN, UID) is None
    assert GRANTS.signed_by_another(TOKEN, UID) is None
    assert other.signed_by_another(TOKEN, "another-uid") is None


@pytest.mark.parametrize("value", [None, "now", 1.5, [], {}, float("nan")])
def test_what_is_no_time_is_not_taken_for_one(value: object) -> None:
    token = f"v2.{payload({'uid': UID, 'signed': value})}.{SIGNATURE}"
    assert GRANTS.signed_by_another(token, UID) is None


@pytest.mark.parametrize("value", [math.inf, math.nan, 1.5, True, -1, 10**400, "5", [5]])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d, value: d.update(signed=value), id="signed"),
        pytest.param(lambda d, value: d["user"].__setitem__(1, value), id="the user's"),
        pytest.param(lambda d, value: d["buckets"].update(b=[value, "own"]), id="a bucket's"),
        pytest.param(lambda d, value: d.update(access={"b": [value, "read-only", 0]}), id="given"),
        pytest.param(lambda d, value: d.update(access={"b": [5, "read-only", value]}), id="again"),
        pytest.param(lambda d, value: d.update(sharing={"b": ["x", value]}), id="swept"),
        pytest.param(lambda d, value: d.update(generated=[value, "", []]), id="generated"),
    ],
)
def test_a_made_up_time_is_no_grant_and_no_fault(
    change: Callable[[Any, object], None], value: object
) -> None:
    made_up = document(TOKEN)
    change(made_up, value)
    token = f"v2.{payload(made_up)}.{SIGNATURE}"
    other = Grants(Sensitive("another"))
    assert other.unverified(TOKEN, UID) == GRANT
    assert other.unverified(token, UID) is None
    assert other.signed_by_another(token, UID) is None
    assert not shares_told(token).given


@pytest.mark.parametrize("content", [b"", b"[" * 6000, b"[]", b"null", b"\xff", b"9" * 5000])
def test_a_made_up_payload_is_no_grant_and_no_fault(content: bytes) -> None:
    text = base64.urlsafe_b64encode(content).decode().rstrip("=")
    token = f"v2.{text}.{SIGNATURE}"
    assert GRANTS.read(token, UID) is None
    assert GRANTS.signed_by_another(token, UID) is None


# What is held


def test_the_second_version_counts_before_the_first() -> None:
    shared = Holding(NOW + 5, Kind.SHARED)
    token = GRANTS.issue(UID, Grant("user", shared, {"bucket": shared}), NOW)
    held = Evidence(UID, token, FIRST, "bucket", "user").held(GRANTS)
    assert held.user("user") == held.bucket("bucket") == shared
    # What a later one doesn't name was given up since; a roll-back gives anew what it names.
    for signed, known in ((NOW, None), (NOW - 1, Holding(NOW, Kind.OWN, version=1))):
        token = GRANTS.issue(UID, Grant("user", shared, {"another": shared}), signed)
        held = Evidence(UID, token, FIRST, "bucket", "user").held(GRANTS)
        assert held.bucket("bucket") == known
    assert held.bucket("another") == shared
    assert held.last == held.grant


def test_nothing_is_held_that_no_grant_names() -> None:
    held = Evidence(UID, TOKEN, FIRST, "bucket", "user").held(GRANTS)
    assert held.user("another") is None
    assert held.bucket("another") is None
    assert Held().last is None


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param(Evidence(UID), id="no grant"),
        pytest.param(Evidence(UID, "", "", "bucket", "user"), id="annotations without a grant"),
        pytest.param(
            Evidence("copy", TOKEN, FIRST, "bucket", "user"), id="another Secret's grants"
        ),
        pytest.param(Evidence("", TOKEN, FIRST, "bucket", "user"), id="no uid"),
    ],
)
def test_annotations_prove_nothing_without_a_valid_grant(evidence: Evidence) -> None:
    assert evidence.held(GRANTS, {"bucket"}, {"user"}) == Held()


@pytest.mark.parametrize(
    ("bucket", "user", "buckets", "users"),
    [
        pytest.param("bucket", "user", set(), set(), id="what was provisioned"),
        pytest.param("", "", {"bucket"}, {"user"}, id="what is claimed"),
        pytest.param("bucket", "", {"another"}, {"user"}, id="another bucket: it is renamed"),
        pytest.param("", "user", {"bucket"}, {"another"}, id="another user: it is renamed"),
    ],
)
def test_annotations_are_candidates_for_what_a_former_grant_is_for(
    bucket: str, user: str, buckets: set[str], users: set[str]
) -> None:
    held = Evidence(UID, "", FIRST, bucket, user).held(GRANTS, buckets, users)
    former = Holding(NOW, Kind.OWN, version=1)
    assert held == Held(None, Grant("user", former, {"bucket": former}))


def test_a_forged_annotation_does_not_widen_a_former_grant() -> None:
    for bucket, user in [("bucket", "victim"), ("victim", "user"), ("victim", "victim")]:
        assert Evidence(UID, "", FIRST, bucket, user).held(GRANTS) == Held()


def test_of_two_that_own_a_thing_one_is_right() -> None:
    newer, older = Holding(NOW, Kind.OWN), Holding(NOW - 9, Kind.OWN)
    # An old one that is brought back doesn't come back to life.
    assert newer.rank("a") > older.rank("b")
    assert newer.rank("b") > newer.rank("a")
    # Nobody was asked when the former version's were given: there the older is right.
    first, second = (Holding(second, Kind.OWN, version=1) for second in (NOW - 9, NOW))
    assert first.rank("a") > second.rank("b")
    assert older.rank("a") > first.rank("b") > second.rank("c")
