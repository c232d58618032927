"""The example manifests on a real cluster: each ends as docs/examples.md tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.claim import fieldkeys
from hooks.commands.processes import wait_until
from tests.e2e.stack import PREFIX, Stack
from tests.examples import ENTRIES, name_of, secrets_of
from tests.manifests import Document, load
from tests.servers.api import Object

pytestmark = pytest.mark.e2e

NAMES = {*fieldkeys.BUCKET, *fieldkeys.ACCESS_KEY}
KINDS = {"v1", "apps/v1", "batch/v1"}


def applied(stack: Stack, namespace: str, secret: Document) -> Object:
    """As it is written, but for names of the test's own: the store is shared by all tests."""
    fields = {
        # Where one names the store, it is the test's.
        key: stack.s3.url if key in fieldkeys.ENDPOINT else value
        for key, value in secret["stringData"].items()
    }
    for key in NAMES & fields.keys():
        fields[key] = f"{namespace}.{fields[key]}"[:63]
    metadata = {**secret["metadata"], "namespace": namespace}
    return stack.cluster.api.apply({**secret, "metadata": metadata, "stringData": fields})


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_an_example_ends_as_it_is_told(stack: Stack, namespace: str, entry: Path) -> None:
    api = stack.cluster.api
    others = load(entry) if entry.suffix == ".yaml" else []
    for document in others:
        if document["apiVersion"] in KINDS and document["kind"] != "Secret":
            metadata = {**document["metadata"], "namespace": namespace}
            api.apply({**document, "metadata": metadata})
    names = [applied(stack, namespace, each)["metadata"]["name"] for each in secrets_of(entry)]
    assert names

    def ready(name: str) -> bool:
        found = api.get("Secret", name, namespace)
        assert found is not None
        annotations: dict[str, str] = found["metadata"]["annotations"]
        return annotations.get(f"{PREFIX}status") == "Ready"

    wait_until(lambda: all(map(ready, names)), timeout=60, what="its Secrets to be Ready")
