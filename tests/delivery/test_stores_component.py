"""The component for several stores: what kubectl makes of it, the API takes, the operator reads."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.settings.settings import Settings
from tests.delivery.test_kustomize import render
from tests.manifests import KUSTOMIZATION, MANIFESTS, NAME, Document, kustomization, load
from tests.podsecurity import violations
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.server

COMPONENT = MANIFESTS / "stores"
# What needs more than a Kubernetes API: its CRD.
FOREIGN = {"DecoratorController"}


@pytest.fixture
def rendered(tmp_path: Path) -> list[Document]:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    file = tmp_path / "manifests" / KUSTOMIZATION.name
    file.write_text(yaml.safe_dump(kustomization() | {"components": [COMPONENT.name]}))
    return render(file.parent)


def deployment_of(documents: list[Document]) -> Document:
    (found,) = (each for each in documents if each["kind"] == "Deployment")
    return found


def pod_of(deployment: Document) -> Any:
    return deployment["spec"]["template"]["spec"]


def mounted(spec: Document, objects: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[str, str]:
    """The files of a pod's volumes, by their paths in the container.

    Args:
        spec: the pod's.
        objects: what ConfigMaps and Secrets hold, by kind and name.
    """
    files = {}
    (container,) = spec["containers"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        sources = volume.get("projected", {}).get("sources", [volume])
        for source in sources:
            for kind, key in (("secret", "secretName"), ("configMap", "name")):
                if kind in source:
                    name = source[kind].get(key) or source[kind]["name"]
                    for item in source[kind]["items"]:
                        path = f"{mount['mountPath']}/{item['path']}"
                        files[path] = objects[kind, name][item["key"]]
    return files


def settings_of(environment: Mapping[str, str], files: Mapping[str, str], folder: Path) -> Settings:
    """What the operator reads, with the pod's files below a folder."""
    for path, text in files.items():
        file = folder / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    moved = {
        name: str(folder / value.removeprefix("/")) if name.endswith("_FILE") else value
        for name, value in environment.items()
    }
    return Settings.load(moved)


def test_the_api_takes_it_and_the_operator_reads_its_stores(
    rendered: list[Document], api_cluster: Cluster, tmp_path: Path
) -> None:
    api = api_cluster.api
    (namespace,) = load(MANIFESTS / "namespace.yaml")
    api.apply(namespace)
    for document in rendered:
        if document["kind"] not in FOREIGN:
            api.apply(document)
    # As the comment of the component says; and with the README's Secrets.
    made = {
        NAME: {"SIGNING_KEY": "a-key-of-the-operators-own"},
        f"{NAME}-hook": {"token": "a-token-of-the-hooks-own"},
        "store-fast": {"access-key": "admin", "secret-key": "fast-secret"},
        "store-large": {"access-key": "admin", "secret-key": "large-secret"},
        "store-archive": {"admin-token": "archive-token"},
    }
    for name, fields in made.items():
        metadata = {"name": name, "namespace": NAME}
        api.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": fields}
        )
    deployment = api.get("Deployment", NAME, NAME, api_version="apps/v1")
    assert deployment is not None
    spec = pod_of(deployment)
    assert violations(spec) == []
    objects: dict[tuple[str, str], Mapping[str, str]] = {}
    for document in api.list("ConfigMap"):
        if document["metadata"]["namespace"] == NAME:
            objects["configMap", document["metadata"]["name"]] = document["data"]
    for document in api.list("Secret"):
        if document["metadata"]["namespace"] == NAME:
            data = document["data"].items()
            objects["secret", document["metadata"]["name"]] = {
                key: base64.b64decode(value).decode() for key, value in data
            }
    (container,) = spec["containers"]
    (source,) = container["envFrom"]
    environment = {
        **objects["configMap", source["configMapRef"]["name"]],
        **{variable["name"]: variable["value"] for variable in container["env"]},
    }
    settings = settings_of(environment, mounted(spec, objects), tmp_path)
    assert settings.warnings == (), "nothing is set that a list of stores has no use for"
    told = {each.store.name: each for each in settings.every}
    assert {name: each.backend_name for name, each in told.items()} == {
        "fast": "versitygw",
        "large": "minio",
        "archive": "garage",
    }
    assert settings.store.name == "fast"
    assert {name: each.connection.admin.secret.reveal() for name, each in told.items()} == {
        "fast": "fast-secret",
        "large": "large-secret",
        "archive": "archive-token",
    }


def test_all_else_is_as_without_it(rendered: list[Document]) -> None:
    plain = render(MANIFESTS)
    before = {(each["kind"], each["metadata"]["name"]): each for each in plain}
    for document in rendered:
        place = document["kind"], document["metadata"]["name"]
        if document["kind"] in {"ConfigMap", "Deployment"}:
            continue
        assert document == before[place]
    # The list's ConfigMap has no hash in its name: the operator reads a changed one by itself.
    settings, before_settings = (
        next(
            each["data"]
            for each in documents
            if each["kind"] == "ConfigMap" and each["metadata"]["name"] != f"{NAME}-stores"
        )
        for documents in (rendered, plain)
    )
    assert settings == {
        key: value
        for key, value in before_settings.items()
        if key not in {"BACKEND_NAME", "S3_ENDPOINT_URL"}
    }
    (container,) = pod_of(deployment_of(rendered))["containers"]
    (alone,) = pod_of(deployment_of(plain))["containers"]
    assert {**container, "env": [], "volumeMounts": []} == {
        **alone,
        "env": [],
        "volumeMounts": [],
        # The settings' hash is another.
        "envFrom": container["envFrom"],
    }


def test_it_goes_with_the_deletion_component(tmp_path: Path) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    file = tmp_path / "manifests" / KUSTOMIZATION.name
    components = [COMPONENT.name, "deletion"]
    file.write_text(yaml.safe_dump(kustomization() | {"components": components}))
    documents = render(file.parent)
    settings = [each for each in documents if each["kind"] == "ConfigMap"]
    assert any(each["data"].get("DELETION") == "on" for each in settings)
    assert any("stores.yaml" in each["data"] for each in settings)


def test_the_list_s_files_are_mounted_where_it_looks_for_them() -> None:
    (configmap,) = load(COMPONENT / "stores.yaml")
    (patch,) = load(COMPONENT / "deployment.yaml")
    listed = yaml.safe_load(configmap["data"]["stores.yaml"])["stores"]
    named = {value for each in listed for key, value in each.items() if key.endswith("-file")}
    (volume,) = (each for each in pod_of(patch)["volumes"] if "projected" in each)
    paths = {
        item["path"]
        for source in volume["projected"]["sources"]
        for item in next(iter(source.values()))["items"]
    }
    assert paths == named | {"stores.yaml"}


def test_the_comment_makes_the_secrets_that_are_mounted() -> None:
    text = (COMPONENT / KUSTOMIZATION.name).read_text()
    (patch,) = load(COMPONENT / "deployment.yaml")
    (volume,) = (each for each in pod_of(patch)["volumes"] if "projected" in each)
    for source in volume["projected"]["sources"]:
        if "secret" in source:
            command = f"secret generic {source['secret']['name']} \\\n#     " + " ".join(
                f"--from-file={item['key']}" for item in source["secret"]["items"]
            )
            assert command in text
