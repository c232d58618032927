"""A real Kubernetes API that knows Metacontroller's kinds, and Helm working on it."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from hooks.commands.processes import wait_until
from tests import yamltext
from tests.chart.rendering import CHART, Document, HelmError
from tests.servers.api import ApiError
from tests.servers.cluster import Cluster
from tests.servers.require import require

CONTROLLERS = "metacontroller.k8s.io/v1alpha1"
RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
}


@dataclass(frozen=True)
class Answer:
    status: int
    warnings: list[str]
    body: str


def prepare(cluster: Cluster, crds: Path, *namespaces: str) -> None:
    """Make Metacontroller's kinds known, and namespaces that demand `restricted`."""
    cluster.apply_file(crds)
    for name in namespaces:
        metadata = {"name": name, "labels": RESTRICTED}
        cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    def served() -> bool:
        groups = cluster.api.request("GET", "/apis")["groups"]
        if not any(group["name"] == "metacontroller.k8s.io" for group in groups):
            return False
        try:
            resources = cluster.api.request("GET", f"/apis/{CONTROLLERS}")["resources"]
        except ApiError:
            # The group is told a moment before its resources are.
            return False
        return any(resource["kind"] == "DecoratorController" for resource in resources)

    wait_until(served, timeout=20, what="the kinds of Metacontroller")


def send(cluster: Cluster, method: str, path: str, body: Document) -> Answer:
    """A request whose warnings are wanted too."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    certificates = config["clusters"][0]["cluster"]["certificate-authority"]
    token = config["users"][0]["user"]["token"]
    content = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
    with urllib3.PoolManager(ca_certs=certificates, retries=False, timeout=30) as pool:
        response = pool.request(
            method,
            cluster.url + path,
            body=json.dumps(body),
            headers={"Authorization": f"Bearer {token}", "Content-Type": content},
        )
        return Answer(
            response.status, response.headers.getlist("Warning"), response.data.decode()[:2000]
        )


def apply_strictly(cluster: Cluster, document: Document) -> Answer:
    """Server-side apply that keeps nothing and takes no unknown or repeated field."""
    metadata = document["metadata"]
    path = cluster.api.path(
        document["kind"],
        metadata.get("namespace"),
        metadata["name"],
        api_version=document["apiVersion"],
    )
    query = "dryRun=All&fieldManager=tests&force=true&fieldValidation=Strict"
    return send(cluster, "PATCH", f"{path}?{query}", document)


class Release:
    """One release of the chart on a cluster."""

    def __init__(self, cluster: Cluster, name: str, namespace: str) -> None:
        self.cluster = cluster
        self.chart = CHART
        self.name = name
        self.namespace = namespace

    def install(self, *files: Path, values: object = None) -> None:
        self._helm("install", [self.name, self.chart, *_options(files)], values)

    def upgrade(self, *files: Path | str, values: object = None) -> None:
        """Values files are paths; what is text is an option of Helm's."""
        self._helm("upgrade", [self.name, self.chart, *_options(files)], values)

    def rollback(self) -> None:
        """Back to the revision before."""
        self._helm("rollback", [self.name], None)

    def dry_upgrade(self, *files: Path, values: object = None) -> list[Document]:
        """What an upgrade would install, its hooks too, with what it looks up in the cluster."""
        options = [self.name, self.chart, *_options(files), "--dry-run=server", "--output", "json"]
        answer = json.loads(self._helm("upgrade", options, values))
        text = "\n---\n".join([answer["manifest"], *(hook["manifest"] for hook in answer["hooks"])])
        return [document for document in yamltext.load_all(text) if document]

    def uninstall(self, *options: str) -> None:
        self._helm("uninstall", [self.name, *options], None)

    def manifest(self) -> list[Document]:
        """What Helm installed last, as it rendered it."""
        text = self._helm("get", ["manifest", self.name], None)
        return [document for document in yamltext.load_all(text) if document]

    def values(self) -> str:
        """All values, as Helm shows them."""
        return self._helm("get", ["values", self.name, "--all"], None)

    def hooks(self) -> list[Document]:
        text = self._helm("get", ["hooks", self.name], None)
        return [document for document in yamltext.load_all(text) if document]

    def get(self, kind: str, name: str, api_version: str = "v1") -> Document:
        namespace = None if kind == "DecoratorController" else self.namespace
        found = self.cluster.api.get(kind, name, namespace, api_version=api_version)
        assert found is not None, f"{kind} {name}"
        return found

    def controller(self, suffix: str = "") -> Document:
        return self.get("DecoratorController", f"{self.name}{suffix}", CONTROLLERS)

    def secrets(self) -> dict[str, dict[str, str]]:
        """The chart's Secrets, decoded."""
        wanted = f"app.kubernetes.io/instance={self.name}"
        return {
            secret["metadata"]["name"]: {
                key: base64.b64decode(text).decode() for key, text in secret.get("data", {}).items()
            }
            for secret in self.cluster.api.list("Secret", self.namespace, labels=wanted)
        }

    def _helm(self, command: str, arguments: Sequence[str | Path], values: object) -> str:
        options: list[str | Path] = [*arguments, "--namespace", self.namespace]
        options += ["--kubeconfig", self.cluster.kubeconfig]
        if values is not None:
            options += ["-f", "-"]
        done = subprocess.run(  # noqa: S603 - no shell, and the program is the tests' own build
            [require("helm"), command, *options],
            input=None if values is None else json.dumps(values),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise HelmError(done.stderr or done.stdout)
        return done.stdout


def _options(files: Sequence[Path | str]) -> list[str | Path]:
    options: list[str | Path] = []
    for file in files:
        options += [file] if isinstance(file, str) else ["-f", file]
    return options


def versions(cluster: Cluster, documents: Sequence[Document]) -> dict[tuple[str, str], Any]:
    """What tells whether objects were changed: their resourceVersion."""
    found = {}
    for document in documents:
        metadata = document["metadata"]
        current = cluster.api.get(
            document["kind"],
            metadata["name"],
            metadata.get("namespace"),
            api_version=document["apiVersion"],
        )
        assert current is not None, metadata["name"]
        found[document["kind"], metadata["name"]] = current["metadata"]["resourceVersion"]
    return found
