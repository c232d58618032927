"""Under which keys of a Secret a field may stand.

Some keys are generic: an application beside the operator may mean something else by them, such as
Django by SECRET_KEY. :class:`hooks.claim.fields.Field` says when they count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hooks.claim.fields import InvalidSecret
from hooks.contract.outcome import Reason

Keys = tuple[str, ...]

BUCKET: Keys = (
    "bucket-name",
    "BUCKET_NAME",
    "AWS_BUCKET_NAME",
    "AWS_STORAGE_BUCKET_NAME",
    "BUCKET",
    "S3_BUCKET",
    "bucket",
)
BUCKETS: Keys = ("bucket-names", "BUCKET_NAMES")
"""Under these stands a list; see :mod:`hooks.claim.bucketlist`."""
ACCESS_KEY: Keys = (
    "access-key",
    "AWS_ACCESS_KEY_ID",
    "ACCESS_KEY",
    "ACCESS_KEY_ID",
    "accesskey",
    "accessKey",
    "access_key_id",
)
SECRET: Keys = (
    "access-secret",
    "secret-key",
    "AWS_SECRET_ACCESS_KEY",
    "ACCESS_SECRET",
    "ACCESS_SECRET_KEY",
    "SECRET_KEY",
    "SECRET_ACCESS_KEY",
    "secretkey",
    "secretKey",
    "access_key_secret",
    "secret_access_key",
)
ENDPOINT: Keys = (
    "endpoint-url",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINTS",
    "ENDPOINT_URL",
    "AWS_ENDPOINT_URL",
)
ROLE: Keys = ("role", "ROLE")
USER_ID: Keys = ("user-id", "USER_ID")
GROUP_ID: Keys = ("group-id", "GROUP_ID")
QUOTA_BYTES: Keys = ("quota-bytes", "QUOTA_BYTES")
QUOTA_OBJECTS: Keys = ("quota-objects", "QUOTA_OBJECTS")
VERSIONING: Keys = ("versioning", "VERSIONING")
REQUIRED = (BUCKET, ACCESS_KEY, SECRET)

GENERIC = frozenset(
    {
        *BUCKET[4:],
        *ACCESS_KEY[2:],
        *SECRET[3:],
        *ENDPOINT[3:],
        *(keys[1] for keys in (ROLE, USER_ID, GROUP_ID, QUOTA_BYTES, QUOTA_OBJECTS, VERSIONING)),
    }
)
"""Keys of which only a specific one beside them tells that they aren't meant."""

REGIONS: Keys = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_S3_REGION_NAME")
"""Keys from which applications take a region; the operator only compares them."""

WORDS: Mapping[str, Keys] = {
    "bucket": BUCKET,
    "access-key": ACCESS_KEY,
    "secret": SECRET,
    "endpoint": ENDPOINT,
    "role": ROLE,
    "user-id": USER_ID,
    "group-id": GROUP_ID,
    "quota-bytes": QUOTA_BYTES,
    "quota-objects": QUOTA_OBJECTS,
    "versioning": VERSIONING,
}
"""What the annotation ``keys`` calls a field."""

_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}")
_SPLIT = {
    keys: (
        tuple(key for key in keys if key not in GENERIC),
        tuple(key for key in keys if key in GENERIC),
    )
    for keys in WORDS.values()
}


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """What the annotation ``keys`` says: ``bucket=APP_BUCKET,access-key=APP_KEY``.

    A field that it names is read under that key and no other.

    Attributes:
        annotation: its full name, for messages.
        named: the key of each field that it names.
        problem: the first mistake in it; the Secret is Invalid then, and `named` is what could be
            made out.
    """

    annotation: str
    named: Mapping[Keys, str]
    problem: InvalidSecret | None = None

    @classmethod
    def of(cls, annotations: Mapping[str, str], name: str) -> KeyChoice:
        """Reads it.

        Args:
            annotations: the Secret's.
            name: the annotation's, with its prefix.
        """
        text = annotations.get(name, "")
        if not text.strip():
            return cls(name, {})
        named: dict[Keys, str] = {}
        mistakes = []
        # More pairs than fields are a mistake, however many they are.
        for pair in text.split(",", len(WORDS)):
            word, equals, key = (part.strip() for part in pair.partition("="))
            if not equals or word not in WORDS or not _KEY.fullmatch(key):
                mistakes.append(
                    "must list pairs such as bucket=APP_BUCKET, separated by commas: a key of the "
                    f"Secret for one of {', '.join(WORDS)}"
                )
            elif WORDS[word] in named:
                mistakes.append(f"names {word} twice")
            else:
                named[WORDS[word]] = key
        # Names of buckets and users are shown in annotations.
        secrets = {*SECRET, named.get(SECRET)}
        if any(key in secrets for keys, key in named.items() if keys is not SECRET):
            mistakes.append("names the key of the secret for another field too")
        problem = None
        if mistakes:
            problem = InvalidSecret(Reason.INVALID_FIELD, f"The annotation {name} {mistakes[0]}.")
        return cls(name, named, problem)

    def split(self, keys: Keys) -> tuple[Keys, Keys]:
        """The keys of a field that count, and those that do where none of the first is set."""
        specific, generic = _SPLIT.get(keys, (keys, ()))
        key = self.named.get(keys)
        if key is None:
            return specific, generic
        # With a mistake in the annotation nothing is read, but something may still be held.
        return ((key, *specific), generic) if self.problem else ((key,), ())


NO_CHOICE = KeyChoice("keys", {})
