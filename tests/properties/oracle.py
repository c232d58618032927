"""Who may have what: the rules of taking over, once more and in another way.

The operator proves grants by signatures; here a ledger remembers which were given, and what they
say. What one call changed on the store is compared with what the rules allow the Secret that it was
called for.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hooks.claim.adoption import Adoption
from hooks.contract.status import name_hash
from hooks.tenancy.standing import Thing
from tests.model import ADMINISTRATOR, Account, ModelStore
from tests.properties.cluster import Secrets, Seen, Slot

REFUSED = {"BucketClaimed", "AccessKeyClaimed", "BucketOwned", "UserExists"}
SHARED = {"shared", "shared-within"}


@dataclass(frozen=True, slots=True)
class Has:
    """How a Secret has one thing, by a grant that was really given."""

    second: int
    kind: str
    version: int

    def right(self, uid: str) -> tuple[int, int, str]:
        """The greater is right."""
        return (1, self.second, uid) if self.version == 2 else (0, -self.second, uid)


@dataclass(frozen=True, slots=True)
class Given:
    """A grant that the operator gave."""

    uid: str
    things: Mapping[tuple[Thing, str], Has]

    def named(self, thing: Thing) -> set[str]:
        """Names of the buckets, or of the user."""
        return {name for what, name in self.things if what is thing}


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

    def of(self, secret: Seen) -> list[Given]:
        """A Secret's own grants, that of the second version first; one of another's is none."""
        tokens = (secret.annotations.get(name, "") for name in ("grants", "grant"))
        found = (self.grants.get(token) for token in tokens)
        return [given for given in found if given is not None and given.uid == secret.uid]

    def record(self, secret: Seen) -> None:
        """Looks at a Secret that was just answered, and at what it was given."""
        token = secret.annotations.get("grants", "")
        if secret.state[0] != "Ready" or not token or token in self.grants:
            return
        payload = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if told["uid"] != secret.uid:
            return
        user, second, kind, *_ = told["user"]
        things = {(Thing.USER, user): Has(second, kind, 2)}
        for bucket, (second, kind, *_) in told["buckets"].items():
            things[Thing.BUCKET, bucket] = Has(second, kind, 2)
        self.grants[token] = Given(told["uid"], things)

    def record_former(self, token: str, secret: Seen, bucket: str, user: str, second: int) -> None:
        """Remembers a grant of the first version."""
        has = Has(second, "own", 1)
        things = {(Thing.USER, user): has, (Thing.BUCKET, bucket): has}
        self.grants[token] = Given(secret.uid, things)

    def has(self, secret: Seen, thing: Thing, name: str) -> Has | None:
        """How a Secret has a thing that its grants name."""
        for given in self.of(secret):
            if (thing, name) in given.things and self._told(secret, given):
                return given.things[thing, name]
        return None

    def _told(self, secret: Seen, given: Given) -> bool:
        """One of the first version needs both of its names, from annotations or data."""
        if any(has.version == 2 for has in given.things.values()):
            return True
        names = secret.names
        for thing in Thing:
            told = {secret.annotations.get(thing.value, "")}
            if names is not None:
                told.add(names.bucket if thing is Thing.BUCKET else names.user)
            if not given.named(thing) & told:
                return False
        return True


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
            self._check_bucket(secret, before)

    def check_finalize(self, slot: Slot, before: Snapshot, after: Snapshot) -> None:
        """All that went was the Secret's own, was nobody else's, and was to go."""
        secret = self.secrets.seen(slot)
        assert secret is not None
        assert after.objects == before.objects, "objects were deleted"
        if after == before:
            return
        policy = secret.annotations.get("deletion-policy")
        assert self.ledger.of(secret), "without a grant something went"
        assert secret.deleting
        assert policy in {"delete-user", "delete"}
        for user in changed(before.accounts, after.accounts):
            self._check_went(secret, Thing.USER, user)
            assert user not in after.accounts, "a user was changed instead of deleted"
            account = before.accounts[user]
            assert account.role != "admin"
            assert not account.disabled
        for bucket in changed(before.owners, after.owners):
            self._check_went(secret, Thing.BUCKET, bucket)
            assert before.owners[bucket] in self.ledger.of(secret)[0].named(Thing.USER)
            if bucket in after.owners:
                assert after.owners[bucket] == ADMINISTRATOR
                continue
            assert policy == "delete"
            assert not any(holder == bucket for holder, _ in before.objects)

    def holders(self, thing: Thing, name: str) -> Iterator[tuple[Seen, Has]]:
        """All live Secrets that have a thing as their own and still name it."""
        for slot in self.secrets.documents:
            secret = self.secrets.seen(slot)
            if secret is None or secret.deleting or not names(secret, thing, name):
                continue
            has = self.ledger.has(secret, thing, name)
            if has is not None and has.kind == "own":
                yield secret, has

    def holder(self, thing: Thing, name: str) -> Seen | None:
        """The one of them that is right."""
        found = {has.right(secret.uid): secret for secret, has in self.holders(thing, name)}
        return found[max(found)] if found else None

    def against(self, secret: Seen, thing: Thing, name: str) -> list[Seen]:
        """Those others whose right to a thing is better than a Secret's."""
        mine = self.ledger.has(secret, thing, name)
        owns = mine is not None and mine.kind == "own"
        return [
            other
            for other, has in (self.holders(thing, name) if self.guarded else ())
            if other.slot != secret.slot
            and not (owns and mine is not None and mine.right(secret.uid) > has.right(other.uid))
        ]

    def _check_went(self, secret: Seen, thing: Thing, name: str) -> None:
        given = self.ledger.of(secret)[0]
        has = given.things.get((thing, name))
        assert has is not None, "something went that the Secret was not given"
        assert has.kind in {"own", "shared-within"}
        holders = [other for other, _ in self.holders(thing, name) if other.slot != secret.slot]
        assert not holders, "something went that another Secret holds"
        user = next(iter(given.named(Thing.USER)))
        for other in self.secrets.others(secret.slot):
            beside = other.slot[0] == secret.slot[0] and labelled(other, user)
            if beside and names(other, Thing.USER, user) and names(other, thing, name):
                assert self._is_another_pair(secret, other, user), "something went that is shared"

    @staticmethod
    def _is_another_pair(secret: Seen, other: Seen, user: str) -> bool:
        """Whether a Secret tells of a user another secret than its neighbour does."""
        mine, theirs = secret.names, other.names
        if mine is None or theirs is None or mine.user != user:
            return False
        return mine.secret != theirs.secret

    def _check_user(self, secret: Seen, before: Snapshot, after: Snapshot) -> None:
        assert secret.names is not None
        wanted = secret.names
        former, now = before.accounts.get(wanted.user), after.accounts[wanted.user]
        assert now.secret == wanted.secret.reveal()
        assert now.role in {"user", "userplus"}, "an administrator was made"
        assert former is None or not (former.role == "admin" or former.disabled)
        against = self.against(secret, Thing.USER, wanted.user)
        for other in against:
            assert other.names is not None
            assert other.names.secret == wanted.secret, "another holds the user"
        # What is shared with a holder may be made again, and is otherwise that one's to change.
        assert former is None or not against, "a user was changed that another holds"
        has = self.ledger.has(secret, Thing.USER, wanted.user)
        if (has is not None and has.kind == "own") or against:
            return
        if former is not None and former.secret == now.secret:
            # It knows the secret: only role and ids were written.
            return
        if has is not None and has.kind == "shared-within" and self.guarded:
            return
        if former is None:
            assert (
                self.adoption is not Adoption.NEVER
                or wanted.user not in before.owners.values()
                or (has is not None and has.kind == "unguarded")
            ), "a deleted user's buckets were taken over"
            return
        for other in self._unproven(secret, Thing.USER, wanted.user, {wanted.user}):
            assert other.names is not None
            known = other.names.secret.reveal() == former.secret
            assert not known or other.names.secret == wanted.secret, "another knows its secret"
        if has is not None and has.kind == "unguarded":
            return
        assert self.adoption is Adoption.ANY, "an existing user was taken over"

    def _check_bucket(self, secret: Seen, before: Snapshot) -> None:
        assert secret.names is not None
        wanted = secret.names
        owner = before.owners.get(wanted.bucket)
        new = wanted.bucket not in before.owners
        against = self.against(secret, Thing.BUCKET, wanted.bucket)
        for other in against:
            assert other.names is not None
            assert other.names.user == wanted.user, "another holds the bucket"
        assert new or not against, "a bucket was changed that another holds"
        has = self.ledger.has(secret, Thing.BUCKET, wanted.bucket)
        if new or (has is not None and has.kind == "own"):
            return
        if has is not None and has.kind == "shared-within" and self.guarded:
            return
        users = {owner} if owner else set()
        for other in self._unproven(secret, Thing.BUCKET, wanted.bucket, users):
            assert other.names is not None
            assert other.names.user != owner or owner == wanted.user, "another's user owns it"
        if has is not None and has.kind == "unguarded":
            return
        gone = owner is None or (owner not in before.accounts and owner != ADMINISTRATOR)
        assert self.adoption is Adoption.ANY or (self.adoption is not Adoption.NEVER and gone), (
            "an owned bucket was taken over"
        )

    def _unproven(self, secret: Seen, thing: Thing, name: str, users: set[str]) -> list[Seen]:
        """Others that name a thing, and of which only the store tells whether it is theirs."""
        found = []
        for other in self.secrets.others(secret.slot) if self.guarded else ():
            if not names(other, thing, name):
                continue
            has = self.ledger.has(other, thing, name)
            if has is not None and has.kind in SHARED:
                continue
            waits = other.state[0] in {"Invalid", "Skipped"} or other.state[1] in REFUSED
            if not self.ledger.of(other) and waits:
                continue
            if any(labelled(other, user) for user in users):
                found.append(other)
        return found


def names(secret: Seen, thing: Thing, name: str) -> bool:
    """Whether a Secret names a thing."""
    told = secret.names
    return told is not None and name == (told.bucket if thing is Thing.BUCKET else told.user)


def labelled(secret: Seen, user: str) -> bool:
    """Whether the look-up label says that a Secret has a user; one without labels may."""
    return secret.labels.get("user-hash") in {None, name_hash(user)}


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """The names under which something is another, is new or is gone."""
    told = before.keys() | after.keys()
    return {name for name in told if before.get(name, ...) != after.get(name, ...)}
