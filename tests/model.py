"""A store in memory: what the reconciling is tested on where no server is needed.

The conformance suite runs on it too, so that it can't drift from what the real ones do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backends.base import Bucket, Capabilities, Claim, Gap, Probe, User
from backends.bucketsettings import SettingName
from backends.errors import NotEmpty, SignaturesRefused, Unsupported
from backends.sharing import Access
from backends.usage import Usage
from backends.wire.deadline import Deadline
from backends.wire.objectlock import NO_LATER_LOCK
from tests.modelsettings import SUPPORT, ModelSettings

ADMINISTRATOR = "operator-admin"


@dataclass
class Account:
    """A user of the store."""

    secret: str
    role: str = "user"
    user_id: int = 0
    group_id: int = 0
    disabled: bool = False


@dataclass
class ModelStore:
    """An implementation of :class:`backends.base.Backend` with a few dictionaries.

    `names_owners` is False for a store whose probe doesn't name the bucket's owner, and
    `keeps_versions` for one that could keep them and isn't set up for it.
    """

    name: ClassVar[str] = "model"
    accounts: dict[str, Account] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    quotas: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes and objects of each bucket, 0 for no limit."""
    versioning: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    """What owners have made of their buckets: a policy, say."""
    shared: dict[str, dict[str, Access]] = field(default_factory=dict)
    """Of each bucket, who has access beside its owner."""
    roles: frozenset[str] = frozenset({"user", "userplus", "admin"})
    names_owners: bool = True
    features: frozenset[str] = frozenset({"quota_bytes", "quota_objects", "versioning"})
    keeps_versions: bool = True
    account_cache: int = 0
    has_policies: bool = True
    rewritten: bool = False
    """Whether something before the store makes every signature a wrong one."""
    before: Callable[[str], None] = lambda operation: None
    calls: list[str] = field(default_factory=list)
    bucket_settings: ModelSettings = field(init=False)

    def __post_init__(self) -> None:
        self.bucket_settings = ModelSettings(self._called)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            roles=self.roles,
            ids=True,
            rotation=True,
            owner_in_probe=self.names_owners,
            quota_bytes="quota_bytes" in self.features,
            quota_objects="quota_objects" in self.features,
            versioning="versioning" in self.features,
            settings=SUPPORT,
            account_cache=self.account_cache,
        )

    @property
    def administrator(self) -> str:
        return ADMINISTRATOR

    @property
    def sharing(self) -> ModelSharing:
        return ModelSharing(self, self._called)

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        await self._called("probe")
        gap = self.gap(claim)
        owner = self.owners.get(claim.bucket)
        return Probe(gap, owner if self.names_owners and gap is Gap.ACCEPTED else None)

    def gap(self, claim: Claim, guests: Mapping[str, Access] | None = None) -> Gap:
        """What is missing; `guests` may have the bucket as well as its owner."""
        account = self.accounts.get(claim.user)
        if account is None or account.disabled:
            return Gap.NO_USER
        if self.rewritten or account.secret != claim.secret.reveal():
            return Gap.WRONG_SECRET
        if claim.bucket not in self.owners:
            return Gap.NO_BUCKET
        if self.owners[claim.bucket] == claim.user or account.role == "admin":
            return Gap.ACCEPTED
        return Gap.ACCEPTED if claim.user in (guests or {}) else Gap.DENIED

    async def prove_signatures(self, deadline: Deadline) -> None:
        await self._called("prove_signature")
        if self.rewritten:
            raise SignaturesRefused("No signature is accepted, the operator's own neither.")

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        await self._called("find_user")
        if name == ADMINISTRATOR:
            return User(admin=True)
        account = self.accounts.get(name)
        return User(account.role == "admin", account.disabled) if account else None

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        await self._called("find_bucket")
        if name not in self.owners:
            return None
        owner = self.owners[name]
        return Bucket(frozenset({owner} if owner else set()))

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("may_deny")
        return self.has_policies

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        await self._called("owns_buckets")
        return user in self.owners.values()

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("create_user")
        if claim.user in self.accounts:
            return False
        self.accounts[claim.user] = Account(
            claim.secret.reveal(),
            claim.role or "user",
            claim.user_id or 0,
            claim.group_id or 0,
        )
        return True

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("update_user")
        account = self.accounts.get(claim.user)
        if account is None:
            return False
        account.secret = claim.secret.reveal()
        account.role = claim.role or account.role
        account.user_id = claim.user_id or account.user_id
        account.group_id = claim.group_id or account.group_id
        return True

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("create_bucket")
        if claim.bucket in self.owners or claim.user not in self.accounts:
            return False
        self.owners[claim.bucket] = claim.user
        if claim.locked:
            self.bucket_settings.documents[claim.bucket, SettingName.LOCK] = "enabled"
        return True

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("change_owner")
        if claim.bucket not in self.owners or claim.user not in self.accounts:
            return False
        self.owners[claim.bucket] = claim.user
        return True

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        await self._called("check_takeover")
        there = claim.bucket in self.owners
        locked = (claim.bucket, SettingName.LOCK) in self.bucket_settings.documents
        if there and claim.locked and not locked:
            raise Unsupported(NO_LATER_LOCK)

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        await self._called("wipe")
        self.settings.pop(bucket, None)
        self.shared.pop(bucket, None)
        self.bucket_settings.forget(bucket, kept=SettingName.LOCK)

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        await self._called("release")
        if bucket not in self.owners or self.owners[bucket] != user:
            return False
        self.owners[bucket] = ADMINISTRATOR
        return True

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        await self._called("delete_user")
        if name == ADMINISTRATOR:
            raise Unsupported("The operator's own account is never deleted.")
        return self.accounts.pop(name, None) is not None

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        await self._called("delete_bucket")
        if name not in self.owners:
            return False
        if any(bucket == name for bucket, _ in self.objects):
            raise NotEmpty("The bucket still holds objects.")
        del self.owners[name]
        self.quotas.pop(name, None)
        self.versioning.pop(name, None)
        self.settings.pop(name, None)
        self.shared.pop(name, None)
        self.bucket_settings.forget(name)
        return True

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        await self._called("prepare")
        if claim.versioning is not None and not self.keeps_versions:
            raise Unsupported("This store keeps no former versions of objects.")

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("set_quota")
        unsupported = (claim.quota_bytes is not None and "quota_bytes" not in self.features) or (
            claim.quota_objects is not None and "quota_objects" not in self.features
        )
        if unsupported:
            raise Unsupported("This store can't limit a bucket.")
        if claim.bucket not in self.owners or {claim.quota_bytes, claim.quota_objects} == {None}:
            return False
        size, number = self.quotas.get(claim.bucket, (0, 0))
        self.quotas[claim.bucket] = (
            size if claim.quota_bytes is None else claim.quota_bytes,
            number if claim.quota_objects is None else claim.quota_objects,
        )
        return True

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        await self._called("set_versioning")
        if claim.versioning is None or claim.bucket not in self.owners:
            return False
        if "versioning" not in self.features or not self.keeps_versions:
            raise Unsupported("This store keeps no former versions of objects.")
        self.versioning[claim.bucket] = claim.versioning
        return True

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        await self._called("usage")
        if bucket not in self.owners:
            return None
        held = [body for (where, _), body in self.objects.items() if where == bucket]
        size, number = self.quotas.get(bucket, (0, 0))
        return Usage(len(held), sum(map(len, held)), size or None, number or None)

    async def check(self, deadline: Deadline) -> None:
        await self._called("check")

    async def close(self) -> None:
        await self._called("close")

    async def _called(self, operation: str) -> None:
        self.calls.append(operation)
        # In a thread, since it may block: a store that is slow to answer.
        await asyncio.to_thread(self.before, operation)


@dataclass(frozen=True)
class ModelSharing:
    """An implementation of :class:`backends.sharing.Sharing` beside it."""

    store: ModelStore
    called: Callable[[str], Awaitable[None]]

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        await self.called("probe_access")
        return Probe(self.store.gap(claim, self._of(claim.bucket)))

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        await self.called("probe_write")
        found = self._of(claim.bucket).get(claim.user)
        return found is Access.READ_WRITE or self.store.gap(claim) is Gap.ACCEPTED

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        await self.called("shares")
        return dict(self._of(bucket))

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        await self.called("share")
        guests = self._of(claim.bucket)
        owner = self.store.owners.get(claim.bucket)
        if owner is None or owner == claim.user or claim.user not in self.store.accounts:
            return False
        if claim.access is None or guests.get(claim.user) is claim.access:
            return False
        self.store.shared[claim.bucket] = {**guests, claim.user: claim.access}
        return True

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        await self.called("unshare")
        return self.store.shared.get(bucket, {}).pop(user, None) is not None

    def _of(self, bucket: str) -> Mapping[str, Access]:
        return self.store.shared.get(bucket, {})
