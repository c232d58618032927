"""A holder and who wants access to its bucket, in memory."""

from __future__ import annotations

import secrets as random
import time
from dataclasses import replace
from typing import Any

from backends.sharing import Access
from hooks.contract.decorator import SyncRequest
from tests.properties.cluster import Seen, Slot
from tests.support import wait
from tests.tenancy.ground import HOLDER, SECRET, STRANGER, Ground

READ, WRITE = Access.READ_ONLY, Access.READ_WRITE
NOT_SHARED = ("Conflict", "NotShared")
INVALID = ("Invalid", "InvalidField")
THIRD: Slot = ("theirs", "third")


class SharedGround(Ground):
    """The Secrets of :class:`Ground`, and the annotations by which a bucket is shared.

    Its clock is this machine's, set back or on by a test.
    """

    def __post_init__(self) -> None:
        self.now = int(time.time())
        super().__post_init__()

    def hold(self, share_with: str | None = "theirs/stranger", slot: Slot = HOLDER) -> Seen:
        """A holder of the bucket that shares it."""
        self.make(slot, "user", SECRET)
        return self.share(share_with, slot)

    def share(self, share_with: str | None, slot: Slot = HOLDER) -> Seen:
        """The same holder, which shares it with others."""
        self.annotate(slot, **{"share-with": share_with})
        return self.sync(slot)

    def want(
        self,
        access: str | None = "read-only",
        slot: Slot = STRANGER,
        user: str = "guest",
        **more: str,
    ) -> Seen:
        """A Secret that wants access to the bucket."""
        self.make(slot, user, f"{user}-long-secret", **more)
        self.annotate(slot, access=access)
        return self.sync(slot)

    def make(self, slot: Slot, user: str, secret: str, bucket: str = "bucket", **more: str) -> None:
        fields = {"bucket-name": bucket, "access-key": user, "access-secret": secret}
        more = {key.replace("_", "-"): value for key, value in more.items()}
        self.kube.put(slot, random.token_hex(8), {**fields, **more})

    def delete(self, slot: Slot) -> None:
        """The Secret is deleted, and the finalize hook lets it go."""
        document = self.kube.documents[slot]
        document["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        request = replace(SyncRequest.of(document), finalizing=True)
        result = wait(self.operator.parts.finalizer.finalize(request))
        assert result.response.finalized
        del self.kube.documents[slot]

    def given(self, slot: Slot = STRANGER) -> Any:
        """What a Secret's grant says that it was given of others' buckets."""
        return self.told(slot).get("access", {})

    def asked(self, slot: Slot) -> list[str]:
        """What one more sync asks of the store."""
        self.store.calls.clear()
        self.call(slot)
        return list(self.store.calls)
