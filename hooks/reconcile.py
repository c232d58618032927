"""The loop: probe as the tenant, repair the one gap that the answer names, probe again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from backends.base import Backend, Bucket, Claim, Gap, Probe
from backends.deadline import Deadline
from backends.errors import StoreError
from hooks.grant import Evidence, Grants
from hooks.outcome import Action, Conflict, Outcome, Reason, Refusal
from hooks.takeover import Adoption, Takeover, Taking

READY = "The store accepts the Secret's credentials and the bucket is the user's."


async def reconcile(
    claim: Claim,
    evidence: Evidence,
    backend: Backend,
    grants: Grants,
    adoption: Adoption,
    *,
    applied: str,
    deadline: Deadline,
) -> Outcome:
    """Makes the store what the claim says; never raises a store's error.

    Killed between any two steps, the next call goes on from there: nothing is remembered but
    what the store and the Secret's annotations say.

    Args:
        claim: what is to be.
        evidence: the Secret's own grant.
        backend: the store.
        grants: verifies the grant.
        adoption: what may be taken over.
        applied: the Secret's applied annotation.
        deadline: of the whole sync.
    """
    takeover = Takeover(claim, evidence, grants, backend, adoption, deadline)
    run = _Run(claim, backend, deadline, takeover, applied == grants.applied(claim))
    try:
        return await run.outcome()
    except (Refusal, StoreError) as error:
        return Outcome.of(error, tuple(run.actions))


def ready_message(claim: Claim, backend: Backend) -> str:
    """What is said of a Secret that is Ready, with what the store has no use for."""
    if backend.capabilities.ids or {claim.user_id, claim.group_id} == {None}:
        return READY
    return f"{READY} This store has no user ids and group ids: the Secret's are ignored."


@dataclass
class _Run:
    claim: Claim
    backend: Backend
    deadline: Deadline
    takeover: Takeover
    applied: bool
    actions: list[Action] = field(default_factory=list)

    async def outcome(self) -> Outcome:
        repaired: set[Gap] = set()
        while True:
            probe = await self.backend.probe(self.claim, self.deadline)
            gap, bucket = await self._judge(probe)
            if gap is Gap.ACCEPTED:
                await self._apply()
                return Outcome(
                    Reason.PROVISIONED, ready_message(self.claim, self.backend), tuple(self.actions)
                )
            if gap in repaired:
                # Repaired and still there: asked again later rather than repaired again, so
                # the loop ends after as many turns as there are gaps.
                return Outcome(
                    Reason.NOT_YET_VISIBLE,
                    f"Everything was applied, but the store still answers: {gap.value}.",
                    tuple(self.actions),
                )
            repaired.add(gap)
            await self._repair(gap, bucket)

    async def _judge(self, probe: Probe) -> tuple[Gap, Bucket | None]:
        """What is really missing, where the tenant's answer alone doesn't say."""
        if probe.gap is Gap.ACCEPTED and probe.owner is not None:
            bucket: Bucket | None = Bucket(frozenset({probe.owner}))
        elif probe.gap is Gap.ACCEPTED and self.takeover.evidence.holds(
            self.takeover.grants, self.claim
        ):
            return Gap.ACCEPTED, None
        elif probe.gap in {Gap.ACCEPTED, Gap.DENIED}:
            # A store without owners; or the tenant's own bucket policy may refuse the probe.
            bucket = await self.backend.find_bucket(self.claim.bucket, self.deadline)
        else:
            return probe.gap, None
        if bucket is None:
            return Gap.NO_BUCKET, None
        return (Gap.ACCEPTED if bucket.is_owned_by(self.claim.user) else Gap.DENIED), bucket

    async def _repair(self, gap: Gap, bucket: Bucket | None) -> None:
        match gap:
            case Gap.NO_USER:
                await self.takeover.authorise(Taking.NEW_USER)
                await self._foresee_bucket()
                if not await self._create_user():
                    # It exists and yet isn't known to the probe: a disabled one looks so.
                    await self._refuse_administrator()
            case Gap.WRONG_SECRET:
                exists = await self._refuse_administrator()
                # One that another gateway deleted is still remembered by this one for a while.
                await self.takeover.authorise(Taking.USER if exists else Taking.NEW_USER)
                if exists:
                    await self._update_user()
                else:
                    await self._create_user()
            case Gap.NO_BUCKET:
                # On a store without owners the bucket is made by changing the user.
                if Action.CREATE_USER not in self.actions:
                    await self._refuse_administrator()
                await self._do(Action.CREATE_BUCKET, self.backend.create_bucket)
            case Gap.DENIED:
                if Action.CREATE_USER not in self.actions:
                    await self._refuse_administrator()
                await self.takeover.authorise(Taking.BUCKET, bucket)
                await self._do(Action.CHANGE_OWNER, self.backend.change_owner)

    async def _foresee_bucket(self) -> None:
        """Makes no user for a bucket that it may not have: nothing half-made is left behind."""
        if self.takeover.adoption is Adoption.ANY:
            return
        bucket = await self.backend.find_bucket(self.claim.bucket, self.deadline)
        if bucket is not None and not bucket.is_owned_by(self.claim.user):
            await self.takeover.authorise(Taking.BUCKET, bucket)

    async def _apply(self) -> None:
        """Writes role and ids once, which no probe can see."""
        if self.applied or not (self.claim.attributes and self.backend.capabilities.attributes):
            return
        await self._refuse_administrator()
        await self._update_user()

    async def _create_user(self) -> bool:
        created = await self._do(Action.CREATE_USER, self.backend.create_user)
        self.applied = self.applied or created
        return created

    async def _update_user(self) -> None:
        self.applied = await self._do(Action.UPDATE_USER, self.backend.update_user) or self.applied

    async def _refuse_administrator(self) -> bool:
        """Whether there is such a user at all; it is no administrator.

        Raises:
            Conflict: it is one, or it was disabled, and so it is left alone.
        """
        user = await self.backend.find_user(self.claim.user, self.deadline)
        if user is None:
            return False
        if user.admin and not self._is_own_administrator():
            raise Conflict(
                Reason.ADMIN_USER,
                "The access key is an administrator's on the store, which is never changed: "
                "choose another.",
            )
        if user.disabled:
            raise Conflict(
                Reason.USER_DISABLED,
                "The user was disabled on the store and stays so until an administrator enables "
                "it there.",
            )
        return True

    def _is_own_administrator(self) -> bool:
        """One that this Secret was given, where the platform allows that role."""
        return self.claim.role == "admin" and self.takeover.evidence.covers_user(
            self.takeover.grants, self.claim
        )

    async def _do(
        self, action: Action, repair: Callable[[Claim, Deadline], Awaitable[bool]]
    ) -> bool:
        changed = await repair(self.claim, self.deadline)
        if changed:
            self.actions.append(action)
        return changed
