"""An observed Secret read into a claim, or refused with the field's name.

A Secret is written by tenants: nothing in it is trusted, and no value of it is put into a
message, since people do write a secret under the wrong key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from backends.base import Capabilities, Claim
from backends.sensitive import Sensitive
from hooks.allowed import shown_ranges
from hooks.endpoint import normalise
from hooks.fields import Field, InvalidSecret, Value, ambiguous, malformed
from hooks.names import check_access_key, check_bucket
from hooks.outcome import Reason
from hooks.policy import Policy

__all__ = [
    "InvalidSecret",
    "Names",
    "Rules",
    "check_supported",
    "read",
    "read_endpoint",
    "read_names",
]

Keys = tuple[str, ...]

BUCKET: Keys = ("bucket-name", "BUCKET_NAME", "AWS_BUCKET_NAME", "BUCKET")
ACCESS_KEY: Keys = ("access-key", "ACCESS_KEY", "ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID")
SECRET: Keys = (
    "access-secret",
    "secret-key",
    "ACCESS_SECRET",
    "SECRET_KEY",
    "SECRET_ACCESS_KEY",
    "AWS_SECRET_ACCESS_KEY",
)
ENDPOINT: Keys = (
    "endpoint-url",
    "ENDPOINT_URL",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINTS",
)
ROLE: Keys = ("role", "ROLE")
USER_ID: Keys = ("user-id", "USER_ID")
GROUP_ID: Keys = ("group-id", "GROUP_ID")
QUOTA_BYTES: Keys = ("quota-bytes", "QUOTA_BYTES")
QUOTA_OBJECTS: Keys = ("quota-objects", "QUOTA_OBJECTS")
VERSIONING: Keys = ("versioning", "VERSIONING")
_REQUIRED = (BUCKET, ACCESS_KEY, SECRET)
_NUMBERS = (USER_ID, GROUP_ID, QUOTA_BYTES, QUOTA_OBJECTS)
_FIELDS = (*_REQUIRED, ENDPOINT, ROLE, *_NUMBERS, VERSIONING)
# What the policy may forbid, by its words.
_GOVERNED = {keys[0]: keys for keys in (ACCESS_KEY, ROLE, USER_ID, GROUP_ID)} | {"bucket": BUCKET}

_NUMBER = re.compile(r"[0-9]{1,19}")
_LARGEST_QUOTA = 2**63 - 1
_VERSIONING = ("enabled", "suspended")
_SECRET_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Rules:
    """What a Secret may ask for.

    Args:
        roles: roles that may be named.
        user_ids: ranges of user ids, both ends included.
        group_ids: ranges of group ids.
        reserved_access_keys: names and globs of users nobody may name.
        reserved_buckets: names and globs of buckets nobody may name.
        own_access_keys: the operator's own, compared to the letter.
        endpoint: the store's normalised endpoint, None not to compare it.
        policy: what each namespace may ask for.
    """

    roles: frozenset[str]
    user_ids: Sequence[range]
    group_ids: Sequence[range]
    reserved_access_keys: Sequence[str] = ()
    reserved_buckets: Sequence[str] = ()
    own_access_keys: frozenset[str] = frozenset()
    endpoint: str | None = None
    policy: Policy = field(default_factory=Policy)


def read(
    data: Mapping[str, object], rules: Rules, origin: str = "", namespace: str = ""
) -> tuple[Claim, str | None]:
    """Reads a Secret's data.

    Checks run in a fixed order: fields present, fields well formed, reserved names, roles and
    ids allowed, policy.

    Args:
        data: the Secret's.
        rules: what it may ask for.
        origin: where it comes from, for people.
        namespace: where it is; the policy allows nothing without one.

    Returns:
        The claim, and the normalised endpoint that the Secret names, if it is compared.

    Raises:
        InvalidSecret: with the first mistake.
    """
    fields: dict[Keys, Field] = {keys: Field.of(data, keys) for keys in _FIELDS}
    for keys in _REQUIRED:
        if not fields[keys].values:
            raise InvalidSecret(
                Reason.MISSING_FIELD,
                f"The Secret has no {keys[0]} (also accepted: {', '.join(keys[1:])}).",
            )
    for keys, found in fields.items():
        found.check(alike=keys is ENDPOINT)
    bucket, access_key = fields[BUCKET].values[0], fields[ACCESS_KEY].values[0]
    check_bucket(bucket)
    check_access_key(access_key)
    secret = fields[SECRET].values[0]
    if len(secret.text.encode()) > _SECRET_LENGTH:
        raise malformed(secret.key, f"must have at most {_SECRET_LENGTH} bytes")
    endpoint = _endpoint(fields[ENDPOINT]) if rules.endpoint is not None else None
    role, versioning = fields[ROLE].first, fields[VERSIONING].first
    numbers = {keys: _number(fields[keys].first) for keys in _NUMBERS}
    for keys in (QUOTA_BYTES, QUOTA_OBJECTS):
        if (numbers[keys] or 0) > _LARGEST_QUOTA:
            raise malformed(fields[keys].values[0].key, f"must be at most {_LARGEST_QUOTA}")
    if versioning is not None and versioning.text not in _VERSIONING:
        raise malformed(versioning.key, f"must be {' or '.join(_VERSIONING)}")
    _check_reserved(bucket, access_key, rules)
    if role is not None and role.text not in rules.roles:
        raise InvalidSecret(
            Reason.ROLE_NOT_ALLOWED,
            f"{role.key} must be one of the roles allowed here: {', '.join(sorted(rules.roles))}.",
        )
    for keys, allowed in ((USER_ID, rules.user_ids), (GROUP_ID, rules.group_ids)):
        number = numbers[keys]
        if number is not None:
            _check_id(fields[keys].values[0].key, number, allowed)
    claim = Claim(
        bucket=bucket.text,
        user=access_key.text,
        secret=Sensitive(secret.text),
        role=role.text if role else None,
        user_id=numbers[USER_ID],
        group_id=numbers[GROUP_ID],
        quota_bytes=numbers[QUOTA_BYTES],
        quota_objects=numbers[QUOTA_OBJECTS],
        versioning=versioning.text if versioning else None,
        origin=origin,
    )
    forbidden = rules.policy.forbids(namespace, claim)
    if forbidden is not None:
        named = fields[_GOVERNED[forbidden.field]].first if forbidden.field else None
        subject = f"{named.key} " if named else ""
        raise InvalidSecret(Reason.NOT_ALLOWED, f"{subject}{forbidden.problem}.")
    return claim, endpoint


def check_supported(claim: Claim, capabilities: Capabilities) -> None:
    """Looks at what the store can do at all, before anything is made.

    Ids that a store has no place for are no mistake: the message of a Ready Secret says so.

    Raises:
        InvalidSecret: it can't do what the claim names.
    """
    if claim.role is not None and claim.role not in capabilities.roles:
        raise _unsupported(ROLE, "give a user that role")
    for keys, value, supported, what in (
        (QUOTA_BYTES, claim.quota_bytes, capabilities.quota_bytes, "limit a bucket's size"),
        (
            QUOTA_OBJECTS,
            claim.quota_objects,
            capabilities.quota_objects,
            "limit the number of a bucket's objects",
        ),
        (VERSIONING, claim.versioning, capabilities.versioning, "keep versions of objects"),
    ):
        if value is not None and not supported:
            raise _unsupported(keys, what)


@dataclass(frozen=True, slots=True)
class Names:
    """What a Secret is about, whether or not it may."""

    bucket: str
    user: str
    secret: Sensitive


def read_names(data: Mapping[str, object]) -> Names | None:
    """Bucket, user and secret of a Secret that need not be valid; None if one can't be read.

    A Secret that no rule allows any more still has applications that use what it names.
    """
    bucket, user, secret = (Field.of(data, keys).first for keys in _REQUIRED)
    if bucket is None or user is None or secret is None:
        return None
    return Names(bucket.text, user.text, Sensitive(secret.text))


@dataclass(frozen=True, slots=True)
class Mentions:
    """All that a Secret names, under whatever keys: a mistake in it gives away nothing."""

    buckets: frozenset[str]
    users: frozenset[str]
    secrets: frozenset[Sensitive]


def read_mentions(data: Mapping[str, object]) -> Mentions:
    """Every bucket, user and secret of a Secret that need not be complete, nor clear."""
    buckets, users, secrets = (
        frozenset(value.text for value in Field.of(data, keys).values if value.text)
        for keys in _REQUIRED
    )
    return Mentions(buckets, users, frozenset(map(Sensitive, secrets)))


def read_endpoint(data: Mapping[str, object]) -> str | None:
    """The normalised endpoint alone, None if there is none or it is malformed."""
    try:
        return _endpoint(Field.of(data, ENDPOINT))
    except InvalidSecret:
        return None


def _unsupported(keys: Keys, what: str) -> InvalidSecret:
    return InvalidSecret(
        Reason.NOT_SUPPORTED, f"This store can't {what}: remove {keys[0]} from the Secret."
    )


def _number(found: Value | None) -> int | None:
    if found is None:
        return None
    if not _NUMBER.fullmatch(found.text):
        raise malformed(found.key, "must be a whole number of at most 19 digits, without a sign")
    return int(found.text)


def _endpoint(urls: Field) -> str | None:
    endpoints = {}
    for found in urls.values:
        try:
            endpoints[found.key] = normalise(found.text)
        except ValueError as error:
            raise malformed(found.key, f"can't be used: {error}") from None
    for key, endpoint in endpoints.items():
        if endpoint != endpoints[urls.values[0].key]:
            raise ambiguous(urls.values[0].key, key)
    return next(iter(endpoints.values()), None)


def _check_reserved(bucket: Value, access_key: Value, rules: Rules) -> None:
    if access_key.text in rules.own_access_keys or _matches(
        access_key.text, rules.reserved_access_keys
    ):
        raise InvalidSecret(
            Reason.RESERVED_ACCESS_KEY,
            f"{access_key.key} names a reserved access key: choose another.",
        )
    if _matches(bucket.text, rules.reserved_buckets):
        raise InvalidSecret(
            Reason.RESERVED_BUCKET, f"{bucket.key} names a reserved bucket: choose another."
        )


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _check_id(key: str, number: int, allowed: Sequence[range]) -> None:
    if not any(number in ids for ids in allowed):
        raise InvalidSecret(
            Reason.ID_NOT_ALLOWED,
            f"{key} must be one of the ids allowed here: {shown_ranges(allowed)}.",
        )
