"""Secrets that live in a real Kubernetes API, and an operator that is called for them.

Metacontroller's part is played here, so that a test decides who is synced when.
"""

from __future__ import annotations

import base64
import json
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backends.base import Backend
from hooks.cluster.kube import Kube
from hooks.contract.decorator import SyncRequest
from hooks.sync.syncer import Result
from tests.servers.accounts import rule
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.support import PREFIX, Operator, encode, wait

ENABLED = f"{PREFIX}enabled"
FINALIZER = "example.com/deletion"
CONTROLLER = "s3-resource-operator"
"""The DecoratorController whose part is played."""
OPERATORS_RIGHTS = (rule("get,list", "secrets"), rule("create,patch", "events"))
"""Those of manifests/rbac.yaml; the end-to-end tests run with the file itself."""


def kube_of(path: Path) -> Kube:
    """A client for a kubeconfig."""
    kube = Kube.load({"KUBECONFIG": str(path)})
    assert kube is not None
    return kube


@dataclass(frozen=True)
class Live:
    """One annotated Secret in the API, and the names in it."""

    cluster: Cluster
    namespace: str
    name: str
    bucket: str
    user: str
    secret: str = field(default_factory=lambda: random.token_urlsafe(16))
    more: Mapping[str, str] = field(default_factory=dict)
    """Further annotations of ours, without the prefix."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Further data."""

    def put(self) -> Live:
        """Makes the Secret, or changes its data."""
        data = {
            "bucket-name": self.bucket,
            "access-key": self.user,
            "access-secret": self.secret,
            **self.data,
        }
        self.cluster.api.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": self.name,
                    "namespace": self.namespace,
                    "annotations": {
                        ENABLED: "true",
                        **{PREFIX + key: value for key, value in self.more.items()},
                    },
                },
                "data": {key: encode(value) for key, value in data.items()},
            }
        )
        return self

    def changed(self, **fields: Any) -> Live:
        """The Secret with other data, written to the API."""
        return replace(self, **fields).put()

    @property
    def document(self) -> Object:
        found = self.cluster.api.get("Secret", self.name, self.namespace)
        assert found is not None
        return found

    @property
    def uid(self) -> str:
        """Its own, which one made again hasn't."""
        uid: str = self.document["metadata"]["uid"]
        return uid

    def exists(self) -> bool:
        return self.cluster.api.get("Secret", self.name, self.namespace) is not None

    @property
    def annotations(self) -> dict[str, str]:
        """Ours, without the prefix."""
        return _ours(self.document["metadata"].get("annotations", {}))

    @property
    def labels(self) -> dict[str, str]:
        """Ours, without the prefix."""
        return _ours(self.document["metadata"].get("labels", {}))

    @property
    def state(self) -> tuple[str | None, str | None]:
        annotations = self.annotations
        return annotations.get("status"), annotations.get("reason")

    def mark(
        self,
        annotations: Mapping[str, str | None] | None = None,
        labels: Mapping[str, str | None] | None = None,
    ) -> None:
        """Sets or, with None, deletes annotations and labels of ours, as a tenant may."""
        self._merge(
            {PREFIX + key: value for key, value in (annotations or {}).items()},
            {PREFIX + key: value for key, value in (labels or {}).items()},
        )

    def delete(self) -> None:
        self.cluster.api.delete("Secret", self.name, self.namespace)

    def hold(self) -> None:
        """Puts a finalizer on it, as the deletion controller does."""
        change = {"metadata": {"finalizers": [FINALIZER]}}
        self.cluster.api.merge("Secret", self.name, self.namespace, change)

    def _merge(
        self, annotations: Mapping[str, str | None], labels: Mapping[str, str | None]
    ) -> None:
        change = {"metadata": {"annotations": dict(annotations), "labels": dict(labels)}}
        self.cluster.api.merge("Secret", self.name, self.namespace, change)

    def answered(self, result: Result) -> Result:
        """Writes a hook's answer, as Metacontroller does."""
        self._merge(result.response.annotations, result.response.labels)
        return result


class Hooks:
    """The hooks of one operator, called for Secrets as the API has them.

    Args:
        store: the backend.
        kube: what the operator asks; None where it has no access.
        environ: its settings, where they differ from `tests.support.ENVIRON`.
    """

    def __init__(
        self, store: Backend, kube: Kube | None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.operator = Operator(store, environ, kube=kube)

    def sync(self, live: Live, attached: Sequence[Object] | None = None) -> Result:
        """One sync whose answer is written on the Secret.

        Args:
            live: the Secret.
            attached: the observed attachments; None if the controller has none at all.
        """
        request = request_for(live.document, attached)
        result = wait(self.operator.parts.syncer.sync(request))
        self.operator.parts.reporter.record(request, result)
        return live.answered(result)

    def finalize(self, live: Live) -> Result:
        """One call of the finalize hook; when it says so, the Secret is let go."""
        request = request_for(live.document, finalizing=True)
        result = wait(self.operator.parts.finalizer.finalize(request))
        self.operator.parts.reporter.record(request, result)
        live.answered(result)
        if result.response.finalized:
            change = {"metadata": {"finalizers": None}}
            live.cluster.api.merge("Secret", live.name, live.namespace, change)
        return result


def request_for(
    document: Object, attached: Sequence[Object] | None = None, *, finalizing: bool = False
) -> SyncRequest:
    """The request that Metacontroller sends for a Secret."""
    attachments: dict[str, Any] = {}
    if attached is not None:
        attachments["Secret.v1"] = {
            f"{each['metadata']['namespace']}/{each['metadata']['name']}": each for each in attached
        }
    controller = {"metadata": {"name": CONTROLLER}}
    body = {
        "controller": controller,
        "object": document,
        "attachments": attachments,
        "finalizing": finalizing,
    }
    return SyncRequest.parse(json.dumps(body).encode())


def plain(document: Object) -> dict[str, str]:
    """A Secret's data as text."""
    return {key: base64.b64decode(value).decode() for key, value in document["data"].items()}


def _ours(marks: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(PREFIX): value for key, value in marks.items() if key.startswith(PREFIX)
    }
