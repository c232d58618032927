"""A backend that writes nothing and answers as if it had: what `sync --dry-run` runs on."""

from __future__ import annotations

from collections.abc import Mapping

from backends.base import Backend, Bucket, Capabilities, Claim, Gap, Probe, User
from backends.sharing import Access, Sharing
from backends.usage import Usage
from backends.wire.deadline import Deadline
from hooks.commands.rehearsedsettings import RehearsedSettings
from hooks.contract.outcome import Outcome, Status
from hooks.sync.parts import ready
from hooks.sync.reconcile import READY, WIPED

WOULD_BE_READY = (
    "The store would accept the Secret's credentials, and the bucket would be the user's."
)
WOULD_BE_WIPED = (
    "It is another's now, whose policy and other settings of the bucket would be removed."
)


def would_be_ready(number: int) -> str:
    """The same of so many buckets."""
    return (
        "The store would accept the Secret's credentials, and all "
        f"{number} buckets would be the user's."
    )


class Rehearsal:
    """Asks the real store, and remembers what would have been written.

    Args:
        backend: the store.

    Attributes:
        imagined: whether anything since :meth:`begin` would have been written, or was answered
            from what would have been written before: then an outcome is not so yet.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.imagined = False
        # None for what would have been deleted.
        self._users: dict[str, Claim | None] = {}
        self._owners: dict[str, frozenset[str] | None] = {}
        self._shared: dict[tuple[str, str], Access | None] = {}
        self.bucket_settings = RehearsedSettings(
            backend.bucket_settings, self._is_imagined, self._imagine
        )

    def begin(self) -> None:
        """From here on it is about another Secret."""
        self.imagined = False
        self.bucket_settings.begin()

    def _is_imagined(self, claim: Claim) -> bool:
        return claim.user in self._users or claim.bucket in self._owners

    def _imagine(self) -> None:
        self.imagined = True

    def foretells(self, outcome: Outcome) -> bool:
        """Whether an outcome is not so yet. A store that fails does so now."""
        return self.imagined and outcome.status is not Status.RETRYING

    def told(self, outcome: Outcome) -> str:
        """An outcome's message, in the conditional where what it says isn't so yet."""
        message = outcome.message
        if not self.foretells(outcome):
            return message
        for so, would_be in (
            (READY, WOULD_BE_READY),
            (ready(len(outcome.parts)), would_be_ready(len(outcome.parts))),
        ):
            if message.startswith(so):
                return would_be + message.removeprefix(so).replace(WIPED, WOULD_BE_WIPED)
        return f"It would then say: {message}"

    @property
    def capabilities(self) -> Capabilities:
        """The store's."""
        return self._backend.capabilities

    @property
    def administrator(self) -> str:
        """The store's."""
        return self._backend.administrator

    @property
    def sharing(self) -> RehearsedSharing | None:
        """The store's, likewise."""
        sharing = self._backend.sharing
        return None if sharing is None else RehearsedSharing(self, sharing, self._shared)

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """What the store would answer after the writes."""
        if claim.user not in self._users and claim.bucket not in self._owners:
            return await self._backend.probe(claim, deadline)
        self.imagined = True
        refusal = await self.refusal(claim, deadline)
        if refusal is not None:
            return refusal
        bucket = await self.find_bucket(claim.bucket, deadline)
        if bucket is None:
            return Probe(Gap.NO_BUCKET)
        if bucket.is_owned_by(claim.user):
            return Probe(Gap.ACCEPTED, claim.user)
        return Probe(Gap.DENIED)

    async def refusal(self, claim: Claim, deadline: Deadline) -> Probe | None:
        """The answer to credentials that the store would not accept after the writes."""
        if claim.user not in self._users:
            # The store's own, beside a bucket that is another by now.
            probe = await self._backend.probe(claim, deadline)
            return probe if probe.gap in {Gap.NO_USER, Gap.WRONG_SECRET} else None
        written = self._users[claim.user]
        if written is None:
            return Probe(Gap.NO_USER)
        return Probe(Gap.WRONG_SECRET) if written.secret != claim.secret else None

    async def prove_signatures(self, deadline: Deadline) -> None:
        """The store's."""
        await self._backend.prove_signatures(deadline)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The store's, or one that would have been made."""
        if name in self._users:
            self.imagined = True
            written = self._users[name]
            return None if written is None else User(admin=written.role == "admin")
        return await self._backend.find_user(name, deadline)

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The store's, with the owner that it would have."""
        if name in self._owners:
            self.imagined = True
            owners = self._owners[name]
            return None if owners is None else Bucket(owners)
        return await self._backend.find_bucket(name, deadline)

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """The store's."""
        return await self._backend.may_deny(claim, deadline)

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """The store's."""
        return await self._backend.owns_buckets(user, deadline)

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Remembers the user, unless there is one."""
        if await self.find_user(claim.user, deadline) is not None:
            return False
        return await self.update_user(claim, deadline)

    async def update_user(self, claim: Claim, _: Deadline) -> bool:
        """Remembers the user's secret."""
        self._users[claim.user] = claim
        self.imagined = True
        return True

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Remembers the bucket."""
        return await self.change_owner(claim, deadline)

    async def change_owner(self, claim: Claim, _: Deadline) -> bool:
        """Remembers the owner."""
        self._owners[claim.bucket] = frozenset({claim.user})
        self.imagined = True
        return True

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """As on the store; a bucket that would have been made can become anything."""
        await self._backend.check_takeover(claim, deadline)

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Leaves everything as it is."""

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Remembers the other owners, or the administrator where there is none."""
        found = await self.find_bucket(bucket, deadline)
        if found is None or user not in found.owners:
            return False
        self._owners[bucket] = found.owners - {user} or frozenset({self.administrator})
        self.imagined = True
        return True

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Remembers that it would be gone."""
        if await self.find_user(name, deadline) is None:
            return False
        self._users[name] = None
        return True

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Remembers that it would be gone; only the deletion itself tells whether it is empty."""
        if await self.find_bucket(name, deadline) is None:
            return False
        self._owners[name] = None
        return True

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = True) -> None:
        """Asks the store, as far as that changes nothing."""
        await self._backend.prepare(claim, deadline, dry_run=True)

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether there would be one to write, and a bucket."""
        claimed = claim.quota_bytes is not None or claim.quota_objects is not None
        return claimed and await self._would_change(claim, deadline)

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether there would be one to write, and a bucket."""
        claimed = claim.versioning is not None
        return claimed and await self._would_change(claim, deadline)

    async def _would_change(self, claim: Claim, deadline: Deadline) -> bool:
        there = await self.find_bucket(claim.bucket, deadline) is not None
        self.imagined = self.imagined or there
        return there

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """The store's."""
        return await self._backend.usage(bucket, deadline)

    async def check(self, deadline: Deadline) -> None:
        """The store's."""
        await self._backend.check(deadline)

    async def close(self) -> None:
        """The store's."""
        await self._backend.close()


