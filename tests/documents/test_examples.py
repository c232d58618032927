"""The example Secrets are ones that the operator understands and applications can use."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from hooks.claim.endpoint import normalise
from hooks.claim.secret import read
from hooks.contract.status import Keys
from tests.attended import SIGNING_KEY, Attended, cluster_of
from tests.manifests import (
    EXAMPLES,
    MANIFESTS,
    PLACEHOLDER,
    Document,
    example_secrets,
    load,
    load_settings,
    settings_of_kustomization,
)
from tests.model import ModelStore
from tests.support import Operator


def is_generated(secret: Document) -> bool:
    return "s3-resource-operator.io/credentials" in secret["metadata"]["annotations"]


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES} == {
        "argo.yaml",
        "cnpg.yaml",
        "flux.yaml",
        "gitlab.yaml",
        "loki.yaml",
        "velero.yaml",
        "secret.yaml",
        "env-from.yaml",
        "external-secret.yaml",
        "generated.yaml",
        "only-generated.yaml",
    }


@pytest.mark.parametrize("secret", [each for each in example_secrets() if not is_generated(each)])
def test_the_operator_understands_the_example(secret: Document, tmp_path: Path) -> None:
    settings, _ = load_settings(tmp_path)
    annotations = secret["metadata"]["annotations"]
    assert annotations[settings.annotation_key] == "true"
    keys = Keys(settings.annotation_key)
    assert annotations.keys() <= {
        keys[word]
        for word in ("enabled", "connection-secret", "connection-format", "connection-defaults")
    }
    data = {
        key: base64.b64encode(value.encode()).decode()
        for key, value in secret["stringData"].items()
    }
    claim, named, notes, _ = read(data, settings.rules)
    assert notes == ()
    assert claim.bucket.startswith("my-app-")
    assert claim.secret.reveal() == PLACEHOLDER
    store = normalise(settings_of_kustomization()["S3_ENDPOINT_URL"])
    assert named is None or named.endpoint.urls == {store}


def test_the_example_application_uses_the_example_secret() -> None:
    documents = {
        document["kind"]: document for document in load(MANIFESTS / "examples/env-from.yaml")
    }
    spec = documents["Deployment"]["spec"]["template"]["spec"]
    reference = {"secretRef": {"name": documents["Secret"]["metadata"]["name"]}}
    assert spec["containers"][0]["envFrom"] == [reference]


def test_the_example_with_generated_credentials_becomes_ready_and_the_application_reads_them() -> (
    None
):
    (example,) = (each for each in example_secrets() if is_generated(each))
    application = next(
        document
        for document in load(MANIFESTS / "examples/generated.yaml")
        if document["kind"] == "Deployment"
    )
    assert set(example["stringData"]) == {"bucket-name"}, "no secret stands in the manifest"
    secret = Attended(example["stringData"]["bucket-name"])
    secret.document["metadata"]["name"] = example["metadata"]["name"]
    secret.document["metadata"]["annotations"] = dict(example["metadata"]["annotations"])
    secret.settle(
        Operator(ModelStore(), {"SIGNING_KEY": SIGNING_KEY}, kube=cluster_of(secret)),
    )
    assert secret.state == ("Ready", "Provisioned")
    spec = application["spec"]["template"]["spec"]
    (name,) = secret.attached
    assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": name}}]
    assert all(secret.pair)
