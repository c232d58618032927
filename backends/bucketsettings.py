"""What an owner can make of a bucket, as a Secret asks for it and as a store tells it.

A document has one form here, whoever wrote it, so that two of them can be compared: see
:mod:`backends.wire.settingforms`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from backends.wire.deadline import Deadline

if TYPE_CHECKING:
    from backends.base import Claim

Document = Any
"""JSON: mappings, lists, text, whole numbers and booleans."""

BUCKET_PLACE = "${bucket}"
"""What stands for the bucket's name in a bucket policy, so that one serves several buckets."""


class SettingName(StrEnum):
    """The settings, by the words that Secrets and the policy file have for them."""

    TAGS = "tags"
    LIFECYCLE = "lifecycle"
    CORS = "cors"
    POLICY = "bucket-policy"
    PUBLIC = "public-access"
    LOCK = "object-lock"
    RETENTION = "retention"


class Rule(StrEnum):
    """What a lifecycle rule can be made of besides a prefix and a number of days."""

    DATE = "a date of expiry"
    DELETE_MARKER = "ExpiredObjectDeleteMarker"
    TAG = "a filter by tags"
    SIZE = "a filter by size"
    ABORT = "AbortIncompleteMultipartUpload"
    NONCURRENT = "NoncurrentVersionExpiration"
    NONCURRENT_COUNT = "NewerNoncurrentVersions"
    TRANSITION = "transitions to other storage classes"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that a claim names.

    Args:
        name: which.
        text: the document as canonical JSON, so that a claim stays a plain value.
    """

    name: SettingName
    text: str

    @classmethod
    def of(cls, name: SettingName, document: Document) -> Setting:
        """One with this document, in the one form."""
        return cls(name, canonical(document))

    @property
    def document(self) -> Document:
        """The document, a new one each time."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class SettingSupport:
    """What a store can do with its buckets' settings.

    Args:
        names: those that it honours.
        rules: what its lifecycle rules can be made of; all else it would drop in silence.
        instead: why it lacks one, and what to do instead: one sentence, by its name.
        without_rule: the same for what a lifecycle rule can't be made of.
        signed_principals: whether a bucket policy says anything about signed users; else it is
            about everybody, and only allows.
        principal: how a user's name has to look in a policy that means it, with ``NAME`` for the
            name; empty where the store refuses what means nobody.
        policy_bytes: how long a bucket policy may be.
        ascii_tags: whether tags can be of ASCII characters alone.
        first_origin_alone: whether the first CORS rule that names an origin is the only one that is
            looked at for it, whatever the request's method and headers.
        retention_days: how long a retention may be; beyond that the store's clock ends.
        caveats: what it honours otherwise than one would expect, by its name: a sentence for the
            message of a Ready Secret.
    """

    names: frozenset[SettingName] = frozenset()
    rules: frozenset[Rule] = frozenset()
    instead: Mapping[SettingName, str] = field(default_factory=dict)
    without_rule: Mapping[Rule, str] = field(default_factory=dict)
    signed_principals: bool = True
    principal: str = ""
    policy_bytes: int = 20 * 1024
    ascii_tags: bool = False
    first_origin_alone: bool = False
    retention_days: int = 36_500
    caveats: Mapping[SettingName, str] = field(default_factory=dict)


def canonical(document: Document) -> str:
    """JSON with sorted keys and no blanks: the same document has the same text."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class BucketSettings(Protocol):
    """A bucket's settings, read and written as its owner, in the form of
    :mod:`backends.wire.settingforms`. Every method raises :class:`backends.errors.StoreError` and
    nothing else. Only what the capabilities name is ever asked for.
    """

    async def read(self, name: SettingName, claim: Claim, deadline: Deadline) -> Document | None:
        """What stands on the claim's bucket; None for nothing."""
        ...

    async def write(
        self, name: SettingName, document: Document, claim: Claim, deadline: Deadline
    ) -> None:
        """Puts a document in the place of what stands there.

        Raises:
            Rejected: the store refuses it, in its own words.
            Unsupported: it can't be had on this bucket.
        """
        ...

    async def remove(self, name: SettingName, claim: Claim, deadline: Deadline) -> None:
        """Takes away what stands there; nothing there is no error."""
        ...

    async def is_public(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether a request that nobody has signed may read an object of the bucket."""
        ...
