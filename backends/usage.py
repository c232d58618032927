"""What a bucket holds and may hold, where a store tells it without counting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backends.wire.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Usage:
    """What a store tells of a bucket.

    Args:
        objects: how many it holds; None where the store doesn't say.
        bytes: of these objects, likewise.
        quota_bytes: the limit of its size; None where there is none.
        quota_objects: the limit of the number of its objects; None where there is none.
        counted: when the store counted, for one that counts now and then; None for a moment ago.
    """

    objects: int | None = None
    bytes: int | None = None
    quota_bytes: int | None = None
    quota_objects: int | None = None
    counted: datetime | None = None


class Metered(Protocol):
    """A store that may tell what its buckets hold; no sync ever asks."""

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """What a bucket holds, as an administrator is told in a request or two; nothing is listed.

        None where there is no such bucket, and on a store that would have to count first.

        Args:
            bucket: its name, which is one by the rules of S3.
            deadline: of this question.

        Raises:
            StoreError: the store can't be asked, or its answer makes no sense.
        """
        ...
