"""A real Kubernetes API takes the chart and the manifests, and an upgrade keeps what it should."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.cluster import (
    apply_strictly,
    send,
)
from tests.chart.rendering import CI_FILES, Document, of_kind, one, render
from tests.manifests import MANIFESTS, NAME, kustomization, load
from tests.servers.cluster import Cluster
from tests.servers.require import require

pytestmark = pytest.mark.server

# Their kinds are those of other projects, whose CRDs aren't here.
FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate", "Issuer"}
KINDS = {
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "DecoratorController",
    "Deployment",
    "Job",
    "Namespace",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "Secret",
    "Service",
    "ServiceAccount",
}


@pytest.mark.parametrize("path", CI_FILES, ids=lambda path: path.name)
def test_the_api_takes_what_the_chart_renders(chart_cluster: Cluster, path: Path) -> None:
    for document in render(path):
        if document["kind"] in FOREIGN:
            continue
        answer = apply_strictly(chart_cluster, document)
        assert answer.status in {200, 201}, answer.body
        assert answer.warnings == [], document["metadata"]["name"]


def test_the_api_takes_the_manifests(chart_cluster: Cluster) -> None:
    for filename in ("namespace.yaml", *kustomization()["resources"]):
        for document in load(MANIFESTS / filename):
            answer = apply_strictly(chart_cluster, document)
            assert answer.status in {200, 201}, answer.body
            assert answer.warnings == [], document["metadata"]["name"]


def kubectl(cluster: Cluster, *arguments: str | Path) -> str:
    done = subprocess.run(  # noqa: S603 - no shell, and the program is the tests' own build
        [require("kubectl"), "--kubeconfig", cluster.kubeconfig, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_deleting_the_manifests_leaves_the_namespace_and_its_secrets(
    chart_cluster: Cluster,
) -> None:
    api = chart_cluster.api
    kubectl(chart_cluster, "apply", "--server-side", "-f", MANIFESTS / "namespace.yaml")
    metadata = {"name": NAME, "namespace": NAME}
    # As docs/install.md makes it.
    key = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    api.apply({**key, "stringData": {"SIGNING_KEY": "example-only-replace-me"}})
    assert "deployment" in kubectl(chart_cluster, "apply", "-k", MANIFESTS)
    assert api.get("Deployment", NAME, NAME, api_version="apps/v1")
    deleted = kubectl(chart_cluster, "delete", "-k", MANIFESTS, "--wait=false")
    assert "deployment" in deleted
    assert "namespace" not in deleted.replace(f"from {NAME} namespace", "")
    assert api.get("Deployment", NAME, NAME, api_version="apps/v1") is None
    namespace = api.get("Namespace", NAME)
    assert namespace is not None
    assert "deletionTimestamp" not in namespace["metadata"]
    assert api.get("Secret", NAME, NAME)
    api.delete("Secret", NAME, NAME)


def test_an_unknown_field_would_be_refused(chart_cluster: Cluster) -> None:
    service = one(render(), "Service", "rel-s3-resource-operator")
    answer = apply_strictly(chart_cluster, {**service, "spec": {**service["spec"], "tpyo": 1}})
    assert answer.status == 400 or "tpyo" in answer.body
    assert answer.status not in {200, 201}


@pytest.mark.parametrize("path", CI_FILES, ids=lambda path: path.name)
def test_pod_security_lets_the_pods_in(chart_cluster: Cluster, path: Path) -> None:
    documents = render(path)
    specs = [item["spec"] for item in of_kind(documents, "Pod")]
    for kind in ("Deployment", "Job"):
        specs += [item["spec"]["template"]["spec"] for item in of_kind(documents, kind)]
    for spec in specs:
        # The priority class and pull secrets are the user's to make.
        body = _pod({**spec, "priorityClassName": None})
        answer = send(chart_cluster, "POST", "/api/v1/namespaces/ops/pods?dryRun=All", body)
        assert answer.status == 201, answer.body
        assert answer.warnings == []


def test_pod_security_would_keep_a_lesser_pod_out(chart_cluster: Cluster) -> None:
    spec = one(render(), "Deployment")["spec"]["template"]["spec"]
    body = _pod({**spec, "hostNetwork": True})
    answer = send(chart_cluster, "POST", "/api/v1/namespaces/ops/pods?dryRun=All", body)
    assert answer.status == 403


def _pod(spec: Document) -> Document:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"}, "spec": spec}


# Schemas


@pytest.fixture(scope="module")
def schemas(chart_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The API's own schemas, as kubeconform wants them: a file for each kind, nothing unknown."""
    document = chart_cluster.api.request("GET", "/openapi/v2")
    definitions: dict[str, Any] = document["definitions"]
    for schema in definitions.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for name, inner in schema.get("properties", {}).items():
            # null is as good as not there.
            if inner.get("format") == "int-or-string":
                schema["properties"][name] = {"type": ["integer", "string"]}
    # These may be either, though the API's description says text.
    for name in ("util.intstr.IntOrString", "api.resource.Quantity"):
        key = next(key for key in definitions if key.endswith(name))
        definitions[key] = {"type": ["integer", "string", "number"]}
    folder = tmp_path_factory.mktemp("schemas")
    for key, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            prefix = kind["group"].split(".")[0]
            name = "-".join(filter(None, (kind["kind"].lower(), prefix, kind["version"])))
            text = json.dumps({"$ref": f"#/definitions/{key}", "definitions": definitions})
            if kind["kind"] in KINDS:
                (folder / f"{name}.json").write_text(text)
    return folder


def kubeconform(schemas: Path, documents: list[Document]) -> subprocess.CompletedProcess[str]:
    location = f"{schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    return subprocess.run(  # noqa: S603 - no shell, and the program is the tests' own build
        [
            require("kubeconform"),
            *("-strict", "-summary", "-schema-location", location, "-skip", ",".join(FOREIGN)),
            "-",
        ],
        input=yaml.safe_dump_all(documents),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("path", CI_FILES, ids=lambda path: path.name)
def test_kubeconform_agrees(schemas: Path, path: Path) -> None:
    done = kubeconform(schemas, render(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Invalid: 0, Errors: 0" in done.stdout


def test_kubeconform_finds_mistakes(schemas: Path) -> None:
    deployment = one(render(), "Deployment")
    deployment = {**deployment, "spec": {**deployment["spec"], "replicaCount": 1}}
    done = kubeconform(schemas, [deployment])
    assert done.returncode == 1
    assert "replicaCount" in done.stdout
