"""The grant command and generated credentials, against a real Kubernetes API."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from backends.wire.sensitive import Sensitive
from hooks.cluster.kube import Kube
from hooks.commands.give import add_parser, run
from hooks.contract.grant import Grant, Grants
from hooks.settings.settings import Settings
from tests.attended import ago
from tests.live import Hooks, Live
from tests.rivals import BUCKET_CLAIMED, READY, World, two_namespaces
from tests.servers.cluster import Cluster
from tests.support import ENVIRON, wait

pytestmark = pytest.mark.server

KEY = "the-operators-signing-key"
# A store that can't change an access key's secret, so that a rotation leaves a former user.
GARAGE = {
    "ADOPTION": "never",
    "SIGNING_KEY": KEY,
    "BACKEND_NAME": "garage",
    "S3_ADMIN_TOKEN": "token",
    "S3_ADMIN_ENDPOINT_URL": "http://127.0.0.1:1",
}


@pytest.fixture
def world(api_cluster: Cluster, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("KUBECONFIG", str(api_cluster.kubeconfig))
    with two_namespaces(api_cluster, kube) as made:
        made.hooks = Hooks(made.store, kube, GARAGE)
        yield made


Attached = Sequence[Mapping[str, Any]]


def generated(world: World) -> Live:
    """A Secret that names a bucket alone, not yet synced."""
    asks = {"credentials": "generated", "connection-secret": "app-s3"}
    live = world.secret().changed(more=asks)
    none = {"data": {"access-key": None, "access-secret": None}}
    live.cluster.api.merge("Secret", live.name, live.namespace, none)
    return live


def synced(world: World, live: Live, attached: Attached) -> Attached:
    """Its connection Secret after one sync."""
    observed = [dict(each) for each in attached]
    return world.hooks.sync(live, observed).response.attachments


def settled(world: World, live: Live, attached: Attached = ()) -> Attached:
    """Its connection Secret, after as many syncs as Metacontroller makes at most."""
    for _ in range(5):
        attached = synced(world, live, attached)
    return attached


def given(live: Live) -> Grant:
    grant = Grants(Sensitive(KEY)).read(live.annotations.get("grants", ""), live.uid)
    assert grant is not None
    return grant


def call(live: Live, world: World, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command"))
    arguments = parser.parse_args(["grant", f"{live.namespace}/{live.name}", *words])
    return wait(run(Settings.load({**ENVIRON, **GARAGE}), world.store, arguments))


def test_a_rotation_goes_on_after_its_bucket_was_given_back(world: World) -> None:
    live = generated(world)
    attached = settled(world, live)
    assert live.state == READY
    former = given(live).user
    live.mark({"rotate": ago(5)})
    attached = synced(world, live, attached)
    before = given(live)
    assert before.former == (former,)
    # The bucket is taken away and given back while the former user is still there.
    stranger = world.stranger(bucket=live.bucket)
    assert call(stranger, world, "--yes") == 0
    world.hooks.sync(stranger)
    assert stranger.state == READY
    assert call(live, world, "--yes") == 0
    after = given(live)
    assert (after.since, after.key, after.former) == (before.since, before.key, before.former)
    attached = settled(world, live, attached)
    assert live.state == READY
    assert given(live).former == ()
    assert world.store.accounts.keys() == {before.user, stranger.user}
    assert world.store.owners[live.bucket] == before.user
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED


def test_what_is_given_before_the_first_sync_is_the_pair_that_comes(world: World) -> None:
    live = generated(world)
    world.store.owners[live.bucket] = "somebody"
    settled(world, live)
    assert live.state == ("Conflict", "BucketOwned")
    assert call(live, world) == 0
    assert given(live).since == 0
    settled(world, live)
    assert live.state == READY
    assert world.store.accounts.keys() == {given(live).user}
