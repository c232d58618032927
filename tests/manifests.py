"""The manifests, read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hooks.settings.settings import Settings
from tests import yamltext

MANIFESTS = Path(__file__).parent.parent / "manifests"
KUSTOMIZATION = MANIFESTS / "kustomization.yaml"
COMPONENT = MANIFESTS / "deletion" / "kustomization.yaml"
DELETION = "deletion/decoratorcontroller.yaml"
EXAMPLES = sorted((MANIFESTS / "examples").glob("*.yaml"))
NAME = "s3-resource-operator"
PLACEHOLDER = "example-only-replace-me"

Document = dict[str, Any]


def load(path: Path) -> list[Document]:
    found = yamltext.load_all(path.read_text())
    assert all(isinstance(document, dict) for document in found), path
    return found


def one(filename: str, kind: str) -> Document:
    found = [document for document in load(MANIFESTS / filename) if document["kind"] == kind]
    assert len(found) == 1
    return found[0]


def kustomization() -> Document:
    return load(KUSTOMIZATION)[0]


def settings_of_kustomization() -> dict[str, str]:
    generators = kustomization()["configMapGenerator"]
    assert len(generators) == 1
    return dict(literal.split("=", 1) for literal in generators[0]["literals"])


def deployment() -> Document:
    return one("deployment.yaml", "Deployment")


def pod() -> Document:
    spec: Document = deployment()["spec"]["template"]["spec"]
    return spec


def container() -> Document:
    containers: list[Document] = pod()["containers"]
    assert len(containers) == 1
    return containers[0]


def environment() -> dict[str, str]:
    """What the container gets: the settings of the kustomization, then its own."""
    return settings_of_kustomization() | {
        variable["name"]: variable["value"] for variable in container()["env"]
    }


def webhook() -> Document:
    hooks = one("decoratorcontroller.yaml", "DecoratorController")["spec"]["hooks"]
    hook: Document = hooks["sync"]["webhook"]
    return hook


def mounted_files() -> dict[str, tuple[str, str]]:
    """Path in the container: name of the Secret it comes from, and the key there."""
    secrets = {
        volume["name"]: volume["secret"] for volume in pod()["volumes"] if "secret" in volume
    }
    return {
        f"{mount['mountPath']}/{item['path']}": (secret["secretName"], item["key"])
        for mount in container()["volumeMounts"]
        if (secret := secrets.get(mount["name"]))
        for item in secret["items"]
    }


class Recorder(dict[str, str]):
    """An environment that remembers which variables were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def load_settings(folder: Path) -> tuple[Settings, Recorder]:
    """Settings as the pod would read them, with files where the Secrets would be mounted."""
    values = environment()
    for name, value in values.items():
        if name.endswith("_FILE"):
            file = folder / name
            file.write_text(f"{name}-{'x' * 20}\n")
            assert value in mounted_files()
            values[name] = str(file)
    recorder = Recorder(values)
    return Settings.load(recorder), recorder


def walk(value: object) -> Iterator[tuple[str, object]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def seconds(duration: str) -> float:
    match = re.fullmatch(r"([0-9]+)s", duration)
    assert match, duration
    return float(match[1])
