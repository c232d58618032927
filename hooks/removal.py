"""What becomes of user and bucket when their Secret is deleted, where both sides opted in.

Objects are never deleted: a bucket goes only when it is empty, which the store itself decides.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field

from backends.base import Backend, Claim, Gap
from backends.deadline import Deadline
from backends.errors import StoreError
from hooks.others import Others
from hooks.outcome import Action, Outcome, Reason, Refusal
from hooks.policyfile import Deletion

DELETED = "What the Secret was given and nobody else uses is gone from the store."


async def remove(
    policy: Deletion, held: Claim, others: Others, backend: Backend, deadline: Deadline
) -> Outcome:
    """Removes what a Secret holds; never raises a store's error.

    Killed between any two steps, the next call goes on from there.

    Args:
        policy: how far to go.
        held: what a valid grant says that the Secret was given, with the Secret's own secret.
        others: the other live Secrets, which may use it too.
        backend: the store, which has to confirm that it is this Secret's.
        deadline: of the whole call.
    """
    run = _Run(held, backend, deadline)
    try:
        await run.remove(policy, others)
    except (Refusal, StoreError) as error:
        return Outcome.of(error, tuple(run.actions))
    return Outcome(Reason.PROVISIONED, DELETED, tuple(run.actions))


@dataclass
class _Run:
    held: Claim
    backend: Backend
    deadline: Deadline
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
        if not confirmed:
            return
        sharing = await others.all(
            held.origin,
            lambda names: held.user in names.users or held.bucket in names.buckets,
            deadline,
        )
        user_shared = any(held.user in other.names.users for other in sharing)
        bucket_shared = any(held.bucket in other.names.buckets for other in sharing)
        bucket_goes = policy is Deletion.DELETE and not bucket_shared
        # First, as long as there is a user that can empty it, and by whose name it is known.
        if bucket_goes or not user_shared:
            await self._part_with_bucket(bucket_goes)
        if not user_shared:
            await self._do(Action.DELETE_USER, self.backend.delete_user(held.user, deadline))
            user = await self.backend.find_user(held.user, deadline)
            # An administrator is another's: a gateway that remembers the user calls it one.
            if user is not None and not user.admin:
                raise _still_there("user")

    async def _part_with_bucket(self, goes: bool) -> None:
        """Deletes the bucket or gives it to the administrator, and looks whether that is so."""
        name, user, deadline = self.held.bucket, self.held.user, self.deadline
        found = await self.backend.find_bucket(name, deadline)
        its_own = found is not None and found.owners == {user}
        if its_own and goes:
            await self._do(Action.DELETE_BUCKET, self.backend.delete_bucket(name, deadline))
        elif its_own:
            await self._do(Action.CHANGE_OWNER, self.backend.release(name, user, deadline))
        left = await self.backend.find_bucket(name, deadline)
        if left is not None and (left.owners == {user} or (its_own and goes)):
            raise _still_there("bucket")

    async def _is_confirmed(self) -> bool:
        """Whether the store takes the Secret's own secret for the user's, or has no such user.

        A user with another secret is in somebody else's hands by now. An administrator's is
        never deleted, and a disabled one stays disabled only while it is there.
        """
        if self.held.user == self.backend.administrator:
            return False
        probe = await self.backend.probe(self.held, self.deadline)
        if probe.gap is Gap.WRONG_SECRET:
            return False
        user = await self.backend.find_user(self.held.user, self.deadline)
        return user is None or not (user.admin or user.disabled)

    async def _do(self, action: Action, removal: Awaitable[bool]) -> None:
        if await removal:
            self.actions.append(action)


def _still_there(what: str) -> Refusal:
    return Refusal(
        Reason.BACKEND_ERROR, f"The store still has the {what} after it was to be removed."
    )
