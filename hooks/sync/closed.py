"""Which buckets were looked at and are not open to everybody, in bounded memory.

An answer that never reached its Secret may have opened a bucket, and the key that asked for it may
be gone by the next one: nothing on the Secret tells of it then. But whoever takes the key away
changes the Secret, and with it the resourceVersion that Kubernetes gives it. So a bucket is looked
at once for each version of its Secret, and who has forgotten all, after a restart, looks once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from hooks.contract.decorator import SyncRequest

# More than one operator serves; an entry is about 100 bytes.
_LIMIT = 200_000


class ClosedBuckets:
    """Remembers them; a hint only, that saves a question.

    Of each it keeps a number: Python's hash, whose key is another one in each process, so that
    nobody can look for names that fall together.

    Args:
        limit: of how many buckets.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._versions: dict[int, int] = {}

    def of(self, request: SyncRequest) -> Closed:
        """Those of a Secret as it stands in a request."""
        return Closed(self, request.uid, request.version)

    def knows(self, uid: str, bucket: str, version: str) -> bool:
        """Whether the bucket was looked at for this version of the Secret."""
        return self._versions.get(hash((uid, bucket))) == hash(version)

    def remember(self, uid: str, bucket: str, version: str) -> None:
        """Notes that it isn't open."""
        key = hash((uid, bucket))
        self._versions.pop(key, None)
        self._versions[key] = hash(version)
        if len(self._versions) > self._limit:
            del self._versions[next(iter(self._versions))]


@dataclass(frozen=True, slots=True)
class Closed:
    """One Secret's.

    Args:
        buckets: the memory.
        uid: the Secret's.
        version: the Secret's.
    """

    buckets: ClosedBuckets
    uid: str
    version: str

    def __contains__(self, bucket: object) -> bool:
        return isinstance(bucket, str) and self.buckets.knows(self.uid, bucket, self.version)

    def add(self, bucket: str) -> None:
        """The bucket isn't open."""
        self.buckets.remember(self.uid, bucket, self.version)
