"""Several stores in one operator: VersityGW, MinIO and Garage at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from hooks.contract.decorator import SyncRequest
from hooks.sync.locks import KeyedLocks
from tests.servers.several import List, running_stores
from tests.support import PREFIX, wait
from tests.sync.onlist import (
    READY,
    SECRET,
    SKIPPED,
    Hooks,
    choose,
    is_on,
    names,
    opened,
    places,
    secret,
    timed,
)

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[List]:
    folder = tmp_path_factory.mktemp("stores")
    with running_stores(folder, "versitygw", "minio", "garage") as found:
        yield found


@pytest.fixture
def hooks(listed: List) -> Iterator[Hooks]:
    with opened(listed) as made:
        yield made


# Which store a Secret chooses


@pytest.mark.parametrize("store", ["versitygw", "minio", "garage"])
def test_by_the_annotation(hooks: Hooks, store: str) -> None:
    made = secret(store)
    assert hooks.settled(made) == READY
    assert places(hooks.listed, made) == {store}
    assert made.annotations["endpoint"] == hooks.listed.stores[store].url


@pytest.mark.parametrize("store", ["versitygw", "minio", "garage"])
def test_by_its_endpoint(hooks: Hooks, store: str) -> None:
    url = hooks.listed.stores[store].url
    made = secret(endpoint_url=f"{url}/")
    assert hooks.settled(made) == READY
    assert places(hooks.listed, made) == {store}
    assert made.annotations["endpoint"] == url


def test_by_a_further_name_of_the_store(hooks: Hooks) -> None:
    hooks.listed.entries["minio"]["endpoints"] = ["s3.example.com:9000"]
    hooks.listed.entries["minio"]["public-endpoint"] = "https://s3.example.org"
    hooks.change()
    for url in ("http://s3.example.com:9000", "https://s3.example.org/"):
        made = secret(endpoint_url=url)
        assert hooks.settled(made) == READY
        assert places(hooks.listed, made) == {"minio"}
        assert made.annotations["endpoint"] == url.rstrip("/")


def test_the_default_one_without_either(hooks: Hooks) -> None:
    made = secret()
    assert hooks.settled(made) == READY
    assert places(hooks.listed, made) == {"versitygw"}
    hooks.listed.default = "garage"
    hooks.change()
    other = secret()
    assert hooks.settled(other) == READY
    assert places(hooks.listed, other) == {"garage"}


def test_what_is_none_of_them_is_left_alone(hooks: Hooks) -> None:
    unknown, elsewhere = secret("tape"), secret(endpoint_url="http://tape.example")
    both = secret("minio", endpoint_url=hooks.listed.stores["garage"].url)
    for made in (unknown, elsewhere, both):
        assert hooks.settled(made) == SKIPPED
        assert places(hooks.listed, made) == set()
        assert "endpoint" not in made.annotations
    # Two operators would else write over one another for ever.
    assert unknown.annotations["message"] == both.annotations["message"]


def test_what_another_operator_reports_on_has_no_answer(hooks: Hooks) -> None:
    for made in (secret("tape"), secret(endpoint_url="http://tape.example")):
        made.document["metadata"]["annotations"][f"{PREFIX}endpoint"] = "http://tape.example"
        before = {**made.annotations}
        assert hooks.sync(made).outcome is None
        assert made.annotations == before


def test_a_store_may_be_for_some_namespaces_only(hooks: Hooks) -> None:
    hooks.listed.entries["minio"]["namespaces"] = ["platform", "ci-*"]
    hooks.change()
    made = secret("minio")
    assert hooks.settled(made) == ("Invalid", "NotAllowed")
    assert "minio is not for this namespace" in made.annotations["message"]
    assert places(hooks.listed, made) == set()
    made.document["metadata"]["namespace"] = "ci-1"
    assert hooks.settled(made) == READY


def test_the_same_names_on_two_stores_are_two_things(hooks: Hooks) -> None:
    here, there = secret("minio"), secret("garage")
    there.document["data"] = dict(here.document["data"])
    assert hooks.settled(here) == READY
    assert hooks.settled(there) == READY
    assert places(hooks.listed, here) == {"minio", "garage"}


def test_adoption_is_each_stores_own(hooks: Hooks) -> None:
    hooks.listed.entries["minio"]["adoption"] = "never"
    hooks.change()
    for store, expected in (("minio", ("Conflict", "BucketOwned")), ("versitygw", READY)):
        made = secret(store)
        hooks.listed.stores[store].create_bucket(names(made)[1])
        hooks.sync(made)
        assert made.state == expected


# Names of stores


async def locks(hooks: Hooks, store: str) -> KeyedLocks:
    return next(site.locks for site in hooks.sites if site.name == store)


def test_a_store_that_is_renamed_keeps_what_it_gave(listed: List) -> None:
    with opened(listed) as hooks:
        made = secret("minio")
        assert hooks.settled(made) == READY
        given = made.annotations["grants"]
    with opened(listed) as hooks:
        hooks.listed.entries["minio"] |= {"name": "large", "former-names": ["minio"]}
        hooks.listed.entries["minio"]["adoption"] = "never"
        before = wait(locks(hooks, "minio"))
        hooks.change()
        # Calls that began under the former name may still be at work on the same buckets.
        assert wait(locks(hooks, "large")) is before
        assert hooks.sync(made).outcome is not None
        assert made.state == READY
        assert made.annotations["grants"] == given
        made.set(access_secret=SECRET[::-1])
        # What it holds, it may change.
        assert hooks.settled(made) == READY


# Moving


def test_moving_deletes_nothing_and_says_what_stayed(hooks: Hooks) -> None:
    made = secret("minio")
    user, bucket = names(made)
    assert hooks.settled(made) == READY
    hooks.listed.stores["minio"].put(bucket, "key", b"body", as_user=(user, SECRET))
    choose(made, "garage")
    assert hooks.settled(made) == READY
    assert places(hooks.listed, made) == {"minio", "garage"}
    told = f"The bucket {bucket} and the user {user} stayed on the store minio"
    assert told in made.annotations["message"]
    assert hooks.listed.stores["minio"].get(bucket, "key", as_user=(user, SECRET)) == b"body"
    choose(made, "versitygw")
    assert hooks.settled(made) == READY
    for store in ("minio", "garage"):
        assert f"stayed on the store {store}" in made.annotations["message"]
    choose(made, "minio")
    assert hooks.settled(made) == READY
    assert "stayed on the store minio" not in made.annotations["message"]
    assert "stayed on the store garage" in made.annotations["message"]
    assert hooks.listed.stores["minio"].get(bucket, "key", as_user=(user, SECRET)) == b"body"


def test_what_was_set_on_one_store_is_set_on_the_next(hooks: Hooks) -> None:
    made = secret("minio", quota_bytes="1048576")
    assert hooks.settled(made) == READY
    choose(made, "garage")
    result = hooks.sync(made)
    assert result.outcome is not None
    assert "set-quota" in result.outcome.actions


# One that is down


def test_one_is_killed_and_one_hangs_and_the_third_goes_on(listed: List) -> None:
    # The bounds below are less than one sync waits for a store that hangs.
    with opened(listed, SYNC_TIMEOUT_SECONDS="6", SYNC_CONCURRENCY="12") as hooks:
        known = secret("minio")
        hooks.ready(known)
        listed.stores["garage"].process.kill()
        listed.stores["minio"].process.pause()
        try:
            killed = secret("garage")
            assert timed(hooks, killed) < 4
            assert killed.state == ("Retrying", "BackendUnavailable")

            async def outage() -> float:
                waiting = [asyncio.create_task(hooks.call(secret("minio"))) for _ in range(3)]
                await asyncio.sleep(0.2)
                began = time.monotonic()
                made = secret("versitygw")
                await hooks.call(made)
                assert made.state == READY
                seconds = time.monotonic() - began
                await asyncio.gather(*waiting)
                return seconds

            assert wait(outage()) < 4
            # From here on nobody waits for it.
            assert timed(hooks, known) < 2
            assert known.state == ("Retrying", "Timeout")
            assert hooks.value("backend_up", store="minio") == 0
            assert hooks.value("backend_up", store="garage") == 0
            assert hooks.value("backend_up", store="versitygw") == 1
        finally:
            listed.stores["minio"].process.resume()
            listed.stores["garage"].restart()
        for made in (known, killed):
            hooks.ready(made)


# A list that changes


def test_a_store_more_and_a_store_less_under_way(listed: List) -> None:
    garage = listed.entries.pop("garage")
    listed.write()
    with opened(listed) as hooks:
        made = secret("garage")
        assert hooks.settled(made) == SKIPPED
        hooks.listed.entries["garage"] = garage
        hooks.change()
        assert hooks.settled(made) == READY
        assert hooks.value("backend_up", store="garage") == 1
        del hooks.listed.entries["garage"]
        hooks.change()
        before = {**made.annotations}
        # Another operator may have it by now.
        assert hooks.sync(made).outcome is None
        assert made.annotations == before
        assert hooks.value("backend_up", store="garage") is None
        assert is_on(listed, "garage", made)


def test_a_call_at_work_ends_on_the_store_that_it_began_on(hooks: Hooks) -> None:
    site = next(iter(hooks.sites))

    async def change_meanwhile() -> None:
        made = secret("versitygw")
        async with hooks.sites.at_work(site):
            hooks.listed.entries["versitygw"]["region"] = "eu-central-1"
            hooks.change()
            await hooks.call(made)
            assert site.retired
            assert site.calls == 1
            # Still open.
            await site.parts.syncer.sync(SyncRequest.of(made.document))
        assert made.annotations["status"] in {"Ready", "Retrying"}

    wait(change_meanwhile())
    assert site is not next(iter(hooks.sites))
    assert site.calls == 0


def test_a_broken_list_changes_nothing(hooks: Hooks) -> None:
    made = secret("minio")
    assert hooks.settled(made) == READY
    hooks.listed.path.write_text("stores: []\n")
    hooks.file.refresh()
    assert hooks.settled(made) == READY
    assert hooks.value("stores_valid") == 0


# Metrics


def test_what_is_counted_names_the_store(hooks: Hooks) -> None:
    hooks.settled(secret("minio"))
    hooks.settled(secret("garage", quota_bytes="no number"))
    assert hooks.value("secrets_processed_total", store="minio", status="Ready") == 2
    assert hooks.value("secrets_processed_total", store="garage", status="Invalid") == 2
    assert hooks.value("users_created_total", store="minio") == 1
    assert hooks.value("users_created_total", store="garage") == 0
    assert hooks.value("errors_total", store="garage", reason="InvalidField") == 2


def test_an_unchanged_secret_costs_one_request_on_its_own_store(hooks: Hooks) -> None:
    made = {store: secret(store) for store in hooks.listed.stores}

    def requests() -> dict[str, float]:
        counted = dict.fromkeys(made, 0.0)
        for family in hooks.metrics.registry.collect():
            for sample in family.samples:
                if sample.name == "s3_operator_backend_requests_total":
                    counted[sample.labels["store"]] += sample.value
        return counted

    for found in made.values():
        assert hooks.settled(found) == READY
    before = requests()
    for found in made.values():
        hooks.sync(found)
    assert requests() == {store: number + 1 for store, number in before.items()}
