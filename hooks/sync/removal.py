"""What becomes of user and bucket when their Secret is deleted, where both sides opted in.

Objects are never deleted: a bucket goes only when it is empty, which the store itself decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field

from backends.base import Backend, Claim, Gap
from backends.errors import NotEmpty, StoreError
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.claim.policyfile import Deletion
from hooks.contract.outcome import Action, Outcome, Reason, Refusal
from hooks.tenancy.other import may_be_meant
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Thing

log = logging.getLogger(__name__)

DELETED = "What the Secret was given and nobody else uses is gone from the store."


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a Secret's valid grant says that it holds, and may therefore be removed.

    Args:
        origin: the Secret's namespace and name.
        uid: its uid.
        user: the user that it holds.
        bucket: the bucket, of several one.
        owns_user: whether the user is the Secret's own, or may be, see `Kind.SHARED_WITHIN`.
        owns_bucket: likewise.
        secret: the Secret's own secret; None where its data doesn't name that user any more.
    """

    origin: str
    uid: str
    user: str
    bucket: str
    owns_user: bool
    owns_bucket: bool
    secret: Sensitive | None = None
    former: tuple[str, ...] = ()
    """Users of other generated credentials of the Secret's, which may be there too."""
    shared: tuple[str, ...] = ()
    """Buckets of others that the user was given access to."""
    more_buckets: Mapping[str, bool] = field(default_factory=dict)
    """Further buckets, and of each whether it is the Secret's own."""

    @property
    def buckets(self) -> dict[str, bool]:
        """All that the Secret has, and of each whether it is its own."""
        return {self.bucket: self.owns_bucket, **self.more_buckets}

    @property
    def users(self) -> frozenset[str]:
        """All that the Secret has, or may have left behind."""
        return frozenset({self.user, *self.former})


async def remove(
    policy: Deletion,
    held: Holdings,
    others: Others,
    backend: Backend,
    deadline: Deadline,
    *,
    settled: bool = True,
) -> Outcome:
    """Removes what a Secret holds; never raises a store's error.

    Killed between any two steps, the next call goes on from there.

    Args:
        policy: how far to go.
        held: what the Secret holds.
        others: the other live Secrets, which may hold or use it too.
        backend: the store, which has to confirm that it is this Secret's.
        deadline: of the whole call.
        settled: whether a secret that the store refuses is certainly not the user's; else it may
            know the user by a former one.
    """
    run = _Run(held, backend, deadline, settled)
    try:
        await run.remove(policy, others)
    except (Refusal, StoreError) as error:
        return Outcome.of(error, tuple(run.actions))
    return Outcome(Reason.PROVISIONED, DELETED, tuple(run.actions))


