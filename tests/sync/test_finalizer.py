"""The finalize hook: whom it lets go, and for whom it does something before."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from backends.errors import Unavailable
from hooks.cluster.kube import Kube
from hooks.sync.syncer import Result
from tests.live import FINALIZER, Hooks, Live, request_for
from tests.model import Account, ModelStore
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.support import PREFIX, encode, wait

pytestmark = pytest.mark.server

DELETE = {"deletion-policy": "delete"}


@dataclass
class Ground:
    """One namespace, one store, and operators for them."""

    cluster: Cluster
    kube: Kube
    namespace: str
    store: ModelStore

    def hooks(self, environ: Mapping[str, str] | None = None, *, kube: bool = True) -> Hooks:
        variables = {"DELETION": "on", **(environ or {})}
        return Hooks(self.store, self.kube if kube else None, variables)

    def ready(self, **more: str) -> Live:
        """A Secret that is Ready and asks for its deletion."""
        unique = f"b-{random.token_hex(6)}"
        marks = {**DELETE, **more}
        live = Live(self.cluster, self.namespace, unique, unique, f"{unique}-user", more=marks)
        self.hooks().sync(live.put())
        assert live.annotations["status"] == "Ready"
        live.hold()
        return live

    def kept(self, live: Live) -> bool:
        """Whether user and bucket are as they were."""
        return live.user in self.store.accounts and self.store.owners[live.bucket] == live.user


@pytest.fixture
def ground(api_cluster: Cluster, kube: Kube) -> Iterator[Ground]:
    namespace = api_cluster.namespace(f"finalizer-{random.token_hex(4)}")
    yield Ground(api_cluster, kube, namespace, ModelStore())
    for found in api_cluster.api.list("Secret", namespace):
        change = {"metadata": {"finalizers": None}}
        api_cluster.api.merge("Secret", found["metadata"]["name"], namespace, change)
    api_cluster.api.delete_all("Secret", namespace)


def finalizers(live: Live) -> list[str]:
    found: list[str] = live.document["metadata"].get("finalizers", [])
    return found


def finalize(hooks: Hooks, document: Object, *, finalizing: bool = True) -> Result:
    """The bare answer for a document that need not be in the API."""
    request = request_for(document, finalizing=finalizing)
    return wait(hooks.operator.parts.finalizer.finalize(request))


def test_a_live_secret_is_answered_with_nothing(ground: Ground) -> None:
    live = ground.ready()
    result = finalize(ground.hooks(), live.document, finalizing=False)
    assert result.response.encode() == b"{}"
    assert result.outcome is None
    assert ground.kept(live)


def test_a_secret_that_goes_takes_along_what_it_asked_for(ground: Ground) -> None:
    live = ground.ready()
    live.delete()
    result = ground.hooks().finalize(live)
    assert result.response.document() == {"finalized": True}
    assert not live.exists()
    assert (ground.store.accounts, ground.store.owners) == ({}, {})


def test_deletions_are_counted(ground: Ground) -> None:
    hooks = ground.hooks()
    live = ground.ready()
    live.delete()
    hooks.finalize(live)
    read = hooks.operator.metrics.registry.get_sample_value
    assert read("s3_operator_users_deleted_total") == 1
    assert read("s3_operator_buckets_deleted_total") == 1


def test_opting_out_lets_go_without_deleting(ground: Ground) -> None:
    live = ground.ready()
    live.mark({"deletion-policy": None})
    result = ground.hooks().finalize(live)
    assert result.response.document() == {"finalized": True}
    assert live.exists()
    assert finalizers(live) == []
    assert ground.kept(live)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"deletion-policy": "retain"}, id="retain"),
        pytest.param({"deletion-policy": "burn"}, id="unknown-word"),
        pytest.param({"enabled": None}, id="not-enabled"),
        pytest.param({"enabled": "false"}, id="disabled"),
        pytest.param({"grants": None}, id="no-grant"),
        pytest.param({"grants": f"v2.e30.{'A' * 43}"}, id="forged-grant"),
        pytest.param({"grants": None, "grant": f"v1.1.{'A' * 43}"}, id="forged-former-grant"),
        pytest.param({"endpoint": "http://other.example"}, id="another-store"),
    ],
)
def test_what_does_not_qualify_goes_alone(ground: Ground, change: dict[str, str | None]) -> None:
    live = ground.ready()
    live.mark(change)
    live.delete()
    result = ground.hooks().finalize(live)
    assert result.response.document() == {"finalized": True}
    assert not live.exists()
    assert ground.kept(live)


def test_switched_off_nothing_is_deleted(ground: Ground) -> None:
    live = ground.ready()
    live.delete()
    ground.hooks({"DELETION": "off"}).finalize(live)
    assert not live.exists()
    assert ground.kept(live)


def test_a_policy_that_forbids_it_wins(ground: Ground, tmp_path: Path) -> None:
    live = ground.ready()
    rules = [{"name": "all", "namespaces": ["*"], "deletion": ["delete-user"]}]
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump({"rules": rules}))
    live.delete()
    ground.hooks({"POLICY_FILE": str(file)}).finalize(live)
    assert not live.exists()
    assert ground.kept(live)


def test_what_was_held_counts_and_not_what_is_named_now(ground: Ground) -> None:
    """A Secret that is retargeted at somebody's bucket before it goes takes only its own along."""
    victim = ground.ready()
    live = ground.ready()
    retargeted = live.changed(bucket=victim.bucket)
    retargeted.delete()
    ground.hooks().finalize(retargeted)
    assert not retargeted.exists()
    assert ground.kept(victim)
    assert live.user not in ground.store.accounts
    assert live.bucket not in ground.store.owners


