"""A release with a store and a Metacontroller, and Secrets that they work on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hooks.commands.processes import wait_until
from tests.chart.cluster import CONTROLLERS, Release
from tests.chart.operator import Operator
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.servers.store import Store

NAMESPACE = "s3-resource-operator"
PREFIX = "s3-resource-operator.io/"


@dataclass
class Installation:
    """A release and all that it works with."""

    cluster: Cluster
    store: Store
    operator: Operator
    release: Release
    directory: Path

    def values(self, **hook: Any) -> Object:
        """What a user would set."""
        data = {"S3_ACCESS_KEY": self.store.access_key, "S3_SECRET_KEY": self.store.secret_key}
        return {
            "operator": {"endpointUrl": self.store.url, "secret": {"data": data}},
            "metacontroller": {"rbac": {"create": True}},
            "hook": hook,
        }

    def install(self, values: Object) -> None:
        self.release.install(values=values)
        self.point_at_loopback()
        self.operator.roll()

    def upgrade(self, values: Object) -> None:
        self.release.upgrade(values=values)
        self.point_at_loopback()

    def point_at_loopback(self, changes: Object | None = None) -> None:
        """Replace the Service in the DecoratorControllers by the loopback address."""
        for controller in self.cluster.api.request("GET", _path())["items"]:
            for hook in controller["spec"]["hooks"].values():
                webhook = hook["webhook"]
                service = webhook.pop("service", None)
                if service is not None:
                    path = webhook.pop("path")
                    webhook["url"] = f"{service['protocol']}://127.0.0.1:{self.operator.port}{path}"
                webhook.update(changes or {})
            name = controller["metadata"]["name"]
            self.cluster.api.request("PUT", f"{_path()}/{name}", controller)

    def put(self, name: str) -> tuple[str, str]:
        """Make an annotated Secret; its bucket and user."""
        bucket = f"{name}-{secrets.token_hex(4)}"
        data = {
            "bucket-name": bucket,
            "access-key": f"{bucket}-user",
            "access-secret": secrets.token_urlsafe(24),
        }
        metadata = {
            "name": name,
            "namespace": "team",
            "annotations": {PREFIX + "enabled": "true"},
        }
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        self.cluster.api.apply(manifest)
        return bucket, f"{bucket}-user"

    def status(self, name: str) -> str | None:
        secret = self.cluster.api.get("Secret", name, "team")
        assert secret is not None
        found: str | None = secret["metadata"].get("annotations", {}).get(PREFIX + "status")
        return found

    def wait_until_ready(self, name: str) -> None:
        try:
            wait_until(lambda: self.status(name) == "Ready", timeout=30, what=f"{name} to be Ready")
        except TimeoutError as error:
            told = "\n".join(self.events())
            raise AssertionError(f"{error}\n{told}\n{self.operator.process.log_tail()}") from None

    def events(self) -> list[str]:
        return [event["message"] for event in self.cluster.api.list("Event", "team")]

    def refused(self, name: str, words: str) -> None:
        """Make a Secret and see its call refused, with nothing done."""
        bucket, user = self.put(name)

        def told() -> bool:
            events = self.cluster.api.list("Event", "team")
            return any(
                event["involvedObject"]["name"] == name and words in event["message"]
                for event in events
            )

        try:
            wait_until(told, timeout=30, what=f"an Event on {name} that says {words!r}")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.events()}") from None
        assert self.status(name) is None
        assert self.store.user(user) is None
        assert self.store.owner(bucket) is None


def _path() -> str:
    return f"/apis/{CONTROLLERS}/decoratorcontrollers"
