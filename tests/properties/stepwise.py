"""A store in memory whose every step can fail, before it is done or just after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from backends.base import Claim
from backends.wire.deadline import Deadline
from tests.model import ModelStore


@dataclass
class StepwiseStore(ModelStore):
    """Calls `before` and, once a change is made, `after`, both with the operation's name.

    Unlike its parent it stays on the event loop: the same steps in the same order each time.
    """

    after: Callable[[str], None] = field(default=lambda operation: None)

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        return await self._done("create_user", super().create_user(claim, deadline))

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        return await self._done("update_user", super().update_user(claim, deadline))

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        return await self._done("create_bucket", super().create_bucket(claim, deadline))

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        return await self._done("change_owner", super().change_owner(claim, deadline))

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        return await self._done("release", super().release(bucket, user, deadline))

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        return await self._done("delete_user", super().delete_user(name, deadline))

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        return await self._done("delete_bucket", super().delete_bucket(name, deadline))

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        return await self._done("set_quota", super().set_quota(claim, deadline))

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        return await self._done("set_versioning", super().set_versioning(claim, deadline))

    async def _done(self, operation: str, change: Awaitable[bool]) -> bool:
        changed = await change
        self.after(operation)
        return changed

    async def _called(self, operation: str) -> None:
        self.calls.append(operation)
        self.before(operation)
