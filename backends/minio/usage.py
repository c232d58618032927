"""What a bucket of MinIO's holds: what its scanner has counted last, and the bucket's quota.

The scanner goes through all objects in turn, so its numbers are minutes old on a small store and
may be days old on a large one; a bucket that it has not come to yet has none.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

from backends.minio.api import AdminApi
from backends.usage import Usage
from backends.wire import jsonbody
from backends.wire.deadline import Deadline

# The numbers of all buckets come in one answer, so one serves many questions. They are no fresher
# when they are asked for more often.
_KEPT = 10.0
# About 600 bytes a bucket (release of 2026-02-12).
_LIMIT = 32 * 1024 * 1024


class Counters:
    """Tells what buckets hold; for the tasks of one event loop.

    Args:
        api: the admin API.
    """

    def __init__(self, api: AdminApi) -> None:
        self._api = api
        self._one = asyncio.Lock()
        self._until = 0.0
        self._told: dict[str, Any] = {}

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """See :meth:`backends.usage.Metered.usage`."""
        quota = await self._api.call(
            "get-bucket-quota",
            lambda admin: admin.bucket_quota_get(bucket),
            deadline,
            expected=frozenset({"NoSuchBucket"}),
        )
        if quota.code:
            return None
        # Zero is no limit.
        limit = jsonbody.count(quota.document, "quota") or None
        told = await self._counted(deadline)
        held = jsonbody.mapping(jsonbody.mapping(told, "bucketsUsageInfo"), bucket)
        return Usage(
            objects=jsonbody.count(held, "objectsCount"),
            bytes=jsonbody.count(held, "size"),
            quota_bytes=limit,
            counted=_time(told.get("lastUpdate")) if held else None,
        )

    async def _counted(self, deadline: Deadline) -> dict[str, Any]:
        """What the scanner has counted, of all buckets."""
        async with self._one:
            if time.monotonic() >= self._until:
                reply = await self._api.call(
                    "datausageinfo",
                    lambda admin: str(admin.get_data_usage_info()),  # type: ignore[no-untyped-call]
                    deadline,
                    limit=_LIMIT,
                )
                # Nothing else is answered while this thread parses.
                self._told = await asyncio.to_thread(jsonbody.document, reply.text)
                self._until = time.monotonic() + _KEPT
            return self._told


def _time(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
