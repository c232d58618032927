"""What a bucket and a user can be called."""

from __future__ import annotations

import ipaddress
import re

from hooks.claim.fields import Value, malformed

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# Of an IP address: to have nearly every name refused as one takes longer than all else here.
_DOTS = 3
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
# What every store can create and a SigV4 header can carry: `/`, `,`, `=` and spaces end the
# credential in the header (VersityGW 1.8 creates such users, they never authenticate).
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+:~-]{0,127}")


def check_bucket(bucket: Value) -> str:
    """A bucket's name, which keeps to the rules of S3.

    Raises:
        InvalidSecret: it isn't one, or is one that S3 reserves.
    """
    name = bucket.text
    if not _BUCKET_NAME.fullmatch(name) or ".." in name:
        raise malformed(
            bucket.key,
            "must be a bucket name: 3 to 63 lower-case letters, digits, hyphens and single dots, "
            "with a letter or digit at both ends",
        )
    if name.count(".") == _DOTS and _is_address(name):
        raise malformed(bucket.key, "must not be formatted as an IP address")
    for prefix in _RESERVED_PREFIXES:
        if name.startswith(prefix):
            raise malformed(bucket.key, f"must not start with {prefix}, which S3 reserves")
    for suffix in _RESERVED_SUFFIXES:
        if name.endswith(suffix):
            raise malformed(bucket.key, f"must not end with {suffix}, which S3 reserves")
    return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_access_key(access_key: Value) -> str:
    """A user's name, which every store can have.

    Raises:
        InvalidSecret: not every store can have it.
    """
    if not _ACCESS_KEY.fullmatch(access_key.text):
        raise malformed(
            access_key.key,
            "must have 1 to 128 characters of A-Z, a-z, 0-9 and _ . @ + : ~ -, and start with a "
            "letter, a digit or _",
        )
    return access_key.text