def test_a_grant_whose_user_has_another_secret_by_now_proves_nothing(ground: Ground) -> None:
    live = ground.ready()
    ground.store.accounts[live.user] = Account("anothers")
    live.delete()
    ground.hooks().finalize(live)
    assert not live.exists()
    assert ground.kept(live)


def test_a_full_bucket_holds_its_secret_and_says_so(ground: Ground) -> None:
    live = ground.ready()
    ground.store.objects[live.bucket, "key"] = b"precious"
    live.delete()
    hooks = ground.hooks()
    first = hooks.finalize(live)
    assert live.exists()
    assert live.state == ("Retrying", "BucketNotEmpty")
    assert first.response.resync_after == 60
    assert (live.annotations["bucket"], live.annotations["user"]) == (live.bucket, live.user)
    answer = finalize(hooks, live.document).response.encode()
    # Nothing volatile: a second answer is the same to the byte.
    assert finalize(hooks, live.document).response.encode() == answer
    ground.store.objects.clear()
    hooks.finalize(live)
    assert not live.exists()
    assert ground.store.owners == {}


def test_a_full_bucket_is_kept_when_the_policy_is_set_back(ground: Ground) -> None:
    live = ground.ready()
    ground.store.objects[live.bucket, "key"] = b"precious"
    live.delete()
    ground.hooks().finalize(live)
    assert live.exists()
    live.mark({"deletion-policy": "retain"})
    ground.hooks().finalize(live)
    assert not live.exists()
    assert ground.kept(live)
    assert ground.store.objects


def test_a_store_that_is_down_holds_the_secret(ground: Ground) -> None:
    live = ground.ready()
    live.delete()

    def down(_: str) -> None:
        raise Unavailable("The store can't be reached.")

    ground.store.before = down
    result = ground.hooks().finalize(live)
    assert live.state == ("Retrying", "BackendUnavailable")
    assert result.response.document()["finalized"] is False
    assert result.response.resync_after is not None
    ground.store.before = lambda _: None
    ground.hooks().finalize(live)
    assert not live.exists()
    assert ground.store.owners == {}


def test_a_store_that_hangs_does_not_take_longer_than_a_sync_may(ground: Ground) -> None:
    live = ground.ready()
    live.delete()
    hooks = ground.hooks({"SYNC_TIMEOUT_SECONDS": "1"})
    result = hooks.operator.parts.finalizer.timed_out(request_for(live.document, finalizing=True))
    assert result.outcome is not None
    assert result.outcome.reason.value == "Timeout"
    live.answered(result)
    assert live.exists()
    assert live.state == ("Retrying", "Timeout")
    assert FINALIZER in finalizers(live)


def test_nothing_is_deleted_without_access_to_kubernetes(ground: Ground) -> None:
    live = ground.ready()
    live.delete()
    ground.hooks(kube=False).finalize(live)
    assert live.exists()
    assert live.state == ("Retrying", "GuardUnavailable")
    assert ground.kept(live)


