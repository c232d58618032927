"""The shipped DecoratorControllers, with nothing changed but where the hook is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.servers.api import Object
from tests.servers.cluster import Cluster

MANIFESTS = Path(__file__).parents[2] / "manifests"
MANIFEST = MANIFESTS / "decoratorcontroller.yaml"
DELETION = MANIFESTS / "deletion" / "decoratorcontroller.yaml"


def decorator(
    hook_url: str,
    *,
    revision: int = 0,
    resync_seconds: int | None = None,
    token_secret: str | None = None,
    manifest: Path = MANIFEST,
) -> Object:
    """The manifest for a hook server on loopback.

    Each new `revision` changes the hook's address without changing where it leads, which makes
    Metacontroller sync every Secret once more. Another token needs another `token_secret`, as
    Metacontroller reads Secrets through a cache.
    """
    document: Object = yaml.safe_load(manifest.read_text())
    spec: dict[str, Any] = document["spec"]
    for hook in spec["hooks"].values():
        webhook: dict[str, Any] = hook["webhook"]
        path = webhook.pop("path")
        del webhook["service"]
        webhook["url"] = f"{hook_url}{path}?c={revision}"
        if token_secret is not None:
            webhook["authorization"]["secretRef"]["name"] = token_secret
    if resync_seconds is not None:
        spec["resyncPeriodSeconds"] = resync_seconds
    return document


def install(cluster: Cluster, manifest: Object, token: str) -> None:
    """Apply the controller, and the Secret with the hook's token that it refers to."""
    reference = manifest["spec"]["hooks"]["sync"]["webhook"]["authorization"]["secretRef"]
    cluster.namespace(reference["namespace"])
    cluster.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": reference["name"], "namespace": reference["namespace"]},
            "stringData": {reference["key"]: token},
        }
    )
    cluster.api.apply(manifest)
