"""VersityGW, MinIO and Garage behind one operator, with Metacontroller."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.stack import Programs, Stack, Tenant, running_stack
from tests.servers.require import require, require_metacontroller
from tests.servers.several import List, running_stores

pytestmark = pytest.mark.e2e

# For a new Secret, whatever becomes of the other stores; the project's bound for one store.
USUAL = 5.0


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[List]:
    folder = tmp_path_factory.mktemp("stores")
    with running_stores(folder, "versitygw", "minio", "garage") as found:
        yield found


@pytest.fixture(scope="module")
def several(listed: List, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One operator for all three."""
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    settings = {"STORES_FILE": str(listed.path), "SYNC_TIMEOUT_SECONDS": "4"}
    with running_stack(
        programs,
        tmp_path_factory.mktemp("several"),
        settings=settings,
        other=lambda _: listed.stores["versitygw"],
    ) as running:
        yield running


@pytest.fixture
def place(several: Stack) -> Iterator[str]:
    made = several.cluster.namespace(f"stores-{random.token_hex(3)}")
    yield made
    several.cluster.api.delete_all("Secret", made)


def tenant(several: Stack, place: str, name: str) -> Tenant:
    """In the form that each of the three takes."""
    made = several.tenant(place, name)
    return replace(made, access_key=f"GK{random.token_hex(12)}", secret=random.token_hex(32))


def is_on(listed: List, store: str, made: Tenant) -> bool:
    users, buckets = listed.stores[store].names()
    return made.access_key in users and made.bucket in buckets


def test_each_secret_is_served_by_its_own_store(several: Stack, listed: List, place: str) -> None:
    for store in listed.stores:
        made = tenant(several, place, store)
        several.provision(made, annotations={"store": store}, timeout=USUAL)
        assert [name for name in listed.stores if is_on(listed, name, made)] == [store]
        assert several.annotations(made)["endpoint"] == listed.stores[store].url
        assert several.hook.total(
            "s3_operator_secrets_processed_total", store=store, status="Ready"
        )
    assert several.server_errors(place) == []


def test_a_secret_that_moves_leaves_everything_behind(
    several: Stack, listed: List, place: str
) -> None:
    made = tenant(several, place, "mover")
    several.provision(made, annotations={"store": "versitygw"})
    several.mark(made, {"store": "garage"})
    wait_until(
        lambda: "stayed on the store versitygw" in several.annotations(made)["message"],
        timeout=15,
        what="the message to say what stayed behind",
    )
    several.settle()
    several.wait_for(made, "Ready")
    assert is_on(listed, "garage", made)
    assert is_on(listed, "versitygw", made)
    # It has come to rest: nothing is written any more.
    version = several.resource_version(made)
    several.settled_sync()
    assert several.resource_version(made) == version


def test_one_killed_and_one_hanging_delay_nothing_of_the_third(
    several: Stack, listed: List, place: str
) -> None:
    several.provision(tenant(several, place, "before"), annotations={"store": "minio"})
    listed.stores["garage"].process.kill()
    listed.stores["minio"].process.pause()
    try:
        first = tenant(several, place, "first")
        several.put(first, annotations={"store": "minio"})
        several.wait_for(first, "Retrying", "Timeout")
        down = [tenant(several, place, f"down-{number}") for number in range(24)]
        for number, made in enumerate(down):
            several.put(made, annotations={"store": "garage" if number % 2 else "minio"})
        # Two requests without an answer, at most one of Metacontroller's ten workers after that.
        for made in down:
            several.wait_for(made, "Retrying", timeout=20)
        for number in range(3):
            made = tenant(several, place, f"new-{number}")
            began = time.monotonic()
            several.provision(made, annotations={"store": "versitygw"}, timeout=USUAL)
            assert time.monotonic() - began < USUAL
            assert is_on(listed, "versitygw", made)
        assert several.hook.total("s3_operator_backend_up", store="minio") == 0
        assert several.hook.total("s3_operator_backend_up", store="garage") == 0
    finally:
        listed.stores["minio"].process.resume()
        listed.stores["garage"].restart()
    for made in down:
        several.wait_for(made, "Ready", timeout=120)


def test_a_store_is_added_without_a_restart(several: Stack, listed: List, place: str) -> None:
    garage = listed.entries.pop("garage")
    listed.write()
    made = tenant(several, place, "early")
    try:
        # The list is looked at once a second.
        time.sleep(1.5)
        several.touched_total(several.provision(tenant(several, place, "any")), "process_open_fds")
        several.put(made, annotations={"store": "garage"})
        several.wait_for(made, "Skipped", "EndpointMismatch")
    finally:
        listed.entries["garage"] = garage
        listed.write()
    time.sleep(1.5)
    several.touch(made)
    several.settle(quiet=0.3)
    several.touch(made)
    several.wait_for(made, "Ready")