def test_a_sync_and_a_removal_of_the_same_bucket_take_turns(ground: Ground) -> None:
    """The waiting stranger never finds a bucket without a user, or a user without a bucket."""
    live = ground.ready()
    hooks = ground.hooks()
    live.delete()
    stranger = Live(
        ground.cluster, ground.namespace, f"{live.name}-s", live.bucket, f"{live.user}-s"
    ).put()

    def slow(_: str) -> None:
        time.sleep(0.05)

    ground.store.before = slow
    with ThreadPoolExecutor(1) as pool:
        removal = pool.submit(hooks.finalize, live)
        hooks.sync(stranger)
        removal.result()
    hooks.sync(stranger)
    assert stranger.annotations["status"] == "Ready"
    assert ground.store.owners == {live.bucket: stranger.user}


def test_the_endpoint_of_another_store_is_another_operators(ground: Ground) -> None:
    document = ground.ready().document
    document["metadata"]["annotations"][f"{PREFIX}endpoint"] = "http://other.example"
    document["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    result = finalize(ground.hooks(), document)
    assert result.response.document() == {"finalized": True}
    assert len(ground.store.owners) == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"access-secret": None}, id="no-secret"),
        pytest.param({"access-key": None}, id="no-user"),
        pytest.param({"bucket-name": None}, id="no-bucket"),
        pytest.param({"access-secret": encode("\x00")}, id="no-text"),
        pytest.param({"secret-key": encode("another")}, id="two-secrets"),
    ],
)
def test_a_secret_whose_data_is_broken_goes_with_what_its_grant_holds(
    ground: Ground, data: dict[str, str | None]
) -> None:
    """Whether it is Invalid by now or not yet looked at."""
    for seen in (False, True):
        live = ground.ready()
        ground.cluster.api.merge("Secret", live.name, live.namespace, {"data": data})
        if seen:
            ground.hooks().sync(live)
        live.delete()
        result = ground.hooks().finalize(live)
        assert result.response.document() == {"finalized": True}
        assert not live.exists()
        assert (ground.store.accounts, ground.store.owners) == ({}, {})


def test_a_secret_in_conflict_over_another_bucket_goes_with_its_own(ground: Ground) -> None:
    victim, live = ground.ready(), ground.ready()
    retargeted = live.changed(bucket=victim.bucket)
    ground.hooks().sync(retargeted)
    assert retargeted.state == ("Conflict", "BucketClaimed")
    retargeted.delete()
    ground.hooks().finalize(retargeted)
    assert not retargeted.exists()
    assert ground.kept(victim)
    assert live.user not in ground.store.accounts
    assert live.bucket not in ground.store.owners


def test_a_broken_secret_takes_nothing_along_that_another_was_given_since(ground: Ground) -> None:
    """Its grant alone speaks for it, and an older one doesn't speak against a newer."""
    live = ground.ready()
    stale = live.annotations["grants"]
    moved = live.changed(user=f"{live.user}-2", bucket=f"{live.bucket}-2")
    ground.hooks().sync(moved)
    unique = f"b-{random.token_hex(6)}"
    heir = Live(ground.cluster, ground.namespace, unique, live.bucket, live.user, secret="another")
    ground.hooks({"ADOPTION": "any"}).sync(heir.put())
    assert heir.state == ("Ready", "Provisioned")
    ground.cluster.api.merge("Secret", live.name, live.namespace, {"data": None})
    moved.mark({"grants": stale})
    moved.delete()
    ground.hooks().finalize(moved)
    assert not moved.exists()
    assert ground.store.owners[live.bucket] == heir.user
    assert heir.user in ground.store.accounts


def test_a_grant_of_the_former_version_lets_its_holder_take_along_what_it_held(
    ground: Ground,
) -> None:
    for data in ({}, {"access-secret": None}):
        live = ground.ready()
        first = ground.hooks().operator.former_grant(live.uid, live.bucket, live.user, 1)
        live.mark({"grants": None, "grant": first})
        ground.cluster.api.merge("Secret", live.name, live.namespace, {"data": data})
        live.delete()
        ground.hooks().finalize(live)
        assert not live.exists()
        assert (ground.store.accounts, ground.store.owners) == ({}, {})
