"""The operator's own account in the cluster, as the manifests make it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.gate import Gate
from tests.servers.accounts import kubeconfig
from tests.servers.cluster import Cluster
from tests.servers.decorator import MANIFESTS

ACCOUNT = "s3-resource-operator"
"""The ServiceAccount, and the namespace that it is in."""

_TOKEN_SECONDS = 24 * 60 * 60


def operators_kubeconfig(cluster: Cluster, gate: Gate | None = None) -> Path:
    """What logs in as the shipped ServiceAccount, with the shipped rights and no others.

    Args:
        cluster: whose API it is.
        gate: what leads there; None goes there straight.
    """
    for file in ("namespace.yaml", "serviceaccount.yaml", "rbac.yaml"):
        cluster.apply_file(MANIFESTS / file)
    path = f"/api/v1/namespaces/{ACCOUNT}/serviceaccounts/{ACCOUNT}/token"
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        # An hour unless asked for: the longest run takes more.
        "spec": {"expirationSeconds": _TOKEN_SECONDS},
    }
    token: str = cluster.api.request("POST", path, request)["status"]["token"]
    server = cluster.url
    if gate is not None:
        server = server.replace(server.rsplit(":", 1)[1], str(gate.port))
    file_path = cluster.directory / "kubeconfig-operator.yaml"
    return kubeconfig(cluster, file_path, user={"token": token}, server=server)
