"""What docs/gitops.md says of kubectl and Helm: which commands keep the operator's annotations."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.cluster import Release
from tests.markdown import Document, coded
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.servers.require import require

pytestmark = pytest.mark.server

PAGE = Document(Path(__file__).parents[2] / "docs" / "gitops.md")
NAME = "tenant"
STATUS = "s3-resource-operator.io/status"
ENABLED = "s3-resource-operator.io/enabled"

Change = Callable[[str], None]
"""Writes the Secret with another value, as Git has it."""


def survival() -> dict[str, tuple[bool, bool]]:
    """Whether annotations and uid stay, by the command."""
    rows = PAGE.rows("What survives", "who changes the Secret")
    return {
        command: ("gone" not in annotations, "new" not in uid)
        for who, annotations, uid in rows
        for command in coded(who)
    }


@pytest.fixture
def namespace(chart_cluster: Cluster) -> str:
    return chart_cluster.namespace(f"gitops-{secrets.token_hex(4)}")


def from_git(namespace: str, value: str) -> Object:
    metadata = {"name": NAME, "namespace": namespace, "annotations": {ENABLED: "true"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    return {**secret, "stringData": {"access-secret": value}}


def report(cluster: Cluster, namespace: str) -> None:
    """Write a status as Metacontroller does: a plain update of the whole Secret."""
    path = f"/api/v1/namespaces/{namespace}/secrets/{NAME}"
    found = cluster.api.request("GET", path)
    found["metadata"]["annotations"][STATUS] = "Ready"
    cluster.api.request("PUT", f"{path}?fieldManager=metacontroller", found)


def observed(cluster: Cluster, namespace: str, change: Change) -> tuple[bool, bool]:
    """Whether annotations and uid are still there after a change."""
    report(cluster, namespace)
    before = cluster.api.get("Secret", NAME, namespace)
    change("changed")
    after = cluster.api.get("Secret", NAME, namespace)
    assert before is not None
    assert after is not None
    # The tool did write.
    assert after["data"] != before["data"]
    assert after["metadata"]["annotations"][ENABLED] == "true"
    kept = after["metadata"]["annotations"].get(STATUS) == "Ready"
    return kept, after["metadata"]["uid"] == before["metadata"]["uid"]


KUBECTL = [
    "kubectl apply",
    "kubectl apply --server-side",
    "kubectl replace",
    "kubectl replace --force",
]


@pytest.mark.parametrize("command", KUBECTL)
def test_kubectl_keeps_and_drops_what_the_page_says(
    chart_cluster: Cluster, namespace: str, command: str
) -> None:
    def run(words: str, value: str) -> None:
        subprocess.run(  # noqa: S603 - no shell, and the words are this file's own
            [require("kubectl"), "--kubeconfig", chart_cluster.kubeconfig, *words.split(), "-f-"],
            input=yaml.safe_dump(from_git(namespace, value)),
            text=True,
            timeout=60,
            check=True,
            capture_output=True,
        )

    words = command.removeprefix("kubectl ")
    run(words if "apply" in words else "create", "first")
    assert (
        observed(chart_cluster, namespace, lambda value: run(words, value)) == (survival()[command])
    )


@pytest.fixture
def release(chart_cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Release]:
    """A release of an application whose chart has the Secret."""
    templates = tmp_path / "application" / "templates"
    templates.mkdir(parents=True)
    secret = from_git(namespace, "{{ .Values.secret }}")
    (templates / "secret.yaml").write_text(yaml.safe_dump(secret))
    chart = {"apiVersion": "v2", "name": "application", "version": "1.0.0"}
    (templates.parent / "Chart.yaml").write_text(yaml.safe_dump(chart))
    release = Release(chart_cluster, "application", namespace)
    release.chart = templates.parent
    yield release
    release.uninstall("--ignore-not-found")


@pytest.mark.parametrize("options", [(), ("--force-replace", "--server-side=false")])
def test_helm_keeps_and_drops_what_the_page_says(
    chart_cluster: Cluster, release: Release, options: tuple[str, ...]
) -> None:
    release.install(values={"secret": "first"})

    def upgrade(value: str) -> None:
        release.upgrade(*options, values={"secret": value})

    found = observed(chart_cluster, release.namespace, upgrade)
    assert found == survival()[" ".join(["helm upgrade", *options])]


def test_a_rollback_keeps_what_the_page_says(chart_cluster: Cluster, release: Release) -> None:
    release.install(values={"secret": "first"})
    release.upgrade(values={"secret": "second"})
    found = observed(chart_cluster, release.namespace, lambda _: release.rollback())
    assert found == survival()["helm rollback"]


def test_each_command_of_the_page_was_tried() -> None:
    replacing = "helm upgrade --force-replace --server-side=false"
    tried = {*KUBECTL, "helm upgrade", replacing, "helm rollback"}
    assert {command for command in survival() if command.split()[0] in {"kubectl", "helm"}} == tried


def test_a_templated_status_is_a_conflict_as_the_page_says(
    chart_cluster: Cluster, release: Release
) -> None:
    release.install(values={"secret": "first"})
    report(chart_cluster, release.namespace)
    file = release.chart / "templates" / "secret.yaml"
    secret = yaml.safe_load(file.read_text())
    secret["metadata"]["annotations"][STATUS] = "Mine"
    file.write_text(yaml.safe_dump(secret))
    with pytest.raises(Exception, match='conflict with "metacontroller"'):
        release.upgrade(values={"secret": "second"})
    assert 'conflict with "metacontroller"' in PAGE.section("Helm")
