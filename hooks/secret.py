"""An observed Secret read into a claim, or refused with the field's name.

A Secret is written by tenants: nothing in it is trusted, and no value of it is put into a
message, since people do write a secret under the wrong key.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from backends.base import Claim
from backends.sensitive import Sensitive
from hooks.endpoint import normalise
from hooks.outcome import Reason, Refusal

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
_REQUIRED = (BUCKET, ACCESS_KEY, SECRET)
_FIELDS = (*_REQUIRED, ENDPOINT, ROLE, USER_ID, GROUP_ID)

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
# What every store can create and a SigV4 header can carry: `/`, `,`, `=` and spaces end the
# credential in the header (VersityGW 1.8 creates such users, they never authenticate).
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+:~-]{0,127}")
# Control characters, and the two non-characters: XML can carry neither.
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_NUMBER = re.compile(r"[0-9]{1,10}")
_SECRET_LENGTH = 1024


class InvalidSecret(Refusal):
    """The Secret's data has to change before anything can be done."""


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
    """

    roles: frozenset[str]
    user_ids: Sequence[range]
    group_ids: Sequence[range]
    reserved_access_keys: Sequence[str] = ()
    reserved_buckets: Sequence[str] = ()
    own_access_keys: frozenset[str] = frozenset()
    endpoint: str | None = None


def read(data: Mapping[str, object], rules: Rules, origin: str = "") -> tuple[Claim, str | None]:
    """Reads a Secret's data.

    Checks run in a fixed order: fields present, fields well formed, reserved names, roles and
    ids allowed.

    Returns:
        The claim, and the normalised endpoint that the Secret names, if it is compared.

    Raises:
        InvalidSecret: with the first mistake.
    """
    fields: dict[Keys, _Field] = {keys: _Field.of(data, keys) for keys in _FIELDS}
    for keys in _REQUIRED:
        if not fields[keys].values:
            raise InvalidSecret(
                Reason.MISSING_FIELD,
                f"The Secret has no {keys[0]} (also accepted: {', '.join(keys[1:])}).",
            )
    for keys, found in fields.items():
        found.check(alike=keys is ENDPOINT)
    bucket, access_key = fields[BUCKET].values[0], fields[ACCESS_KEY].values[0]
    _check_bucket(bucket)
    _check_access_key(access_key)
    secret = fields[SECRET].values[0]
    if len(secret.text.encode()) > _SECRET_LENGTH:
        raise _malformed(secret.key, f"must have at most {_SECRET_LENGTH} bytes")
    endpoint = _endpoint(fields[ENDPOINT]) if rules.endpoint is not None else None
    role, user_id, group_id = (fields[keys].first for keys in (ROLE, USER_ID, GROUP_ID))
    numbers = {found.key: _number(found) for found in (user_id, group_id) if found}
    _check_reserved(bucket, access_key, rules)
    if role is not None and role.text not in rules.roles:
        raise InvalidSecret(
            Reason.ROLE_NOT_ALLOWED,
            f"{role.key} must be one of the roles allowed here: {', '.join(sorted(rules.roles))}.",
        )
    for number, allowed in ((user_id, rules.user_ids), (group_id, rules.group_ids)):
        if number is not None:
            _check_id(number.key, numbers[number.key], allowed)
    claim = Claim(
        bucket=bucket.text,
        user=access_key.text,
        secret=Sensitive(secret.text),
        role=role.text if role else None,
        user_id=numbers[user_id.key] if user_id else None,
        group_id=numbers[group_id.key] if group_id else None,
        origin=origin,
    )
    return claim, endpoint


def read_endpoint(data: Mapping[str, object]) -> str | None:
    """The normalised endpoint alone, None if there is none or it is malformed."""
    try:
        return _endpoint(_Field.of(data, ENDPOINT))
    except InvalidSecret:
        return None


@dataclass(frozen=True, slots=True)
class _Value:
    key: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Field:
    """What a Secret says for one field, under any of its keys; empty values don't count."""

    values: Sequence[_Value]
    problem: InvalidSecret | None

    @classmethod
    def of(cls, data: Mapping[str, object], keys: Sequence[str]) -> _Field:
        values = []
        problem = None
        for key in keys:
            if key not in data:
                continue
            try:
                text = _decode(key, data[key])
            except InvalidSecret as error:
                # Said later: that another field is missing comes first.
                problem = problem or error
                values.append(_Value(key, ""))
            else:
                if text:
                    values.append(_Value(key, text))
        return cls(values, problem)

    @property
    def first(self) -> _Value | None:
        return self.values[0] if self.values else None

    def check(self, *, alike: bool) -> None:
        """Raises what is wrong with the values; `alike` ones may differ in spelling."""
        if self.problem:
            raise self.problem
        for other in [] if alike else self.values[1:]:
            if other.text != self.values[0].text:
                raise _ambiguous(self.values[0].key, other.key)


