"""What `status` shows of buckets that are shared."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from backends.sharing import Access
from backends.wire.sensitive import Sensitive
from hooks.commands.overview import Row
from hooks.commands.shares import Shared
from hooks.contract.access import Given, Shares
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.contract.status import Keys
from tests.commands.overviews import call, put
from tests.servers.cluster import Cluster
from tests.support import PREFIX

KEYS = Keys(f"{PREFIX}enabled")
READER = Access.READ_ONLY
HOLDER = {"share-with": "team-b/reader, team-c/writer:read-write"}


def grant_of(**given: Access) -> str:
    held = Holding(1_700_000_000, Kind.OWN)
    shares = Shares({bucket: Given(1_700_000_000, access) for bucket, access in given.items()})
    grant = Grant("user", held, {}, shares=shares)
    return Grants(Sensitive("a-key")).issue("uid", grant, 1_700_000_000)


def forged(document: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
    return f"v2.{payload}.{'A' * 43}"


def row(**annotations: str) -> Row:
    marks = {PREFIX + key.replace("_", "-"): text for key, text in annotations.items()}
    return Row.of({"metadata": {"namespace": "a", "name": "b", "annotations": marks}}, KEYS)


def test_a_holder_shows_whom_it_lets_in() -> None:
    found = row(**HOLDER)
    assert found.document()["shared_with"] == {
        "team-b/reader": "read-only",
        "team-c/writer": "read-write",
    }
    assert "access" not in found.document()
    assert found.shares.text() == "with team-b/reader:read-only, team-c/writer:read-write"


def test_a_guest_shows_what_it_asks_for_and_what_it_was_given() -> None:
    waiting = row(access="read-write")
    assert waiting.document()["access"] == {"wanted": "read-write", "given": {}}
    assert waiting.shares.text() == "read-write asked for"
    given = row(access="read-only", grants=grant_of(logs=READER))
    assert given.document()["access"] == {"wanted": "read-only", "given": {"logs": "read-only"}}
    assert given.shares.text() == "read-only on logs"
    more = row(access="read-write", grants=grant_of(logs=READER))
    assert more.shares.text() == "read-only on logs; read-write asked for"
    # It wants a bucket of its own by now, and the access stands there until it is taken back.
    assert row(grants=grant_of(logs=READER)).document()["access"]["wanted"] is None


def test_one_that_shares_nothing_shows_nothing() -> None:
    found = row(grants=grant_of())
    assert not found.shares
    assert {"shares", "shared_with", "access", "usage"}.isdisjoint(found.document())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "v2.x.y",
        forged([]),
        forged({"access": []}),
        forged({"access": {"bucket": 1}}),
        forged({"access": {"bucket": [float("inf"), "read-only", 0]}}),
        forged({"access": {"bucket": [1, "everything", 0]}}),
        forged({"access": None, "sharing": 3}),
    ],
)
def test_what_a_tenant_has_forged_breaks_nothing(token: str) -> None:
    assert Shared.of({f"{PREFIX}grants": token}, KEYS) == Shared()


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_it_is_a_column_of_the_wide_table_if_there_is_any(
    api_cluster: Cluster, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(api_cluster, namespace, "app", "Ready", bucket="logs")
    assert call("-n", namespace, "-o", "wide") == 0
    assert "SHARES" not in capsys.readouterr().out
    put(api_cluster, namespace, "holder", "Ready", share_with="team-b/reader")
    assert call("-n", namespace, "-o", "wide") == 0
    header, first, second = capsys.readouterr().out.splitlines()
    at = header.index("SHARES")
    assert first[at:].startswith("- ")
    assert second[at:].startswith("with team-b/reader:read-only ")
    assert call("-n", namespace) == 0
    assert "SHARES" not in capsys.readouterr().out
