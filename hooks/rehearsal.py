"""A backend that writes nothing and answers as if it had: what `sync --dry-run` runs on."""

from __future__ import annotations

from backends.base import Backend, Bucket, Capabilities, Claim, Gap, Probe, User
from backends.deadline import Deadline


class Rehearsal:
    """Asks the real store, and remembers what would have been written.

    Args:
        backend: the store.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._users: dict[str, Claim] = {}
        self._owners: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        """The store's."""
        return self._backend.capabilities

    @property
    def administrator(self) -> str:
        """The store's."""
        return self._backend.administrator

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """What the store would answer after the writes."""
        written = self._users.get(claim.user)
        if written is None and claim.bucket not in self._owners:
            return await self._backend.probe(claim, deadline)
        if written is not None and written.secret != claim.secret:
            return Probe(Gap.WRONG_SECRET)
        bucket = await self.find_bucket(claim.bucket, deadline)
        if bucket is None:
            return Probe(Gap.NO_BUCKET)
        if bucket.is_owned_by(claim.user):
            return Probe(Gap.ACCEPTED, claim.user)
        return Probe(Gap.DENIED)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The store's, or one that would have been made."""
        if name in self._users:
            return User(admin=self._users[name].role == "admin")
        return await self._backend.find_user(name, deadline)

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The store's, with the owner that it would have."""
        if name in self._owners:
            return Bucket(frozenset({self._owners[name]}))
        return await self._backend.find_bucket(name, deadline)

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """The store's."""
        return await self._backend.owns_buckets(user, deadline)

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Remembers the user."""
        return await self.update_user(claim, deadline)

    async def update_user(self, claim: Claim, _: Deadline) -> bool:
        """Remembers the user's secret."""
        self._users[claim.user] = claim
        return True

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Remembers the bucket."""
        return await self.change_owner(claim, deadline)

    async def change_owner(self, claim: Claim, _: Deadline) -> bool:
        """Remembers the owner."""
        self._owners[claim.bucket] = claim.user
        return True

    async def check(self, deadline: Deadline) -> None:
        """The store's."""
        await self._backend.check(deadline)

    async def close(self) -> None:
        """The store's."""
        await self._backend.close()
