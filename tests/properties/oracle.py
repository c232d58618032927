"""Who may have what: the rules of taking over, once more and in another way.

The operator proves grants by signatures; here a ledger remembers which were given. What one call
changed on the store is compared with what the rules allow the Secret that it was called for.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from hooks.takeover import Adoption
from tests.model import ADMINISTRATOR, Account, ModelStore
from tests.properties.cluster import Secrets, Seen, Slot


@dataclass(frozen=True, slots=True)
class Given:
    """A grant that the operator gave."""

    uid: str
    bucket: str
    user: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store at one moment."""

    accounts: dict[str, Account]
    owners: dict[str, str | None]
    objects: dict[tuple[str, str], bytes]

    @classmethod
    def of(cls, store: ModelStore) -> Snapshot:
        """The store's present one."""
        return cls(copy.deepcopy(store.accounts), dict(store.owners), dict(store.objects))


@dataclass
class Ledger:
    """The grants that were given, by their text."""

    grants: dict[str, Given] = field(default_factory=dict)

    def of(self, secret: Seen) -> Given | None:
        """A Secret's own grant; one of another's is none."""
        given = self.grants.get(secret.annotations.get("grant", ""))
        return given if given is not None and given.uid == secret.uid else None

    def record(self, secret: Seen) -> None:
        """Looks at a Secret that was just answered."""
        token = secret.annotations.get("grant", "")
        if secret.state[0] != "Ready" or not token or token in self.grants:
            return
        assert secret.names is not None
        seconds = int(token.split(".")[1])
        self.grants[token] = Given(secret.uid, secret.names.bucket, secret.names.user, seconds)

    def user_since(self, secret: Seen) -> int | None:
        """When a Secret was given the user that it names."""
        given, names = self.of(secret), secret.names
        if given is None or names is None or given.user != names.user:
            return None
        return given.seconds if given.bucket in self._told(secret, "bucket") else None

    def bucket_since(self, secret: Seen, owners: Set[str | None] = frozenset()) -> int | None:
        """When a Secret was given the bucket that it names."""
        given, names = self.of(secret), secret.names
        if given is None or names is None or given.bucket != names.bucket:
            return None
        return given.seconds if given.user in self._told(secret, "user") | owners else None

    @staticmethod
    def _told(secret: Seen, name: str) -> set[str | None]:
        assert secret.names is not None
        return {getattr(secret.names, name), secret.annotations.get(name, "")}


@dataclass(frozen=True, slots=True)
class Oracle:
    """Judges what one call did.

    Args:
        secrets: as they stood before the call.
        ledger: as it stood before.
        guarded: whether the conflict guard was on.
        adoption: the setting.
    """

    secrets: Secrets
    ledger: Ledger
    guarded: bool
    adoption: Adoption

    def check_sync(self, slot: Slot, before: Snapshot, after: Snapshot) -> None:
        """All that a sync changed was the Secret's to change."""
        secret = self.secrets.seen(slot)
        assert secret is not None
        names = secret.names
        assert after.objects == before.objects, "a sync touched objects"
        assert before.owners.keys() <= after.owners.keys(), "a sync deleted a bucket"
        assert before.accounts.keys() <= after.accounts.keys(), "a sync deleted a user"
        if names is None or secret.deleting:
            assert after == before, "a Secret that asks for nothing was given something"
            return
        for user in changed(before.accounts, after.accounts):
            assert user == names.user, "a user that the Secret doesn't name was changed"
            self._check_user(secret, before, after)
        for bucket in changed(before.owners, after.owners):
            assert bucket == names.bucket, "a bucket that the Secret doesn't name was changed"
            assert after.owners[bucket] == names.user
            if bucket in before.owners:
                self._check_bucket(secret, before)

    def check_finalize(self, slot: Slot, before: Snapshot, after: Snapshot) -> None:
        """All that went was the Secret's own, was nobody else's, and was to go."""
        secret = self.secrets.seen(slot)
        assert secret is not None
        assert after.objects == before.objects, "objects were deleted"
        if after == before:
            return
        given = self.ledger.of(secret)
        policy = secret.annotations.get("deletion-policy")
        assert given is not None, "without a grant something went"
        assert secret.deleting
        assert policy in {"delete-user", "delete"}
        others = self.secrets.others(slot)
        users = {other.names.user for other in others if other.names}
        buckets = {other.names.bucket for other in others if other.names}
        for user in changed(before.accounts, after.accounts):
            assert user == given.user
            assert user not in after.accounts, "a user was changed instead of deleted"
            assert user not in users, "a user went that another Secret names"
            account = before.accounts[user]
            assert account.role != "admin"
            assert not account.disabled
        for bucket in changed(before.owners, after.owners):
            assert bucket == given.bucket
            assert before.owners[bucket] == given.user
            if bucket in after.owners:
                assert after.owners[bucket] == ADMINISTRATOR
                continue
            assert policy == "delete"
            assert bucket not in buckets, "a bucket went that another Secret names"
            assert not any(holder == bucket for holder, _ in before.objects)

    def _check_user(self, secret: Seen, before: Snapshot, after: Snapshot) -> None:
        assert secret.names is not None
        names = secret.names
        former, now = before.accounts.get(names.user), after.accounts[names.user]
        assert now.secret == names.secret.reveal()
        assert now.role in {"user", "userplus"}, "an administrator was made"
        assert former is None or not (former.role == "admin" or former.disabled)
        if former is not None and former.secret == now.secret:
            # It knows the secret: only role and ids were written.
            return
        rivals = [
            other
            for other in (self.secrets.others(secret.slot) if self.guarded else [])
            if other.names and other.names.user == names.user and other.names.secret != names.secret
        ]
        since = self.ledger.user_since(secret)
        for rival in rivals:
            held = self.ledger.user_since(rival)
            assert not newer(held, rival, since, secret), "another was given the user"
        if since is not None:
            return
        if former is None:
            assert (
                self.adoption is not Adoption.NEVER or names.user not in before.owners.values()
            ), "a deleted user's buckets were taken over"
            return
        for rival in rivals:
            assert rival.names
            assert rival.names.secret.reveal() != former.secret, "another knows its secret"
        assert self.adoption is Adoption.ANY, "an existing user was taken over"

    def _check_bucket(self, secret: Seen, before: Snapshot) -> None:
        assert secret.names is not None
        names = secret.names
        owner = before.owners[names.bucket]
        rivals = [
            other
            for other in (self.secrets.others(secret.slot) if self.guarded else [])
            if other.names and other.names.bucket == names.bucket and other.names.user != names.user
        ]
        since = self.ledger.bucket_since(secret, {owner})
        for rival in rivals:
            held = self.ledger.bucket_since(rival)
            assert not newer(held, rival, since, secret), "another was given the bucket"
        if since is not None or owner == ADMINISTRATOR:
            return
        for rival in rivals:
            assert rival.names
            assert rival.names.user != owner, "another's user owns it"
            assert self.ledger.bucket_since(rival, {owner}) is None, "another was given it"
        gone = owner is None or owner not in before.accounts
        assert self.adoption is Adoption.ANY or (self.adoption is Adoption.UNOWNED and gone), (
            "an owned bucket was taken over"
        )


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """The names under which something is another, is new or is gone."""
    names = before.keys() | after.keys()
    return {name for name in names if before.get(name, ...) != after.get(name, ...)}


def newer(held: int | None, rival: Seen, since: int | None, secret: Seen) -> bool:
    """Whether the rival holds it: the later of two grants was given when nobody did."""
    if held is None:
        return False
    return since is None or (held, rival.uid) > (since, secret.uid)
