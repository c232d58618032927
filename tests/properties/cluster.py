"""Secrets of two namespaces, as the Kubernetes API would tell of them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hooks.kube import Kube
from hooks.kubecall import Object
from hooks.kubeerrors import KubeError
from hooks.secret import Names, read_names
from tests.support import PREFIX, encode

ENDPOINT = "http://127.0.0.1:1"
Slot = tuple[str, str]
"""Namespace and name."""


class Secrets(Kube):
    """The API's Secrets in memory; what is told of them is as true as the real one's.

    The real API is in tests/test_guard.py: here a fault or another Secret can come between any
    two steps, thousands of times.
    """

    def __init__(self) -> None:
        self.documents: dict[Slot, dict[str, Any]] = {}
        self.fault: KubeError | None = None

    def secrets(
        self,
        namespace: str | None = None,
        selector: str | None = None,
        *,
        timeout: float,
        metadata_only: bool = False,
    ) -> Iterator[Object]:
        if self.fault is not None:
            raise self.fault
        name, values = _wanted(selector)
        for slot in sorted(self.documents):
            document = copy.deepcopy(self.documents[slot])
            labels = document["metadata"].get("labels", {})
            if namespace in {None, slot[0]} and (not name or labels.get(name) in values):
                if metadata_only:
                    document.pop("data", None)
                yield document

    def secret(self, namespace: str, name: str, *, timeout: float) -> Object | None:
        if self.fault is not None:
            raise self.fault
        return copy.deepcopy(self.documents.get((namespace, name)))

    def put(self, slot: Slot, uid: str, fields: dict[str, str]) -> None:
        """Makes a Secret, or gives one other data."""
        document = self.documents.setdefault(
            slot,
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "namespace": slot[0],
                    "name": slot[1],
                    "uid": uid,
                    "annotations": {f"{PREFIX}enabled": "true"},
                },
            },
        )
        document["data"] = {key: encode(value) for key, value in fields.items()}

    def seen(self, slot: Slot) -> Seen | None:
        """A Secret as a test looks at it, None if there is none."""
        document = self.documents.get(slot)
        return None if document is None else Seen(slot, document)

    def others(self, slot: Slot) -> list[Seen]:
        """The other live Secrets of this operator that name something."""
        found = [Seen(other, self.documents[other]) for other in self.documents if other != slot]
        return [other for other in found if other.names is not None and not other.deleting]


@dataclass(frozen=True, slots=True)
class Seen:
    """A Secret as it stands."""

    slot: Slot
    document: dict[str, Any]

    @property
    def uid(self) -> str:
        """Its own, which one made again hasn't."""
        return str(self.document["metadata"]["uid"])

    @property
    def deleting(self) -> bool:
        """Whether it waits for a finalizer."""
        return "deletionTimestamp" in self.document["metadata"]

    @property
    def annotations(self) -> dict[str, str]:
        """Ours, without the prefix."""
        found = self.document["metadata"].get("annotations", {})
        return {key.removeprefix(PREFIX): value for key, value in found.items()}

    @property
    def labels(self) -> dict[str, str]:
        """Ours, without the prefix."""
        found = self.document["metadata"].get("labels", {})
        return {key.removeprefix(PREFIX): value for key, value in found.items()}

    @property
    def names(self) -> Names | None:
        """What it is about, None if it can't be read or is another store's."""
        data = self.document["data"]
        if data.get("endpoint-url", encode(ENDPOINT)) != encode(ENDPOINT):
            return None
        return read_names(data)

    @property
    def state(self) -> tuple[str, str]:
        """Status and reason; empty before the first answer."""
        return self.annotations.get("status", ""), self.annotations.get("reason", "")


def _wanted(selector: str | None) -> tuple[str, set[str]]:
    """Label and values of the one form of selectors that the operator uses: ``name in (a,b)``."""
    if selector is None:
        return "", set()
    match = re.fullmatch(r"(\S+) in \(([^()]+)\)", selector)
    assert match, selector
    return match[1], set(match[2].split(","))
