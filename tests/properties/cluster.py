"""Secrets of two namespaces, as the Kubernetes API would tell of them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hooks.claim.secret import Names, read_names
from hooks.cluster.kube import Kube, Listing
from hooks.cluster.kubecall import Object
from hooks.cluster.kubeerrors import KubeError
from tests.support import PREFIX, encode

ENDPOINT = "http://127.0.0.1:1"
Slot = tuple[str, str]
"""Namespace and name."""


class Secrets(Kube):
    """The API's Secrets in memory; what is told of them is as true as the real one's.

    The real API is in tests/tenancy/test_guard.py: here a fault or another Secret can come between
    any two steps, thousands of times.
    """

    def __init__(self, second: Callable[[], int] = lambda: 0) -> None:
        self.second = second
        self.documents: dict[Slot, dict[str, Any]] = {}
        self.fault: KubeError | None = None

    def secrets(
        self,
        namespace: str | None = None,
        selector: str | None = None,
        *,
        timeout: float,
        metadata_only: bool = False,
        fields: str | None = None,
        mentioning: str | None = None,
    ) -> Listing:
        if self.fault is not None:
            raise self.fault
        assert metadata_only, "a look-up lists metadata, and no data"
        assert fields in {None, "type!=helm.sh/release.v1"}
        name, values = _wanted(selector)
        found = []
        for slot in sorted(self.documents):
            labels = self.documents[slot]["metadata"].get("labels", {})
            wanted = name is None or (name in labels and labels[name] in (values or {labels[name]}))
            if namespace in {None, slot[0]} and wanted:
                found.append(self._shown(slot, metadata_only=True))
        listing = Listing()
        listing.second = self.second()
        listing.pages = iter(found)
        return listing

    def secret(
        self, namespace: str, name: str, *, timeout: float, metadata_only: bool = False
    ) -> Object | None:
        if self.fault is not None:
            raise self.fault
        slot = (namespace, name)
        return self._shown(slot, metadata_only=metadata_only) if slot in self.documents else None

    def _shown(self, slot: Slot, *, metadata_only: bool) -> Object:
        document = copy.deepcopy(self.documents[slot])
        if metadata_only:
            document.pop("data", None)
        return document

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


def _wanted(selector: str | None) -> tuple[str | None, set[str]]:
    """Label and values of the two forms of selectors in use: ``name in (a,b)`` and ``name``."""
    if selector is None:
        return None, set()
    match = re.fullmatch(r"(\S+)(?: in \(([^()]+)\))?", selector)
    assert match, selector
    return match[1], set(match[2].split(",")) if match[2] else set()
