"""An observed Secret read into a claim, or refused with the field's name.

A Secret is written by tenants: nothing in it is trusted, and no value of it is put into a
message, since people do write a secret under the wrong key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from backends.base import Capabilities, Claim
from backends.sharing import Access
from backends.wire.sensitive import Sensitive
from hooks.claim.allowed import shown_ranges
from hooks.claim.bucketsettings.support import check_settings
from hooks.claim.endpoint import Endpoint
from hooks.claim.fieldkeys import (
    ACCESS_KEY,
    BUCKET,
    ENDPOINT,
    GENERIC,
    GROUP_ID,
    NO_CHOICE,
    QUOTA_BYTES,
    QUOTA_OBJECTS,
    REQUIRED,
    ROLE,
    SECRET,
    USER_ID,
    VERSIONING,
    WORDS,
    KeyChoice,
    Keys,
)
from hooks.claim.fields import ABSENT, Field, InvalidSecret, Value, ambiguous
from hooks.claim.hints import missing_field, other_region, shortened, unread_keys
from hooks.claim.meanings import (
    MEANINGS,
    check_endpoint,
    check_secret,
    check_versioning,
)
from hooks.claim.mentions import (
    Mentions,
    Names,
    field_of,
    fields_of,
    read_mentions,
    read_names,
)
from hooks.claim.names import check_access_key, check_bucket
from hooks.claim.policy import Policy
from hooks.contract.outcome import Reason

__all__ = [
    "InvalidSecret",
    "Mentions",
    "NamedEndpoint",
    "Names",
    "Reading",
    "Rules",
    "check_supported",
    "named_endpoint",
    "read",
    "read_endpoint",
    "read_mentions",
    "read_names",
]

_NUMBERS = (USER_ID, GROUP_ID, QUOTA_BYTES, QUOTA_OBJECTS)
_FIELDS = (*REQUIRED, ENDPOINT, ROLE, *_NUMBERS, VERSIONING)
# What the policy may forbid, by its words.
_GOVERNED = {keys[0]: keys for keys in (ACCESS_KEY, ROLE, USER_ID, GROUP_ID)} | {"bucket": BUCKET}


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
        aliases: further names of the same store, normalised.
        region: for which requests are signed, empty not to compare it.
        public_access: whether a bucket may be opened to everybody.
    """

    roles: frozenset[str]
    user_ids: Sequence[range]
    group_ids: Sequence[range]
    reserved_access_keys: Sequence[str] = ()
    reserved_buckets: Sequence[str] = ()
    own_access_keys: frozenset[str] = frozenset()
    endpoint: str | None = None
    policy: Policy = field(default_factory=Policy)
    aliases: frozenset[str] = frozenset()
    region: str = ""
    public_access: bool = False

    def is_own(self, url: str) -> bool:
        """Whether a normalised URL is one of the store's names."""
        return url == self.endpoint or url in self.aliases

    def own_name(self, endpoint: Endpoint) -> str | None:
        """By which of its names somebody means the store, None if it is another one."""
        return min((url for url in endpoint.urls if self.is_own(url)), default=None)


class NamedEndpoint(NamedTuple):
    """The endpoint that a Secret names, and under which key."""

    key: str
    endpoint: Endpoint

    @property
    def generic(self) -> bool:
        """Whether an application may mean something else by that key."""
        return self.key in GENERIC


class Reading(NamedTuple):
    """What a Secret's data comes to.

    Attributes:
        claim: what it asks for.
        endpoint: what it calls its store, None if it doesn't, or if that isn't compared.
        notes: sentences for whoever wrote it, which a Ready Secret's message ends with.
        keys: for each field of the table, by its first key, the key that was read.
    """

    claim: Claim
    endpoint: NamedEndpoint | None
    notes: tuple[str, ...]
    keys: Mapping[str, str]


def read(
    data: Mapping[str, object],
    rules: Rules,
    origin: str = "",
    namespace: str = "",
    keys: KeyChoice = NO_CHOICE,
    *,
    chosen: bool = True,
    access: Access | None = None,
) -> Reading:
    """Reads a Secret's data.

    Checks run in a fixed order: fields present, fields well formed, reserved names, roles and
    ids allowed, policy.

    Args:
        data: the Secret's.
        rules: what it may ask for.
        origin: where it comes from, for people.
        namespace: where it is; the policy allows nothing without one.
        keys: which of its keys are to be read.
        chosen: whether somebody has chosen the access key, see :meth:`Policy.forbids`.
        access: what it wants of another's bucket; None where it wants one of its own.

    Raises:
        InvalidSecret: with the first mistake.
    """
    if keys.problem:
        raise keys.problem
    fields = fields_of(data, _FIELDS, keys)
    _check_present(data, fields, keys)
    for names, found in fields.items():
        if found is not ABSENT:
            found.check(alike=names is ENDPOINT)
    buckets = (fields[BUCKET].values[0], *fields[BUCKET].further)
    access_key = fields[ACCESS_KEY].values[0]
    for bucket in buckets:
        check_bucket(bucket)
    check_access_key(access_key)
    secret = fields[SECRET].values[0]
    check_secret(secret)
    endpoint = _endpoint(fields[ENDPOINT]) if rules.endpoint is not None else None
    role, versioning = fields[ROLE].first, fields[VERSIONING].first
    numbers: dict[Keys, int | None] = {}
    for names in _NUMBERS:
        number = fields[names].first
        numbers[names] = None if number is None else MEANINGS[names](number)
    if versioning is not None:
        check_versioning(versioning)
    _check_reserved(buckets, access_key, rules)
    if role is not None and role.text not in rules.roles:
        raise InvalidSecret(
            Reason.ROLE_NOT_ALLOWED,
            f"{role.key} must be one of the roles allowed here: {', '.join(sorted(rules.roles))}.",
        )
    for names, allowed in ((USER_ID, rules.user_ids), (GROUP_ID, rules.group_ids)):
        if (id_ := numbers[names]) is not None:
            _check_id(fields[names].values[0].key, id_, allowed)
    claim = Claim(
        bucket=buckets[0].text,
        user=access_key.text,
        secret=Sensitive(secret.text),
        role=role.text if role else None,
        user_id=numbers[USER_ID],
        group_id=numbers[GROUP_ID],
        quota_bytes=numbers[QUOTA_BYTES],
        quota_objects=numbers[QUOTA_OBJECTS],
        versioning=versioning.text if versioning else None,
        origin=origin,
        access=access,
        more_buckets=tuple(bucket.text for bucket in buckets[1:]),
    )
    for bucket, one in zip(buckets, claim.each(), strict=True):
        forbidden = rules.policy.forbids(namespace, one, chosen=chosen)
        if forbidden is None:
            continue
        named = fields[_GOVERNED[forbidden.field]].first if forbidden.field else None
        named = bucket if forbidden.field == "bucket" else named
        subject = f"{named.key} " if named else ""
        raise InvalidSecret(Reason.NOT_ALLOWED, f"{subject}{forbidden.problem}.")
    if rules.endpoint is None:
        # Nobody asks for it.
        del fields[ENDPOINT]
    unread = [key for found in fields.values() for key in found.passed_over]
    notes = (*unread_keys(unread), *other_region(data, rules.region))
    return Reading(
        claim,
        endpoint,
        notes,
        {names[0]: found.first.key for names, found in fields.items() if found.first},
    )


