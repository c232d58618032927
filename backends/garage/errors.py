"""What Garage's error codes mean, of its S3 API and of its admin API."""

from __future__ import annotations

import re

from backends.base import Answer, Gap
from backends.errors import CredentialsRejected, Misconfigured, StoreError, error_for
from backends.wire.codes import Code, Codes

_EXPECTED_REGION = re.compile(r"expected: '[0-9]+/([^/' ]+)/")


def _token_refused(_: Answer) -> StoreError:
    return CredentialsRejected(
        "The store refuses the operator's own credentials: S3_ADMIN_TOKEN is not an admin "
        "token of this Garage, or its scope leaves out what is needed."
    )


def _another_region(answer: Answer) -> StoreError:
    """Without the rest of the words, which name today's date: no message may."""
    region = _EXPECTED_REGION.search(answer.message)
    words = f"it expects {region[1]}" if region else "it expects another"
    return error_for(answer.status, answer.code, words, admin=False)


def _invalid_request(answer: Answer) -> StoreError:
    code = "RequestTimeTooSkewed" if "Date is too old" in answer.message else answer.code
    return error_for(answer.status, code, answer.message, admin=False)


def no_layout() -> Misconfigured:
    """A node that is no part of a cluster yet, as each is when it is started first."""
    return Misconfigured(
        "Garage stores nothing yet, since its cluster has no layout: assign and apply one with "
        "`garage layout assign` and `garage layout apply`."
    )


def _internal_error(answer: Answer) -> StoreError:
    if "Layout not ready" in answer.message:
        return no_layout()
    return error_for(answer.status, answer.code, answer.message, admin=True)


CODES = Codes(
    "Garage 2.5.0",
    Code("NoSuchBucket", "no such bucket", gap=Gap.NO_BUCKET),
    Code(
        "AccessDenied",
        "no such key, another secret or no permission alike: the admin API tells which",
        gap=Gap.DENIED,
        to_admin=_token_refused,
    ),
    Code(
        "InternalError",
        "the node failed; to the admin API: the words tell if it has no layout",
        to_admin=_internal_error,
    ),
    Code("NoSuchAccessKey", "no such key"),
    Code("KeyAlreadyExists", "there is such a key, or was once"),
    Code("BucketAlreadyExists", "the bucket is there"),
    Code("BucketNotEmpty", "the bucket holds objects"),
    Code(
        "InvalidRequest",
        "the key has had such a name for a bucket once; to a tenant: the words tell what",
        to_tenant=_invalid_request,
    ),
    Code(
        "AuthorizationHeaderMalformed",
        "the region is another, which the words name",
        to_tenant=_another_region,
    ),
)
