"""The pods that the manifests make keep to the restricted Pod Security profile."""

from __future__ import annotations

import copy

import pytest

from tests.manifests import (
    EXAMPLES,
    Document,
    load,
    one,
    pod,
)
from tests.podsecurity import violations


def example_pods() -> list[Document]:
    return [
        document["spec"]["template"]["spec"]
        for path in EXAMPLES
        for document in load(path)
        if document["kind"] == "Deployment"
    ]


def test_the_namespace_demands_restricted() -> None:
    labels = one("namespace.yaml", "Namespace")["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


@pytest.mark.parametrize("spec", [pod(), *example_pods()])
def test_pods_are_restricted_and_more(spec: Document) -> None:
    assert violations(spec) == []
    for each in spec["containers"]:
        assert each["securityContext"]["readOnlyRootFilesystem"] is True
        assert isinstance(spec["securityContext"]["runAsUser"], int)
        assert each["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in each["resources"]["limits"]
        writable = {
            volume["name"]
            for volume in spec["volumes"]
            if "sizeLimit" in volume.get("emptyDir", {})
        }
        mounts = {mount["mountPath"]: mount["name"] for mount in each["volumeMounts"]}
        assert mounts["/tmp"] in writable


@pytest.mark.parametrize(
    ("place", "field", "value", "violation"),
    [
        ("pod", "hostNetwork", True, "hostNetwork"),
        ("pod", "volumes", [{"name": "host", "hostPath": {"path": "/"}}], "volume host"),
        ("context", "runAsNonRoot", False, "runAsNonRoot"),
        ("context", "runAsUser", 0, "runAsUser"),
        ("context", "seccompProfile", {"type": "Unconfined"}, "seccompProfile"),
        ("container", "privileged", True, "privileged"),
        ("container", "allowPrivilegeEscalation", True, "allowPrivilegeEscalation"),
        ("container", "capabilities", {"drop": ["NET_RAW"]}, "capabilities.drop"),
        ("container", "capabilities", {"drop": ["ALL"], "add": ["CHOWN"]}, "capabilities.add"),
    ],
)
def test_the_restricted_check_finds_violations(
    place: str, field: str, value: object, violation: str
) -> None:
    spec = copy.deepcopy(pod())
    target = {
        "pod": spec,
        "context": spec["securityContext"],
        "container": spec["containers"][0]["securityContext"],
    }[place]
    target[field] = value
    assert violations(spec) == [violation]
