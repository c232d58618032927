"""The example manifests on a real cluster: each ends as docs/examples.md tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.claim import fieldkeys
from hooks.commands.processes import wait_until
from tests.e2e.conftest import Places
from tests.e2e.stack import PREFIX, Stack
from tests.examples import ENTRIES, name_of, secrets_of
from tests.manifests import Document, load

pytestmark = pytest.mark.e2e

NAMES = {*fieldkeys.BUCKET, *fieldkeys.ACCESS_KEY}
KINDS = {"v1", "apps/v1", "batch/v1"}


SHARE = f"{PREFIX}share-with"


class Ground:
    """Where an example is applied: in the test's namespace, or in one for each that it names."""

    def __init__(self, stack: Stack, namespace: str, places: Places) -> None:
        self._stack = stack
        self._own = namespace
        self._places = places
        self._named: dict[str, str] = {}

    def namespace(self, document: Document) -> str:
        named = document["metadata"].get("namespace")
        if named is None:
            return self._own
        if named not in self._named:
            self._named[named] = self._places(self._stack, named)
        return self._named[named]

    def apply(self, secret: Document) -> tuple[str, str]:
        """As it is written, but for names of the test's own: the store is shared by all tests."""
        namespace = self.namespace(secret)
        fields = {
            # Where one names the store, it is the test's.
            key: self._stack.s3.url if key in fieldkeys.ENDPOINT else value
            for key, value in secret["stringData"].items()
        }
        for key in NAMES & fields.keys():
            fields[key] = f"{self._own}.{fields[key]}"[:63]
        annotations = dict(secret["metadata"]["annotations"])
        for named, made in self._named.items():
            if SHARE in annotations:
                annotations[SHARE] = annotations[SHARE].replace(f"{named}/", f"{made}/")
        metadata = {**secret["metadata"], "namespace": namespace, "annotations": annotations}
        manifest = {**secret, "metadata": metadata, "stringData": fields}
        return namespace, self._stack.cluster.api.apply(manifest)["metadata"]["name"]


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_an_example_ends_as_it_is_told(
    stack: Stack, namespace: str, places: Places, entry: Path
) -> None:
    api = stack.cluster.api
    ground = Ground(stack, namespace, places)
    others = load(entry) if entry.suffix == ".yaml" else []
    for document in others:
        if document["apiVersion"] in KINDS and document["kind"] != "Secret":
            metadata = {**document["metadata"], "namespace": ground.namespace(document)}
            api.apply({**document, "metadata": metadata})
    secrets = secrets_of(entry)
    for secret in secrets:
        ground.namespace(secret)
    applied = [ground.apply(secret) for secret in secrets]
    assert applied

    def ready(place: tuple[str, str]) -> bool:
        found = api.get("Secret", place[1], place[0])
        assert found is not None
        annotations: dict[str, str] = found["metadata"]["annotations"]
        return annotations.get(f"{PREFIX}status") == "Ready"

    wait_until(lambda: all(map(ready, applied)), timeout=90, what="its Secrets to be Ready")
