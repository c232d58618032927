"""What SeaweedFS's answers mean, of its S3 API and of its IAM API."""

from __future__ import annotations

from backends.base import Answer, Gap
from backends.errors import CredentialsRejected, Misconfigured, StoreError, error_for
from backends.wire.codes import Code, Codes

NO_SUCH_ENTITY = "NoSuchEntity"
ALREADY_EXISTS = "EntityAlreadyExists"
ACCESS_DENIED = "AccessDenied"


def _unknown_key(answer: Answer) -> StoreError:
    return error_for(answer.status, "InvalidAccessKeyId", answer.message, admin=True)


CODES = Codes(
    "SeaweedFS 4.53",
    Code("InvalidAccessKeyId", "no such active access key", gap=Gap.NO_USER),
    Code("SignatureDoesNotMatch", "the access key has another secret", gap=Gap.WRONG_SECRET),
    Code("NoSuchBucket", "no such bucket", gap=Gap.NO_BUCKET),
    Code(ACCESS_DENIED, "no policy lets the user; of the IAM API, too", gap=Gap.DENIED),
    Code("InvalidClientTokenId", "the IAM API's word for no such key", to_admin=_unknown_key),
    Code(NO_SUCH_ENTITY, "no such user, policy or group"),
    Code(ALREADY_EXISTS, "there is such a user, policy or access key"),
    Code("BucketAlreadyExists", "the bucket is there, and another's"),
    Code("BucketAlreadyOwnedByYou", "the bucket is there, and the user has made it"),
    Code("NoSuchBucketPolicy", "the bucket has no policy"),
    Code("NoSuchLifecycleConfiguration", "the bucket has no lifecycle rules"),
    Code("NoSuchCORSConfiguration", "the bucket has no CORS rules"),
)


def bucket_error(answer: Answer) -> StoreError:
    """The error that an answer about a bucket to the administrator means."""
    if answer.code == ACCESS_DENIED:
        return CredentialsRejected(
            "The store refuses the operator what it has to do with the bucket: a policy of the "
            "bucket shuts it out, or the operator's own account lacks a right for it."
        )
    return CODES.admin_error(answer)


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
