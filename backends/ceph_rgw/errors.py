"""What Ceph RGW's error codes mean, of its S3 API and of its admin API."""

from __future__ import annotations

from backends.base import Answer, Gap
from backends.errors import Misconfigured, StoreError, Withheld
from backends.wire.codes import Code, Codes

ABSENT = frozenset({"NoSuchBucket", "NoSuchKey", "NoSuchUser"})
"""Of a bucket that is gone, and of one or its user, in the words of several versions."""
LOST_RACE = "UnknownError"


def _too_many_buckets(_: Answer) -> StoreError:
    return Misconfigured(
        "The operator's own user may make no more buckets: an administrator has to set its "
        "max-buckets to 0, which is no limit."
    )


CODES = Codes(
    "Ceph 16.2.15",
    Code("InvalidAccessKeyId", "no such user", gap=Gap.NO_USER),
    Code("SignatureDoesNotMatch", "the user has another secret", gap=Gap.WRONG_SECRET),
    Code(
        "UserSuspended",
        "with the right secret, but the user is looked at before anything is done about it",
        gap=Gap.WRONG_SECRET,
    ),
    Code("NoSuchBucket", "no such bucket", gap=Gap.NO_BUCKET),
    Code(
        "AccessDenied",
        "the bucket is another's, or a policy denies it; of a key: none, or caps are missing",
        gap=Gap.DENIED,
    ),
    Code("NoSuchKey", "the bucket, or the user that it is for, is gone"),
    Code("NoSuchUser", "no such user"),
    Code("NoSuchEntity", "of the IAM API: the user, or a policy of it, is gone"),
    Code("UserAlreadyExists", "there is a user of that name"),
    Code("KeyExists", "another user has the access key"),
    Code("BucketAlreadyExists", "the bucket is there; of a user to be deleted: it has one"),
    Code("BucketAlreadyOwnedByYou", "the bucket is there, and the operator's"),
    Code("BucketNotEmpty", "the bucket holds objects"),
    Code("NoSuchBucketPolicy", "the bucket has no policy"),
    Code("NoSuchLifecycleConfiguration", "the bucket has no lifecycle rules"),
    Code("NoSuchCORSConfiguration", "the bucket has no CORS rules"),
    Code("NoSuchWebsiteConfiguration", "the bucket is no website"),
    Code("ReplicationConfigurationNotFoundError", "the bucket is not replicated"),
    Code("MethodNotAllowed", "of a bucket's settings: the gateway has none of the kind"),
    Code("NotImplemented", "of a bucket's settings: the gateway has none of the kind"),
    Code("InvalidArgument", "of a bucket taken off a user's list: it is another's, and is off it"),
    Code(LOST_RACE, "another request for the same thing was faster"),
    Code("TooManyBuckets", "the operator's own user is limited", to_admin=_too_many_buckets),
)


def owners_error(answer: Answer) -> StoreError:
    """What an answer to a bucket's owner about its settings means that was not expected."""
    if answer.code == "AccessDenied":
        return Withheld(
            "The bucket's own policy keeps its owner and the operator out of its settings: have "
            "the owner change it, or choose another name."
        )
    return CODES.error(answer, admin=False)