def _decode(key: str, encoded: object) -> str:
    if encoded is None:
        return ""
    if not isinstance(encoded, str):
        raise _malformed(key, "must be a base64 string")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise _malformed(key, "is not valid base64") from None
    try:
        value = raw.decode()
    except UnicodeDecodeError:
        raise _malformed(key, "is not UTF-8 text") from None
    # `echo secret | base64` leaves a newline that nobody means.
    value = value[:-1] if value.endswith("\n") else value
    if _NOT_TEXT.search(value):
        raise _malformed(key, "must not contain control characters")
    return value


def _ambiguous(one: str, other: str) -> InvalidSecret:
    return InvalidSecret(
        Reason.AMBIGUOUS_FIELD,
        f"{one} and {other} mean the same and differ: remove one of them or make them equal.",
    )


def _malformed(key: str, problem: str) -> InvalidSecret:
    return InvalidSecret(Reason.INVALID_FIELD, f"{key} {problem}.")


def _check_bucket(bucket: _Value) -> None:
    name = bucket.text
    if not _BUCKET_NAME.fullmatch(name) or ".." in name:
        raise _malformed(
            bucket.key,
            "must be a bucket name: 3 to 63 lower-case letters, digits, hyphens and single dots, "
            "with a letter or digit at both ends",
        )
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        pass
    else:
        raise _malformed(bucket.key, "must not be formatted as an IP address")
    for prefix in _RESERVED_PREFIXES:
        if name.startswith(prefix):
            raise _malformed(bucket.key, f"must not start with {prefix}, which S3 reserves")
    for suffix in _RESERVED_SUFFIXES:
        if name.endswith(suffix):
            raise _malformed(bucket.key, f"must not end with {suffix}, which S3 reserves")


def _check_access_key(access_key: _Value) -> None:
    if not _ACCESS_KEY.fullmatch(access_key.text):
        raise _malformed(
            access_key.key,
            "must have 1 to 128 characters of A-Z, a-z, 0-9 and _ . @ + : ~ -, and start with a "
            "letter, a digit or _",
        )


def _number(found: _Value) -> int:
    if not _NUMBER.fullmatch(found.text):
        raise _malformed(found.key, "must be a whole number without a sign")
    return int(found.text)


def _endpoint(urls: _Field) -> str | None:
    endpoints = {}
    for found in urls.values:
        try:
            endpoints[found.key] = normalise(found.text)
        except ValueError as error:
            raise _malformed(found.key, f"can't be used: {error}") from None
    for key, endpoint in endpoints.items():
        if endpoint != endpoints[urls.values[0].key]:
            raise _ambiguous(urls.values[0].key, key)
    return next(iter(endpoints.values()), None)


def _check_reserved(bucket: _Value, access_key: _Value, rules: Rules) -> None:
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
        ranges = ", ".join(f"{ids.start}-{ids.stop - 1}" for ids in allowed)
        raise InvalidSecret(
            Reason.ID_NOT_ALLOWED, f"{key} must be one of the ids allowed here: {ranges}."
        )
