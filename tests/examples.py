"""The example manifests, and the Secrets that each of them comes to in a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.manifests import EXAMPLES, MANIFESTS, PLACEHOLDER, Document, load

FOLDER = MANIFESTS / "examples"
TERRAFORM = FOLDER / "terraform.tf"
KUSTOMIZE = FOLDER / "kustomize" / "kustomization.yaml"
ENTRIES = [*EXAMPLES, KUSTOMIZE, TERRAFORM]

# What a vault and a generator would give.
_GIVEN = {"accessKey": "my-app-user", "accessSecret": PLACEHOLDER, "password": PLACEHOLDER}


def name_of(entry: Path) -> str:
    """An example's name in the documents."""
    return entry.name if entry.parent == FOLDER else entry.parent.name


def secrets_of(entry: Path) -> list[Document]:
    """The annotated Secrets that a cluster has after an example was applied."""
    if entry == TERRAFORM:
        return [of_terraform(entry.read_text())]
    made = []
    for document in load(entry):
        if "secretGenerator" in document:
            made.append(of_kustomization(document))
        elif (kind := document["kind"]) in MAKERS:
            made.append(MAKERS[kind](document))
    return made


def example_secrets() -> list[Document]:
    """Those of all examples."""
    return [secret for entry in ENTRIES for secret in secrets_of(entry)]


def secret(name: str, annotations: Mapping[str, str], fields: Mapping[str, str]) -> Document:
    metadata = {"name": name, "annotations": dict(annotations)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "stringData": dict(fields),
    }


def of_external_secret(document: Document) -> Document:
    """What the External Secrets Operator makes of the template."""
    template = document["spec"]["target"]["template"]
    given = {item["secretKey"] for item in document["spec"].get("data", [])} or {"password"}
    fields = {
        key: re.sub(r"{{ \.(\w+) }}", lambda found: _GIVEN[found[1]], value)
        for key, value in template["data"].items()
    }
    assert given <= _GIVEN.keys()
    return secret(document["spec"]["target"]["name"], template["metadata"]["annotations"], fields)


def of_sealed_secret(document: Document) -> Document:
    """What the SealedSecrets controller makes of it; here nothing is sealed."""
    spec = document["spec"]
    fields = {key: value.removeprefix("AgB-of-") for key, value in spec["encryptedData"].items()}
    return secret(document["metadata"]["name"], spec["template"]["metadata"]["annotations"], fields)


def of_kustomization(document: Document) -> Document:
    """What kustomize makes of its one generator."""
    (generator,) = document["secretGenerator"]
    (file,) = generator["envs"]
    lines = (KUSTOMIZE.parent / file).read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    return secret(generator["name"], generator["options"]["annotations"], fields)


def of_terraform(text: str) -> Document:
    """What Terraform's provider makes of its one resource."""
    pairs = dict(re.findall(r'^\s+"?([\w./-]+)"?\s+= (?:"([^"]*)"|var\.\w+)$', text, re.MULTILINE))
    annotations = {key: value for key, value in pairs.items() if "/" in key}
    fields = {key: pairs[key] or PLACEHOLDER for key in ("bucket-name", "access-key")}
    assert pairs["access-secret"] == "", "a secret stands in no file"
    return secret(pairs["name"], annotations, {**fields, "access-secret": PLACEHOLDER})


def as_it_is(document: Document) -> Document:
    return document


MAKERS: Mapping[str, Callable[[Document], Document]] = {
    "Secret": as_it_is,
    "ExternalSecret": of_external_secret,
    "SealedSecret": of_sealed_secret,
}
"""What makes a Secret of the documents of each kind."""
