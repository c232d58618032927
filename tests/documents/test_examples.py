"""The example Secrets are ones that the operator understands and applications can use."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from backends.sharing import Access
from hooks.claim.endpoint import normalise
from hooks.claim.secret import read
from hooks.contract.status import Keys
from tests.attended import SIGNING_KEY, Attended, cluster_of
from tests.delivery.test_kustomize import render
from tests.examples import ENTRIES, FOLDER, KUSTOMIZE, example_secrets, name_of, secrets_of
from tests.manifests import (
    EXAMPLES,
    MANIFESTS,
    PLACEHOLDER,
    Document,
    load,
    load_settings,
    settings_of_kustomization,
)
from tests.markdown import Document as Page
from tests.model import ModelStore
from tests.properties.cluster import Slot
from tests.support import PREFIX, Operator
from tests.tenancy.sharing import SharedGround

PAGE = Page(MANIFESTS.parent / "docs" / "examples.md")
TABLES = ("The Secret itself", "By consumer", "By tool")


def is_generated(secret: Document) -> bool:
    return "s3-resource-operator.io/credentials" in secret["metadata"]["annotations"]


def test_the_page_has_a_row_for_each_example() -> None:
    rows = [row for title in TABLES for row in PAGE.rows(title, "example")]
    told = [
        link for row in rows for link in re.findall(r"\]\(\.\./manifests/examples/(.*?)\)", row[0])
    ]
    assert len(told) == len(set(told)) == len(rows) >= 20
    assert {path.split("/")[0] for path in told} == {name_of(entry) for entry in ENTRIES}
    # tests/e2e/test_examples.py applies each, and sees what it ends in.
    assert {row[2] for row in rows} == {"Ready"}


def test_every_file_of_the_examples_is_one_or_belongs_to_one() -> None:
    folders = {entry.parent for entry in ENTRIES} - {FOLDER}
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert {path for path in files if path.parent not in folders} <= set(ENTRIES)


@pytest.mark.server
def test_kubectl_makes_the_same_of_the_kustomization() -> None:
    (made,) = render(KUSTOMIZE.parent)
    (told,) = secrets_of(KUSTOMIZE)
    assert made["metadata"] == told["metadata"]
    assert {key: base64.b64decode(made["data"][key]).decode() for key in made["data"]} == told[
        "stringData"
    ]


@pytest.mark.parametrize("secret", [each for each in example_secrets() if not is_generated(each)])
def test_the_operator_understands_the_example(secret: Document, tmp_path: Path) -> None:
    settings, _ = load_settings(tmp_path)
    annotations = {
        key: value
        for key, value in secret["metadata"]["annotations"].items()
        if key.startswith(PREFIX)
    }
    assert annotations[settings.annotation_key] == "true"
    keys = Keys(settings.annotation_key)
    asked = (
        *("enabled", "store", "access", "share-with"),
        *("connection-secret", "connection-format", "connection-defaults"),
    )
    assert annotations.keys() <= {keys[word] for word in asked}
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


def test_the_example_of_a_shared_bucket_lets_the_second_user_read() -> None:
    ground = SharedGround()
    slots: list[Slot] = []
    for document in load(MANIFESTS / "examples/shared.yaml"):
        metadata = document["metadata"]
        slots.append((metadata["namespace"], metadata["name"]))
        ground.kube.put(slots[-1], metadata["name"], document["stringData"])
        ground.kube.documents[slots[-1]]["metadata"]["annotations"] = metadata["annotations"]
        assert ground.sync(slots[-1]).state == ("Ready", "Provisioned")
    assert ground.sync(slots[0]).state == ("Ready", "Provisioned")
    assert ground.store.owners == {"my-app-data": "my-app-data-user"}
    assert ground.store.shared == {"my-app-data": {"my-app-reports-user": Access.READ_ONLY}}


def test_an_example_with_generated_credentials_becomes_ready_and_is_read() -> None:
    entries = [path for path in EXAMPLES if any(map(is_generated, secrets_of(path)))]
    assert len(entries) >= 4
    for entry in entries:
        (example,) = secrets_of(entry)
        assert set(example["stringData"]) == {"bucket-name"}, "no secret stands in the manifest"
        secret = Attended(example["stringData"]["bucket-name"])
        secret.document["metadata"]["name"] = example["metadata"]["name"]
        secret.document["metadata"]["annotations"] = dict(example["metadata"]["annotations"])
        secret.settle(
            Operator(ModelStore(), {"SIGNING_KEY": SIGNING_KEY}, kube=cluster_of(secret)),
        )
        assert secret.state == ("Ready", "Provisioned")
        ((name, made),) = secret.attached.items()
        assert all(made["data"].values())
        # Whoever reads it asks for nothing that isn't there.
        text = entry.read_text()
        for key in re.findall(rf"name: {name}, key: (\w+)", text):
            assert key in made["data"]
        assert text.count(name) >= 2 or entry.name == "only-generated.yaml"


def test_the_example_application_reads_the_generated_credentials() -> None:
    (example,) = secrets_of(FOLDER / "generated.yaml")
    application = next(
        document for document in load(FOLDER / "generated.yaml") if document["kind"] == "Deployment"
    )
    spec = application["spec"]["template"]["spec"]
    name = example["metadata"]["annotations"][f"{PREFIX}connection-secret"]
    assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": name}}]
