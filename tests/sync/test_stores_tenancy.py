"""Several stores and a real Kubernetes API: who holds what where, and what a deletion takes."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hooks.cluster.kube import Kube
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.stores import Sites
from hooks.sync.syncer import Result
from tests.live import Live, request_for
from tests.servers.cluster import Cluster
from tests.servers.several import List, running_stores
from tests.support import wait

pytestmark = pytest.mark.server

READY = ("Ready", "Provisioned")


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[List]:
    with running_stores(tmp_path_factory.mktemp("stores"), "versitygw", "minio") as found:
        yield found


class Operator:
    """One that serves all stores of a list, and asks the API."""

    def __init__(self, path: Path, kube: Kube) -> None:
        settings = Settings.load(
            {
                "STORES_FILE": str(path),
                "SIGNING_KEY": "a-key",
                "DELETION": "on",
                "SYNC_TIMEOUT_SECONDS": "10",
            }
        )
        assert settings.stores is not None
        self.file = settings.stores
        self.sites = Sites(settings, self.file, Metrics(by_store=True), kube)
        self.parts = self.sites.operator()

    def sync(self, live: Live) -> tuple[str | None, str | None]:
        live.answered(wait(self.parts.syncer.sync(request_for(live.document))))
        return live.state

    def finalize(self, live: Live) -> Result:
        request = request_for(live.document, finalizing=True)
        return live.answered(wait(self.parts.finalizer.finalize(request)))


@pytest.fixture
def operator(listed: List, kube: Kube) -> Iterator[Operator]:
    made = Operator(listed.path, kube)
    yield made
    wait(made.sites.close())


@pytest.fixture
def first(api_cluster: Cluster, namespace: str) -> Live:
    unique = random.token_hex(6)
    marks = {"store": "minio", "deletion-policy": "delete"}
    return Live(api_cluster, namespace, "first", f"b-{unique}", f"user-{unique}", more=marks)


def on(live: Live, store: str, name: str = "") -> Live:
    """A Secret for another store, under another name if one is given."""
    return replace(live, name=name or live.name, more={**live.more, "store": store})


def has(listed: List, store: str, live: Live) -> bool:
    users, buckets = listed.stores[store].names()
    assert (live.user in users) == (live.bucket in buckets)
    return live.user in users


def test_a_bucket_of_one_store_is_nobodys_on_another(
    operator: Operator, listed: List, first: Live
) -> None:
    second = replace(on(first, "versitygw", "second"), secret=random.token_urlsafe(16))
    rival = replace(on(first, "minio", "rival"), secret=random.token_urlsafe(16))
    assert operator.sync(first.put()) == READY
    assert operator.sync(second.put()) == READY
    assert operator.sync(rival.put()) == ("Conflict", "AccessKeyClaimed")
    assert listed.stores["minio"].owner(first.bucket) == first.user
    assert listed.stores["versitygw"].owner(first.bucket) == first.user


def test_what_a_secret_left_behind_is_anybodys(operator: Operator, first: Live) -> None:
    assert operator.sync(first.put()) == READY
    rival = replace(on(first, "minio", "rival"), secret=random.token_urlsafe(16))
    assert operator.sync(rival.put()) == ("Conflict", "AccessKeyClaimed")
    first.mark({"store": "versitygw"})
    assert operator.sync(first) == READY
    assert "stayed on the store minio" in first.annotations["message"]
    assert operator.sync(rival) == READY
    # Who comes back finds it taken.
    first.mark({"store": "minio"})
    assert operator.sync(first) == ("Conflict", "AccessKeyClaimed")


def test_a_deletion_acts_on_the_store_that_the_grant_names(
    operator: Operator, listed: List, first: Live
) -> None:
    assert operator.sync(first.put()) == READY
    first.hold()
    # It has been moved, and no sync has seen that yet.
    first.mark({"store": "versitygw"})
    first.delete()
    result = operator.finalize(first)
    assert result.response.finalized
    assert result.store == "minio"
    assert not has(listed, "minio", first)


def test_a_deletion_leaves_what_was_left_behind(
    operator: Operator, listed: List, first: Live
) -> None:
    assert operator.sync(first.put()) == READY
    first.mark({"store": "versitygw"})
    assert operator.sync(first) == READY
    first.hold()
    first.delete()
    assert operator.finalize(first).response.finalized
    assert not has(listed, "versitygw", first)
    assert has(listed, "minio", first)


def test_one_whose_store_is_off_the_list_goes_and_leaves_everything(
    operator: Operator, listed: List, first: Live
) -> None:
    assert operator.sync(first.put()) == READY
    first.hold()
    entry = listed.entries.pop("minio")
    listed.write()
    try:
        operator.file.refresh()
        first.delete()
        assert operator.finalize(first).response.finalized
    finally:
        listed.entries["minio"] = entry
        listed.write()
    assert has(listed, "minio", first)


@pytest.mark.parametrize("former", ["", "default"])
def test_an_older_operators_secrets_are_the_default_stores(
    operator: Operator, listed: List, first: Live, kube: Kube, former: str
) -> None:
    """A grant of the first version counts for the store that was the only one."""
    if former:
        listed.entries["versitygw"]["former-names"] = [former]
    listed.entries["versitygw"]["adoption"] = "never"
    listed.write()
    try:
        made = Operator(listed.path, kube)
        old = on(first, "versitygw").put()
        listed.stores["versitygw"].create_user(old.user, "another-secret")
        grants = made.sites.default.settings.grants
        token = grants.issue_first(old.uid, old.bucket, old.user, 1_700_000_000)
        old.mark({"grant": token, "bucket": old.bucket, "user": old.user})
        expected = READY if former else ("Conflict", "UserExists")
        assert made.sync(old) == expected
        wait(made.sites.close())
    finally:
        listed.entries["versitygw"] = listed.entry("versitygw", listed.stores["versitygw"])
        listed.write()
