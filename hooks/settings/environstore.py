"""The one store of an operator without a list of stores: the S3_* variables."""

from __future__ import annotations

import re

from backends import REGISTRY
from backends.base import Connection, Credentials
from hooks.claim.endpoint import Endpoint
from hooks.claim.stores import DEFAULT, Store
from hooks.settings.entry import Entry, is_by_token, is_overheard, region_of
from hooks.settings.environment import Reader

OF_ONE_STORE = (
    "BACKEND_NAME",
    "S3_ENDPOINT_URL",
    "S3_ADMIN_ENDPOINT_URL",
    "S3_PUBLIC_ENDPOINT_URL",
    "S3_ENDPOINT_ALIASES",
    "S3_REGION",
    "S3_CA_BUNDLE",
    "S3_TLS_VERIFY",
    "S3_ALLOW_PLAIN_HTTP",
    "S3_ACCESS_KEY",
    "S3_ACCESS_KEY_FILE",
    "ROOT_ACCESS_KEY",
    "ROOT_ACCESS_KEY_FILE",
    "S3_SECRET_KEY",
    "S3_SECRET_KEY_FILE",
    "ROOT_SECRET_KEY",
    "ROOT_SECRET_KEY_FILE",
    "S3_ADMIN_TOKEN",
    "S3_ADMIN_TOKEN_FILE",
)
"""The variables that are read here."""
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")


def read_store(read: Reader, *, pool_size: int) -> Entry:
    """The store of the variables; mistakes are noted.

    Args:
        read: the variables.
        pool_size: connections kept open at most.
    """
    backend = read.choice("BACKEND_NAME", "versitygw", tuple(REGISTRY))
    by_token = is_by_token(backend)
    endpoint = read.url("S3_ENDPOINT_URL", "the URL of the store's S3 API")
    admin_endpoint = read.url(
        "S3_ADMIN_ENDPOINT_URL", "the URL of Garage's admin API" if by_token else None
    )
    access_key = read.credential("S3_ACCESS_KEY", "ROOT_ACCESS_KEY", required=not by_token)
    secret_key = read.credential("S3_SECRET_KEY", "ROOT_SECRET_KEY", required=not by_token)
    token = read.credential("S3_ADMIN_TOKEN", required=by_token)
    public_endpoint = read.url_as_given("S3_PUBLIC_ENDPOINT_URL", "S3_ENDPOINT_URL")
    aliases = read.list("S3_ENDPOINT_ALIASES", "", Endpoint.of)
    region = read.text("S3_REGION", region_of(backend), region_name)
    verify = read.boolean("S3_TLS_VERIFY", True)
    plain = read.boolean("S3_ALLOW_PLAIN_HTTP", False)
    if not plain and is_overheard(backend, admin_endpoint or endpoint):
        read.mistakes.append(
            f"{'S3_ADMIN_ENDPOINT_URL' if admin_endpoint else 'S3_ENDPOINT_URL'}: must be https "
            f"for {backend}, whose admin API takes users' secrets as they are "
            "(S3_ALLOW_PLAIN_HTTP=true lets them be read by whoever is in between)"
        )
    return Entry(
        store=Store(
            DEFAULT,
            endpoint=endpoint,
            aliases=frozenset(
                url for alias in (*_endpoints(public_endpoint), *aliases) for url in alias.urls
            ),
        ),
        backend=backend,
        connection=Connection(
            endpoint=endpoint,
            admin_endpoint=admin_endpoint or endpoint,
            region=region,
            admin=Credentials(access_key.reveal(), token if by_token else secret_key),
            ca_bundle=read.ca_bundle("S3_CA_BUNDLE"),
            tls_verify=verify,
            tls_strict=read.boolean("TLS_STRICT", False),
            pool_size=pool_size,
            proxies=read.proxies(endpoint, admin_endpoint),
        ),
        public_endpoint=public_endpoint,
    )


def region_name(value: str) -> str:
    """A region's name.

    Raises:
        ValueError: it can't be one.
    """
    if not _REGION.fullmatch(value):
        raise ValueError("must be letters, digits and hyphens")
    return value


def _endpoints(url: str) -> list[Endpoint]:
    """None of a URL that is missing or was told to be none."""
    try:
        return [Endpoint.of(url)]
    except ValueError:
        return []
