"""What takes the finalizers off before a release goes, or its deletion policies do: real Helm."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.cluster import CONTROLLERS, Release
from tests.chart.jobs import Jobs, running_jobs
from tests.chart.rendering import HelmError, of_kind
from tests.servers.accounts import secret
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.server

ON: dict[str, Any] = {
    "operator": {"endpointUrl": "http://store:7070"},
    "deletion": {"enabled": True},
    # Both reach the Job, where they must not change what it is.
    "podLabels": {"app.kubernetes.io/name": "s3-resource-operator", "mesh": "in"},
    "podAnnotations": {"helm.sh/hook": "pre-install"},
    "jobs": {"podLabels": {"mesh": "out"}},
}
OFF = {**ON, "deletion": {"enabled": False}}
RBAC = "rbac.authorization.k8s.io/v1"
FINALIZER = "metacontroller.io/decoratorcontroller-"


@pytest.fixture
def release(chart_cluster: Cluster) -> Iterator[Release]:
    name = f"s3-resource-operator-{secrets.token_hex(3)}"
    release = Release(chart_cluster, name, "upgrades")
    yield release
    release.uninstall("--no-hooks", "--ignore-not-found")
    chart_cluster.api.delete("ClusterRole", f"{name}-detach", api_version=RBAC)


@pytest.fixture
def jobs(release: Release, tmp_path: Path) -> Iterator[Jobs]:
    with running_jobs(release, tmp_path / "jobs") as jobs:
        yield jobs


@pytest.fixture
def held(chart_cluster: Cluster, release: Release) -> Iterator[str]:
    """A Secret with the finalizer of the release, and one with another release's beside it."""
    namespace = chart_cluster.namespace(f"held-{secrets.token_hex(4)}")
    for name, controller in (("ours", release.name), ("theirs", "other")):
        finalizers = [f"{FINALIZER}{controller}-deletion"]
        annotations = {"s3-resource-operator.io/deletion-policy": "delete"}
        chart_cluster.api.create(
            secret(namespace, name, finalizers=finalizers, annotations=annotations)
        )
    yield namespace
    for found in chart_cluster.api.list("Secret", namespace):
        change = {"metadata": {"finalizers": None}}
        chart_cluster.api.merge("Secret", found["metadata"]["name"], namespace, change)


def finalizers(release: Release, namespace: str, name: str = "ours") -> list[str]:
    found = release.cluster.api.get("Secret", name, namespace)
    assert found is not None
    return list(found["metadata"].get("finalizers", []))


def allow(release: Release, *verbs: str) -> None:
    """Change what the Job may do to Secrets, as an administrator would who restricts it."""
    api = release.cluster.api
    name = f"{release.name}-detach"
    role = api.get("ClusterRole", name, api_version=RBAC)
    assert role is not None
    role["rules"][0]["verbs"] = list(verbs)
    api.request("PUT", f"/apis/{RBAC}/clusterroles/{name}", role)


def left(release: Release) -> set[str]:
    """Kinds of what a release leaves in the cluster, but for the signing key's Secret."""
    api, name, namespace = release.cluster.api, release.name, release.namespace
    kinds = {
        "Deployment": (name, namespace, "apps/v1"),
        "DecoratorController": (name, None, CONTROLLERS),
        "ServiceAccount": (f"{name}-detach", namespace, "v1"),
        "ClusterRole": (f"{name}-detach", None, RBAC),
        "ClusterRoleBinding": (f"{name}-detach", None, RBAC),
        "Job": (f"{name}-detach", namespace, "batch/v1"),
    }
    return {
        kind
        for kind, (called, where, version) in kinds.items()
        if api.get(kind, called, where, api_version=version)
    }


RIGHTS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}


def test_an_uninstallation_that_failed_can_be_repeated(
    release: Release, jobs: Jobs, held: str
) -> None:
    release.install(values=ON)
    allow(release, "get", "list")
    with pytest.raises(HelmError):
        release.uninstall("--timeout", "60s")
    assert "could not be changed: run it again" in jobs.outputs[0]
    # All that a second attempt needs is there, the operator that answers the finalizer too.
    assert left(release) == {*RIGHTS, "Deployment", "DecoratorController", "Job"}
    assert len(finalizers(release, held)) == 1
    allow(release, "get", "list", "patch")
    release.uninstall("--timeout", "60s")
    assert f"detached {held}/ours" in jobs.outputs[1]
    assert finalizers(release, held) == []
    assert len(finalizers(release, held, "theirs")) == 1
    assert left(release) == set()


def test_switching_deletion_off_detaches_before_anything_goes_and_can_be_repeated(
    release: Release, jobs: Jobs, held: str
) -> None:
    release.install(values=ON)
    allow(release, "get", "list")
    for attempt in range(2):
        with pytest.raises(HelmError, match="pre-upgrade"):
            release.upgrade("--timeout", "60s", values=OFF)
        assert "could not be changed: run it again" in jobs.outputs[attempt]
        assert left(release) == {*RIGHTS, "Deployment", "DecoratorController", "Job"}
        assert release.get("ConfigMap", release.name)["data"]["DELETION"] == "on"
    allow(release, "get", "list", "patch")
    release.upgrade("--timeout", "60s", values=OFF)
    assert f"detached {held}/ours" in jobs.outputs[2]
    assert finalizers(release, held) == []
    assert left(release) == {"Deployment", "DecoratorController"}
    assert release.get("ConfigMap", release.name)["data"]["DELETION"] == "off"
    # Once it is done, nothing of it is left to run.
    assert not of_kind(release.dry_upgrade(values=OFF), "Job")


def test_where_nothing_has_the_finalizer_another_operators_is_no_obstacle(
    release: Release, jobs: Jobs, held: str
) -> None:
    change = {"metadata": {"finalizers": None}}
    release.cluster.api.merge("Secret", "ours", held, change)
    release.install(values=ON)
    release.uninstall("--timeout", "60s")
    assert "removed from 0 Secrets" in jobs.outputs[0]
    assert left(release) == set()


def test_without_the_rights_to_detach_it_is_not_switched_off(release: Release) -> None:
    release.install(values=ON)
    release.cluster.api.delete("ClusterRole", f"{release.name}-detach", api_version=RBAC)
    with pytest.raises(HelmError, match="upgrade once with deletion"):
        release.upgrade(values=OFF)
    release.upgrade(values=ON)
    assert of_kind(release.dry_upgrade(values=OFF), "Job")
