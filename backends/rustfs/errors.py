"""What RustFS's error codes mean, of its S3 API and of its admin API.

Many mistakes of a caller are InternalError there (a policy that isn't there or is in use, a user
that is a service account): so everything is looked up first, and what is left is a fault.
"""

from __future__ import annotations

from backends.base import Answer, Gap
from backends.errors import CredentialsRejected, Misconfigured, StoreError
from backends.wire.codes import Code, Codes

NO_SUCH_BUCKET = "NoSuchBucket"
NO_SUCH_RESOURCE = "NoSuchResource"
INVALID_ARGUMENT = "InvalidArgument"
INTERNAL_ERROR = "InternalError"
ACCESS_DENIED = "AccessDenied"
TAKEN = "BucketAlreadyExists"


def _no_admin_api(_: Answer) -> StoreError:
    return Misconfigured(
        "The store has no such admin API at S3_ADMIN_ENDPOINT_URL: check BACKEND_NAME and the "
        "admin endpoint."
    )


CODES = Codes(
    "RustFS 1.0.1",
    Code("InvalidAccessKeyId", "no such user, or a disabled one", gap=Gap.NO_USER),
    Code("SignatureDoesNotMatch", "the user has another secret", gap=Gap.WRONG_SECRET),
    Code(
        NO_SUCH_BUCKET,
        "no such bucket; where an admin API was asked, it is another store's",
        gap=Gap.NO_BUCKET,
        to_admin=_no_admin_api,
    ),
    Code(ACCESS_DENIED, "no policy lets the user; of the admin API, too", gap=Gap.DENIED),
    Code(TAKEN, "the bucket is there, whoever made it"),
    Code(NO_SUCH_RESOURCE, "no such user, group or policy; also said of root"),
    Code(INVALID_ARGUMENT, "no such user, or it is root or a service account"),
    Code("InvalidRequest", "there is no such access key that could be told of"),
    Code(INTERNAL_ERROR, "of a user that is asked for: it may be a service account"),
    Code("NoSuchBucketPolicy", "the bucket has no policy"),
    Code("NoSuchLifecycleConfiguration", "the bucket has no lifecycle rules"),
    Code("NoSuchCORSConfiguration", "the bucket has no CORS rules"),
    Code("NoSuchWebsiteConfiguration", "the bucket is no website"),
    Code("ReplicationConfigurationNotFoundError", "the bucket is not replicated"),
)


def bucket_error(answer: Answer) -> StoreError:
    """The error that an answer about a bucket to the operator itself means."""
    if answer.code == ACCESS_DENIED:
        return CredentialsRejected(
            "The store refuses the operator what it has to do with the bucket: a policy of the "
            "bucket shuts it out, which root can take off, or the operator's own account lacks a "
            "right for it."
        )
    return CODES.admin_error(answer)