def check_supported(
    claim: Claim, capabilities: Capabilities, keys: Mapping[str, str] | None = None
) -> None:
    """Looks at what the store can do at all, before anything is made.

    Ids that a store has no place for are no mistake: the message of a Ready Secret says so.

    Args:
        claim: what a Secret asks for.
        capabilities: the store's.
        keys: the keys that were read, for the message; see :class:`Reading`.

    Raises:
        InvalidSecret: it can't do what the claim names.
    """
    if claim.role is not None and claim.role not in capabilities.roles:
        raise _unsupported(ROLE, "give a user that role", keys)
    for names, value, supported, what in (
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
            raise _unsupported(names, what, keys)
    check_settings(claim, capabilities.settings, keys or {})


def read_endpoint(data: Mapping[str, object], keys: KeyChoice = NO_CHOICE) -> NamedEndpoint | None:
    """The endpoint alone, None if there is none or it can't be told."""
    try:
        return named_endpoint(data, keys)
    except InvalidSecret:
        return None


def named_endpoint(data: Mapping[str, object], keys: KeyChoice = NO_CHOICE) -> NamedEndpoint | None:
    """The endpoint alone, None if there is none.

    Raises:
        InvalidSecret: which one is meant can't be told.
    """
    if keys.problem:
        raise keys.problem
    found = field_of(data, ENDPOINT, keys)
    found.check(alike=True)
    return _endpoint(found)


def _check_present(
    data: Mapping[str, object], fields: Mapping[Keys, Field], choice: KeyChoice
) -> None:
    """Looks for the required fields, and for the keys that the Secret itself names."""
    for names, key in choice.named.items():
        # That an optional field's usual key isn't there says that the field isn't set.
        if not fields[names].values and (names in REQUIRED or key not in names):
            word = next(word for word, meant in WORDS.items() if meant is names)
            raise InvalidSecret(
                Reason.MISSING_FIELD,
                f"The Secret has no {shortened(key)}, or it is empty: the annotation "
                f"{choice.annotation} names it for {word}.",
            )
    missing = [names for names in REQUIRED if not fields[names].values]
    # One that is there and can't be one is no missing one.
    if missing:
        names = min(missing, key=lambda names: bool(fields[names].passed_over))
        raise missing_field(data, names, fields[names].passed_over, choice.annotation)


def _unsupported(names: Keys, what: str, keys: Mapping[str, str] | None) -> InvalidSecret:
    key = (keys or {}).get(names[0], names[0])
    return InvalidSecret(
        Reason.NOT_SUPPORTED, f"This store can't {what}: remove {key} from the Secret."
    )


def _endpoint(found: Field) -> NamedEndpoint | None:
    """What all keys agree on; one without a scheme agrees with either."""
    if not found.values:
        return None
    key, *_ = (value.key for value in found.values)
    every = [check_endpoint(value) for value in found.values]
    urls = every[0].urls
    for value, other in zip(found.values, every, strict=True):
        urls &= other.urls
        if not urls:
            raise ambiguous(key, value.key)
    return NamedEndpoint(key, Endpoint(urls))


def _check_reserved(buckets: Sequence[Value], access_key: Value, rules: Rules) -> None:
    if access_key.text in rules.own_access_keys or _matches(
        access_key.text, rules.reserved_access_keys
    ):
        raise InvalidSecret(
            Reason.RESERVED_ACCESS_KEY,
            f"{access_key.key} names a reserved access key: choose another.",
        )
    for bucket in buckets:
        if _matches(bucket.text, rules.reserved_buckets):
            raise InvalidSecret(
                Reason.RESERVED_BUCKET, f"{bucket.key} names a reserved bucket: choose another."
            )


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return bool(patterns) and any(fnmatchcase(name, pattern) for pattern in patterns)


def _check_id(key: str, number: int, allowed: Sequence[range]) -> None:
    if not any(number in ids for ids in allowed):
        raise InvalidSecret(
            Reason.ID_NOT_ALLOWED,
            f"{key} must be one of the ids allowed here: {shown_ranges(allowed)}.",
        )
