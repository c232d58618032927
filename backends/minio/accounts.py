"""MinIO's users and groups, as its admin API tells of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minio.minioadmin import MinioAdmin

from backends.minio.api import AdminApi
from backends.minio.errors import NO_SUCH_GROUP, NO_SUCH_USER, NO_USER_BUT
from backends.wire.deadline import Deadline


class Accounts:
    """Looks up users and groups; for the tasks of one event loop.

    Args:
        api: the admin API.
    """

    def __init__(self, api: AdminApi) -> None:
        self._api = api

    async def user(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """What is known of a user; None also of root and of service accounts."""
        return await self._look_up(
            "user-info", lambda admin: admin.user_info(name), deadline, NO_SUCH_USER, NO_USER_BUT
        )

    async def group(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """What is known of a group, None if there is none."""
        return await self._look_up(
            "group", lambda admin: admin.group_info(name), deadline, NO_SUCH_GROUP
        )

    async def _look_up(
        self,
        operation: str,
        function: Callable[[MinioAdmin], str],
        deadline: Deadline,
        *absent: str,
    ) -> dict[str, Any] | None:
        found = await self._api.call(operation, function, deadline, expected=frozenset(absent))
        return None if found.code else found.document
