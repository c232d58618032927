"""The grant command, against a real Kubernetes API."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from backends.wire.sensitive import Sensitive
from hooks.cluster.kube import Kube
from hooks.commands.cli import main
from hooks.commands.give import add_parser, run
from hooks.commands.processes import LOOPBACK, free_port
from hooks.contract.grant import Grant, Grants, Holding, Kind, Mark
from hooks.contract.status import name_hash
from hooks.settings.settings import Settings
from tests.live import OPERATORS_RIGHTS, Hooks, Live
from tests.model import ADMINISTRATOR, Account
from tests.rivals import BUCKET_CLAIMED, KEY_CLAIMED, READY, World, two_namespaces
from tests.servers.accounts import account, kubeconfig
from tests.servers.cluster import Cluster
from tests.servers.require import require
from tests.support import ENVIRON, PREFIX, encode, wait

pytestmark = pytest.mark.server

KEY = "the-operators-signing-key"
NEVER = {"ADOPTION": "never", "SIGNING_KEY": KEY}


@pytest.fixture
def world(api_cluster: Cluster, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Nothing may be taken over; the command is run as an administrator of the cluster."""
    monkeypatch.setenv("KUBECONFIG", str(api_cluster.kubeconfig))
    with two_namespaces(api_cluster, kube) as made:
        made.hooks = Hooks(made.store, kube, NEVER)
        yield made


def call(world: World, live: Live, *words: str, environ: Mapping[str, str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command"))
    arguments = parser.parse_args(["grant", f"{live.namespace}/{live.name}", *words])
    settings = Settings.load({**ENVIRON, **NEVER, **(environ or {})})
    return wait(run(settings, world.store, arguments))


def given(live: Live, key: str = KEY) -> Grant | None:
    """What the Secret's grant says."""
    return Grants(Sensitive(key)).read(live.annotations.get("grants", ""), live.uid)


def existing(world: World, live: Live, owner: str | None = "somebody") -> None:
    """A bucket of that name, which its owner has set up."""
    if owner:
        world.store.accounts[owner] = Account("a-secret-of-its-own")
    world.store.owners[live.bucket] = owner
    world.store.settings[live.bucket] = "a policy"


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


def _gone(world: World, live: Live) -> None:
    live.delete()


def _not_annotated(world: World, live: Live) -> None:
    live.mark({"enabled": "yes"})


def _invalid(world: World, live: Live) -> None:
    live.cluster.api.merge(
        "Secret", live.name, live.namespace, {"data": {"bucket-name": encode("A")}}
    )


def _of_another_store(world: World, live: Live) -> None:
    live.changed(data={"endpoint-url": "https://elsewhere.example.com"})


def _wrong_connection(world: World, live: Live) -> None:
    live.mark({"connection-secret": "No/Name"})


def _administrator(world: World, live: Live) -> None:
    world.store.accounts[live.user] = Account("a-secret", role="admin")


def _disabled(world: World, live: Live) -> None:
    world.store.accounts[live.user] = Account("a-secret", disabled=True)


def _nothing(world: World, live: Live) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "environ", "why"),
    [
        (_gone, {}, "There is no Secret"),
        (_not_annotated, {}, f'has no annotation {PREFIX}enabled: "true"'),
        (_invalid, {}, "InvalidField:"),
        (_wrong_connection, {}, "InvalidField:"),
        (_of_another_store, {}, "EndpointMismatch:"),
        (_administrator, {}, "AdminUser:"),
        (_disabled, {}, "UserDisabled:"),
        (_nothing, {"RESERVED_BUCKETS": "holder-*"}, "ReservedBucket:"),
        (_nothing, {"BUCKET_NAME_PATTERN": "{namespace}.*"}, "NotAllowed:"),
    ],
)
def test_what_the_operator_would_refuse_is_not_given(
    world: World,
    capsys: pytest.CaptureFixture[str],
    spoil: object,
    environ: Mapping[str, str],
    why: str,
) -> None:
    live = world.secret()
    assert callable(spoil)
    spoil(world, live)
    assert call(world, live, "--yes", environ=environ) == 1
    assert why in capsys.readouterr().err
    assert not live.exists() or "grants" not in live.annotations


def test_one_of_a_store_that_does_not_answer_is_not_given(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = world.secret()
    for name, value in {**ENVIRON, **NEVER}.items():
        monkeypatch.setenv(name, value)
    assert main(["grant", f"{live.namespace}/{live.name}"]) == 1
    assert "The store can't be asked" in capsys.readouterr().err
    assert "grants" not in live.annotations


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


def test_another_signing_key_than_the_operators_gives_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for live in (world.holder(), world.holder()):
        assert given(live) is not None
    wanting = world.secret()
    assert call(world, wanting, environ={"SIGNING_KEY": "another"}) == 2
    assert "it has to be the operator's" in capsys.readouterr().err
    assert "grants" not in wanting.annotations
    # One of several verifies, as in the operator.
    assert call(world, wanting, environ={"SIGNING_KEY": f"another\n{KEY}"}) == 0


def test_a_derived_signing_key_is_warned_about(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    live = world.secret()
    assert call(world, live, environ={"SIGNING_KEY": ""}) == 0
    assert "warning: SIGNING_KEY is not set" in capsys.readouterr().err
    assert given(live) is None
    derived = Grants.derived(Sensitive(ENVIRON["S3_SECRET_KEY"])).reveal()
    assert given(live, derived) is not None


def test_a_cluster_that_can_not_be_asked_is_2(
    world: World,
    api_cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    live = world.secret()
    nowhere = kubeconfig(
        api_cluster,
        tmp_path / "config",
        user={"token": "none"},
        server=f"https://{LOOPBACK}:{free_port()}",
    )
    for path in (nowhere, account(api_cluster), tmp_path / "missing"):
        monkeypatch.setenv("KUBECONFIG", str(path))
        assert call(world, live) == 2
        assert capsys.readouterr().err
    assert "grants" not in live.annotations


@pytest.mark.parametrize("slot", ["team", "/app", "team/", "team/app/x"])
def test_a_secret_is_named_with_its_namespace(slot: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["grant", slot])
    assert caught.value.code == 2


def test_the_operators_own_bucket_keeps_its_settings(world: World) -> None:
    live = world.secret()
    existing(world, live, owner=ADMINISTRATOR)
    assert call(world, live) == 0
    world.hooks.sync(live)
    assert world.holds(live)
    assert world.store.settings[live.bucket] == "a policy"
