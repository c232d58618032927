"""What SeaweedFS's answers mean, of its S3 API and of its IAM API."""

from __future__ import annotations

from backends.base import Answer
from backends.errors import CredentialsRejected, Misconfigured, StoreError, error_for

NO_SUCH_ENTITY = "NoSuchEntity"
ALREADY_EXISTS = "EntityAlreadyExists"
ACCESS_DENIED = "AccessDenied"

# The IAM API has names of its own for what the S3 API says of a signature.
_OF_SIGNATURES = {"InvalidClientTokenId": "InvalidAccessKeyId"}


def error_of(answer: Answer, *, admin: bool) -> StoreError:
    """The error that an answer means which the caller doesn't know better.

    Args:
        answer: of either API.
        admin: whether the request was signed with the operator's own credentials.
    """
    code = _OF_SIGNATURES.get(answer.code, answer.code)
    return error_for(answer.status, code, answer.message, admin=admin)


def admin_error(answer: Answer) -> StoreError:
    """The error that an answer to the administrator means."""
    return error_of(answer, admin=True)


def bucket_error(answer: Answer) -> StoreError:
    """The error that an answer about a bucket to the administrator means."""
    if answer.code == ACCESS_DENIED:
        return CredentialsRejected(
            "The store refuses the operator what it has to do with the bucket: a policy of the "
            "bucket shuts it out, or the operator's own account lacks a right for it."
        )
    return admin_error(answer)


def read_only() -> Misconfigured:
    """The gateway's IAM takes no changes, as it does unless it is told to."""
    return Misconfigured(
        "The store's IAM API is read-only: start the gateway with -s3.iam.readOnly=false, or "
        "`weed s3` with -iam.readOnly=false."
    )


def unsigned() -> Misconfigured:
    """The gateway has no identities, and so lets everybody in."""
    return Misconfigured(
        "The store checks no signatures, since it has no identities: give it a file with the "
        "operator's own by -s3.config, or `weed s3` by -config."
    )