@dataclass
class _Run:
    held: Holdings
    backend: Backend
    deadline: Deadline
    settled: bool
    actions: list[Action] = field(default_factory=list)

    async def remove(self, policy: Deletion, others: Others) -> None:
        held, deadline = self.held, self.deadline
        # A store's answer can be the one to another request. There is no way back from here, nor
        # a next time if nothing is done: so it has to be the same answer twice.
        confirmed = await self._is_confirmed()
        if confirmed != await self._is_confirmed():
            raise Refusal(
                Reason.BACKEND_ERROR, "The store contradicts itself about whose the user is."
            )
        if confirmed and held.secret is None:
            confirmed = not await self._is_anothers(others)
        if not confirmed:
            log.warning(
                "%s: the user isn't the Secret's any more on the store: nothing is removed",
                held.origin,
            )
            return
        await self._give_access_back()
        user_used, buckets_used = await self._are_used(others)
        user_goes = held.owns_user and not user_used
        # First, as long as there is a user that can empty them, and by whose name they are known.
        # One that can't go yet doesn't keep the others.
        kept: list[Refusal | StoreError] = []
        for name, owned in held.buckets.items():
            goes = policy is Deletion.DELETE and name not in buckets_used
            if owned and (goes or user_goes):
                try:
                    await self._part_with_bucket(name, goes)
                except (NotEmpty, Refusal) as error:
                    kept.append(_of(name, error) if len(held.buckets) > 1 else error)
        if kept:
            raise kept[0]
        if user_goes:
            await self._do(Action.DELETE_USER, self.backend.delete_user(held.user, deadline))
            user = await self.backend.find_user(held.user, deadline)
            # An administrator is another's: a gateway that remembers the user calls it one.
            if user is not None and not (user.admin or user.refusal):
                raise _still_there("user")
            for former in held.former:
                await self._delete_former(former, others)

    async def _give_access_back(self) -> None:
        """Some stores give it to whoever is next called like the user.

        Another Secret that shares the user is given its own again at its next sync.
        """
        sharing = self.backend.sharing
        for bucket in self.held.shared if sharing is not None else ():
            if sharing is not None:
                taken = sharing.unshare(bucket, self.held.user, self.deadline)
                await self._do(Action.UNSHARE, taken)

    async def _delete_former(self, user: str, others: Others) -> None:
        """Deletes what a rotation left behind, or began to make, unless it is another's by now."""
        origin, deadline = self.held.origin, self.deadline
        if (await others.holders(Thing.USER, user, origin, deadline)).others:
            return
        found = await self.backend.find_user(user, deadline)
        if found is None or found.admin or found.refusal:
            return
        await self._do(Action.DELETE_USER, self.backend.delete_user(user, deadline))

    async def _are_used(self, others: Others) -> tuple[bool, frozenset[str]]:
        """Whether another live Secret has the user, and which of the buckets.

        That is one with a valid `own` for it, and one of the same namespace with the same user and
        secret, or with none for the moment: a mistake gives nothing away. Whoever else names it
        has no right to it, so can neither keep it nor get it.
        """
        held, deadline = self.held, self.deadline
        user_held, *buckets_held = await asyncio.gather(
            others.holders(Thing.USER, held.user, held.origin, deadline),
            *(others.holders(Thing.BUCKET, name, held.origin, deadline) for name in held.buckets),
        )
        beside = (await others.sharing(held.user, held.origin, deadline)).others
        beside = tuple(
            other
            for other in beside
            if held.secret is None or not other.names.secrets or held.secret in other.names.secrets
        )
        used = {
            name
            for name, found in zip(held.buckets, buckets_held, strict=True)
            if found.others
            or any(
                name in other.names.buckets or may_be_meant(other, Thing.BUCKET, name)
                for other in beside
            )
        }
        return bool(user_held.others or beside), frozenset(used)

    async def _is_anothers(self, others: Others) -> bool:
        """Whether the store takes the secret of a Secret that has no grant, or has lost it.

        Where this Secret doesn't tell the user's secret any more, that one may have been given the
        user since. One that only shares it has a grant that says so.
        """
        user, origin = self.held.user, self.held.origin
        found = await others.unproven(Thing.USER, user, {user}, origin, self.deadline)
        for secret in {secret for other in found.others for secret in other.names.secrets}:
            claim = Claim(self.held.bucket, user, secret, origin=origin)
            gap = await self._ask(claim)
            if gap not in {Gap.NO_USER, Gap.WRONG_SECRET}:
                return True
        return False

    async def _part_with_bucket(self, name: str, goes: bool) -> None:
        """Deletes a bucket or gives it to the administrator, and looks whether that is so."""
        users, deadline = self.held.users, self.deadline
        found = await self.backend.find_bucket(name, deadline)
        owners = frozenset() if found is None else found.owners
        its_own = bool(owners) and owners <= users
        if its_own and goes:
            await self._do(Action.DELETE_BUCKET, self.backend.delete_bucket(name, deadline))
        elif its_own:
            # Whoever is given it next inherits nothing of it but the objects; the user can write
            # its settings until it is not its own any more.
            await self.backend.wipe(name, deadline)
            for user in sorted(owners):
                await self._do(Action.CHANGE_OWNER, self.backend.release(name, user, deadline))
            await self.backend.wipe(name, deadline)
        left = await self.backend.find_bucket(name, deadline)
        kept = left is not None and bool(left.owners) and left.owners <= users
        if kept or (left is not None and its_own and goes):
            raise _still_there("bucket")

    async def _is_confirmed(self) -> bool:
        """Whether the store takes the Secret's own secret for the user's, or has no such user.

        A user with another secret is in somebody else's hands by now. Where the Secret doesn't tell
        the user's secret any more, its grant alone speaks for it. An administrator's is
        never deleted, and a disabled one stays disabled only while it is there.
        """
        held = self.held
        if held.user == self.backend.administrator:
            return False
        if held.secret is not None:
            claim = Claim(held.bucket, held.user, held.secret, origin=held.origin)
            if await self._ask(claim) is Gap.WRONG_SECRET:
                return False
        user = await self.backend.find_user(held.user, self.deadline)
        return user is None or user.uncertain or not (user.admin or user.disabled or user.refusal)

    async def _ask(self, claim: Claim) -> Gap:
        """What the store says of a secret, if it can know by now.

        Raises:
            Refusal: it may not.
            SignaturesRefused: it refuses every secret, so that it says nothing of this one.
        """
        gap = (await self.backend.probe(claim, self.deadline)).gap
        if gap is Gap.WRONG_SECRET:
            if not self.settled:
                raise not_settled()
            await self.backend.prove_signatures(self.deadline)
        return gap

    async def _do(self, action: Action, removal: Awaitable[bool]) -> None:
        if await removal:
            self.actions.append(action)


def not_settled() -> Refusal:
    """Nothing is removed yet, since the store may know a user by a former secret."""
    return Refusal(
        Reason.NOT_YET_VISIBLE,
        "The store refuses the user's secret, and may only not know it yet: what is to be removed "
        "waits for the accounts that it remembers.",
    )


def _of(bucket: str, error: Refusal | StoreError) -> Refusal | StoreError:
    """The same of one of several buckets, which it names."""
    if isinstance(error, Refusal):
        return Refusal(error.reason, f"Bucket {bucket}: {error.message}")
    return NotEmpty(f"Bucket {bucket}: {error}")


def _still_there(what: str) -> Refusal:
    return Refusal(
        Reason.BACKEND_ERROR, f"The store still has the {what} after it was to be removed."
    )
