"""Two Metacontrollers share the Secrets by a label, as manifests/sharding has it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from hooks.commands.processes import wait_until
from tests.e2e.application import using
from tests.e2e.gate import Gate
from tests.e2e.operator import operators_kubeconfig
from tests.e2e.stack import ENABLED, PREFIX, Programs, Stack, Tenant
from tests.servers.api import Object
from tests.servers.cluster import running_cluster
from tests.servers.decorator import DELETION, MANIFESTS, decorator, install
from tests.servers.hook import Hook, running_hook
from tests.servers.metacontroller import running_metacontroller
from tests.servers.require import require, require_metacontroller
from tests.servers.store import running_store

pytestmark = pytest.mark.e2e

SHARDING = MANIFESTS / "sharding"
SHARD = f"{PREFIX}shard"
NAMES = {"first": "s3-resource-operator", "second": "s3-resource-operator-second"}
FINALIZER = "metacontroller.io/decoratorcontroller-{}-deletion"
DECORATOR = "metacontroller.k8s.io/decorator-controller"
NAMESPACE = "platform"
"""Where all Secrets of these tests are."""
_SECONDS = 30


@dataclass
class Shards:
    """Both Metacontrollers at work, each with a hook of its own, so that its calls can be told."""

    stack: Stack
    hooks: Mapping[str, Hook]

    def syncs(self) -> dict[str, int]:
        return {name: hook.syncs() for name, hook in self.hooks.items()}

    def settle(self) -> None:
        """Waits until neither hook is called any more."""
        last: dict[str, int] = {}

        def still() -> bool:
            nonlocal last
            before, last = last, self.syncs()
            return before == last

        wait_until(still, timeout=_SECONDS, what="the hooks to have nothing to do", interval=0.7)

    def put(self, tenant: Tenant, shard: str | None, **asks: str) -> Tenant:
        """Makes a Secret of a shard, and waits until it is Ready."""
        manifest = self.stack.manifest(tenant)
        metadata = manifest["metadata"]
        metadata["annotations"] = ENABLED | {PREFIX + key: value for key, value in asks.items()}
        if shard is not None:
            metadata["labels"] = {SHARD: shard}
        self.stack.cluster.api.create(manifest)
        self.stack.wait_for(tenant, "Ready", timeout=_SECONDS)
        return tenant

    def move(self, tenant: Tenant, shard: str | None) -> None:
        change = {"metadata": {"labels": {SHARD: shard}}}
        self.stack.cluster.api.merge("Secret", tenant.name, tenant.namespace, change)

    def finalizers(self, tenant: Tenant) -> list[str]:
        return list(self.stack.observed(tenant)["metadata"].get("finalizers", []))


def of_shard(name: str, hook_url: str) -> Object:
    """The controller of a shard, as the component makes it."""
    if name == "second":
        return decorator(hook_url, manifest=SHARDING / "second.yaml", token_secret=name)
    made = decorator(hook_url, token_secret=name)
    patch: dict[str, Any] = yaml.safe_load((SHARDING / "first.yaml").read_text())
    assert patch["metadata"]["name"] == made["metadata"]["name"]
    made["metadata"] |= patch["metadata"]
    made["spec"] |= patch["spec"]
    return made


def of_deletion(name: str, hook_url: str) -> Object:
    """A controller for the deletion policies of one shard alone."""
    made = decorator(hook_url, manifest=DELETION, token_secret=name)
    selector = of_shard(name, hook_url)["spec"]["resources"][0]["labelSelector"]
    made["metadata"] |= {"name": f"{NAMES[name]}-deletion", "labels": {SHARD: name}}
    made["spec"]["resources"][0]["labelSelector"] = selector
    return made


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    directory = tmp_path_factory.mktemp("sharding")
    with ExitStack() as running:
        cluster = running.enter_context(
            running_cluster(
                directory / "cluster", etcd=programs.etcd, kube_apiserver=programs.kube_apiserver
            )
        )
        store = running.enter_context(running_store(programs.versitygw, directory / "store"))
        settings = {
            "KUBECONFIG": str(operators_kubeconfig(cluster)),
            "DELETION": "on",
            # Two of one operator's replicas, told apart by whom they are called.
            "SIGNING_KEY": "the-key-of-both-replicas",
        }
        hooks = {
            name: running.enter_context(running_hook(store, directory / name, settings=settings))
            for name in NAMES
        }
        metacontrollers = [
            running.enter_context(
                running_metacontroller(
                    programs.metacontroller,
                    cluster,
                    directory / f"metacontroller-{name}",
                    selector=f"{SHARD}={name}",
                )
            )
            for name in NAMES
        ]
        cluster.namespace(NAMESPACE)
        gate = Gate(int(cluster.url.rsplit(":", 1)[1]))
        running.callback(gate.close)
        stack = Stack(cluster, gate, store, hooks["first"], metacontrollers[0])
        for name, hook in hooks.items():
            install(cluster, of_shard(name, hook.url), hook.token)
            install(cluster, of_deletion(name, hook.url), hook.token)
        yield Shards(stack, hooks)


def test_each_secret_is_one_shards_alone(shards: Shards) -> None:
    stack = shards.stack
    mine: dict[str, list[str | None]] = {
        "first": [None, "first", "another", None],
        "second": ["second"] * 3,
    }
    before = shards.syncs()
    for shard, labels in mine.items():
        for number, label in enumerate(labels):
            shards.put(stack.tenant(NAMESPACE, f"{shard}-{number}"), label)
        shards.settle()
        calls = {name: count - before[name] for name, count in shards.syncs().items()}
        other = next(name for name in NAMES if name != shard)
        # One that made it, and one for the status that this wrote.
        assert calls[shard] == 2 * len(labels)
        assert calls[other] == 0
        before = shards.syncs()


def test_a_secret_moves_from_one_shard_to_the_other(shards: Shards) -> None:
    stack = shards.stack
    tenant = shards.put(stack.tenant(NAMESPACE, "moves"), None)
    shards.settle()
    grants = stack.annotations(tenant)["grants"]
    before = shards.syncs()

    with using(stack, tenant):
        shards.move(tenant, "second")
        shards.settle()
        assert shards.syncs() == {"first": before["first"], "second": before["second"] + 1}
        # Nothing was made anew: the second hook believes what the first one gave.
        assert stack.annotations(tenant)["grants"] == grants

    # And from now on it is the second that hears of it.
    stack.touch(tenant)
    shards.settle()
    assert shards.syncs() == {"first": before["first"], "second": before["second"] + 2}


def test_two_secrets_of_two_shards_do_not_take_from_each_other(shards: Shards) -> None:
    stack = shards.stack
    holder = shards.put(stack.tenant(NAMESPACE, "holder"), None)
    rival = stack.tenant(NAMESPACE, "rival")
    manifest = stack.manifest(rival, {**rival.data, "bucket-name": holder.bucket})
    manifest["metadata"]["labels"] = {SHARD: "second"}
    stack.cluster.api.create(manifest)
    stack.wait_for(rival, "Conflict", "BucketClaimed", timeout=_SECONDS)
    assert stack.works(holder)


def test_a_finalizer_goes_over_and_nothing_is_removed(shards: Shards) -> None:
    """A finalizer has its controller's name, so the one that has lost the Secret takes it off."""
    stack = shards.stack
    asks = {"deletion-policy": "delete"}
    tenant = shards.put(stack.tenant(NAMESPACE, "finalized"), None, **asks)
    old, new = (FINALIZER.format(name) for name in NAMES.values())
    wait_until(lambda: shards.finalizers(tenant) == [old], timeout=_SECONDS, what="a finalizer")

    shards.move(tenant, "second")
    wait_until(lambda: shards.finalizers(tenant) == [new], timeout=_SECONDS, what="the other's")
    assert stack.works(tenant)
    with stack.store.s3(*tenant.credentials) as client:
        client.delete_object(Bucket=tenant.bucket, Key="works")

    stack.delete(tenant)
    stack.wait_until_gone(tenant, timeout=_SECONDS)
    assert stack.store.user(tenant.access_key) is None
    assert stack.store.owner(tenant.bucket) is None


