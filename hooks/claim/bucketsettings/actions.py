"""The actions that a bucket policy can be about.

Some stores take any word and pass it over: a Deny with a slip in it then forbids nothing (SeaweedFS
4.53). So one has to be an action, or a pattern of some.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_PATTERN = re.compile(r"s3:[a-z*?]{1,64}")

_OF_OBJECTS = (
    *("AbortMultipartUpload", "BypassGovernanceRetention", "DeleteObject", "DeleteObjectTagging"),
    *("DeleteObjectVersion", "DeleteObjectVersionTagging", "GetObject", "GetObjectAcl"),
    *("GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention", "GetObjectTagging"),
    *("GetObjectTorrent", "GetObjectVersion", "GetObjectVersionAcl", "GetObjectVersionAttributes"),
    *("GetObjectVersionForReplication", "GetObjectVersionTagging", "GetObjectVersionTorrent"),
    *("ListMultipartUploadParts", "ObjectOwnerOverrideToBucketOwner", "PutObject", "PutObjectAcl"),
    *("PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging", "PutObjectVersionAcl"),
    *("PutObjectVersionTagging", "ReplicateDelete", "ReplicateObject", "ReplicateTags"),
    *("RestoreObject",),
)
_OF_BUCKETS = (
    *("CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "DeleteBucketWebsite"),
    *("GetAccelerateConfiguration", "GetAnalyticsConfiguration", "GetBucketAcl", "GetBucketCORS"),
    *("GetBucketLocation", "GetBucketLogging", "GetBucketNotification"),
    *("GetBucketObjectLockConfiguration", "GetBucketOwnershipControls", "GetBucketPolicy"),
    *("GetBucketPolicyStatus", "GetBucketPublicAccessBlock", "GetBucketRequestPayment"),
    *("GetBucketTagging", "GetBucketVersioning", "GetBucketWebsite", "GetEncryptionConfiguration"),
    *("GetInventoryConfiguration", "GetLifecycleConfiguration", "GetMetricsConfiguration"),
    *("GetReplicationConfiguration", "ListBucket", "ListBucketMultipartUploads"),
    *("ListBucketVersions", "PutAccelerateConfiguration", "PutAnalyticsConfiguration"),
    *("PutBucketAcl", "PutBucketCORS", "PutBucketLogging", "PutBucketNotification"),
    *("PutBucketObjectLockConfiguration", "PutBucketOwnershipControls", "PutBucketPolicy"),
    *("PutBucketPublicAccessBlock", "PutBucketRequestPayment", "PutBucketTagging"),
    *("PutBucketVersioning", "PutBucketWebsite", "PutEncryptionConfiguration"),
    *("PutInventoryConfiguration", "PutLifecycleConfiguration", "PutMetricsConfiguration"),
    *("PutReplicationConfiguration",),
)
_ACTIONS = frozenset(f"s3:{name}".lower() for name in (*_OF_OBJECTS, *_OF_BUCKETS))


def is_action(text: str) -> bool:
    """Whether it is an action of S3's, or a pattern that one fits."""
    word = text.lower()
    if word in _ACTIONS or word == "*":
        return True
    return bool(_PATTERN.fullmatch(word)) and any(fnmatchcase(each, word) for each in _ACTIONS)
