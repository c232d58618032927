"""A bucket's object lock, which it has from the moment when it is made, or never."""

from __future__ import annotations

from backends.base import Answer, Claim
from backends.bucketsettings import Document
from backends.wire import settingforms as forms
from backends.wire.shapes import from_xml

QUERY = "object-lock"
"""The sub-resource."""
NO_LOCK = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"})
"""The codes that say that there is none."""
NO_LATER_LOCK = (
    "The bucket has no object lock, which can only be had when a bucket is made: remove "
    "object-lock and retention from the Secret, or choose another bucket-name."
)
VERSIONED = (
    "The bucket has an object lock, beside which versioning can't be suspended: remove versioning "
    "from the Secret, or choose another bucket-name."
)


def lock_header(claim: Claim) -> dict[str, str]:
    """What a request that makes a bucket says of an object lock."""
    return {"x-amz-bucket-object-lock-enabled": "true"} if claim.locked else {}


def shown_lock(answer: Answer) -> Document | None:
    """What a successful answer tells; None where there is no lock."""
    lock = from_xml(forms.LOCK, "ObjectLockConfiguration", answer.body)
    return lock if lock.get("ObjectLockEnabled") == "Enabled" else None
