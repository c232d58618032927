"""The grant that an administrator gives, where the cluster doesn't matter."""

from __future__ import annotations

import pytest

from backends.base import Bucket, Claim, Gap, Probe, User
from backends.wire.sensitive import Sensitive
from hooks.commands.gift import gift
from hooks.commands.prospect import View
from hooks.contract.derived import Derivation, Pair
from hooks.contract.grant import Grant, Held, Holding, Kind, Mark

OWN = Holding(100, Kind.OWN)
PAIR = Derivation(Sensitive("signing-key"), renames=True).pair("team", "app", 50)
VIEW = View(
    Probe(Gap.ACCEPTED), User(admin=False), Bucket(frozenset({PAIR.access_key})), remains=False
)


def given(pair: Pair | None, before: Grant | None, user: str = PAIR.access_key) -> Grant:
    claim = Claim("bucket", user, PAIR.secret, origin="team/app")
    return gift(claim, pair, Held(before), VIEW, [], 200)


def test_it_keeps_what_stands_there_of_generated_credentials() -> None:
    before = Grant(PAIR.access_key, OWN, {"bucket": OWN}, PAIR.since, PAIR.key, ("GKformer",))
    grant = given(PAIR, before)
    assert (grant.since, grant.key, grant.former) == (PAIR.since, PAIR.key, ("GKformer",))
    assert grant.buckets["bucket"] == Holding(200, Kind.OWN)


def test_the_user_of_the_former_pair_is_listed_when_another_takes_its_place() -> None:
    before = Grant("GKbefore", OWN, {"bucket": OWN}, 0, PAIR.key, ("GKformer",))
    assert given(PAIR, before).former == ("GKformer", "GKbefore")
    # With given credentials too, by which nobody else removes them.
    grant = given(None, before, "chosen")
    assert (grant.since, grant.key, grant.former) == (None, "", ("GKformer", "GKbefore"))
    assert grant.buckets["bucket"].mark is Mark.GIVEN


@pytest.mark.parametrize("kind", [Kind.SHARED, Kind.SHARED_WITHIN])
def test_a_user_that_is_anothers_is_never_listed(kind: Kind) -> None:
    before = Grant("GKshared", Holding(100, kind), {"bucket": OWN}, 0, PAIR.key)
    assert given(PAIR, before).former == ()


def test_a_first_one_names_the_pair() -> None:
    grant = given(PAIR, None)
    assert (grant.since, grant.key, grant.former) == (PAIR.since, PAIR.key, ())
