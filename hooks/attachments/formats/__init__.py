"""In which keys and files each consumer looks for its bucket: a table, one row a consumer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from hooks.attachments.formats import document, inifile
from hooks.attachments.formats.access import Access, Unwritable

__all__ = ["FORMATS", "Access", "Format", "Unwritable"]

Writer = Callable[[Access], str | None]
"""Makes one key's value; None leaves the key out, and Unwritable refuses it."""


@dataclass(frozen=True, slots=True)
class Format:
    """What one consumer reads.

    Args:
        keys: how the value of each key is made.
        without: keys that the consumer takes amiss.
    """

    keys: Mapping[str, Writer]
    without: frozenset[str] = frozenset()


def _secret(access: Access) -> str:
    return access.secret.reveal()


def _always(text: str) -> Writer:
    return lambda _: text


def _no_path(access: Access) -> str:
    return access.without_path()


def _plain_yaml(writer: Writer) -> Writer:
    def write(access: Access) -> str | None:
        return document.plain_yaml(writer(access))

    return write


_bucket: Writer = attrgetter("bucket")
_buckets: Writer = attrgetter("buckets")
_access_key: Writer = attrgetter("access_key")
_endpoint: Writer = attrgetter("endpoint")
_region: Writer = attrgetter("region")
_ca: Writer = attrgetter("ca")
_AWS: Mapping[str, Writer] = {
    "AWS_ACCESS_KEY_ID": _access_key,
    "AWS_SECRET_ACCESS_KEY": _secret,
}
_RESTIC: Mapping[str, Writer] = {
    "RESTIC_REPOSITORY": document.restic,
    **_AWS,
    "AWS_DEFAULT_REGION": _region,
}

FORMATS: Mapping[str, Format] = {
    "rclone": Format({"rclone.conf": inifile.rclone}),
    "s3cmd": Format({".s3cfg": inifile.s3cmd}),
    "aws": Format({"credentials": inifile.aws_credentials, "config": inifile.aws_config}),
    "mc": Format({"config.json": document.mc, "MC_HOST_s3": document.mc_host}),
    "s3fs": Format({"passwd-s3fs": document.s3fs}),
    # The repository's password is the tenant's own: see templates.
    "restic": Format(_RESTIC),
    "velero": Format({"cloud": inifile.aws_credentials}),
    # What the chart `cluster` has built in, its capital letter too.
    "cnpg": Format({"ACCESS_KEY_ID": _access_key, "ACCESS_SECRET_KEY": _secret, "Region": _region}),
    "barman": Format({"ACCESS_KEY_ID": _access_key, "ACCESS_SECRET_KEY": _secret}),
    # LokiStack refuses an endpoint with a path. Loki spreads its chunks over several buckets.
    "loki": Format(
        {
            "bucketnames": _buckets,
            "endpoint": _no_path,
            "access_key_id": _access_key,
            "access_key_secret": _secret,
            "region": _region,
        }
    ),
    # The Tempo operator takes a region for the sign of credentials that AWS hands out.
    "tempo": Format(
        {
            "bucket": _bucket,
            "endpoint": _no_path,
            "access_key_id": _access_key,
            "access_key_secret": _secret,
        },
        without=frozenset({"region"}),
    ),
    "thanos": Format({"thanos.yaml": document.thanos}),
    "gitlab": Format({"connection": document.gitlab_rails, "config": document.gitlab_registry}),
    # Harbor reads the two keys; distribution all, with REGISTRY_STORAGE=s3 in its environment.
    "registry": Format(
        {
            "REGISTRY_STORAGE_S3_ACCESSKEY": _plain_yaml(_access_key),
            "REGISTRY_STORAGE_S3_SECRETKEY": _plain_yaml(_secret),
            "REGISTRY_STORAGE_S3_BUCKET": _plain_yaml(_bucket),
            "REGISTRY_STORAGE_S3_REGION": _plain_yaml(_region),
            "REGISTRY_STORAGE_S3_REGIONENDPOINT": _endpoint,
            "REGISTRY_STORAGE_S3_FORCEPATHSTYLE": _always("true"),
        }
    ),
    "flux": Format({"accesskey": _access_key, "secretkey": _secret}),
    # Selectors name the keys there; its own documents use both spellings.
    "argo": Format(
        {
            "accessKey": _access_key,
            "secretKey": _secret,
            "accesskey": _access_key,
            "secretkey": _secret,
        }
    ),
    "k3s": Format(
        {
            "etcd-s3-access-key": _access_key,
            "etcd-s3-secret-key": _secret,
            "etcd-s3-bucket": _bucket,
            "etcd-s3-endpoint": Access.netloc,
            "etcd-s3-region": _region,
            "etcd-s3-insecure": lambda access: str(not access.tls).lower(),
            "etcd-s3-bucket-lookup-type": _always("path"),
            "etcd-s3-endpoint-ca": _ca,
        }
    ),
    "longhorn": Format(
        {
            **_AWS,
            "AWS_ENDPOINTS": _endpoint,
            "AWS_CERT": _ca,
            "VIRTUAL_HOSTED_STYLE": _always("false"),
        }
    ),
    "rancher": Format({"accessKey": _access_key, "secretKey": _secret}),
    "pgbackrest": Format({"s3.conf": inifile.pgbackrest}),
    # Every key becomes a variable of the database's pod, where a region beside an endpoint makes
    # WAL-E's backups fail.
    "zalando": Format(
        {
            **_AWS,
            "AWS_ENDPOINT": _endpoint,
            "WAL_S3_BUCKET": _bucket,
            "WAL_BUCKET_SCOPE_PREFIX": _always(""),
        },
        without=frozenset({"AWS_REGION"}),
    ),
    "volsync": Format(_RESTIC),
    # Under the names of v1alpha2 as it is now, and under those that it had before.
    "cosi": Format(
        {
            "COSI_PROTOCOL": _always("S3"),
            "COSI_CERTIFICATE_AUTHORITY": _ca,
            "BUCKET_NAME": _bucket,
            "AWS_ENDPOINT_URL": _endpoint,
            "AWS_DEFAULT_REGION": _region,
            "AWS_S3_ADDRESSING_STYLE": _always("path"),
            **_AWS,
            "COSI_S3_BUCKET_ID": _bucket,
            "COSI_S3_ENDPOINT": _endpoint,
            "COSI_S3_REGION": _region,
            "COSI_S3_ADDRESSING_STYLE": _always("path"),
            "COSI_S3_ACCESS_KEY_ID": _access_key,
            "COSI_S3_ACCESS_SECRET_KEY": _secret,
        }
    ),
}
"""By the word that the annotation ``connection-format`` has for it."""
