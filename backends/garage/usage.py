"""What a bucket of Garage's holds: the counters and quotas that its admin API tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.usage import Usage
from backends.wire import jsonbody


def usage(bucket: Mapping[str, Any]) -> Usage:
    """See :meth:`backends.usage.Metered.usage`.

    Args:
        bucket: what GetBucketInfo says of it.

    Raises:
        ServerFault: that makes no sense.
    """
    quotas = jsonbody.mapping(bucket, "quotas")
    return Usage(
        objects=jsonbody.count(bucket, "objects"),
        bytes=jsonbody.count(bucket, "bytes"),
        quota_bytes=jsonbody.count(quotas, "maxSize"),
        quota_objects=jsonbody.count(quotas, "maxObjects"),
    )
