"""docs/support.md: the versions are those that the tests and the workflows run."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from backends import REGISTRY
from tests.markdown import Document
from tests.servers.table import SERVERS

ROOT = Path(__file__).parents[2]
PAGE = Document(ROOT / "docs" / "support.md")
TESTED = {row[0]: row[1] for row in PAGE.rows("What is supported", "what")}
MATRIX = json.loads((ROOT / ".github" / "e2e" / "matrix.json").read_text())


def minor(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])


def test_kubernetes_is_that_of_the_matrix_and_of_the_test_servers() -> None:
    minors = [minor(entry["version"]) for entry in MATRIX["kubernetes"]]
    on_kind, bare = TESTED["Kubernetes"].split(";")
    assert re.findall(r"1\.\d+", on_kind) == minors
    assert re.findall(r"1\.\d+", bare) == [minor(SERVERS["kube-apiserver"].version)]


def test_metacontroller_is_that_of_the_matrix() -> None:
    assert TESTED["Metacontroller"] == MATRIX["metacontroller"]


def test_python_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert TESTED["Python"].split(", ") == promised


def test_helm_is_the_one_that_is_built() -> None:
    assert TESTED["Helm"] == SERVERS["helm"].version.removeprefix("v")


def test_each_store_has_the_version_that_the_stores_page_tells() -> None:
    text = Document(ROOT / "docs" / "backends.md").text
    (line,) = (row for row in text.splitlines() if row.startswith("| tested against |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    told = [f"{name} {version}" for name, version in TESTED.items()]
    assert len(cells) == len(REGISTRY)
    assert {cell.replace(" of ", " ") for cell in cells} <= set(told)
