"""The grant command, against a real Kubernetes API."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from backends.wire.sensitive import Sensitive
from hooks.contract.grant import Grant, Grants, Holding, Kind, Mark
from hooks.contract.status import name_hash
from tests.commands.giving import KEY, call, existing, given
from tests.live import OPERATORS_RIGHTS
from tests.model import ADMINISTRATOR, Account
from tests.rivals import BUCKET_CLAIMED, KEY_CLAIMED, READY, World
from tests.servers.accounts import account
from tests.servers.cluster import Cluster
from tests.servers.require import require

pytestmark = pytest.mark.server


def test_a_bucket_that_nobody_may_take_over_is_given(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    live = world.secret()
    existing(world, live)
    world.hooks.sync(live)
    assert live.state == ("Conflict", "BucketOwned")
    before = live.document, repr(world.store.owners)
    assert call(world, live, "--dry-run") == 0
    assert (live.document, repr(world.store.owners)) == before
    foretold = capsys.readouterr().out
    assert f"the bucket {live.bucket} is owned by somebody" in foretold
    assert "its policy and other settings are removed" in foretold
    assert "Dry run, nothing was written." in foretold
    assert call(world, live) == 0
    assert "Given:" in capsys.readouterr().out
    assert world.store.owners[live.bucket] == "somebody"
    first = world.hooks.sync(live)
    assert live.state == READY
    assert world.holds(live)
    assert live.bucket not in world.store.settings
    assert (
        "whose policy and other settings of the bucket were removed" in live.annotations["message"]
    )
    assert world.hooks.sync(live).response.encode() == first.response.encode()


def test_it_is_given_once_and_nothing_of_its_own_is_removed_later(world: World) -> None:
    live = world.secret()
    existing(world, live, owner=None)
    assert call(world, live) == 0
    grant = given(live)
    assert grant is not None
    assert grant.buckets[live.bucket].mark is Mark.GIVEN
    world.hooks.sync(live)
    assert live.state == READY
    assert live.bucket not in world.store.settings
    # What the new owner sets up is its own, whoever takes the bucket from it behind its back.
    world.store.settings[live.bucket] = "its own policy"
    world.store.owners[live.bucket] = None
    world.hooks.sync(live)
    assert world.holds(live)
    assert world.store.settings[live.bucket] == "its own policy"


def test_the_owner_is_looked_at_before_what_was_given_is_believed(world: World) -> None:
    world.store.names_owners = False
    live = world.secret()
    existing(world, live)
    assert call(world, live) == 0
    # The store lets the user in, and yet the bucket is somebody else's.
    world.store.accounts[live.user] = Account(live.secret, role="admin")
    world.hooks.sync(live)
    assert live.state == ("Conflict", "AdminUser")
    world.store.accounts[live.user].role = "user"
    world.hooks.sync(live)
    assert live.state == READY
    assert world.holds(live)


def test_a_user_with_another_secret_is_given(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    live = world.secret()
    world.store.accounts[live.user] = Account("another-secret")
    world.hooks.sync(live)
    assert live.state == ("Conflict", "UserExists")
    assert call(world, live) == 0
    out = capsys.readouterr().out
    assert "gets this Secret's secret" in out
    assert live.secret not in out
    world.hooks.sync(live)
    assert live.state == READY
    assert world.holds(live)


def test_what_a_live_secret_holds_is_taken_only_when_it_is_said(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = world.holder()
    stranger = world.stranger(bucket=holder.bucket)
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED
    before = stranger.document
    with open(os.devnull) as nobody:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", nobody)
        assert call(world, stranger) == 1
        assert call(world, stranger, "--print") == 1
    out, err = capsys.readouterr()
    assert f"{holder.namespace}/{holder.name} holds the bucket since 20" in out
    assert f"{holder.namespace}/{holder.name} becomes Conflict/BucketClaimed" in out
    assert "--yes does it all the same" in err
    assert stranger.document == before
    assert call(world, stranger, "--yes") == 0
    world.hooks.sync(stranger)
    assert stranger.state == READY
    assert world.holds(stranger)
    world.hooks.sync(holder)
    assert holder.state == BUCKET_CLAIMED
    world.hooks.sync(stranger)
    assert world.holds(stranger)


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_a_person_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    holder = world.holder()
    stranger = world.stranger(user=holder.user)
    world.hooks.sync(stranger)
    assert stranger.state == KEY_CLAIMED
    ours, theirs = os.openpty()
    os.write(ours, answer.encode())
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        assert call(world, stranger) == code
    os.close(ours)
    world.hooks.sync(stranger)
    assert (stranger.state == READY) is (code == 0)
    world.hooks.sync(holder)
    assert (holder.state == KEY_CLAIMED) is (code == 0)


def test_one_without_a_grant_whom_the_store_confirms_is_asked_about(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = world.holder()
    holder.mark({"grants": None}, {"bucket-hash": None, "user-hash": None})
    stranger = world.stranger(bucket=holder.bucket)
    assert call(world, stranger) == 1
    assert (
        f"{holder.namespace}/{holder.name} names the bucket without a grant, and the store says "
        "that it is its"
    ) in capsys.readouterr().out
    assert given(stranger) is None


def test_it_is_newer_than_one_of_a_clock_that_was_ahead(world: World) -> None:
    holder = world.holder()
    ahead = Holding(4_000_000_000, Kind.OWN)
    token = Grants(Sensitive(KEY)).issue(
        holder.uid, Grant(holder.user, ahead, {holder.bucket: ahead}), 1
    )
    holder.mark({"grants": token})
    stranger = world.stranger(bucket=holder.bucket)
    assert call(world, stranger, "--yes") == 0
    world.hooks.sync(stranger)
    assert world.holds(stranger)
    world.hooks.sync(holder)
    assert holder.state == BUCKET_CLAIMED


def test_who_holds_both_is_given_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    holder = world.holder()
    before = holder.document
    assert call(world, holder) == 0
    assert "nothing to give" in capsys.readouterr().out
    assert holder.document == before


def test_others_find_it_by_its_labels_before_its_first_sync(world: World) -> None:
    live = world.secret()
    assert call(world, live) == 0
    assert live.labels == {
        "bucket-hash": name_hash(live.bucket),
        "user-hash": name_hash(live.user),
    }
    stranger = world.stranger(bucket=live.bucket)
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED


def test_an_account_that_may_not_write_gets_the_command(
    world: World,
    api_cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = world.secret()
    existing(world, live)
    world.hooks.sync(live)
    monkeypatch.setenv("KUBECONFIG", str(account(api_cluster, *OPERATORS_RIGHTS)))
    assert call(world, live) == 2
    command = capsys.readouterr().out.splitlines()[-1]
    # Anew, as it would be typed.
    assert call(world, live, "--print") == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert shlex.split(out)[:-1] == shlex.split(command)[:-1]
    assert f"the bucket {live.bucket} is owned by somebody" in err
    assert "grants" not in live.annotations
    run_by_an_administrator(api_cluster, out)
    world.hooks.sync(live)
    assert live.state == READY
    assert world.holds(live)


def test_the_command_labels_one_that_was_never_answered(
    world: World, api_cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    live = world.secret()
    assert call(world, live, "--print") == 0
    run_by_an_administrator(api_cluster, capsys.readouterr().out)
    assert live.labels["bucket-hash"] == name_hash(live.bucket)
    grant = given(live)
    assert grant is not None
    assert grant.buckets[live.bucket].own


def run_by_an_administrator(cluster: Cluster, command: str) -> None:
    """As `| sh` does it."""
    subprocess.run(
        ["/bin/sh"],
        input=command,
        env={
            "PATH": f"{require('kubectl').parent}:/usr/bin:/bin",
            "KUBECONFIG": str(cluster.kubeconfig),
            # For its cache.
            "HOME": str(cluster.directory),
        },
        text=True,
        check=True,
        capture_output=True,
    )


def test_the_operators_own_bucket_keeps_its_settings(world: World) -> None:
    live = world.secret()
    existing(world, live, owner=ADMINISTRATOR)
    assert call(world, live) == 0
    world.hooks.sync(live)
    assert world.holds(live)
    assert world.store.settings[live.bucket] == "a policy"
