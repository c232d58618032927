"""The shipped DecoratorController, with nothing changed but where the hook is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.servers.api import Object
from tests.servers.cluster import Cluster

MANIFEST = Path(__file__).parents[2] / "manifests" / "decoratorcontroller.yaml"


def decorator(
    hook_url: str,
    *,
    revision: int = 0,
    resync_seconds: int | None = None,
    token_secret: str | None = None,
) -> Object:
    """The manifest for a hook server on loopback.

    Each new `revision` changes the hook's address without changing where it leads, which makes
    Metacontroller sync every Secret once more. Another token needs another `token_secret`, as
    Metacontroller reads Secrets through a cache.
    """
    manifest: Object = yaml.safe_load(MANIFEST.read_text())
    spec: dict[str, Any] = manifest["spec"]
    webhook: dict[str, Any] = spec["hooks"]["sync"]["webhook"]
    path = webhook.pop("path")
    del webhook["service"]
    webhook["url"] = f"{hook_url}{path}?c={revision}"
    if resync_seconds is not None:
        spec["resyncPeriodSeconds"] = resync_seconds
    if token_secret is not None:
        webhook["authorization"]["secretRef"]["name"] = token_secret
    return manifest


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
