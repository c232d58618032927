"""Configuration files of S3 tools, in the dialect of INI that each of them really reads."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from configparser import RawConfigParser
from dataclasses import dataclass
from urllib.parse import urlsplit

from backends.wire.sensitive import Sensitive


class Unwritable(ValueError):
    """A tool has no way to write a value down; the text says which, without it."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a tool has to know.

    Args:
        endpoint: URL of the S3 API.
        region: of the signatures.
        access_key: the user.
        secret: its secret.
    """

    endpoint: str
    region: str
    access_key: str
    secret: Sensitive


def rclone(access: Access) -> str:
    """``rclone.conf`` with one remote, ``s3``.

    Raises:
        Unwritable: rclone would read another secret.
    """
    secret = access.secret.reveal()
    # rclone 1.74 puts another key's value in place of such a reference, and has no escape.
    if re.search(r"%\([^)]+\)s", secret):
        raise Unwritable("a secret with %(…)s in it, which rclone takes for a reference")
    if secret != secret.strip() or secret.startswith(("`", '"""')):
        # Whatever stands between the first and the last one is the value.
        secret = f"`{secret}`"
    return _ini(
        "s3",
        {
            "type": "s3",
            "provider": "Other",
            "access_key_id": access.access_key,
            "secret_access_key": secret,
            "region": access.region,
            "endpoint": access.endpoint,
            "force_path_style": "true",
            # A user may not create buckets, and its own is there.
            "no_check_bucket": "true",
        },
    )


def s3cmd(access: Access) -> str:
    """``.s3cfg``.

    Raises:
        Unwritable: s3cmd would read another secret, or can't use such an endpoint.
    """
    secret = access.secret.reveal()
    # s3cmd 2.4 takes blanks off both ends even between quotes, and $NAME from the environment.
    if secret != secret.strip():
        raise Unwritable("a secret with a blank at one end")
    if secret.startswith("$"):
        raise Unwritable("a secret that starts with $, which s3cmd takes for a variable")
    url = urlsplit(access.endpoint)
    if url.path.strip("/"):
        raise Unwritable("an endpoint with a path")
    if len(secret) > 1 and secret[0] == secret[-1] == '"':
        secret = f'"{secret}"'
    return _ini(
        "default",
        {
            "access_key": access.access_key,
            "secret_key": secret,
            "host_base": url.netloc,
            # Without %(bucket)s in it: the bucket is a part of the path.
            "host_bucket": url.netloc,
            "use_https": str(url.scheme == "https"),
            "bucket_location": access.region,
        },
    )


def _ini(section: str, values: Mapping[str, str]) -> str:
    # Raw: nothing here is a reference to be filled in.
    parser = RawConfigParser()
    parser[section] = values
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
