"""The grant command for a Secret with several buckets."""

from __future__ import annotations

import pytest

from hooks.contract.grant import Kind, Mark
from tests.commands.giving import call, given
from tests.live import Live
from tests.model import Account
from tests.rivals import READY, World

pytestmark = pytest.mark.server


def several(world: World, number: int = 3) -> tuple[Live, list[str]]:
    """A Secret with so many buckets, and their names."""
    live = world.secret()
    names = [f"{live.bucket}-{place}" for place in range(number)]
    return live.changed(data={"bucket-name": "", "bucket-names": ",".join(names)}), names


def test_all_that_it_names_is_given(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    live, names = several(world)
    world.store.accounts["somebody"] = Account("a-secret-of-its-own")
    world.store.owners |= {names[0]: "somebody", names[1]: "somebody"}
    world.store.settings[names[1]] = "a policy"
    world.hooks.sync(live)
    assert live.state == ("Conflict", "BucketOwned")
    assert call(world, live) == 0
    told = capsys.readouterr().out
    assert f"names the buckets {', '.join(names)} and the user {live.user}" in told
    assert f"the bucket {names[0]} is owned by somebody" in told
    assert told.count(f"the user {live.user} exists") == 1
    assert "nothing changes" not in told
    grant = given(live)
    assert grant is not None
    assert {name: (mine.kind, mine.mark) for name, mine in grant.buckets.items()} == {
        names[0]: (Kind.OWN, Mark.GIVEN),
        names[1]: (Kind.OWN, Mark.GIVEN),
        names[2]: (Kind.OWN, Mark.NONE),
    }
    assert live.labels["several-buckets"] == "true"
    world.hooks.sync(live)
    assert live.state == READY
    assert {world.store.owners[name] for name in names} == {live.user}
    assert names[1] not in world.store.settings
    assert call(world, live) == 0
    assert "there is nothing to give" in capsys.readouterr().out


def test_who_loses_one_of_them_is_told_of(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    live, names = several(world)
    holder = world.holder(bucket=names[2])
    world.hooks.sync(live)
    assert live.state == ("Conflict", "BucketClaimed")
    assert call(world, live) == 1
    told = capsys.readouterr()
    assert f"others  {names[2]}: {holder.namespace}/{holder.name} holds the bucket" in told.out
    assert "It is taken away from" in told.err
    assert call(world, live, "--yes") == 0
    world.hooks.sync(live)
    assert live.state == READY
    assert world.store.owners[names[2]] == live.user
    world.hooks.sync(holder)
    assert holder.state == ("Conflict", "BucketClaimed")


def test_the_command_for_another_account_has_all_labels(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    live, names = several(world)
    world.store.owners |= dict.fromkeys(names)
    assert call(world, live, "--print") == 0
    command = capsys.readouterr().out
    assert "several-buckets=true" in command
