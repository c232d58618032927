"""What the workflows run and read: scripts, the end to end matrix, releases, Renovate, forms."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends import REGISTRY
from backends.capabilities import CAPABILITIES
from hooks import __version__
from hooks.claim.secret import read
from hooks.settings.settings import Settings
from tests import dockerfile
from tests.delivery.test_dockerfile import BUILD
from tests.servers.require import require
from tests.servers.table import SERVERS
from tests.tools import report, script

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
E2E = GITHUB / "e2e"
SCRIPTS = sorted([*(GITHUB / "scripts").iterdir(), E2E / "run.sh"])
MATRIX = json.loads((E2E / "matrix.json").read_text())
RELEASE = json.loads((GITHUB / "release-please" / "config.json").read_text())

Document = dict[str, Any]

every_store = pytest.mark.parametrize("store", REGISTRY)


# Scripts


def test_shellcheck_has_nothing_to_say() -> None:
    program = script("shellcheck")
    assert report(program, *(str(path) for path in SCRIPTS), cwd=ROOT) == ""


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_stops_at_the_first_failure(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# ")
    assert "set -euo pipefail" in lines
    assert os.access(path, os.X_OK)


@pytest.mark.parametrize(
    ("title", "fine"),
    [
        ("feat: delete what a Secret made", True),
        ("fix(garage): keep the alias", True),
        ("feat!: ask for a token", True),
        ("build(deps): resolve the Python dependencies anew", True),
        ("Delete what a Secret made", False),
        ("feature: delete", False),
        ("fix: ends with a full stop.", False),
        ("fix:no space", False),
        ("fix: " + "x" * 80, False),
        ("fix: $(touch /tmp/never) `id`", True),
    ],
)
def test_a_title_says_what_the_next_version_is(title: str, fine: bool) -> None:
    done = subprocess.run(  # noqa: S603
        [GITHUB / "scripts" / "check-title.sh"],
        env={"PATH": os.environ["PATH"], "TITLE": title},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == fine, done.stderr


@pytest.mark.parametrize("reference", ["image:latest", "image@sha256:abc", f"{'a' * 64}"])
def test_only_a_digest_is_signed(reference: str) -> None:
    done = subprocess.run(  # noqa: S603
        [GITHUB / "scripts" / "sign.sh"],
        env={"PATH": os.environ["PATH"], "REFERENCE": reference},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Not a digest" in done.stderr


# The end to end matrix


def test_the_matrix_is_each_store_on_three_minors_of_kubernetes() -> None:
    # What takes too long to build is left to who asks for it.
    assert MATRIX["backends"] == [name for name in REGISTRY if not SERVERS[name].on_request]
    minors = []
    for entry in MATRIX["kubernetes"]:
        found = re.fullmatch(r"v1\.(\d+)\.\d+", entry["version"])
        assert found
        minors.append(int(found[1]))
        assert re.fullmatch(
            rf"kindest/node:{re.escape(entry['version'])}@sha256:[0-9a-f]{{64}}", entry["image"]
        )
    assert minors == [minors[0], minors[0] - 1, minors[0] - 2]


@every_store
def test_a_store_is_ready_for_the_tenant(store: str) -> None:
    documents = list(yaml.safe_load_all((E2E / store / "store.yaml").read_text()))
    kinds = {(found["kind"], found["metadata"]["name"]): found for found in documents}
    ports = {port["port"] for port in kinds["Service", "store"]["spec"]["ports"]}
    values = yaml.safe_load((E2E / store / "values.yaml").read_text())["operator"]
    assert values["backend_name"] == store
    plain = {"S3_ALLOW_PLAIN_HTTP": str(values.get("allowPlainHttp", False)).lower()}
    settings = Settings.load({**values["secret"]["data"], **plain, "BACKEND_NAME": store})
    named = [settings.connection.endpoint, settings.connection.admin_endpoint]
    assert {int(url.rpartition(":")[2]) for url in named} == ports
    data = yaml.safe_load((E2E / "tenant.yaml").read_text())["stringData"]
    reading = read(encoded(data), settings.rules, namespace="tenant")
    claim = reading.claim
    # Another one would be another operator's.
    assert reading.endpoint is not None
    assert settings.rules.own_name(reading.endpoint.endpoint) == settings.connection.endpoint
    rotation = json.loads((E2E / store / "rotation.json").read_text())["stringData"]
    other = read(encoded({**data, **rotation}), settings.rules, namespace="tenant").claim
    assert other.bucket == claim.bucket
    assert other.secret != claim.secret
    # Where a user's secret can't change, the user has to.
    assert (other.user == claim.user) == CAPABILITIES[store].rotation


def encoded(data: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}


@pytest.mark.server
@every_store
def test_the_chart_takes_the_values(store: str) -> None:
    command = ["template", "e2e", "helm", "--values", str(E2E / store / "values.yaml")]
    done = subprocess.run(  # noqa: S603
        [require("helm"), *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kinds = {found["kind"] for found in yaml.safe_load_all(done.stdout) if found}
    assert {"Deployment", "DecoratorController", "Service"} <= kinds


def test_the_stores_have_the_base_of_the_image() -> None:
    files = list(E2E.rglob("store.Dockerfile"))
    assert files
    for file in files:
        (stage,) = dockerfile.parse(file)
        assert stage.base == BUILD.base


# Releases and dependencies


def test_a_release_finds_every_place_that_names_the_version() -> None:
    marker = "x-release-please-version"
    for file in RELEASE["packages"]["."]["extra-files"]:
        lines = (ROOT / file["path"]).read_text().splitlines()
        marked = [line for line in lines if marker in line]
        assert marked, f"no line of {file['path']} has the comment {marker}"
        assert all(__version__ in line for line in marked), file["path"]
        version = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w.])")
        missed = [line for line in lines if version.search(line) and line not in marked]
        assert not missed, file["path"]


def test_the_release_begins_where_the_code_is() -> None:
    manifest = json.loads((GITHUB / "release-please" / "manifest.json").read_text())
    assert manifest.get(".", RELEASE["initial-version"]) == __version__
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## \[(\d\S*)\]", changelog, re.MULTILINE)
    assert newest
    assert newest[1] == __version__


def test_renovate_finds_what_it_looks_for() -> None:
    managers = json.loads((GITHUB / "renovate.json").read_text())["customManagers"]
    files = [
        str(path.relative_to(ROOT))
        for pattern in ("Dockerfile", ".github/**/*", "tests/servers/*.py")
        for path in ROOT.glob(pattern)
        if path.is_file()
    ]
    for manager in managers:
        (pattern,) = manager["managerFilePatterns"]
        chosen = [name for name in files if re.search(pattern.strip("/"), name)]
        assert chosen, pattern
        (expression,) = manager["matchStrings"]
        wanted = re.compile(expression.replace("(?<", "(?P<"))
        assert any(wanted.search((ROOT / name).read_text()) for name in chosen), expression


# Forms


@pytest.mark.parametrize(
    "path",
    sorted(set((GITHUB / "ISSUE_TEMPLATE").iterdir()) - {GITHUB / "ISSUE_TEMPLATE" / "config.yml"}),
    ids=lambda path: path.stem,
)
def test_a_form_has_what_github_asks_for(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert form.keys() >= {"name", "description", "labels", "body"}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    assert len(ids) == len(set(ids))
    for field in fields:
        assert field["type"] in {"textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_form_of_a_bug_names_every_store() -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text())
    (stores,) = [field for field in form["body"] if field.get("id") == "store"]
    listed = [name.lower().replace(" ", "-") for name in stores["attributes"]["options"]]
    assert listed == list(REGISTRY)


def test_owners_own_something() -> None:
    for line in (GITHUB / "CODEOWNERS").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, *owners = line.split()
        assert owners
        assert all(owner.startswith("@") for owner in owners)
        assert pattern == "*" or list(ROOT.glob(pattern.strip("/"))), pattern
