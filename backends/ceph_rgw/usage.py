"""What a bucket of Ceph RGW's holds: the gateway's own counters, and its quota."""

from __future__ import annotations

from backends.ceph_rgw.api import AdminApi, document
from backends.ceph_rgw.errors import ABSENT
from backends.usage import Usage
from backends.wire import jsonbody
from backends.wire.deadline import Deadline

# The counter of objects: former versions and parts of unfinished uploads count as such (Ceph
# 16.2.15). There is none in a bucket that never held anything.
_OBJECTS = "rgw.main"


async def usage(api: AdminApi, bucket: str, deadline: Deadline) -> Usage | None:
    """See :meth:`backends.usage.Metered.usage`.

    Args:
        api: the admin API.
        bucket: its name; an empty one would list all.
        deadline: of this question.
    """
    answer = await api.call(
        "GET", "bucket", "bucket_stats", deadline, {"bucket": bucket, "stats": "True"}
    )
    if answer.code in ABSENT:
        return None
    described = document(answer)
    held = jsonbody.mapping(jsonbody.mapping(described, "usage"), _OBJECTS)
    quota = jsonbody.mapping(described, "bucket_quota")
    limited = quota.get("enabled") is True
    return Usage(
        objects=jsonbody.count(held, "num_objects") or 0,
        bytes=jsonbody.count(held, "size") or 0,
        quota_bytes=jsonbody.count(quota, "max_size") if limited else None,
        quota_objects=jsonbody.count(quota, "max_objects") if limited else None,
    )