def test_a_connection_secret_goes_over_with_its_annotation(shards: Shards) -> None:
    stack, api = shards.stack, shards.stack.cluster.api
    name = "moved-s3"
    tenant = shards.put(stack.tenant(NAMESPACE, "connected"), None, **{"connection-secret": name})
    made = api.get("Secret", name, NAMESPACE)
    assert made is not None
    assert made["metadata"]["annotations"][DECORATOR] == NAMES["first"]

    # What docs/sizing.md says, in its order.
    change = {"metadata": {"annotations": {DECORATOR: NAMES["second"]}}}
    api.merge("Secret", name, NAMESPACE, change)
    shards.move(tenant, "second")
    shards.settle()
    stack.wait_for(tenant, "Ready", timeout=_SECONDS)

    # The second updates it: it isn't only left standing.
    rotated = Tenant(NAMESPACE, tenant.name, tenant.bucket, tenant.access_key, f"{tenant.secret}2")
    secret = base64.b64encode(rotated.secret.encode()).decode()
    api.merge("Secret", tenant.name, NAMESPACE, {"data": {"access-secret": secret}})

    def updated() -> bool:
        found = api.get("Secret", name, NAMESPACE)
        assert found is not None
        assert found["metadata"]["uid"] == made["metadata"]["uid"]
        return bool(found["data"]["AWS_SECRET_ACCESS_KEY"] == secret)

    wait_until(updated, timeout=_SECONDS, what="the connection Secret to have the new secret")
    stack.wait_for(tenant, "Ready", timeout=_SECONDS)


def test_a_connection_secret_that_is_left_behind_is_told(shards: Shards) -> None:
    stack, api = shards.stack, shards.stack.cluster.api
    name = "left-s3"
    tenant = shards.put(stack.tenant(NAMESPACE, "behind"), None, **{"connection-secret": name})
    made = api.get("Secret", name, NAMESPACE)

    shards.move(tenant, "second")
    stack.wait_for(tenant, "Conflict", "ConnectionSecretTaken", timeout=_SECONDS)
    # Metacontroller neither updates nor deletes what another controller has made.
    assert api.get("Secret", name, NAMESPACE) == made

    change = {"metadata": {"annotations": {DECORATOR: NAMES["second"]}}}
    api.merge("Secret", name, NAMESPACE, change)
    stack.wait_for(tenant, "Ready", timeout=_SECONDS)
