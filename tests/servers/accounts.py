"""Accounts of the test cluster that may do little, and what one needs to log in as them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.servers.api import Object
from tests.servers.cluster import Cluster

Rule = dict[str, list[str]]
_RBAC = "rbac.authorization.k8s.io/v1"


def rule(verbs: str, resources: str, group: str = "") -> Rule:
    """One RBAC rule; verbs and resources are separated by commas."""
    return {
        "apiGroups": [group],
        "resources": resources.split(","),
        "verbs": verbs.split(","),
    }


def account(cluster: Cluster, *rules: Rule, namespace: str | None = None) -> Path:
    """A kubeconfig of a new service account.

    Args:
        cluster: where it is.
        rules: all that it may do.
        namespace: where it may do it; everywhere if there is none.
    """
    home = cluster.namespace(f"account-{secrets.token_hex(4)}")
    token = account_token(cluster, *rules, home=home, namespace=namespace)
    return kubeconfig(cluster, cluster.directory / f"{home}.yaml", user={"token": token})


def account_token(cluster: Cluster, *rules: Rule, home: str, namespace: str | None = None) -> str:
    """The token of a new service account of the namespace `home`."""
    api = cluster.api
    name = "account"
    api.apply(_object("v1", "ServiceAccount", name, home))
    scope = "Role" if namespace else "ClusterRole"
    api.apply(_object(_RBAC, scope, home, namespace, rules=list(rules)))
    api.apply(
        _object(
            _RBAC,
            f"{scope}Binding",
            home,
            namespace,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": scope, "name": home},
            subjects=[{"kind": "ServiceAccount", "name": name, "namespace": home}],
        )
    )
    path = f"/api/v1/namespaces/{home}/serviceaccounts/{name}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token: str = api.request("POST", path, request)["status"]["token"]
    return token


def kubeconfig(
    cluster: Cluster,
    path: Path,
    *,
    user: Object,
    server: str | None = None,
    namespace: str | None = None,
) -> Path:
    """A kubeconfig file for the cluster.

    Args:
        cluster: whose authority is trusted.
        path: the file.
        user: its credentials as the file has them.
        server: another address.
        namespace: the context's.
    """
    document: Any = yaml.safe_load(cluster.kubeconfig.read_text())
    document["users"][0]["user"] = user
    if server:
        document["clusters"][0]["cluster"]["server"] = server
    if namespace:
        document["contexts"][0]["context"]["namespace"] = namespace
    path.write_text(yaml.safe_dump(document))
    return path


def secret(
    namespace: str,
    name: str,
    *,
    annotations: Object | None = None,
    labels: Object | None = None,
    finalizers: Sequence[str] = (),
    data: Object | None = None,
) -> Object:
    """A Secret's manifest."""
    metadata = {
        "annotations": annotations or {},
        "labels": labels or {},
        "finalizers": list(finalizers),
    }
    manifest = _object("v1", "Secret", name, namespace, stringData=data or {})
    manifest["metadata"].update(metadata)
    return manifest


def _object(api_version: str, kind: str, name: str, namespace: str | None, **rest: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}
