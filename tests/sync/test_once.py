"""What a sync of an unchanged Secret does once, and keeps for nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.contract.status import Keys, is_applied
from tests.model import ModelStore
from tests.support import PREFIX, Operator, Secret

SECRET = "a-very-strong-and-long-password"


@pytest.fixture
def ready() -> tuple[Operator, Secret]:
    operator = Operator(ModelStore(), {"SIGNING_KEY": "a-signing-key-of-enough-length"})
    secret = Secret.claiming("bucket", "user", SECRET)
    for _ in range(3):
        operator.sync(secret)
    assert secret.state == ("Ready", "Provisioned")
    return operator, secret


def test_a_grant_is_verified_once_a_sync(
    ready: tuple[Operator, Secret], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, secret = ready
    read: list[str] = []
    verify = Grants.document

    def counted(self: Grants, token: str, uid: str) -> tuple[Mapping[str, object], bool]:
        read.append(token)
        return verify(self, token, uid)

    monkeypatch.setattr(Grants, "document", counted)
    first, second = (operator.sync(secret).response.encode() for _ in range(2))
    assert first == second
    assert read == [secret.annotations["grants"]] * 2


def test_what_was_applied_is_worked_out_once_a_sync(
    ready: tuple[Operator, Secret], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, secret = ready
    asked: list[str] = []
    look = Grants.is_applied

    def counted(self: Grants, text: str, claim: Claim) -> bool:
        asked.append(text)
        return look(self, text, claim)

    monkeypatch.setattr(Grants, "is_applied", counted)
    operator.sync(secret)
    assert asked == [secret.annotations["applied"]]


def test_what_was_applied_for_one_claim_says_nothing_of_another() -> None:
    grants = Grants(Sensitive("a-signing-key-of-enough-length"))
    others = Grants(Sensitive("another-key-of-enough-length"))
    claim = Claim("bucket", "user", Sensitive(SECRET), role="user")
    digest = grants.applied(claim)
    request = SyncRequest("team", "name", "uid", {}, {})
    for _ in range(2):
        assert is_applied(grants, request, digest, claim)
        assert not is_applied(others, request, digest, claim)
        assert not is_applied(grants, request, "", claim)
        assert not is_applied(grants, request, digest, replace(claim, role="admin"))


def test_what_was_read_of_one_request_is_not_another_ones() -> None:
    keys, key = Keys(f"{PREFIX}enabled"), Sensitive("a-signing-key-of-enough-length")
    grants, others = Grants(key), Grants(Sensitive("another-key-of-enough-length"))
    given = Grant("user", Holding(1, Kind.OWN), {"bucket": Holding(1, Kind.OWN)})
    token = {f"{PREFIX}grants": grants.issue("uid", given, 1)}
    request = SyncRequest("team", "name", "uid", token, {})
    assert keys.evidence(request).held(grants).grant == given
    # Each set of keys for itself, and what a replaced request says anew.
    assert keys.evidence(request).held(others).grant is None
    assert keys.evidence(request).signed_by_another(others) == 1
    assert keys.evidence(request).signed_by_another(grants) is None
    changed = replace(request, uid="another-uid")
    assert keys.evidence(changed).held(grants).grant is None
    assert keys.evidence(replace(request, annotations={})).held(grants).grant is None
    assert Keys("example.com/enabled").evidence(request).held(grants).grant is None
    assert request == replace(request)
