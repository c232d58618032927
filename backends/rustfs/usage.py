"""What a bucket of RustFS's holds: what its scanner has counted last, and the bucket's quota."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from backends.rustfs.api import AdminApi
from backends.rustfs.errors import NO_SUCH_BUCKET
from backends.usage import Usage
from backends.wire import jsonbody
from backends.wire.deadline import Deadline

# The numbers of all buckets come in one answer, so one serves many questions. They are no fresher
# when they are asked for more often.
_KEPT = 10.0
# About a kilobyte a bucket (RustFS 1.0.1).
_LIMIT = 32 * 1024 * 1024
_GONE = frozenset({NO_SUCH_BUCKET})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
            "GET", "get-bucket-quota", deadline, {"bucket": bucket}, expected=_GONE
        )
        if quota.code:
            return None
        # Zero is no limit.
        limit = jsonbody.count(jsonbody.document(quota.body), "quota") or None
        told = await self._counted(deadline)
        held = jsonbody.mapping(jsonbody.mapping(told, "buckets_usage"), bucket)
        return Usage(
            objects=jsonbody.count(held, "objects_count"),
            bytes=jsonbody.count(held, "size"),
            quota_bytes=limit,
            counted=_time(jsonbody.mapping(told, "last_update")) if held else None,
        )

    async def _counted(self, deadline: Deadline) -> dict[str, Any]:
        """What the scanner has counted, of all buckets."""
        async with self._one:
            if time.monotonic() >= self._until:
                answer = await self._api.call("GET", "datausageinfo", deadline, limit=_LIMIT)
                # Nothing else is answered while this thread parses.
                self._told = await asyncio.to_thread(jsonbody.document, answer.body)
                self._until = time.monotonic() + _KEPT
            return self._told


def _time(moment: Mapping[str, Any]) -> datetime | None:
    seconds = jsonbody.count(moment, "secs_since_epoch")
    try:
        return None if seconds is None else _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
