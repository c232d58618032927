"""docs/connection-secrets.md and the examples: what is told is made, and what is read is there."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.wire.trust import ca_bundle
from hooks.attachments.connection import Connections
from hooks.attachments.escapes import FORMS
from hooks.attachments.formats import FORMATS
from hooks.attachments.template import VALUES
from hooks.claim.secret import read
from hooks.contract.decorator import SyncRequest
from hooks.contract.status import Keys
from hooks.settings.settings import Settings
from tests import yamltext
from tests.authority import Authority
from tests.manifests import EXAMPLES, PLACEHOLDER, load
from tests.markdown import Document, coded
from tests.support import ENVIRON, PREFIX, encode

PAGE = Document(Path(__file__).parents[2] / "docs" / "connection-secrets.md")
KEYS = Keys(f"{PREFIX}enabled")
ROWS = PAGE.rows("Formats", "format")
Loaded = list[dict[str, Any]]


def sets() -> Iterator[tuple[str, Loaded]]:
    """An annotated Secret and what reads its connection Secret, as they stand together."""
    for number, block in enumerate(PAGE.blocks("yaml")):
        yield f"block {number}", yamltext.load_all(block)
    for path in EXAMPLES:
        documents = load(path)
        # Generated credentials are none that a page could show; tests/documents/test_examples.py.
        if any(KEYS["credentials"] in str(document) for document in documents):
            continue
        if any(KEYS["connection-secret"] in str(document) for document in documents):
            yield path.name, documents


SETS = list(sets())
EACH = pytest.mark.parametrize("documents", [found for _, found in SETS], ids=[n for n, _ in SETS])


def made(secret: dict[str, Any], bundle: Path | None = None) -> dict[str, Any]:
    """The connection Secret of a Secret as it is shown."""
    settings = Settings.load(ENVIRON)
    trust = None if bundle is None else ca_bundle(bundle)
    connections = Connections(KEYS, "https://s3.example.com", "us-east-1", trust)
    metadata = {"namespace": "team-a", **secret["metadata"]}
    data = {key: encode(value) for key, value in secret["stringData"].items()}
    request = SyncRequest.of({**secret, "metadata": metadata, "data": data})
    claim = read(request.data, settings.rules, request.origin, request.namespace).claim
    found = connections.make(replace(request, attached_secrets={}), claim)
    assert found is not None
    return found


def annotated(documents: Loaded) -> Loaded:
    return [found for found in documents if found["kind"] == "Secret"]


def selected(value: object, names: set[str]) -> Iterator[tuple[str, str]]:
    """Every name of one of these Secrets with the key that is asked for beside it."""
    if isinstance(value, dict):
        if value.get("name") in names and isinstance(value.get("key"), str):
            yield value["name"], value["key"]
        for inner in value.values():
            yield from selected(inner, names)
    elif isinstance(value, list):
        for inner in value:
            yield from selected(inner, names)
    elif isinstance(value, str) and "accessKeySecret" in value:
        yield from selected(yaml.safe_load(value), names)


def test_the_table_of_the_formats_has_their_keys(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_bytes(Authority("a CA").pem())
    assert [coded(row[0])[0] for row in ROWS] == list(FORMATS)
    for row in ROWS:
        (name,) = coded(row[0])
        assert coded(row[1]) == list(FORMATS[name].keys)


def test_the_tables_of_the_templates_have_every_value_and_form() -> None:
    values = [word for row in PAGE.rows("Templates", "placeholder") for word in coded(row[0])]
    assert values == [f"${{{name}}}" for name in VALUES]
    forms = {word for row in PAGE.rows("Templates", "form") for word in coded(row[0])}
    assert forms == {f"${{{form}:…}}" for form in FORMS}


def test_every_format_has_an_example() -> None:
    asked = {
        name
        for _, documents in SETS
        for secret in annotated(documents)
        for name in secret["metadata"]["annotations"].get(KEYS["connection-format"], "").split(",")
    }
    assert asked - {""} == set(FORMATS)


@EACH
def test_an_example_is_made_and_what_reads_it_finds_its_keys(documents: Loaded) -> None:
    secrets = [made(secret) for secret in annotated(documents)]
    assert secrets
    for secret in annotated(documents):
        assert PLACEHOLDER in secret["stringData"].values()
    data = {secret["metadata"]["name"]: secret["data"] for secret in secrets}
    readers = [found for found in documents if found["kind"] != "Secret"]
    for reader in readers:
        for name, key in selected(reader, set(data)):
            assert key in data[name], (name, key)
    # Whoever reads names the Secret that there will be.
    if len(readers) == 1:
        assert any(name in yaml.safe_dump(readers) for name in data)


@EACH
def test_an_example_is_made_with_what_a_bucket_is_called_there(documents: Loaded) -> None:
    for secret in annotated(documents):
        bucket = secret["stringData"]["bucket-name"]
        texts = [base64.b64decode(value).decode() for value in made(secret)["data"].values()]
        others = yaml.safe_dump([found for found in documents if found["kind"] != "Secret"])
        named = any(bucket in text for text in texts) or bucket in others
        assert named or len(documents) == 1 or "cosi" in bucket or "velero" in bucket
