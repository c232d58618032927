"""The plain manifests and the chart, with the values that say the same, install the same."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.settings.settings import Settings
from tests.chart.rendering import Document, ci, of_kind, one, render
from tests.chart.test_ci_values import load_settings as chart_settings
from tests.manifests import MANIFESTS, NAME, kustomization, load, load_settings

pytestmark = pytest.mark.server

# Who made an object, and which release, is all that may differ.
_LABELS = re.compile(
    r"helm\.sh/|app\.kubernetes\.io/(instance|version|managed-by|part-of|component)"
)


def manifests() -> list[Document]:
    """What the kustomization names, and its component."""
    files = [MANIFESTS / name for name in kustomization()["resources"]]
    files.append(MANIFESTS / "deletion" / "decoratorcontroller.yaml")
    return [document for file in files for document in load(file)]


def chart() -> list[Document]:
    """What stays installed: no hooks of Helm."""
    return [
        document
        for document in render(ci("manifests"))
        if not any(key == "helm.sh/hook" for key in document["metadata"].get("annotations", {}))
    ]


def plain(value: Any) -> Any:
    """A document without what may differ, and with its named lists in one order."""
    if isinstance(value, list):
        items = [plain(item) for item in value]
        named = all(isinstance(item, dict) and "name" in item for item in items)
        return sorted(items, key=lambda item: str(item["name"])) if named else items
    if not isinstance(value, dict):
        return value
    result = {}
    for key, inner in value.items():
        if key in {"labels", "matchLabels", "selector"} and isinstance(inner, dict):
            inner = {name: text for name, text in inner.items() if not _LABELS.match(name)}
        if key == "annotations":
            inner = {name: text for name, text in inner.items() if "checksum/" not in name}
        if key == "path" and isinstance(inner, str):
            inner = inner.split("?")[0]
        if key == "image":
            inner = inner.rsplit(":", 1)[0]
        if key == "verbs":
            inner = sorted(inner)
        if inner not in ({}, []):
            result[key] = plain(inner)
    return result


def by_identity(documents: list[Document]) -> dict[tuple[str, str], Any]:
    found = {}
    for document in documents:
        compared = plain(document)
        # The chart labels every object, the manifests those that something chooses by label.
        compared["metadata"].pop("labels", None)
        found[document["kind"], document["metadata"]["name"]] = compared
    return found


def one_service(documents: list[Document]) -> list[Document]:
    """The chart's two Services as one: the original operator's chart had two, under these names."""
    hook = copy.deepcopy(one(documents, "Service", NAME))
    metrics = one(documents, "Service", f"{NAME}-metrics")
    assert plain(metrics["spec"]["selector"]) == plain(hook["spec"]["selector"])
    hook["spec"]["ports"] += metrics["spec"]["ports"]
    hook["metadata"]["annotations"] = metrics["metadata"].get("annotations", {})
    return [document for document in documents if document["kind"] != "Service"] + [hook]


def test_both_install_the_same_objects() -> None:
    # The namespace is the user's on both sides; settings are compared as the operator reads them.
    # What the chart's Job may do is the user's own right without Helm.
    left = by_identity(manifests())
    right = {
        identity: document
        for identity, document in by_identity(one_service(chart())).items()
        if identity[0] != "ConfigMap" and not identity[1].endswith("-detach")
    }
    assert left.keys() == right.keys()
    for identity, document in left.items():
        assert yaml.safe_dump(right[identity]) == yaml.safe_dump(document), identity


def comparable(settings: Settings) -> dict[str, Any]:
    """The settings without the policy's own object, which has no equality."""
    fields = {name: getattr(settings, name) for name in Settings.__dataclass_fields__}
    rules = fields.pop("rules")
    fields.pop("policy")
    fields |= {
        f"rules.{name}": getattr(rules, name)
        for name in type(rules).__dataclass_fields__
        if name != "policy"
    }
    return {name: repr(value) for name, value in fields.items()}


def test_the_operator_reads_the_same_settings(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    (tmp_path / "right").mkdir()
    left, _ = load_settings(tmp_path / "left")
    right, _ = chart_settings(render(ci("manifests")), tmp_path / "right")
    component = load(MANIFESTS / "deletion" / "kustomization.yaml")[0]
    assert component["configMapGenerator"][0]["literals"] == ["DELETION=on"]
    assert right.deletion
    ours, theirs = comparable(left), comparable(right)
    for expected in (ours, theirs):
        del expected["deletion"]
    assert theirs == ours


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Deployment", lambda spec: spec["template"]["spec"].update(hostNetwork=True)),
        ("DecoratorController", lambda spec: spec.update(resyncPeriodSeconds=60)),
        ("NetworkPolicy", lambda spec: spec["ingress"].pop()),
    ],
)
def test_a_difference_is_noticed(kind: str, change: Any) -> None:
    document = copy.deepcopy(of_kind(chart(), kind)[0])
    before = plain(document)
    change(document["spec"])
    assert plain(document) != before
