"""The connection Secret: what applications and tools need, in the words that they expect.

It is an attachment of the tenant's Secret: Metacontroller makes it, updates it in place, and
deletes it when it is not answered any more.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.base import Claim
from backends.capabilities import CAPABILITIES
from backends.wire.trust import CaBundle
from hooks.attachments import pairs
from hooks.attachments.content import Content
from hooks.attachments.formats import Access
from hooks.claim.fieldkeys import BUCKETS
from hooks.claim.secret import InvalidSecret
from hooks.contract.decorator import SyncRequest
from hooks.contract.managedfields import ManagedFields
from hooks.contract.outcome import Reason
from hooks.contract.status import Keys
from hooks.settings.settings import Settings

log = logging.getLogger(__name__)

MANAGED_BY = "app.kubernetes.io/managed-by"
_MANAGER = "s3-resource-operator"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NAME_LENGTH = 253
# Metacontroller keeps all data in an annotation too, and Kubernetes takes 256 KiB of those.
_CA_LIMIT = 128 * 1024
_ANNOTATIONS_LIMIT = 256 * 1024
_SURELY_FITS = 64 * 1024
# What Metacontroller adds besides, with much room for the controller's name.
_ADDED = 1024
# What Go writes into JSON as six bytes.
_ESCAPED = re.compile("[<>&\u2028\u2029]")
# Metacontroller's own, which it adds itself.
_FOREIGN = "metacontroller.k8s.io/"
_RESERVED = (_FOREIGN, "metacontroller.io/")
_LAST_APPLIED = f"{_FOREIGN}last-applied-configuration"
# The annotations that say anything of it.
_WORDS = (
    "connection-secret",
    "connection-format",
    "connection-defaults",
    "connection-labels",
    "connection-annotations",
)


@dataclass(frozen=True, slots=True)
class Marks:
    """Labels and annotations for a connection Secret, by their keys."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Connections:
    """Makes connection Secrets.

    Args:
        keys: the annotations' names.
        endpoint: S3_PUBLIC_ENDPOINT_URL, by which applications reach the store.
        region: of the signatures.
        bundle: the store's own CAs, None if the system's do.
        trailers: whether the store takes a checksum that follows a body.
    """

    keys: Keys
    endpoint: str
    region: str
    bundle: CaBundle | None = None
    trailers: bool = True
    _words: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_words", tuple(self.keys[word] for word in _WORDS))

    @classmethod
    def of(cls, keys: Keys, settings: Settings) -> Connections:
        """Those of an operator."""
        connection = settings.connection
        return cls(
            keys,
            settings.public_endpoint,
            connection.region,
            connection.ca_bundle,
            CAPABILITIES[settings.backend_name].trailers,
        )

    @property
    def ca_bundle(self) -> bytes | None:
        """The CAs as connection Secrets have them: in PEM, None for none or too many."""
        pem = self.bundle.value if self.bundle else None
        return pem if pem is not None and len(pem) <= _CA_LIMIT else None

    def watched(self, _: bool) -> None:
        """What the bundle calls after each of its changes: tells of one that is too large."""
        if self.bundle is not None and self.ca_bundle is None:
            log.warning(
                "S3_CA_BUNDLE is larger than %d KiB: connection Secrets go without ca.crt.",
                _CA_LIMIT // 1024,
            )

    def concerns(self, request: SyncRequest) -> bool:
        """Whether a Secret says anything at all about a connection Secret."""
        return not request.annotations.keys().isdisjoint(self._words)

    def wanted(self, request: SyncRequest) -> str | None:
        """The name that the Secret asks for, None if it asks for none.

        Raises:
            InvalidSecret: the name can't be had, or the format is unknown.
        """
        if not self.concerns(request):
            return None
        annotations = request.annotations
        name = self.keys["connection-secret"]
        Content.check(request, self.keys)
        if name not in annotations:
            return None
        wanted = annotations[name]
        if len(wanted) > _NAME_LENGTH or not _NAME.fullmatch(wanted):
            raise _malformed(
                name,
                "must be a Secret's name: lower-case letters, digits, hyphens and dots, with a "
                "letter or digit at both ends",
            )
        if wanted == request.name:
            raise _malformed(name, "must name another Secret than this one")
        return wanted

    def marks(self, request: SyncRequest) -> Marks:
        """The labels and annotations that the Secret asks for.

        Raises:
            InvalidSecret: Kubernetes takes no such ones, or they mean something already.
        """
        found: dict[str, dict[str, str]] = {}
        for word, read in (
            ("connection-labels", pairs.read_labels),
            ("connection-annotations", pairs.read_annotations),
        ):
            annotation = self.keys[word]
            text = request.annotations.get(annotation)
            if text is None:
                found[word] = {}
                continue
            try:
                found[word] = read(text)
            except pairs.Malformed as error:
                raise _malformed(annotation, f"can't be used: {error}") from None
            for key in found[word]:
                # Under our own prefix, it would be a Secret to be provisioned itself.
                if key == MANAGED_BY or key.startswith((self.keys[""], *_RESERVED)):
                    raise _malformed(
                        annotation,
                        f"must not set {MANAGED_BY}, nor a key under {self.keys['']}, "
                        f"{' or '.join(_RESERVED)}",
                    )
        return Marks(found["connection-labels"], found["connection-annotations"])

    def make(self, request: SyncRequest, claim: Claim) -> dict[str, Any] | None:
        """The connection Secret as it is to be, the same to the byte for the same claim.

        Args:
            request: the tenant's Secret.
            claim: what it asks for.

        Returns:
            None if the Secret asks for none, or its controller can't have one.

        Raises:
            InvalidSecret: an annotation asks for what can't be.
        """
        if not self.concerns(request):
            return None
        name = self.wanted(request)
        marks = self.marks(request)
        if name is None or request.attached_secrets is None:
            return None
        listed = not request.data.keys().isdisjoint(BUCKETS) and claim.buckets
        data = Content.of(request, self.keys).write(self._access(claim, listed or ()))
        if (pem := self.ca_bundle) is not None:
            data.setdefault("ca.crt", pem)
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": request.namespace,
            "labels": {**marks.labels, MANAGED_BY: _MANAGER},
        }
        made: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": "Opaque",
            # Not stringData, which is never seen again and so would be written for ever.
            "data": {key: _encode(value) for key, value in data.items()},
        }
        if marks.annotations:
            metadata["annotations"] = marks.annotations
        if sum(map(len, data.values())) < _SURELY_FITS and not marks.annotations:
            return made
        if _annotations_size(made) > _ANNOTATIONS_LIMIT:
            # Whatever of it is the Secret's own.
            word = "connection-annotations" if marks.annotations else "connection-secret"
            raise _malformed(
                self.keys[word],
                f"is too long: Kubernetes takes {_ANNOTATIONS_LIMIT // 1024} KiB of "
                "annotations, and Metacontroller keeps the whole connection Secret in one"
                if marks.annotations
                else "asks for too much: formats, templates and CAs together are larger than "
                f"the {_ANNOTATIONS_LIMIT // 1024} KiB in which Metacontroller keeps it",
            )
        return made

    def _access(self, claim: Claim, listed: tuple[str, ...]) -> Access:
        pem = self.ca_bundle
        return Access(
            self.endpoint,
            self.region,
            claim.user,
            claim.secret,
            claim.bucket,
            # What isn't ASCII stands in remarks between the certificates.
            None if pem is None else pem.decode("ascii", errors="ignore"),
            listed,
            self.trailers,
        )


