"""Configuration files in INI, in the dialect that each tool really reads."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from configparser import RawConfigParser

from hooks.attachments.formats.access import Access, Unwritable

# What one reader or another takes for a comment, a quote or the next line.
_AMBIGUOUS = re.compile(
    r"""[\x00-\x1f\x7f-\x9f\u2028\u2029] | ^[\s;\#"'`\[] | \s[;\#] | [\s"'`\\]$""", re.VERBOSE
)
# What only some fill in: neither an AWS SDK nor pgBackRest does.
_REFERENCE = re.compile(r"%\(|\$\{")


def plain(value: str, what: str = "a value", *, references: bool = False) -> str:
    """A value that all readers of INI files take as it stands.

    Args:
        value: the value.
        what: what it is, for the error.
        references: whether readers count that put another value in place of %(…)s or ${…}.

    Raises:
        Unwritable: some read another one.
    """
    if _AMBIGUOUS.search(value) or (references and _REFERENCE.search(value)):
        raise Unwritable(f"{what} that readers of INI files disagree about")
    return value


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
    netloc = access.netloc()
    if len(secret) > 1 and secret[0] == secret[-1] == '"':
        secret = f'"{secret}"'
    return _ini(
        "default",
        {
            "access_key": access.access_key,
            "secret_key": secret,
            "host_base": netloc,
            # Without %(bucket)s in it: the bucket is a part of the path.
            "host_bucket": netloc,
            "use_https": str(access.tls),
            "bucket_location": access.region,
        },
    )


def aws_credentials(access: Access) -> str:
    """The AWS SDKs' and CLI's ``credentials``, and Velero's ``cloud``.

    Raises:
        Unwritable: some SDK would read another secret.
    """
    values = {
        "aws_access_key_id": plain(access.access_key, "an access key"),
        "aws_secret_access_key": plain(access.secret.reveal(), "a secret"),
    }
    return _ini("default", values, spaced=False)


def aws_config(access: Access) -> str:
    """The AWS SDKs' and CLI's ``config``; the store's CAs are named by a path there, so not here.

    Raises:
        Unwritable: some SDK would read another endpoint or region.
    """
    values = {
        "region": plain(access.region, "a region"),
        "endpoint_url": plain(access.endpoint, "an endpoint"),
        **({} if access.trailers else {"request_checksum_calculation": "when_required"}),
        # One level deeper, which is how the CLI and botocore nest.
        "s3": "\naddressing_style = path",
    }
    return _ini("default", values)


def pgbackrest(access: Access) -> str:
    """Crunchy's ``s3.conf`` for pgBackRest: the two options that don't stand in the cluster.

    A further option that the operator writes too would be one too many for pgBackRest.

    Raises:
        Unwritable: pgBackRest would read another secret.
    """
    values = {
        "repo1-s3-key": plain(access.access_key, "an access key"),
        "repo1-s3-key-secret": plain(access.secret.reveal(), "a secret"),
    }
    return _ini("global", values, spaced=False)


def _ini(section: str, values: Mapping[str, str], *, spaced: bool = True) -> str:
    # Raw: nothing here is a reference to be filled in.
    parser = RawConfigParser()
    parser[section] = values
    text = io.StringIO()
    parser.write(text, space_around_delimiters=spaced)
    return text.getvalue()
