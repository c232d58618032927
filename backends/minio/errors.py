"""What MinIO's error codes mean, of its S3 API and of its admin API."""

from __future__ import annotations

from backends.base import Gap
from backends.wire.codes import Code, Codes

NO_SUCH_USER = "XMinioAdminNoSuchUser"
NO_SUCH_GROUP = "XMinioAdminNoSuchGroup"
NO_SUCH_POLICY = "XMinioAdminNoSuchPolicy"
NO_USER_BUT = "XMinioIAMActionNotAllowed"
NO_USERS_NAME = "XMinioInvalidIAMCredentials"
ALREADY_APPLIED = "XMinioAdminPolicyChangeAlreadyApplied"
POLICY_IN_USE = "XMinioIAMPolicyInUse"

CODES = Codes(
    "the MinIO of 2026-02-12",
    Code("InvalidAccessKeyId", "no such user, or a disabled one", gap=Gap.NO_USER),
    Code("SignatureDoesNotMatch", "the user has another secret", gap=Gap.WRONG_SECRET),
    Code("NoSuchBucket", "no such bucket", gap=Gap.NO_BUCKET),
    Code("AccessDenied", "no policy lets the user", gap=Gap.DENIED),
    Code("BucketAlreadyExists", "the bucket is there"),
    Code("BucketAlreadyOwnedByYou", "the bucket is there"),
    Code("NoSuchBucketPolicy", "the bucket has no policy"),
    Code("NoSuchLifecycleConfiguration", "the bucket has no lifecycle rules"),
    Code("ReplicationConfigurationNotFoundError", "the bucket is not replicated"),
    Code("XMinioAdminRemoteTargetNotFoundError", "the bucket has no target to be replicated to"),
    Code(NO_SUCH_USER, "no such user; also said of a disabled one that is to lose a policy"),
    Code(NO_SUCH_GROUP, "no such group"),
    Code(NO_SUCH_POLICY, "no such policy"),
    Code(NO_USER_BUT, "it is root, or a service account"),
    Code(NO_USERS_NAME, "no user can have that name, before anything is written"),
    Code(ALREADY_APPLIED, "the policy is attached, or detached, already"),
    Code(POLICY_IN_USE, "the policy is attached to somebody"),
)
