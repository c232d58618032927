"""Configuration files in YAML and JSON, and the few that are neither of these nor INI."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from hooks.attachments.formats.access import Access, Unwritable


class _Dumper(yaml.SafeDumper):
    """Quotes every text, since YAML 1.1 and 1.2 disagree about what a bare 0o17 or yes is."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Dumper.add_representer(str, _quoted)
# Read as a number, and written again as the same text.
_INTEGER = re.compile(r"[1-9][0-9]{0,17}")
# What is one to some reader at least.
_OTHER_NUMBER = re.compile(
    r"[-+]?(0[xXoObB][\da-fA-F_]+|0[\d_]*|\d[\d_]{18,}|[\d_]*[._][\d_.]*([eE][-+]?\d*)?"
    r"|\d+[eE][-+]?\d+|\.?(inf|nan))",
    re.IGNORECASE,
)
# Keys need none of that, and are shown to people.
_KEY = re.compile(r'^( *)"([a-z_]+)":', re.MULTILINE)


def thanos(access: Access) -> str:
    """Thanos' object storage configuration, as its own parser takes it.

    Raises:
        Unwritable: the endpoint has a path.
    """
    return _yaml(
        {
            "type": "S3",
            "config": {
                "bucket": access.bucket,
                "endpoint": access.netloc(),
                "region": access.region,
                "access_key": access.access_key,
                "secret_key": access.secret.reveal(),
                "insecure": not access.tls,
                "bucket_lookup_type": "path",
            },
        }
    )


def gitlab_rails(access: Access) -> str:
    """GitLab's ``connection`` for everything but the registry and backups."""
    return _yaml(
        {
            "provider": "AWS",
            "region": access.region,
            "aws_access_key_id": access.access_key,
            "aws_secret_access_key": access.secret.reveal(),
            "aws_signature_version": 4,
            "host": access.host,
            "endpoint": access.endpoint,
            "path_style": True,
        }
    )


def gitlab_registry(access: Access) -> str:
    """The storage of GitLab's container registry."""
    return _yaml(
        {
            "s3": {
                "bucket": access.bucket,
                "accesskey": access.access_key,
                "secretkey": access.secret.reveal(),
                "region": access.region,
                "regionendpoint": access.endpoint,
                "pathstyle": True,
                "secure": access.tls,
                "v4auth": True,
            }
        }
    )


def mc(access: Access) -> str:
    """``config.json`` of MinIO's client, version 10, with one alias, ``s3``.

    Raises:
        Unwritable: the endpoint has a path.
    """
    alias = {
        "url": access.without_path(),
        "accessKey": access.access_key,
        "secretKey": access.secret.reveal(),
        "api": "S3v4",
        "path": "on",
    }
    return json.dumps({"version": "10", "aliases": {"s3": alias}}, indent=2) + "\n"


def mc_host(access: Access) -> str:
    """The same as an environment variable, whose value the client doesn't decode.

    Raises:
        Unwritable: the client would read another secret.
    """
    secret = access.secret.reveal()
    # Two colons make the second part of three a secret, and the third a session token. A line
    # separator is no character that its pattern takes.
    if ":" in access.access_key + secret:
        raise Unwritable("a colon in the access key or in the secret")
    url = access.without_path()
    scheme = access.url.scheme
    return f"{scheme}://{access.access_key}:{secret}@{url.partition('://')[2]}"


def s3fs(access: Access) -> str:
    """s3fs' password file.

    Raises:
        Unwritable: s3fs would refuse the line, or read another one.
    """
    line = f"{access.access_key}:{access.secret.reveal()}"
    # s3fs 1.90 takes anything before a second colon for a bucket's name.
    if line.count(":") > 1:
        raise Unwritable("a colon in the access key or in the secret")
    if re.search(r"\s", line) or line.startswith(("#", "[")):
        raise Unwritable("a blank in the access key or in the secret")
    return line + "\n"


def restic(access: Access) -> str:
    """``RESTIC_REPOSITORY``."""
    return f"s3:{access.endpoint.rstrip('/')}/{access.bucket}"


def plain_yaml(value: str | None) -> str | None:
    """A value for who reads it as YAML, though others take it as it stands.

    So distribution reads each variable of its environment: 0123 is 83 to it (3.1.2).

    Raises:
        Unwritable: YAML 1.1, YAML 1.2 or Go's YAML reads something else.
    """
    try:
        same = value is None or bool(_INTEGER.fullmatch(value)) or yaml.safe_load(value) == value
    except yaml.YAMLError:
        same = False
    if value is None or (same and not _OTHER_NUMBER.fullmatch(value)):
        return value
    raise Unwritable("a value that YAML reads as another one")


def _yaml(document: Mapping[str, Any]) -> str:
    text = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return _KEY.sub(r"\1\2:", text)
