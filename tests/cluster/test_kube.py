"""The client of the Kubernetes API, against a real one."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import (
    AlreadyExists,
    Forbidden,
    NotFound,
    Rejected,
    TimedOut,
    Unavailable,
)
from tests.live import kube_of
from tests.servers.accounts import account, rule, secret
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.server

SECONDS = 10.0
FINALIZER = "example.com/kept"


def names(kube: Kube, *arguments: str, **options: Any) -> list[str]:
    return [found["metadata"]["name"] for found in kube.secrets(*arguments, timeout=60, **options)]


def test_a_secret_that_is_not_there_is_none(kube: Kube, namespace: str) -> None:
    assert kube.secret(namespace, "missing", timeout=SECONDS) is None
    assert kube.secret("no-such-namespace", "missing", timeout=SECONDS) is None


@pytest.mark.parametrize("name", ["a?b=c", "a#b", "ü", "a b", "a&limit=1"])
def test_a_name_is_encoded_into_the_path(kube: Kube, namespace: str, name: str) -> None:
    assert kube.secret(namespace, name, timeout=SECONDS) is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../../../version", "%2e%2e", "a%2fb", "a%20b"]
)
def test_a_name_leads_to_no_other_object(kube: Kube, namespace: str, name: str) -> None:
    with contextlib.suppress(Rejected):
        assert kube.secret(namespace, name, timeout=SECONDS) is None


# Finalizers


def test_one_finalizer_is_removed_and_the_others_stay(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    kept = ["example.com/a", "example.com/b"]
    manifest = secret(namespace, "held", finalizers=[kept[0], FINALIZER, kept[1]], data={"k": "v"})
    api_cluster.api.create(manifest)
    assert kube.remove_finalizer(namespace, "held", FINALIZER, timeout=SECONDS)
    assert not kube.remove_finalizer(namespace, "held", FINALIZER, timeout=SECONDS)
    found = api_cluster.api.get("Secret", "held", namespace)
    assert found is not None
    assert found["metadata"]["finalizers"] == kept
    assert found["data"] == {"k": base64.b64encode(b"v").decode()}
    api_cluster.api.merge("Secret", "held", namespace, {"metadata": {"finalizers": None}})


def test_a_secret_that_waits_for_its_finalizer_goes(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    api_cluster.api.create(secret(namespace, "waiting", finalizers=[FINALIZER]))
    api_cluster.api.delete("Secret", "waiting", namespace)
    assert kube.secret(namespace, "waiting", timeout=SECONDS) is not None
    assert kube.remove_finalizer(namespace, "waiting", FINALIZER, timeout=SECONDS)
    assert kube.secret(namespace, "waiting", timeout=SECONDS) is None
    assert not kube.remove_finalizer(namespace, "waiting", FINALIZER, timeout=SECONDS)


def test_finalizers_are_removed_while_others_remove_theirs(
    api_cluster: Cluster, namespace: str
) -> None:
    finalizers = [f"example.com/f{number}" for number in range(4)]
    clients = [kube_of(api_cluster.kubeconfig) for _ in finalizers]
    for turn in range(5):
        name = f"contested-{turn}"
        api_cluster.api.create(secret(namespace, name, finalizers=finalizers))
        barrier = threading.Barrier(len(finalizers))

        def remove(
            kube: Kube, finalizer: str, name: str = name, barrier: threading.Barrier = barrier
        ) -> bool:
            barrier.wait()
            return kube.remove_finalizer(namespace, name, finalizer, timeout=SECONDS)

        with ThreadPoolExecutor(len(finalizers)) as pool:
            assert all(pool.map(remove, clients, finalizers))
        found = api_cluster.api.get("Secret", name, namespace)
        assert found is not None
        assert "finalizers" not in found["metadata"]
    for client in clients:
        client.close()


# Permissions


def test_an_account_without_rights_is_forbidden(api_cluster: Cluster, namespace: str) -> None:
    api_cluster.api.create(secret(namespace, "private", finalizers=[FINALIZER]))
    kube = kube_of(account(api_cluster))
    calls: list[Callable[[], object]] = [
        lambda: list(kube.secrets(timeout=SECONDS)),
        lambda: list(kube.secrets(namespace, timeout=SECONDS)),
        lambda: kube.secret(namespace, "private", timeout=SECONDS),
        lambda: kube.secret(namespace, "missing", timeout=SECONDS),
        lambda: kube.remove_finalizer(namespace, "private", FINALIZER, timeout=SECONDS),
        lambda: kube.create_event(namespace, {}, timeout=SECONDS),
        lambda: kube.has_decorator("any", timeout=SECONDS),
    ]
    for call in calls:
        with pytest.raises(Forbidden) as caught:
            call()
        assert namespace not in str(caught.value)
        assert "account-" not in str(caught.value)
    kube.close()
    api_cluster.api.merge("Secret", "private", namespace, {"metadata": {"finalizers": None}})


def test_rights_in_one_namespace_are_not_rights_in_all(
    api_cluster: Cluster, namespace: str
) -> None:
    api_cluster.api.create(secret(namespace, "mine"))
    kube = kube_of(account(api_cluster, rule("list", "secrets"), namespace=namespace))
    assert names(kube, namespace) == ["mine"]
    with pytest.raises(Forbidden):
        names(kube)
    assert kube.may("list", "secrets", namespace=namespace)
    assert not kube.may("list", "secrets")
    assert not kube.may("get", "secrets", namespace=namespace)
    kube.close()


def test_an_account_is_told_what_it_may_do(api_cluster: Cluster, kube: Kube) -> None:
    assert kube.may("delete", "decoratorcontrollers", "metacontroller.k8s.io")
    group = "metacontroller.k8s.io"
    limited = kube_of(account(api_cluster, rule("get", "decoratorcontrollers", group)))
    assert limited.may("get", "decoratorcontrollers", group)
    assert not limited.may("get", "decoratorcontrollers")
    assert not limited.may("delete", "decoratorcontrollers", group)
    limited.close()


# Events and controllers


def test_an_event_is_made_once(kube: Kube, namespace: str) -> None:
    body = {
        "metadata": {"name": "news"},
        "involvedObject": {"kind": "Secret", "namespace": namespace, "name": "any"},
        "count": 1,
    }
    kube.create_event(namespace, body, timeout=SECONDS)
    with pytest.raises(AlreadyExists):
        kube.create_event(namespace, body, timeout=SECONDS)
    assert kube.patch_event(namespace, "news", {"count": 2}, timeout=SECONDS)["count"] == 2
    with pytest.raises(NotFound):
        kube.patch_event(namespace, "other", {"count": 2}, timeout=SECONDS)


def test_a_controller_of_a_kind_that_is_not_served_is_none(kube: Kube) -> None:
    assert not kube.has_decorator("any", timeout=SECONDS)
    assert not kube.delete_decorator("any", timeout=SECONDS)


# Outages


@pytest.mark.usefixtures("small_pages")
def test_a_list_goes_on_after_an_outage_that_made_the_api_forget(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    made = [f"kept-{number:03d}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: api_cluster.api.create(secret(namespace, name)), made))
    listing = kube.secrets(namespace, timeout=120, metadata_only=True)
    first = next(listing)["metadata"]["name"]
    api_cluster.api.create(secret(namespace, "late"))
    _forget(api_cluster)
    api_cluster.apiserver.stop()
    try:
        for call in (
            lambda: kube.secret(namespace, first, timeout=SECONDS),
            lambda: kube.remove_finalizer(namespace, first, FINALIZER, timeout=SECONDS),
            lambda: kube.may("list", "secrets", timeout=SECONDS),
            lambda: names(kube, namespace),
        ):
            with pytest.raises(Unavailable, match="the connection was refused"):
                call()
    finally:
        api_cluster.apiserver.start()
        api_cluster.apiserver.wait_for(api_cluster.api.ready, timeout=60, what="the API again")
    rest = [found["metadata"]["name"] for found in listing]
    # What was made since tells that the rest is of a newer state: the old one is gone.
    assert [first, *rest] == [*made, "late"]


def _forget(cluster: Cluster) -> None:
    """Has etcd drop every state but the present one, as it does every few minutes."""
    revision = cluster.api.request("GET", "/api/v1/secrets", query={"limit": "1"})
    option = "--listen-client-urls="
    (url,) = [part[len(option) :] for part in cluster.etcd.command if part.startswith(option)]
    request = {"revision": revision["metadata"]["resourceVersion"], "physical": True}
    answer = urllib3.request("POST", f"{url}/v3/kv/compaction", body=json.dumps(request))
    assert answer.status == 200


def test_an_api_that_hangs_ends_within_the_time(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    kube.secret(namespace, "any", timeout=SECONDS)
    fresh = kube_of(api_cluster.kubeconfig)
    calls: list[Callable[[], object]] = [
        lambda: kube.secret(namespace, "any", timeout=0.5),
        lambda: fresh.secret(namespace, "any", timeout=0.5),
        lambda: list(kube.secrets(timeout=0.5)),
        lambda: kube.remove_finalizer(namespace, "any", FINALIZER, timeout=0.5),
        lambda: kube.create_event(namespace, {}, timeout=0.5),
        lambda: kube.may("list", "secrets", timeout=0.5),
        lambda: kube.has_decorator("any", timeout=0.5),
    ]
    api_cluster.apiserver.pause()
    try:
        for call in calls:
            started = time.monotonic()
            with pytest.raises(TimedOut):
                call()
            assert time.monotonic() - started < 2
    finally:
        api_cluster.apiserver.resume()
    assert kube.secret(namespace, "any", timeout=SECONDS) is None
    fresh.close()


def test_an_api_without_its_storage_is_not_an_empty_one(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    api_cluster.etcd.pause()
    try:
        with pytest.raises(Unavailable):
            kube.secret(namespace, "any", timeout=2)
    finally:
        api_cluster.etcd.resume()
    api_cluster.apiserver.wait_for(api_cluster.api.ready, timeout=60, what="the API again")


def test_thirty_two_threads_share_one_client(
    api_cluster: Cluster, kube: Kube, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    api_cluster.api.create(secret(namespace, "shared"))
    with ThreadPoolExecutor(32) as pool:
        found = list(
            pool.map(lambda _: kube.secret(namespace, "shared", timeout=SECONDS), range(320))
        )
    assert all(found)
    # urllib3 warns of connections that it can't keep.
    assert not caplog.records
