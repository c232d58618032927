"""The loop: probe as the tenant, repair the one gap that the answer names, probe again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from backends.base import Backend, Bucket, Claim, Gap, Probe, User
from backends.errors import StoreError, Unsupported
from backends.wire.deadline import Deadline
from hooks.contract.grant import Grant, Holding, Mark
from hooks.contract.outcome import Action, Conflict, Outcome, Reason, Refusal
from hooks.sync.bucketsettings import Keeper
from hooks.tenancy.standing import Taking, Thing, claimed
from hooks.tenancy.takeover import Takeover

_OF_USER = frozenset({Gap.NO_USER, Gap.WRONG_SECRET})
# Seconds for which a bucket that was taken over is looked at for further owners, and how often.
_WATCHED = 600
_WATCH_AFTER = 30
_WATCH_INTERVAL = 60.0

READY = "The store accepts the Secret's credentials and the bucket is the user's."
SHARED = (
    "Another Secret holds them too: role, ids, quota, versioning and the bucket's settings are "
    "that one's to set, so this Secret's are ignored."
)
WIPED = "It was another's before, whose policy and other settings of the bucket were removed."


async def reconcile(
    takeover: Takeover,
    *,
    applied: bool,
    unseen: bool,
    keeper: Keeper,
    probed: Probe | None = None,
) -> Outcome:
    """Makes the store what the claim says; never raises a store's error.

    Killed between any two steps, the next call goes on from there: nothing is remembered but
    what the store and the Secret's annotations say.

    Args:
        takeover: the claim, the store, and what may be gained.
        applied: whether all that a probe can't see was written.
        unseen: nothing was ever reported on the Secret, so its user is likely to be missing.
        keeper: of the bucket's own settings.
        probed: the answer to the first probe, where it was asked already.
    """
    run = Run(takeover, applied, keeper)
    try:
        outcome = await run.outcome(unseen=unseen, probed=probed)
    except (Refusal, StoreError) as error:
        failed = Outcome.of(error, tuple(run.actions))
        outcome = replace(failed, grant=run.grant or takeover.outranked(), accepted=run.accepted)
    if run.renewed:
        keeper.end(takeover.claim)
    unfinished = run.renewed and not run.finished
    if outcome.settings is keeper.entries and not unfinished:
        return outcome
    return replace(outcome, settings=keeper.entries, unfinished=unfinished)


def ready_message(claim: Claim, backend: Backend) -> str:
    """What is said of a Secret that is Ready, with what the store does otherwise than it says."""
    said = [READY]
    if not backend.capabilities.ids and {claim.user_id, claim.group_id} != {None}:
        said.append("This store has no user ids and group ids: the Secret's are ignored.")
    caveats = backend.capabilities.settings.caveats
    said += [caveats[each.name] for each in claim.settings if each.name in caveats]
    return " ".join(said)


class Run:
    """One try for one claim; it takes the arguments of :func:`reconcile`."""

    def __init__(self, takeover: Takeover, applied: bool, keeper: Keeper) -> None:
        self.takeover = takeover
        self.keeper = keeper
        self.claim = takeover.claim
        self.backend = takeover.backend
        self.deadline = takeover.deadline
        self.applied = applied
        self.accepted = False
        self.grant: Grant | None = None
        self.actions: list[Action] = []
        self.renewed = False
        """Whether the bucket was made in this sync, maybe in part, or given to its owner."""
        self.bucket_attributes = takeover.claim.bucket_attributes
        self.finished = not self.bucket_attributes
        """Whether it has its quota and versioning."""

    async def outcome(self, *, unseen: bool, probed: Probe | None) -> Outcome:
        """How it ends, if the store and all rules let it."""
        repaired: set[Gap] = set()
        if self.bucket_attributes and not self.applied:
            await self.backend.prepare(self.claim, self.deadline)
        if unseen:
            await self._make()
        while True:
            probe = probed or await self.backend.probe(self.claim, self.deadline)
            probed = None
            gap, bucket = await self._judge(probe)
            if gap is Gap.ACCEPTED:
                self.accepted = True
                return await self._ready()
            if gap in repaired or (gap in _OF_USER and self.takeover.user_written):
                # Repaired and still there: asked again later rather than repaired again, so
                # the loop ends after as many turns as there are gaps.
                return Outcome(
                    Reason.NOT_YET_VISIBLE,
                    f"Everything was applied, but the store still answers: {gap.value}.",
                    tuple(self.actions),
                )
            repaired.add(gap)
            await self._repair(gap, bucket)

    async def _ready(self) -> Outcome:
        grant = self.grant = await self.takeover.grant()
        user = self.takeover.holding(Thing.USER) if grant is None else grant.holding
        bucket = (
            self.takeover.holding(Thing.BUCKET)
            if grant is None
            else grant.buckets[self.claim.bucket]
        )
        applied = await self._apply(user, bucket)
        message = ready_message(self.claim, self.backend)
        if bucket is not None and bucket.mark is Mark.WIPED:
            message = f"{message} {WIPED}"
        mine = bucket is not None and bucket.alone
        if grant is not None and not (applied and (mine or not self.claim.settings)):
            message = f"{message} {SHARED}"
        if mine:
            notes = await self.keeper.keep(self.claim, self.backend, self.deadline, self.actions)
            message = " ".join([message, *notes])
        again = _WATCH_INTERVAL if bucket is not None and self._is_watched(bucket) else None
        return Outcome(
            Reason.PROVISIONED,
            message,
            tuple(self.actions),
            grant,
            again,
            applied=applied,
            accepted=True,
            settings=self.keeper.entries,
        )

    async def _make(self) -> None:
        """Makes user and bucket unasked where there is no such bucket.

        A probe by a user that isn't there is what costs a store most: VersityGW 1.8.0 reads all
        its users for it, 7 ms beside a thousand. No repair touches what exists, so whatever
        turns out not to be new is left to the probes.
        """
        if await self.backend.find_bucket(self.claim.bucket, self.deadline) is not None:
            return
        try:
            await self._authorise_new()
        except Conflict:
            # The user may be there with this very secret: then nothing is taken over.
            return
        if await self._create_user():
            await self._do(Action.CREATE_BUCKET, self.backend.create_bucket)

    async def _authorise_new(self) -> None:
        """Both questions at once: others that are asked at the same time share the look-ups."""
        answers = await asyncio.gather(
            self.takeover.authorise(Taking.NEW_USER),
            self.takeover.authorise(Taking.NEW_BUCKET),
            return_exceptions=True,
        )
        for answer in answers:
            # In their order, so that the same Secret is always told the same.
            if isinstance(answer, BaseException):
                raise answer

    async def _judge(self, probe: Probe) -> tuple[Gap, Bucket | None]:
        """What is really missing, where the tenant's answer alone doesn't say."""
        if probe.gap is Gap.ACCEPTED and probe.owner is not None:
            bucket: Bucket | None = Bucket(frozenset({probe.owner}))
        elif probe.gap is Gap.ACCEPTED and self._is_believed():
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
                "policy says so: what it knows of the user may be old, or a proxy in between "
                "changes the request's host or path.",
            )
        return Gap.ACCEPTED, bucket

    def _is_believed(self) -> bool:
        """Whether a grant makes an accepted probe enough on a store that doesn't name owners."""
        user, bucket = map(self.takeover.holding, (Thing.USER, Thing.BUCKET))
        if user is None or bucket is None or bucket.mark is Mark.GIVEN:
            return False
        # What Metacontroller's own write brings about comes too early to see anything.
        return time.time() - bucket.second < _WATCH_AFTER or not self._is_watched(bucket)

    def _is_watched(self, bucket: Holding) -> bool:
        """Whether another may still turn out to have been given the same bucket.

        Two replicas that take one over at the same time each see it done; where a bucket can have
        several owners both would be believed.
        """
        return (
            self.backend.capabilities.several_owners
            and bool(bucket.mark)
            and time.time() - bucket.second < _WATCHED
        )

    async def _repair(self, gap: Gap, bucket: Bucket | None) -> None:
        match gap:
            case Gap.NO_USER:
                # No user is made for a bucket that it may not have: nothing half-made stays.
                found = await self.backend.find_bucket(self.claim.bucket, self.deadline)
                owned = found is not None and found.is_owned_by(self.claim.user)
                if found is None:
                    await self._authorise_new()
                else:
                    await self.takeover.authorise(Taking.NEW_USER)
                    if not owned:
                        await self._authorise_bucket(found)
                if not await self._create_user():
                    # It exists and yet isn't known to the probe: a disabled one looks so.
                    await self._refuse_administrator(tried=True)
                elif found is None:
                    await self._do(Action.CREATE_BUCKET, self.backend.create_bucket)
                elif not owned:
                    await self._change_owner(found)
            case Gap.WRONG_SECRET:
                user = await self._refuse_administrator()
                if self.takeover.user_written:
                    return
                # One that another gateway deleted is still remembered by this one for a while.
                await self._authorise_user(user)
                if not self.takeover.has(Thing.USER):
                    # Nor is one taken over for such a bucket.
                    await self._authorise_place()
                if user is not None:
                    await self._update_user()
                else:
                    await self._create_user()
            case Gap.NO_BUCKET:
                # On a store without owners the bucket is made by changing the user.
                if not self.takeover.made_user:
                    await self._refuse_administrator()
                await self.takeover.authorise(Taking.NEW_BUCKET)
                await self._do(Action.CREATE_BUCKET, self.backend.create_bucket)
            case Gap.DENIED if bucket is not None:
                if not self.takeover.made_user:
                    await self._refuse_administrator()
                try:
                    await self._authorise_bucket(bucket)
                except Conflict:
                    await self._withdraw(bucket)
                    raise
                await self._change_owner(bucket)

    async def _authorise_place(self) -> None:
        """Whether the user, once it is there, may have the bucket as it is, or a new one."""
        found = await self.backend.find_bucket(self.claim.bucket, self.deadline)
        if found is None:
            await self.takeover.authorise(Taking.NEW_BUCKET)
        elif not found.is_owned_by(self.claim.user):
            await self._authorise_bucket(found)

    async def _authorise_bucket(self, bucket: Bucket) -> None:
        """Whether the bucket may be taken over, and can then be what the claim says.

        What is the Secret's already is put right first, whatever it says besides.

        Raises:
            Conflict: it may not.
            StoreError: it can't, or the store can't be asked.
        """
        await self.takeover.authorise(Taking.BUCKET, bucket)
        if not self.takeover.has_taken and bucket.owners != {self.claim.user}:
            await self.backend.check_takeover(self.claim, self.deadline)

    async def _change_owner(self, bucket: Bucket) -> None:
        """Gives the bucket to the user; where it was another's, with none of that one's settings.

        They are removed before, so that they never hold for the new owner, and once more
        afterwards, since the former one could write them until then.
        """
        wiping = self.takeover.is_anothers(bucket) and not await self.takeover.shares_secret(bucket)
        if wiping:
            await self.backend.wipe(self.claim.bucket, self.deadline)
        if not await self._do(Action.CHANGE_OWNER, self.backend.change_owner):
            return
        if wiping:
            await self.backend.wipe(self.claim.bucket, self.deadline)
        # What is its own is put right in silence.
        if not self.takeover.has_taken:
            self.takeover.mark(Mark.WIPED if wiping else Mark.ADOPTED)
        if self.backend.capabilities.several_owners:
            await self._look_again()

    async def _look_again(self) -> None:
        """Whether another replica has given the bucket to another Secret at the same time.

        Raises:
            Conflict: it has, and that one keeps it.
        """
        rival = await self.takeover.lost()
        found = await self.backend.find_bucket(self.claim.bucket, self.deadline)
        if found is None:
            return
        user = self.claim.user
        if rival is None and (
            self.takeover.has(Thing.BUCKET)
            or user not in found.owners
            # Neither has a grant yet: the one that sorts first stays, and both sides know which.
            or min(found.owners) == user
        ):
            return
        await self._withdraw(found)
        if rival is not None:
            raise claimed(Thing.BUCKET, self.claim, rival.namespace, rival.name)
        raise Conflict(
            Reason.BUCKET_CLAIMED,
            "Another Secret was given the bucket at the same time: choose another name.",
        )

    async def _withdraw(self, bucket: Bucket) -> None:
        """Gives back a bucket that others have, too."""
        if self.backend.capabilities.several_owners and self.claim.user in bucket.owners:
            await self.backend.release(self.claim.bucket, self.claim.user, self.deadline)

    async def _apply(self, user: Holding | None, bucket: Holding | None) -> bool:
        """Writes once what no probe can see: role and ids, quota and versioning.

        Returns:
            Whether all of it is written: what another Secret holds isn't this one's to set up.
        """
        complete = True
        if self.claim.attributes and self.backend.capabilities.attributes:
            if user is None or not user.alone:
                complete = False
            elif not (self.applied or self.takeover.user_written):
                await self._refuse_administrator()
                await self._update_user()
        if not self.bucket_attributes:
            return complete
        if bucket is None or not bucket.alone:
            return False
        # A bucket that is made again has none of what the one before had, and one that is given
        # to its owner may have been made by a sync that ended before it came to that.
        if self.applied and not self.renewed:
            return complete
        if {self.claim.quota_bytes, self.claim.quota_objects} != {None}:
            await self._do(Action.SET_QUOTA, self.backend.set_quota)
        if self.claim.versioning is not None:
            await self._do(Action.SET_VERSIONING, self.backend.set_versioning)
        self.finished = True
        return complete

    async def _create_user(self) -> bool:
        wanted = self.claim
        if self.takeover.shares_user:
            # Role and ids are the holder's to set, also for the moment until it is synced.
            wanted = replace(wanted, role=None, user_id=None, group_id=None)
        created = await self._do(Action.CREATE_USER, self.backend.create_user, wanted)
        self.takeover.made_user = self.takeover.made_user or created
        self.takeover.user_written = self.takeover.user_written or created
        return created

    async def _update_user(self) -> None:
        if await self._do(Action.UPDATE_USER, self.backend.update_user):
            self.takeover.user_written = True

    async def _authorise_user(self, user: User | None) -> None:
        """Before the claim's secret is given to a user that is there, or to a new one."""
        if user is None:
            await self.takeover.authorise(Taking.NEW_USER)
        else:
            await self.takeover.authorise(Taking.USER, broad=user.broad)

    async def _refuse_administrator(self, *, tried: bool = False) -> User | None:
        """The user, None if there is none; it is no administrator.

        Args:
            tried: it was just to be made, and the store said that it exists.

        Raises:
            Conflict: it is one, or it was disabled, and so it is left alone.
            Unsupported: it is none that a Secret can have on this store.
        """
        user = await self.backend.find_user(self.claim.user, self.deadline)
        if user is None:
            return None
        if user.uncertain and not tried:
            # Known to the store and yet not among its users: deleted a moment ago, or a root
            # account. Only making it tells, which the store refuses for a root account.
            await self.takeover.authorise(Taking.NEW_USER)
            if await self._create_user():
                return User(admin=False)
            return await self._refuse_administrator(tried=True)
        if user.refusal:
            raise Unsupported(user.refusal)
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
        return user

    def _is_own_administrator(self) -> bool:
        """One that this Secret was given, where the platform allows that role."""
        return self.claim.role == "admin" and self.takeover.has(Thing.USER)

    async def _do(
        self,
        action: Action,
        repair: Callable[[Claim, Deadline], Awaitable[bool]],
        claim: Claim | None = None,
    ) -> bool:
        self.renewed = self.renewed or action in {Action.CREATE_BUCKET, Action.CHANGE_OWNER}
        changed = await repair(claim or self.claim, self.deadline)
        if changed:
            self.actions.append(action)
        return changed
