"""The loop: probe as the tenant, repair the one gap that the answer names, probe again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from backends.base import Backend, Bucket, Claim, Gap, Probe
from backends.deadline import Deadline
from backends.errors import StoreError
from hooks.grant import Evidence, Grants
from hooks.outcome import Action, Conflict, Outcome, Reason, Refusal
from hooks.takeover import Adoption, Guard, Takeover, Taking

_OF_USER = frozenset({Gap.NO_USER, Gap.WRONG_SECRET})

READY = "The store accepts the Secret's credentials and the bucket is the user's."


async def reconcile(
    claim: Claim,
    evidence: Evidence,
    backend: Backend,
    grants: Grants,
    adoption: Adoption,
    guard: Guard | None = None,
    *,
    applied: str,
    unseen: bool,
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
        guard: knows what other Secrets hold; None doesn't ask.
        applied: the Secret's applied annotation.
        unseen: nothing was ever reported on the Secret, so its user is likely to be missing.
        deadline: of the whole sync.
    """
    takeover = Takeover(claim, evidence, grants, backend, adoption, deadline, guard)
    run = _Run(claim, backend, deadline, takeover, applied == grants.applied(claim))
    try:
        return await run.outcome(unseen=unseen)
    except (Refusal, StoreError) as error:
        return replace(Outcome.of(error, tuple(run.actions)), accepted=run.accepted)


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
    user_written: bool = False
    accepted: bool = False
    actions: list[Action] = field(default_factory=list)

    async def outcome(self, *, unseen: bool) -> Outcome:
        repaired: set[Gap] = set()
        if self.claim.bucket_attributes and not self.applied:
            await self.backend.prepare(self.claim, self.deadline)
        if unseen:
            await self._make()
        while True:
            probe = await self.backend.probe(self.claim, self.deadline)
            gap, bucket = await self._judge(probe)
            if gap is Gap.ACCEPTED:
                self.accepted = True
                await self._apply()
                return Outcome(
                    Reason.PROVISIONED,
                    ready_message(self.claim, self.backend),
                    tuple(self.actions),
                    accepted=True,
                )
            if gap in repaired or (gap in _OF_USER and self.user_written):
                # Repaired and still there: asked again later rather than repaired again, so
                # the loop ends after as many turns as there are gaps.
                return Outcome(
                    Reason.NOT_YET_VISIBLE,
                    f"Everything was applied, but the store still answers: {gap.value}.",
                    tuple(self.actions),
                )
            repaired.add(gap)
            await self._repair(gap, bucket)

    async def _make(self) -> None:
        """Makes user and bucket unasked where there is no such bucket.

        A probe by a user that isn't there is what costs a store most: VersityGW 1.8.0 reads all
        its users for it, 7 ms beside a thousand. No repair touches what exists, so whatever
        turns out not to be new is left to the probes.
        """
        if await self.backend.find_bucket(self.claim.bucket, self.deadline) is not None:
            return
        try:
            await self.takeover.authorise(Taking.NEW_USER)
        except Conflict:
            # The user may be there with this very secret: then nothing is taken over.
            return
        if await self._create_user():
            await self._do(Action.CREATE_BUCKET, self.backend.create_bucket)

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
        if not bucket.is_owned_by(self.claim.user):
            return Gap.DENIED, bucket
        if probe.gap is Gap.DENIED and not await self.backend.may_deny(self.claim, self.deadline):
            # A gateway that takes the user for another one (seen with VersityGW 1.8.0), or a node
            # that lags behind the others.
            raise Refusal(
                Reason.NOT_YET_VISIBLE,
                "The bucket is the user's, but the store refuses it to the user, and no bucket "
                "policy says so: what it knows of the user may be old.",
            )
        return Gap.ACCEPTED, bucket

    async def _repair(self, gap: Gap, bucket: Bucket | None) -> None:
        match gap:
            case Gap.NO_USER:
                await self.takeover.authorise(Taking.NEW_USER)
                # No user is made for a bucket that it may not have: nothing half-made stays.
                found = await self.backend.find_bucket(self.claim.bucket, self.deadline)
                owned = found is not None and found.is_owned_by(self.claim.user)
                if found is not None and not owned:
                    await self.takeover.authorise(Taking.BUCKET, found)
                if not await self._create_user():
                    # It exists and yet isn't known to the probe: a disabled one looks so.
                    await self._refuse_administrator()
                elif found is None:
                    await self._do(Action.CREATE_BUCKET, self.backend.create_bucket)
                elif not owned:
                    await self._do(Action.CHANGE_OWNER, self.backend.change_owner)
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

    async def _apply(self) -> None:
        """Writes once what no probe can see: role and ids, quota and versioning."""
        attributes = self.claim.attributes and self.backend.capabilities.attributes
        if attributes and not (self.applied or self.user_written):
            await self._refuse_administrator()
            await self._update_user()
        # A bucket that is made again has none of what the one before had.
        if self.applied and Action.CREATE_BUCKET not in self.actions:
            return
        if {self.claim.quota_bytes, self.claim.quota_objects} != {None}:
            await self._do(Action.SET_QUOTA, self.backend.set_quota)
        if self.claim.versioning is not None:
            await self._do(Action.SET_VERSIONING, self.backend.set_versioning)

    async def _create_user(self) -> bool:
        created = await self._do(Action.CREATE_USER, self.backend.create_user)
        self.user_written = self.user_written or created
        return created

    async def _update_user(self) -> None:
        if await self._do(Action.UPDATE_USER, self.backend.update_user):
            self.user_written = True

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
