"""A Secret together with its connection Secret: Metacontroller's part is played for both."""

from __future__ import annotations

import base64
import json
import time
import uuid
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.sync.syncer import Result
from tests.properties.cluster import Secrets
from tests.support import PREFIX, Operator, Secret, wait

SIGNING_KEY = "the-signing-key-of-the-tests"


class Attended(Secret):
    """An annotated Secret that asks for generated credentials.

    Attributes:
        attached: the connection Secrets beside it, by name.
    """

    def __init__(self, bucket: str, /, **annotations: str) -> None:
        super().__init__(f"{bucket}-s3", bucket_name=bucket)
        self.attached: dict[str, dict[str, Any]] = {}
        self.annotate(credentials="generated", connection_secret=f"{bucket}-connection")
        self.annotate(**annotations)

    def annotate(self, **annotations: str | None) -> None:
        """Sets annotations with `_` for `-`, as an edit of the Secret does; None removes one."""
        marks = self.document["metadata"]["annotations"]
        for word, value in annotations.items():
            key = PREFIX + word.replace("_", "-")
            marks.pop(key, None)
            if value is not None:
                marks[key] = value

    def request(self) -> SyncRequest:
        """What Metacontroller sends."""
        attached = {f"team/{name}": found for name, found in self.attached.items()}
        body = {"object": self.document, "attachments": {"Secret.v1": attached}}
        return SyncRequest.parse(json.dumps(body).encode())

    def finalize(self, operator: Operator) -> Result:
        """One call of the finalize hook for the Secret, which somebody deletes."""
        self.document["metadata"].setdefault("deletionTimestamp", "2026-01-01T00:00:00Z")
        result = wait(operator.parts.finalizer.finalize(replace(self.request(), finalizing=True)))
        apply_answer(self.document, result.response.document())
        return result

    def ask(self, operator: Operator) -> Result:
        """One hook call whose answer gets lost on its way."""
        return wait(operator.parts.syncer.sync(self.request()))

    def sync(self, operator: Operator, *, attaching: bool = True) -> Result:
        """One hook call whose answer is written, as Metacontroller does.

        Args:
            operator: answers.
            attaching: whether the connection Secret is written too.
        """
        result = self.ask(operator)
        apply_answer(self.document, result.response.document())
        if attaching:
            self.attached = {
                made["metadata"]["name"]: deepcopy(dict(made))
                for made in result.response.attachments
            }
        return result

    def settle(self, operator: Operator) -> Result:
        """Hook calls until nothing changes any more, as Metacontroller makes them."""
        for _ in range(8):
            before = json.dumps([self.document, self.attached], sort_keys=True)
            result = self.sync(operator)
            if json.dumps([self.document, self.attached], sort_keys=True) == before:
                return result
        raise AssertionError("it does not settle")

    def remade(self) -> Attended:
        """A new Secret of the same name: its uid and what was set on it are gone."""
        again = Attended(self.plain("bucket-name"))
        again.document["data"] = dict(self.document["data"])
        asked = {"rotate", "rotate-after", "credentials", "connection-secret"}
        again.document["metadata"]["annotations"] |= {
            PREFIX + word: value for word, value in self.annotations.items() if word in asked
        }
        return again

    def restored(self) -> Attended:
        """The Secret and its connection Secret out of a backup: all is there, the uid is new."""
        again = Attended(self.plain("bucket-name"))
        again.document = deepcopy(self.document)
        again.document["metadata"]["uid"] = str(uuid.uuid4())
        again.attached = deepcopy(self.attached)
        return again

    @property
    def pair(self) -> tuple[str, str]:
        """Access key and secret, as an application reads them."""
        (made,) = self.attached.values()
        access_key, secret = (
            base64.b64decode(made["data"][key]).decode()
            for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
        return access_key, secret


def cluster_of(*secrets: Secret) -> Secrets:
    """The Kubernetes API with these Secrets, as they are at any time."""
    cluster = Secrets(lambda: int(time.time()))
    for secret in secrets:
        metadata = secret.document["metadata"]
        cluster.documents[metadata["namespace"], metadata["name"]] = secret.document
    return cluster


def ago(seconds: float) -> str:
    """A time in the past, in RFC 3339."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
