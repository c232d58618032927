"""What was asked for: the model that store and cluster are held against."""

from __future__ import annotations

import random
import string
import threading
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from tests.e2e.stack import ENABLED, Tenant, prefixed
from tests.servers.api import Object

CANARY = "chaos-canary"
"""Each tenant's secret begins with it. Of twelve bytes, so that base64 doesn't hide it."""


class Kind(Enum):
    VALID = "valid"
    INVALID = "invalid"
    """Asks for what can't be: nothing of it may ever exist."""
    CONTESTED = "contested"
    """One of two that name the same thing."""
    HOLDER = "holder"
    """One that is Ready before others are after what it holds."""
    CONTENDER = "contender"
    """Names a holder's bucket for a user of its own, and must never get it."""
    COPY = "copy"
    """Has a holder's bucket and pair in another namespace: it may use it, and owns nothing."""


class Role(Enum):
    """What befalls a holder."""

    CONTENDED = "contended"
    """Heavy Secrets name its bucket, as heavy as its own."""
    COPIED = "copied"
    """Its pair stands in a Secret of another namespace."""
    VANISHING = "vanishing"
    """Its own credentials delete its bucket, for which another waits."""
    STRIPPED = "stripped"
    """A write drops the operator's annotations and labels, while another waits."""
    REMADE = "remade"
    """It is deleted and made again, with another uid."""


@dataclass(eq=False)
class Entry:
    """One Secret as it is meant to be.

    Attributes:
        settled: nothing of it has changed since it was last seen to be right.
        former: secrets that were replaced, and so must be refused.
        connection: the name of its connection Secret, if it asks for one.
        connection_uid: of that, once seen: it must never be another.
        excused: a swapped answer may have made believe that its removal was done.
        role: what befalls it, if it is a holder.
        holder: whose it wants, if it is a contender or a copy.
    """

    tenant: Tenant
    kind: Kind = Kind.VALID
    deletion: str | None = None
    connection: str | None = None
    deleted: bool = False
    settled: bool = False
    former: list[tuple[str, str]] = field(default_factory=list)
    connection_uid: str | None = None
    excused: bool = False
    more: dict[str, str] = field(default_factory=dict)
    role: Role | None = None
    holder: Entry | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.tenant.namespace, self.tenant.name

    @property
    def live(self) -> bool:
        return not self.deleted

    @property
    def may_hold_objects(self) -> bool:
        """A bucket that is to be deleted has to be empty, and who holds none puts nothing there."""
        return self.deletion != "delete" and self.role is not Role.VANISHING and not self.holder

    def manifest(self) -> Object:
        marks = {"deletion-policy": self.deletion, "connection-secret": self.connection}
        wanted = {key: value for key, value in marks.items() if value is not None}
        data = {**self.tenant.data, **self.more}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.tenant.name,
                "namespace": self.tenant.namespace,
                "annotations": {**ENABLED, **prefixed(wanted)},
            },
            "data": {key: b64encode(value.encode()).decode() for key, value in data.items()},
        }


@dataclass(eq=False)
class Contest:
    """Two Secrets of two namespaces that name one bucket, or one user with two secrets.

    Attributes:
        holder: which of them had it when it was last looked at.
    """

    what: str
    entries: list[Entry]
    holder: Entry | None = None


class Ledger:
    """All entries there ever were; for several threads.

    Args:
        dice: where names and secrets come from.

    Attributes:
        users: every user that a valid or contested Secret ever asked for.
        owners: every bucket likewise, with the user that it belongs to; None where the store has
            to decide.
        objects: what was put into which bucket, and must be there for ever.
    """

    def __init__(self, dice: random.Random) -> None:
        self.entries: list[Entry] = []
        self.contests: list[Contest] = []
        self.users: set[str] = set()
        self.owners: dict[str, str | None] = {}
        self.objects: dict[str, bytes] = {}
        self._dice = dice
        self._number = 0
        self._lock = threading.Lock()

    def live(self, kind: Kind) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind is kind and entry.live]

    def new(self, namespace: str, kind: Kind = Kind.VALID, **fields: str | Role | None) -> Entry:
        """An entry with names that no other has; nothing is made yet."""
        with self._lock:
            self._number += 1
            name = f"s{self._number:05}"
            tenant = Tenant(
                namespace, name, self._name(name), f"{self._name(name)}-user", self.secret()
            )
            entry = Entry(tenant, kind, **fields)  # type: ignore[arg-type]
            self.entries.append(entry)
        self.note(entry)
        return entry

    def contest(self, what: str, namespaces: Sequence[str]) -> Contest:
        """Two new entries that name the same `bucket`, or the same `access_key`."""
        first, second = (self.new(namespace, Kind.CONTESTED) for namespace in namespaces)
        # Its own, which it doesn't ask for now.
        self.users.discard(second.tenant.access_key)
        del self.owners[second.tenant.bucket]
        second.tenant = replace(second.tenant, **{what: getattr(first.tenant, what)})
        self.note(second)
        made = Contest(what, [first, second])
        self.contests.append(made)
        return made

    def attacker(self, kind: Kind, holder: Entry, namespace: str) -> Entry:
        """A contender for a holder's bucket, or a copy of its pair; nothing is made yet."""
        with self._lock:
            self._number += 1
            name = f"s{self._number:05}"
            tenant = replace(holder.tenant, namespace=namespace, name=name)
            if kind is Kind.CONTENDER:
                user = f"{self._name(name)}-user"
                tenant = replace(tenant, access_key=user, secret=self.secret())
            entry = Entry(tenant, kind, holder=holder)
            self.entries.append(entry)
            # The bucket stays the holder's.
            self.users.add(tenant.access_key)
        return entry

    def copy(self, entry: Entry) -> None:
        """Gives a copy the pair that its holder has now; it isn't applied yet."""
        assert entry.holder is not None
        with self._lock:
            entry.tenant = replace(entry.tenant, secret=entry.holder.tenant.secret)

    def note(self, entry: Entry) -> None:
        """Writes down what an entry asks for, before it is asked."""
        if entry.kind is Kind.INVALID:
            return
        with self._lock:
            self.users.add(entry.tenant.access_key)
            owner = None if entry.kind is Kind.CONTESTED else entry.tenant.access_key
            self.owners[entry.tenant.bucket] = owner

    def change(self, entry: Entry, *, secret: bool, bucket: bool, user: bool) -> None:
        """Gives an entry other names or another secret; it isn't applied yet."""
        old = entry.tenant
        with self._lock:
            entry.settled = False
            entry.tenant = replace(
                old,
                secret=self.secret() if secret else old.secret,
                bucket=self._name(old.name) if bucket else old.bucket,
                access_key=f"{self._name(old.name)}-user" if user else old.access_key,
            )
            if secret and not user:
                entry.former.append(old.credentials)
        self.note(entry)

    def delete(self, entry: Entry) -> None:
        """The Secret goes; what its policy says becomes of the bucket."""
        with self._lock:
            entry.deleted, entry.settled = True, False
            if entry.deletion is not None:
                self.owners[entry.tenant.bucket] = None

    def forget_users(self) -> set[str]:
        """Users that no Secret names any more; from now on none of them may exist."""
        with self._lock:
            named = {entry.tenant.access_key for entry in self.entries if entry.live}
            left = self.users - named
            self.users &= named
        return left

    def secret(self) -> str:
        letters = self._dice.choices(string.ascii_letters + string.digits, k=24)
        return f"{CANARY}{''.join(letters)}"

    def _name(self, stem: str) -> str:
        return f"{stem}-{self._dice.getrandbits(40):010x}"
