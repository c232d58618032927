"""Who holds a bucket or a user, and what is about to be done with it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from backends.base import Backend, Claim
from backends.wire.deadline import Deadline
from hooks.contract.grant import Holding
from hooks.contract.outcome import Conflict, Reason


class Thing(Enum):
    """What a Secret can hold; the value is the word in the look-up label."""

    BUCKET = "bucket"
    USER = "user"


class Taking(Enum):
    """What is about to be done."""

    USER = "update an existing user's secret, role or ids"
    NEW_USER = "make a user whose name may still own buckets"
    BUCKET = "change the owner of an existing bucket"
    NEW_BUCKET = "make a bucket"

    @property
    def thing(self) -> Thing:
        """What is gained by it."""
        of_user = self is Taking.USER or self is Taking.NEW_USER
        return Thing.USER if of_user else Thing.BUCKET

    @property
    def exists(self) -> bool:
        """Whether it is there already, so maybe somebody's who has no grant yet."""
        return self is Taking.USER or self is Taking.BUCKET


@dataclass(frozen=True, slots=True)
class Holder:
    """Another live Secret that holds a thing and still names it, see `Holding.keeps_out`.

    Args:
        namespace: where it is.
        name: its name.
        uid: its uid.
        holding: how it holds the thing.
        rival: whether it names the thing for something else: a bucket for another user, a user with
            another secret.
    """

    namespace: str
    name: str
    uid: str
    holding: Holding
    rival: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Who holds a thing.

    Args:
        second: when that was so, by the Kubernetes API's clock in Unix time.
        holders: all other live Secrets that keep others from having it as their own.
    """

    second: int
    holders: tuple[Holder, ...] = ()

    def against(self, mine: Holding | None, uid: str) -> tuple[Holder, ...]:
        """Those whose right is better than a Secret's.

        Args:
            mine: how it holds the thing.
            uid: the Secret's.
        """
        if mine is None or not mine.keeps_out(beside=False):
            return self.holders
        return tuple(
            holder
            for holder in self.holders
            if (holder.holding.own and not mine.own)
            or holder.holding.rank(holder.uid) > mine.rank(uid)
        )


class Guard(Protocol):
    """Knows the other Secrets; see :class:`hooks.tenancy.guard.ConflictGuard`."""

    async def standing(
        self, thing: Thing, claim: Claim, deadline: Deadline, *, lately: bool = False
    ) -> Standing:
        """Who holds the claim's bucket or user; with `lately` a minute ago is good enough."""
        ...

    async def refuse_confirmed(
        self,
        thing: Thing,
        claim: Claim,
        owners: Set[str],
        backend: Backend,
        deadline: Deadline,
    ) -> None:
        """Raises Conflict if the store says that another Secret without a grant has it."""
        ...


def claimed(thing: Thing, claim: Claim, namespace: str, name: str) -> Conflict:
    """The Conflict with a Secret that holds a thing, which is named within the namespace only.

    Args:
        thing: what it holds.
        claim: who wants it.
        namespace: the holder's.
        name: the holder's.
    """
    beside = namespace == claim.origin.partition("/")[0]
    who = f"The Secret {name}" if beside else "A Secret of another namespace"
    if thing is Thing.BUCKET:
        return Conflict(Reason.BUCKET_CLAIMED, f"{who} holds the bucket: choose another name.")
    return Conflict(
        Reason.ACCESS_KEY_CLAIMED,
        f"{who} holds the access key with another secret: choose another access key.",
    )
