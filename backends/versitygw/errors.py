"""What VersityGW's error codes mean."""

from __future__ import annotations

from backends.base import Answer, Gap
from backends.errors import CredentialsRejected, Misconfigured, Unsupported
from backends.wire.codes import Code, Codes


def single_account(_: Answer) -> Misconfigured:
    """A gateway without users."""
    return Misconfigured(
        "VersityGW runs in single-account mode and can have no users: start it with an IAM "
        "service such as --iam-dir."
    )


def no_versions(_: Answer) -> Unsupported:
    """A gateway without a place for versions."""
    return Unsupported(
        "This VersityGW keeps no former versions of objects: start it with --versioning-dir, or "
        "remove versioning from the Secret."
    )


def refused(_: Answer) -> CredentialsRejected:
    """To an administrator only a gateway that takes no changes says so; else it is none."""
    return CredentialsRejected(
        "The store refuses the operator's own credentials: they are not an administrator's, or "
        "VersityGW takes no changes, since it was started with --readonly."
    )


def no_owners() -> Misconfigured:
    """A gateway without a place for what it is told of buckets."""
    return Misconfigured(
        "VersityGW was told the bucket's new owner and still names the former one. It keeps no "
        "owners if it was started with --nometa: start it without, or with --sidecar."
    )


CODES = Codes(
    "VersityGW 1.8.0",
    Code("InvalidAccessKeyId", "no such user", gap=Gap.NO_USER),
    Code("SignatureDoesNotMatch", "the user has another secret", gap=Gap.WRONG_SECRET),
    Code("NoSuchBucket", "no such bucket", gap=Gap.NO_BUCKET),
    Code(
        "AccessDenied",
        "the bucket is another's, or its policy denies it; to an administrator: no changes",
        gap=Gap.DENIED,
        to_admin=refused,
    ),
    Code("BucketAlreadyExists", "the bucket is there, and another's"),
    Code("BucketAlreadyOwnedByYou", "the bucket is there, and the administrator's"),
    Code("NoSuchBucketPolicy", "the bucket has no policy"),
    Code("MalformedPolicy", "of a policy that names a user: there is no such user"),
    Code("NoSuchCORSConfiguration", "the bucket has no CORS rules"),
    Code("NoSuchWebsiteConfiguration", "the bucket is no website"),
    Code("NoSuchKey", "no such object, in a gateway that looks for versions"),
    Code("NoSuchVersion", "no such version, in a gateway that looks for versions"),
    Code("InvalidArgument", "of a version: the gateway has no place for any"),
    Code("VersioningNotConfigured", "the gateway has no place for versions", error=no_versions),
    Code("XAdminUserExists", "there is such an account"),
    Code(
        "XAdminUserNotFound",
        "there is no such account; to a tenant: the gateway has none at all",
        to_tenant=single_account,
    ),
    Code("XAdminMethodNotSupported", "the gateway has no IAM service", error=single_account),
)
