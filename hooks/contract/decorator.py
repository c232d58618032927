"""Metacontroller's DecoratorController hook API, versions v1 and v2.

The two differ in how attachments and related objects are keyed, by name or by namespace and name,
and in how the answer is read: v2 refuses unknown fields, so an answer holds only what v2 knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hooks.contract.managedfields import ManagedFields, time_of

_KEY = re.compile(r"[A-Za-z0-9._/-]{1,317}")
# The same bytes for the same answer.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class NotAHookRequest(ValueError):
    """The body isn't what Metacontroller sends for a Secret; the text says why."""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """The Secret that Metacontroller shows, as far as the hook looks at it.

    Args:
        attached_secrets: the Secrets that the controller made for this one, by name; None if
            the controller has no attachments of Secrets at all.
        deleted: when its deletion was asked for, by the Kubernetes API's clock; None if it isn't
            deleted, or the time can't be read.
        finalizing: whether the finalize hook is called: the Secret is deleted, or not matched
            any more.
        managed: who set which field of it, and when.
        version: its resourceVersion, another one after each change; empty where it stands in a
            file.
        by_controller: whether a controller shows it, which also makes what is to be beside it;
            else it stands in a file.
        controller: that controller's name; "" where it isn't told.

    Attributes:
        memo: what was made out of it already, so that it is made once; not of one that is replaced.
    """

    namespace: str
    name: str
    uid: str
    annotations: Mapping[str, str]
    data: Mapping[str, object] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False
    deleted: datetime | None = None
    attached_secrets: Mapping[str, Mapping[str, Any]] | None = field(default=None, repr=False)
    finalizing: bool = False
    managed: ManagedFields = field(default_factory=ManagedFields)
    version: str = ""
    by_controller: bool = False
    controller: str = ""
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def origin(self) -> str:
        """Namespace and name, for people."""
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, body: bytes) -> SyncRequest:
        """Reads a request's body.

        Raises:
            NotAHookRequest: not JSON, not about a v1 Secret, or of another form.
        """
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            # json's own message quotes the document, and with it a credential.
            raise NotAHookRequest("the body is not JSON") from None
        if not isinstance(document, dict) or not isinstance(document.get("object"), dict):
            raise NotAHookRequest("the body has no object")
        finalizing = document.get("finalizing", False)
        if not isinstance(finalizing, bool):
            raise NotAHookRequest("finalizing is not true or false")
        attached = _attached(document.get("attachments"))
        return cls.of(
            document["object"],
            attached=attached,
            finalizing=finalizing,
            by_controller=True,
            controller=_name(document.get("controller")),
        )

    @classmethod
    def of(
        cls,
        secret: Mapping[str, Any],
        *,
        attached: Mapping[str, Mapping[str, Any]] | None = None,
        finalizing: bool = False,
        by_controller: bool = False,
        controller: str = "",
    ) -> SyncRequest:
        """The same from a Secret as Kubernetes has it.

        Args:
            secret: the Secret.
            attached: see the class's `attached_secrets`.
            finalizing: see there.
            by_controller: see there.
            controller: see there.

        Raises:
            NotAHookRequest: not a v1 Secret.
        """
        if secret.get("kind") != "Secret" or secret.get("apiVersion") != "v1":
            raise NotAHookRequest("the object is not a v1 Secret")
        metadata = secret.get("metadata")
        if not isinstance(metadata, dict):
            raise NotAHookRequest("the object has no metadata")
        data = secret.get("data")
        if data is not None and not isinstance(data, dict):
            raise NotAHookRequest("the object's data is not a mapping")
        return cls(
            namespace=_text(metadata, "namespace"),
            name=_text(metadata, "name"),
            uid=_text(metadata, "uid"),
            annotations=_texts(metadata, "annotations"),
            data=data or {},
            labels=_texts(metadata, "labels"),
            deleting=metadata.get("deletionTimestamp") is not None,
            deleted=time_of(metadata.get("deletionTimestamp")),
            attached_secrets=attached,
            finalizing=finalizing,
            managed=ManagedFields(metadata.get("managedFields")),
            version=_text(metadata, "resourceVersion"),
            by_controller=by_controller,
            controller=controller,
        )


@dataclass(frozen=True, slots=True)
class SyncResponse:
    """What Metacontroller is to write on the Secret; None deletes a key.

    Args:
        annotations: annotations to set or delete.
        labels: labels to set or delete.
        resync_after: seconds until the next sync, None for the periodic one.
        attachments: the objects that there are to be; one left out is deleted.
        finalized: with the finalize hook, whether the Secret may go.
    """

    annotations: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str | None] = field(default_factory=dict)
    resync_after: float | None = None
    attachments: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    finalized: bool | None = None

    def document(self) -> dict[str, Any]:
        """The answer as JSON-like data; ``{}`` changes nothing."""
        answer: dict[str, Any] = {}
        if self.annotations:
            answer["annotations"] = dict(self.annotations)
        if self.labels:
            answer["labels"] = dict(self.labels)
        if self.resync_after is not None:
            answer["resyncAfterSeconds"] = self.resync_after
        if self.attachments:
            answer["attachments"] = list(self.attachments)
        if self.finalized is not None:
            answer["finalized"] = self.finalized
        return answer

    def encode(self) -> bytes:
        """The answer's bytes, the same for the same answer."""
        return _encode(self.document()).encode()