class RehearsedSharing:
    """The same of what a bucket is shared with.

    Args:
        rehearsal: what it belongs to.
        sharing: the store's.
        given: what would have been written, by bucket and user; None for what would be taken.
    """

    def __init__(
        self,
        rehearsal: Rehearsal,
        sharing: Sharing,
        given: dict[tuple[str, str], Access | None],
    ) -> None:
        self._rehearsal = rehearsal
        self._sharing = sharing
        self._given = given

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """What the store would answer after the writes."""
        refusal = await self._rehearsal.refusal(claim, deadline)
        if refusal is not None:
            return refusal
        place = (claim.bucket, claim.user)
        if place not in self._given:
            return await self._sharing.probe(claim, deadline)
        self._rehearsal.imagined = True
        return Probe(Gap.DENIED if self._given[place] is None else Gap.ACCEPTED)

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """The store's, or as it would be."""
        place = (claim.bucket, claim.user)
        if place in self._given:
            return self._given[place] is Access.READ_WRITE
        return await self._sharing.may_write(claim, deadline)

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """The store's, with what would have been written."""
        found = dict(await self._sharing.shares(bucket, deadline))
        given = {user: access for (where, user), access in self._given.items() if where == bucket}
        return {user: access for user, access in {**found, **given}.items() if access is not None}

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Remembers the access, where there are bucket and user and it isn't there."""
        shares = await self.shares(claim.bucket, deadline)
        bucket = await self._rehearsal.find_bucket(claim.bucket, deadline)
        user = await self._rehearsal.find_user(claim.user, deadline)
        if bucket is None or user is None or claim.user in bucket.owners:
            return False
        return shares.get(claim.user) is not claim.access and self._give(claim)

    def _give(self, claim: Claim) -> bool:
        self._given[claim.bucket, claim.user] = claim.access
        self._rehearsal.imagined = True
        return True

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Remembers that it would be gone."""
        there = user in await self.shares(bucket, deadline)
        if there:
            self._given[bucket, user] = None
            self._rehearsal.imagined = True
        return there
