"""What kubectl makes of the kustomization."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from hooks import __version__
from hooks.commands.detach import DEFAULT_CONTROLLER
from tests.manifests import (
    COMPONENT,
    KUSTOMIZATION,
    MANIFESTS,
    NAME,
    Document,
    container,
    deployment,
    kustomization,
    load,
    settings_of_kustomization,
)
from tests.servers.require import require

pytestmark = pytest.mark.server


def render(folder: Path) -> list[Document]:
    result = subprocess.run(  # noqa: S603 - no shell, no foreign input
        [require("kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return list(yaml.safe_load_all(result.stdout))


@pytest.fixture(scope="module")
def rendered() -> list[Document]:
    return render(MANIFESTS)


def test_it_adds_the_deletion_component(rendered: list[Document], tmp_path: Path) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    file = tmp_path / "manifests" / KUSTOMIZATION.name
    file.write_text(yaml.safe_dump(kustomization() | {"components": [COMPONENT.parent.name]}))
    documents = render(file.parent)
    settings = next(item["data"] for item in documents if item["kind"] == "ConfigMap")
    assert settings == settings_of_kustomization() | {"DELETION": "on"}
    names = {(item["kind"], item["metadata"]["name"]) for item in documents}
    without = {(item["kind"], item["metadata"]["name"]) for item in rendered}
    added = {(kind, name) for kind, name in names - without if kind != "ConfigMap"}
    assert added == {("DecoratorController", DEFAULT_CONTROLLER)}


def test_the_sharding_component_splits_the_secrets(
    rendered: list[Document], tmp_path: Path
) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    file = tmp_path / "manifests" / KUSTOMIZATION.name
    file.write_text(yaml.safe_dump(kustomization() | {"components": ["sharding"]}))
    documents = render(file.parent)
    (whole,) = (item for item in rendered if item["kind"] == "DecoratorController")
    first, second = (item for item in documents if item["kind"] == "DecoratorController")
    label = "s3-resource-operator.io/shard"
    for name, shard in (("first", first), ("second", second)):
        assert shard["metadata"]["labels"][label] == name
        (resource,) = shard["spec"]["resources"]
        selector = resource.pop("labelSelector")
        assert label in str(selector)
        assert shard["spec"] == whole["spec"]
    assert first["metadata"]["name"] == whole["metadata"]["name"]
    assert len(documents) == len(rendered) + 1


def test_it_renders_every_object(rendered: list[Document]) -> None:
    written = [
        (document["kind"], document["metadata"]["name"])
        for filename in kustomization()["resources"]
        for document in load(MANIFESTS / filename)
    ]
    names = [(document["kind"], document["metadata"]["name"]) for document in rendered]
    assert sorted(names) == sorted([*written, *(name for name in names if name[0] == "ConfigMap")])
    for document in rendered:
        assert document["metadata"]["labels"]["app.kubernetes.io/part-of"] == NAME


def test_nothing_that_cannot_be_had_again_is_deleted_with_it(rendered: list[Document]) -> None:
    assert not {"Namespace", "Secret"} & {document["kind"] for document in rendered}


def test_it_fills_in_image_and_config_map(rendered: list[Document]) -> None:
    by_kind = {document["kind"]: document for document in rendered}
    spec = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert spec["image"] == f"{container()['image']}:{__version__}"
    config_map = by_kind["ConfigMap"]
    assert spec["envFrom"] == [{"configMapRef": {"name": config_map["metadata"]["name"]}}]
    assert config_map["data"] == settings_of_kustomization()
    selector = by_kind["Deployment"]["spec"]["selector"]["matchLabels"]
    assert selector == deployment()["spec"]["selector"]["matchLabels"]