def _name(controller: object) -> str:
    """A controller's name; "" for anything that has none."""
    metadata = controller.get("metadata") if isinstance(controller, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _attached(attachments: object) -> Mapping[str, Mapping[str, Any]] | None:
    """The attached Secrets by their bare names, whichever version keyed them."""
    if attachments is None:
        return None
    if not isinstance(attachments, dict):
        raise NotAHookRequest("attachments is not a mapping")
    # Metacontroller names every kind that the controller lists, be there an object or not.
    secrets = attachments.get("Secret.v1")
    if secrets is None:
        return None
    if not isinstance(secrets, dict) or not all(map(_is_secret, secrets.values())):
        raise NotAHookRequest("attachments is not a mapping of Secrets")
    return {key.rpartition("/")[2]: secret for key, secret in secrets.items()}


def _is_secret(value: object) -> bool:
    """Whether all that may be answered as it was shown is text.

    Python reads numbers that JSON can't have, and then writes them.
    """
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return False
    metadata = value["metadata"]
    return all(
        isinstance(part.get(key, ""), str)
        for part, keys in (
            (value, ("apiVersion", "kind", "type")),
            (metadata, ("name", "namespace")),
        )
        for key in keys
    ) and all(
        _is_texts(texts)
        for texts in (value.get("data"), metadata.get("labels"), metadata.get("annotations"))
    )


def _is_texts(value: object) -> bool:
    return value is None or (
        isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    )


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key, "")
    # JSON can escape half a character, which no encoding has and Kubernetes never sends.
    if not isinstance(value, str) or not value.isascii():
        raise NotAHookRequest(f"metadata.{key} is not a string of ASCII characters")
    return value


def _texts(metadata: Mapping[str, Any], key: str) -> Mapping[str, str]:
    value = metadata.get(key)
    if value is not None and not isinstance(value, dict):
        raise NotAHookRequest(f"metadata.{key} is not a mapping of strings")
    for name, text in (value or {}).items():
        if not isinstance(name, str):
            raise NotAHookRequest(f"metadata.{key} has a key that is not a string: quote it")
        if not isinstance(text, str):
            # Anybody's, so only what such a key can be is repeated.
            shown = name if _KEY.fullmatch(name) else "one of an impossible name"
            raise NotAHookRequest(
                f"metadata.{key} has a value that is not a string, {shown}: put it into quotes"
            )
    return value or {}
