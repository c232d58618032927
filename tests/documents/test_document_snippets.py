"""What the documents show can be used as it stands: links, YAML, commands."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hooks.attachments.connection import Connections
from hooks.claim.policyfile import Deletion, parse
from hooks.claim.secret import read
from hooks.commands.cli import main
from hooks.contract.decorator import SyncRequest
from hooks.contract.status import Keys
from hooks.settings.settings import Settings
from hooks.sync.renewal import generator_of
from tests import yamltext
from tests.chart.rendering import CHART, of_kind, render
from tests.documents.site import ELSEWHERE
from tests.documents.test_site import navigated
from tests.markdown import Document
from tests.support import ENVIRON

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    Document(path)
    for path in sorted(
        [
            *ROOT.glob("*.md"),
            *(ROOT / "docs").rglob("*.md"),
            *CHART.glob("*.md"),
            *(ROOT / ".github").rglob("*.md"),
        ]
    )
]
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
KEYS = Keys("s3-resource-operator.io/enabled")
# At the beginning of a line or of what is in backticks, after variables, or within a pod.
CALL = re.compile(
    r"(?:^\s*|`|-- )(?:[A-Z_0-9]+=\S+ )*(?:\S*bin/)?s3-resource-operator ([a-z]+)\b([^|#`]*)"
)

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda document: str(document.path.relative_to(ROOT))
)


def loaded() -> Iterator[tuple[str, Any]]:
    """Every YAML document in a block, with the name of its file."""
    for document in DOCUMENTS:
        for block in document.blocks("yaml"):
            for found in yamltext.load_all(block):
                yield document.path.name, found


def values() -> Iterator[tuple[str, Any]]:
    """What is shown as values of the chart, in a HelmRelease too."""
    for name, found in loaded():
        if found.get("kind") == "HelmRelease":
            found = found["spec"].get("values")
        if found and set(found) <= set(SCHEMA["properties"]):
            yield name, found


def policies() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for block in document.blocks("yaml"):
            if block.startswith("rules:"):
                yield document.path.name, block


VALUES = list(values())
POLICIES = list(policies())


def numbered(found: list[tuple[str, Any]]) -> list[str]:
    return [f"{name}-{number}" for number, (name, _) in enumerate(found)]


@every_document
def test_links_within_the_repository_lead_somewhere(document: Document) -> None:
    for link in document.links:
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        path = (document.path.parent / target).resolve() if target else document.path
        assert path.exists(), link
        assert path.is_relative_to(ROOT), link
        if anchor:
            assert anchor in Document(path).anchors, link


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages | set(ELSEWHERE.values()) == set(navigated())


def test_the_readme_leads_to_every_page_of_its_folder() -> None:
    linked = {link.partition("#")[0] for link in Document(ROOT / "README.md").links}
    # Those that a page of their own leads to.
    further = {"docs/connection-secrets.md", "docs/credentials.md"}
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages - further <= linked


def test_the_yaml_is_what_the_tests_below_think_it_is() -> None:
    names = {name for name, _ in VALUES}
    assert {"README.md", "install.md", "operations.md", "security.md", "tenancy.md"} <= names
    assert [name for name, _ in POLICIES].count("tenancy.md") == len(POLICIES) == 4
    for name, found in loaded():
        known = {"kind", "rules", "configMapGenerator"} & set(found)
        assert known or set(found) <= set(SCHEMA["properties"]), f"{name}: {sorted(found)}"


@pytest.mark.parametrize(("name", "shown"), VALUES, ids=numbered(VALUES))
def test_values_are_those_of_the_chart(name: str, shown: Any) -> None:
    jsonschema.validate(shown, SCHEMA)


@pytest.mark.server
@pytest.mark.parametrize(("name", "shown"), VALUES, ids=numbered(VALUES))
def test_values_render(name: str, shown: Any) -> None:
    documents = render(values=shown)
    assert of_kind(documents, "Deployment")
    assert of_kind(documents, "DecoratorController")


@pytest.mark.parametrize(("name", "shown"), POLICIES, ids=numbered(POLICIES))
def test_policy_files_are_accepted(name: str, shown: str) -> None:
    assert parse(shown)


def test_secrets_are_accepted() -> None:
    settings = Settings.load({**ENVIRON, "SIGNING_KEY": "the-signing-key"})
    connections = Connections.of(KEYS, settings)
    shown = 0
    for name, found in loaded():
        if found.get("kind") != "Secret":
            continue
        fields = found.pop("stringData")
        found["data"] = {
            key: base64.b64encode(value.encode()).decode() for key, value in fields.items()
        }
        found["metadata"].setdefault("namespace", "default")
        request = SyncRequest.of(found)
        assert KEYS.enables(request), name
        connections.wanted(request)
        plan = generator_of(settings).plan(request, None, 0)
        if plan is not None:
            assert set(fields) == {"bucket-name"}, name
            read(plan.data(request.data), settings.rules, request.origin, request.namespace)
            continue
        read(request.data, settings.rules, request.origin, request.namespace)
        assert request.annotations.get(KEYS["deletion-policy"], "retain") in set(Deletion)
        assert "example-only-replace-me" in fields.values(), name
        shown += 1
    assert shown >= 3


@every_document
def test_what_is_to_be_typed_is_what_a_shell_reads(document: Document) -> None:
    for block in document.blocks("sh"):
        # What stands in `<…>`, without a pipe or a file, is for the reader to fill in.
        filled = re.sub(r"<[a-z][^<>()\n]*>", "word", block)
        ran = subprocess.run(
            ["/bin/bash", "-n"], input=filled, text=True, capture_output=True, check=False
        )
        assert ran.returncode == 0, (block, ran.stderr)


@every_document
def test_make_targets_exist(document: Document) -> None:
    targets = re.findall(r"^([a-z][a-z0-9 -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    known = {target for line in targets for target in line.split()}
    told = re.findall(r"(?:^\s*|`)make ([a-z][a-z0-9-]*)", document.code, re.MULTILINE)
    assert set(told) <= known


def test_the_pattern_finds_commands() -> None:
    code = "\n".join(document.code for document in DOCUMENTS)
    assert {command for command, _ in CALL.findall(code)} >= {"check", "sync", "status", "detach"}


@every_document
def test_commands_and_their_options_exist(
    document: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in re.sub(r"\\\n\s*", " ", document.code).splitlines():
        called = CALL.search(line)
        if called is None:
            continue
        command, rest = called.groups()
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0, line
        known = re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", capsys.readouterr().out)
        assert set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", rest)) <= set(known), line


def test_the_chart_is_named_with_its_version() -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    pattern = re.compile(r"charts/s3-resource-operator(?: --version |:)(\S+)")
    for document in DOCUMENTS:
        code = re.sub(r"\\\n\s*", " ", document.code)
        assert set(pattern.findall(code)) <= {version, "NEW"}, document.path.name


def test_the_readme_stays_short() -> None:
    assert len(Document(ROOT / "README.md").text.splitlines()) <= 250
