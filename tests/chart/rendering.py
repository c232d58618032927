"""The chart as Helm renders it."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests import yamltext
from tests.servers.require import require

CHART = Path(__file__).parents[2] / "helm"
CI_FILES = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE = "rel"
NAMESPACE = "ops"
FULLNAME = "rel-s3-resource-operator"

Document = dict[str, Any]


class HelmError(Exception):
    """Helm refused; its message."""


def helm(*arguments: str | Path, stdin: str | None = None) -> str:
    """What Helm prints.

    Raises:
        HelmError: it ended with anything but 0.
    """
    done = subprocess.run(  # noqa: S603 - no shell, and the program is the tests' own build
        [require("helm"), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise HelmError(done.stderr or done.stdout)
    return done.stdout


def ci(name: str) -> Path:
    """A values file that is shipped for trying one feature."""
    path = CHART / "ci" / f"{name}-values.yaml"
    assert path in CI_FILES
    return path


@functools.cache
def _rendered(release: str, arguments: tuple[str | Path, ...], values: str) -> str:
    if values:
        arguments = (*arguments, "-f", "-")
    command = ("template", release, CHART, "--namespace", NAMESPACE, *arguments)
    return helm(*command, stdin=values or None)


def render(
    *files: Path,
    values: object = None,
    release: str = RELEASE,
    arguments: Sequence[str] = (),
) -> list[Document]:
    """The objects that come of some values files and of further values."""
    options: list[str | Path] = [*arguments]
    for file in files:
        options += ["-f", file]
    text = _rendered(release, tuple(options), "" if values is None else json.dumps(values))
    return [document for document in yamltext.load_all(text) if document]


def refusal(values: object) -> str:
    """Why Helm does not take these values."""
    try:
        render(values=values)
    except HelmError as error:
        return str(error)
    raise AssertionError("Helm took the values")


def of_kind(documents: Iterable[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def one(documents: Iterable[Document], kind: str, name: str | None = None) -> Document:
    """The only object of a kind, or the one of that name."""
    found = [
        document
        for document in of_kind(documents, kind)
        if name is None or document["metadata"]["name"] == name
    ]
    assert len(found) == 1, [document["metadata"]["name"] for document in found]
    return found[0]


def pod(documents: Iterable[Document]) -> Document:
    """The pod's spec of the Deployment."""
    spec: Document = one(documents, "Deployment")["spec"]["template"]["spec"]
    return spec


def container(documents: Iterable[Document]) -> Document:
    """The operator's own container, which comes first."""
    found: Document = pod(documents)["containers"][0]
    assert found["name"] == "operator"
    return found


def webhook(documents: Iterable[Document], name: str = FULLNAME, hook: str = "sync") -> Document:
    controller = one(documents, "DecoratorController", name)
    found: Document = controller["spec"]["hooks"][hook]["webhook"]
    return found


def environment(documents: Sequence[Document]) -> dict[str, str]:
    """The container's plain variables: the ConfigMap's, then its own."""
    name = container(documents)["envFrom"][0]["configMapRef"]["name"]
    own = {
        variable["name"]: variable["value"]
        for variable in container(documents)["env"]
        if "value" in variable
    }
    return {**one(documents, "ConfigMap", name)["data"], **own}


def mounted(documents: Sequence[Document]) -> dict[str, tuple[str, str]]:
    """Path in the container: name of the Secret or ConfigMap it comes from, and the key there."""
    volumes = {volume["name"]: volume for volume in pod(documents)["volumes"]}
    files = {}
    for mount in container(documents)["volumeMounts"]:
        volume = volumes[mount["name"]]
        source = volume.get("secret") or volume.get("configMap")
        for item in source["items"] if source else ():
            name = source.get("secretName") or source.get("name")
            files[f"{mount['mountPath']}/{item['path']}"] = (name, item["key"])
    return files
