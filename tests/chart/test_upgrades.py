"""An upgrade on a real Kubernetes API keeps what it should, and brings in what is new."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.cluster import Release, versions
from tests.chart.rendering import Document, ci
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.server

EVERYTHING: dict[str, Any] = {
    "operator": {"endpointUrl": "http://store:7070"},
    "hook": {"tls": {"mode": "selfSigned", "mutual": {"enabled": True}}},
    "deletion": {"enabled": True},
    "connectionSecrets": {"enabled": True},
}


@pytest.fixture
def release(chart_cluster: Cluster) -> Iterator[Release]:
    # The chart's own name in the release's: the objects are called like the release.
    name = f"s3-resource-operator-{secrets.token_hex(3)}"
    release = Release(chart_cluster, name, "upgrades")
    yield release
    release.uninstall("--no-hooks", "--ignore-not-found")


def test_an_upgrade_with_the_same_values_changes_nothing(release: Release) -> None:
    release.install(ci("default"), values=EVERYTHING)
    manifest = release.manifest()
    before = versions(release.cluster, manifest)
    release.upgrade(ci("default"), values=EVERYTHING)
    assert release.manifest() == manifest
    assert versions(release.cluster, manifest) == before
    # What was generated stands in Secrets, and not in the values that Helm keeps and shows.
    assert release.secrets()[f"{release.name}-hook"]["current"] not in release.values()


def test_a_new_token_comes_under_a_new_name_and_the_former_stays_accepted(
    release: Release,
) -> None:
    def token_reference() -> str:
        hook = release.controller()["spec"]["hooks"]["sync"]["webhook"]
        return str(hook["authorization"]["secretRef"]["name"])

    state = f"{release.name}-hook"
    release.install()
    first, known = token_reference(), release.secrets()[state]
    first_token = release.secrets()[first]["token"]
    release.upgrade(values={"hook": {"auth": {"rotation": "2"}}})
    second = token_reference()
    secrets = release.secrets()
    second_token = secrets[second]["token"]
    assert second != first
    assert first not in secrets
    # The pods that still run knew it before, and those to come know the former.
    assert second_token in known["accepted"].split("\n")
    assert first_token in secrets[state]["accepted"].split("\n")
    assert second_token in secrets[state]["accepted"].split("\n")
    release.upgrade(values={"hook": {"auth": {"rotation": "2"}}})
    assert token_reference() == second
    assert release.secrets()[state] == secrets[state]
    release.upgrade(values={"hook": {"auth": {"rotation": "3"}}})
    accepted = release.secrets()[state]["accepted"].split("\n")
    assert second_token in accepted
    assert first_token not in accepted


def test_a_token_of_ones_own_replaces_the_generated_one(release: Release) -> None:
    state = f"{release.name}-hook"
    release.install()
    generated = release.secrets()[state]["current"]
    own = "a-token-of-ones-own-for-the-hook"
    release.upgrade(values={"hook": {"auth": {"token": own}}})
    accepted = release.secrets()[state]["accepted"].split("\n")
    assert accepted[0] == own
    assert generated in accepted


def test_a_rotation_rolls_the_pods_and_changes_the_controllers(release: Release) -> None:
    def state() -> tuple[Any, ...]:
        deployment = release.get("Deployment", release.name, "apps/v1")
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        hook = release.controller()["spec"]["hooks"]["sync"]["webhook"]
        return (
            annotations["checksum/hook"],
            hook["caBundle"]["inline"],
            hook["clientTLS"]["secretRef"]["name"],
        )

    release.install(values=EVERYTHING)
    before = state()
    tls = {**EVERYTHING["hook"]["tls"], "selfSigned": {"rotation": "2"}}
    release.upgrade(values={**EVERYTHING, "hook": {"tls": tls}})
    after = state()
    assert all(old != new for old, new in zip(before, after, strict=True))
    # Pods that still show the former certificate are still trusted.
    assert before[1].strip() in after[1]
    callers = release.secrets()[f"{release.name}-hook"]["client-cas.crt"]
    assert callers.count("BEGIN CERTIFICATE") == 2


def test_turning_on_tls_keeps_the_token(release: Release) -> None:
    release.install()
    before = release.secrets()[f"{release.name}-hook"]
    release.upgrade(values=EVERYTHING)
    after = release.secrets()[f"{release.name}-hook"]
    assert before.items() <= after.items()


def test_the_signing_key_outlives_the_release(release: Release) -> None:
    release.install()
    name = f"{release.name}-signing-key"
    key = release.secrets()[name]["SIGNING_KEY"]
    release.uninstall()
    assert release.secrets() == {name: {"SIGNING_KEY": key}}
    release.install()
    assert release.secrets()[name]["SIGNING_KEY"] == key


def test_a_second_signing_key_outlives_an_upgrade(release: Release) -> None:
    release.install()
    name = f"{release.name}-signing-key"
    keys = f"a-new-key\n{release.secrets()[name]['SIGNING_KEY']}"
    change = {"data": {"SIGNING_KEY": base64.b64encode(keys.encode()).decode()}}
    release.cluster.api.merge("Secret", name, release.namespace, change)
    release.upgrade(values=EVERYTHING)
    assert release.secrets()[name]["SIGNING_KEY"] == keys


def original_chart(folder: Path) -> Path:
    """As much of the original operator's chart as an upgrade meets: names, selectors, ports."""
    labels = {
        "app.kubernetes.io/name": "s3-resource-operator",
        "app.kubernetes.io/instance": "{{ .Release.Name }}",
    }
    metadata = {"name": "{{ .Release.Name }}", "labels": labels}
    container = {"name": "s3-resource-operator", "image": "example.com/original:1.13.1"}
    deployment = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}
    documents: list[Document] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"type": "ClusterIP", "ports": ports, "selector": labels},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": {"ROOT_ACCESS_KEY": "former"},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": [rule],
        },
    ]
    templates = folder / "original" / "templates"
    templates.mkdir(parents=True)
    (templates / "all.yaml").write_text(yaml.safe_dump_all(documents))
    chart = {"apiVersion": "v2", "name": "s3-resource-operator", "version": "1.13.1"}
    (templates.parent / "Chart.yaml").write_text(yaml.safe_dump(chart))
    return templates.parent


def test_a_release_of_the_original_operator_is_upgraded(release: Release, tmp_path: Path) -> None:
    ours, release.chart = release.chart, original_chart(tmp_path)
    release.install()
    selector = release.get("Deployment", release.name, "apps/v1")["spec"]["selector"]
    release.chart = ours
    release.upgrade(ci("original"))
    deployment = release.get("Deployment", release.name, "apps/v1")
    assert deployment["spec"]["selector"] == selector
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["serve"]
    assert release.secrets()[release.name]["ROOT_ACCESS_KEY"] == "admin"
    ports = release.get("Service", release.name)["spec"]["ports"]
    assert [(port["name"], port["port"]) for port in ports] == [("hook", 80)]
