"""The settings of a model's buckets: a dictionary, which takes every document as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from backends.base import Claim
from backends.bucketsettings import Document, Rule, SettingName, SettingSupport
from backends.errors import Unsupported
from backends.wire.deadline import Deadline

SUPPORT = SettingSupport(names=frozenset(SettingName), rules=frozenset(Rule))


class ModelSettings:
    """See :class:`backends.bucketsettings.BucketSettings`."""

    def __init__(self, called: Callable[[str], Awaitable[None]]) -> None:
        self._called = called
        self.documents: dict[tuple[str, SettingName], Document] = {}

    async def read(self, name: SettingName, claim: Claim, deadline: Deadline) -> Document | None:
        await self._called("read_setting")
        return self.documents.get((claim.bucket, name))

    async def write(
        self, name: SettingName, document: Document, claim: Claim, deadline: Deadline
    ) -> None:
        await self._called("write_setting")
        if name is SettingName.LOCK:
            raise Unsupported("The bucket has no object lock.")
        self.documents[claim.bucket, name] = document

    async def remove(self, name: SettingName, claim: Claim, deadline: Deadline) -> None:
        await self._called("remove_setting")
        self.documents.pop((claim.bucket, name), None)

    async def is_public(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("probe_public")
        return (claim.bucket, SettingName.PUBLIC) in self.documents

    def forget(self, bucket: str, *, kept: SettingName | None = None) -> None:
        """Of a bucket that is gone, or of one whose owner changes: then the lock stays."""
        for of, name in list(self.documents):
            if of == bucket and name is not kept:
                del self.documents[of, name]
