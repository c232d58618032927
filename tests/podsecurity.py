"""The restricted Pod Security profile, as Kubernetes describes it."""

from __future__ import annotations

from tests.manifests import Document

SAFE_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(spec: Document) -> list[str]:
    """What the `restricted` profile forbids, for the fields that such pods have."""
    context = spec.get("securityContext", {})
    found = [field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    found += [
        f"volume {volume['name']}"
        for volume in spec.get("volumes", [])
        if not volume.keys() - {"name"} <= SAFE_VOLUMES
    ]
    for each in [*spec.get("initContainers", []), *spec["containers"]]:
        own = each.get("securityContext", {})
        effective = {**context, **own}
        capabilities = own.get("capabilities", {})
        if own.get("privileged"):
            found.append("privileged")
        if own.get("allowPrivilegeEscalation") is not False:
            found.append("allowPrivilegeEscalation")
        if "ALL" not in capabilities.get("drop", []):
            found.append("capabilities.drop")
        if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            found.append("capabilities.add")
        if effective.get("runAsNonRoot") is not True:
            found.append("runAsNonRoot")
        if effective.get("runAsUser") == 0:
            found.append("runAsUser")
        profile = effective.get("seccompProfile", {}).get("type")
        if profile not in {"RuntimeDefault", "Localhost"}:
            found.append("seccompProfile")
        if any("hostPort" in port for port in each.get("ports", [])):
            found.append("hostPort")
    return found