def as_observed(attachment: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with which Metacontroller leaves an attachment as it is.

    That is the part of it that was answered before: with dynamic apply, what the attachment's
    last-applied annotation has, at its present values; with server-side apply there is no such
    annotation, and it is what the one who applied our label applied. What others added is neither
    taken over nor taken away.

    Args:
        attachment: as Metacontroller shows it.
    """
    metadata = _mapping(attachment.get("metadata"))
    applied = _last_applied(metadata)
    before = _metadata_applied(metadata) if applied is None else _mapping(applied.get("metadata"))
    answer: dict[str, Any] = {
        key: attachment[key] for key in ("apiVersion", "kind", "type") if key in attachment
    }
    answer["metadata"] = {
        key: metadata[key] for key in ("name", "namespace") if key in metadata
    } | {
        key: part
        for key in ("labels", "annotations")
        if (part := _part(metadata.get(key), before.get(key)))
    }
    data = attachment.get("data")
    if part := _part(data, data if applied is None else applied.get("data")):
        answer["data"] = part
    return answer


def holds(observed: Mapping[str, Any] | None, made: Mapping[str, Any]) -> bool:
    """Whether an attachment has all data that it is to have; more of it does no harm.

    Labels and annotations don't count: policies that change those on their way are common, and
    applications don't read them.

    Args:
        observed: the attachment as Metacontroller shows it, None if there is none.
        made: as it is to be.
    """
    if observed is None:
        return False
    data = _mapping(observed.get("data"))
    return all(data.get(key) == value for key, value in made["data"].items())


def _metadata_applied(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Labels and annotations that were applied on the server's side, as far as it tells."""
    fields = ManagedFields(metadata.get("managedFields"))
    ours = ("metadata", "labels", MANAGED_BY)
    labels, annotations = (
        dict.fromkeys(fields.applied(("metadata", part), beside=ours), "")
        for part in ("labels", "annotations")
    )
    return {"labels": {MANAGED_BY: "", **labels}, "annotations": annotations}


def _annotations_size(made: Mapping[str, Any]) -> int:
    """Bytes of its annotations at most, with those that Metacontroller adds."""
    text = json.dumps(made, ensure_ascii=False)
    applied = len(text.encode()) + 5 * len(_ESCAPED.findall(text))
    asked: Mapping[str, str] = made["metadata"].get("annotations", {})
    return applied + _ADDED + sum(len(f"{key}{value}".encode()) for key, value in asked.items())


def _last_applied(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        applied = json.loads(_mapping(metadata.get("annotations"))[_LAST_APPLIED])
    except (KeyError, ValueError, RecursionError):
        return None
    return applied if isinstance(applied, dict) else None


def _part(observed: object, applied: object) -> dict[str, Any]:
    """What is observed of what was applied."""
    known = _mapping(applied)
    return {
        key: value
        for key, value in _mapping(observed).items()
        if key in known and not key.startswith(_FOREIGN)
    }


def _mapping(value: object) -> dict[str, Any]:
    # An annotation is anybody's to change, who may change the Secret.
    return value if isinstance(value, dict) else {}


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _malformed(annotation: str, problem: str) -> InvalidSecret:
    return InvalidSecret(Reason.INVALID_FIELD, f"The annotation {annotation} {problem}.")
