"""A bucket's settings in a sync: written once, again when they change, taken back when they go.

What was written stands in the ``applied`` annotation as one mark for each bucket and setting, so
an unchanged Secret costs no request for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from backends.base import Backend, Claim
from backends.bucketsettings import BucketSettings, Document, Setting, SettingName
from backends.errors import Rejected, Unsupported
from backends.wire import policydocument as policies
from backends.wire.deadline import Deadline
from hooks.contract.applied import STAYS, WATCHED, Applied, Entries, Marks, of_buckets
from hooks.contract.grant import Grants
from hooks.contract.outcome import Action, Reason, Refusal
from hooks.sync.closed import Closed

# A gateway may answer from what it remembers for a moment (SeaweedFS, several gateways).
_PAUSES = (0.0, 0.1, 0.4)
_SET = {
    SettingName.TAGS: Action.SET_TAGS,
    SettingName.LIFECYCLE: Action.SET_LIFECYCLE,
    SettingName.CORS: Action.SET_CORS,
    SettingName.POLICY: Action.SET_POLICY,
    SettingName.PUBLIC: Action.SET_PUBLIC_ACCESS,
    SettingName.RETENTION: Action.SET_RETENTION,
}
_REMOVED = {
    SettingName.TAGS: Action.REMOVE_TAGS,
    SettingName.LIFECYCLE: Action.REMOVE_LIFECYCLE,
    SettingName.CORS: Action.REMOVE_CORS,
    SettingName.POLICY: Action.REMOVE_POLICY,
    SettingName.PUBLIC: Action.REMOVE_PUBLIC_ACCESS,
    SettingName.RETENTION: Action.REMOVE_RETENTION,
}
_ANEW = frozenset({Action.CREATE_BUCKET, Action.CHANGE_OWNER})


class Keeper:
    """Keeps the settings of a Secret's buckets, in one sync.

    Args:
        grants: has the keys of the marks.
        applied: what the annotation says, as observed.
        buckets: all that the Secret names; of others nothing is remembered.
        settled: whether user and bucket are the Secret's since a former sync. Else one that was
            killed after it had changed the owner, which takes settings from a bucket, can't be
            told from none.
        closed: knows which buckets are not open; None where no Secret may open one.

    Attributes:
        entries: what the annotation has to say from now on.
    """

    def __init__(
        self,
        grants: Grants,
        applied: Applied,
        buckets: Iterable[str],
        *,
        settled: bool = True,
        closed: Closed | None = None,
    ) -> None:
        self._marks = Marks(grants)
        self._settled = settled
        self._lost = not (applied.digest or applied.entries)
        self._kept = False
        self._closed = closed
        self.entries: Entries = of_buckets(applied.entries, buckets)

    async def keep(
        self,
        claim: Claim,
        backend: Backend,
        deadline: Deadline,
        actions: list[Action],
    ) -> list[str]:
        """Makes one bucket's settings what the claim says.

        Args:
            claim: the bucket and its settings; the bucket is the user's, and the Secret's to set
                up.
            backend: the store.
            deadline: of the sync.
            actions: what was done in this sync; what is done here is added. On a bucket that was
                just made, or changed hands, what was written before needn't stand any more.

        Returns:
            Sentences for the message.

        Raises:
            StoreError: the store refuses one, or can't be asked; what was written before stays.
            Refusal: it is written and has no effect.
        """
        bucket = claim.bucket
        self._kept = True
        if not claim.settings and not self.entries and self._closed is None:
            # Most Secrets say nothing of them, and never did.
            return []
        anew = not self._settled or not _ANEW.isdisjoint(actions)
        wanted = {setting.name: setting for setting in claim.settings}
        gone = [
            name
            for (of, name), mark in sorted(self.entries.items())
            if of == bucket and name not in wanted and mark != WATCHED
        ]
        run = _Bucket(claim, backend.bucket_settings, deadline, actions)
        notes = []
        for name in gone:
            if self.entries[bucket, name] != STAYS and await self._take_back(run, name):
                self._forget(bucket, name)
            else:
                self._note(bucket, name, STAYS)
                notes.append(name.value)
        for name in wanted if anew else ():
            # Also if the sync ends before it is written again.
            self._forget(bucket, name)
        for name, setting in wanted.items():
            mark = self.entries.get((bucket, name), "")
            if not self._marks.fits(mark, bucket, setting):
                await self._put(run, setting, mark)
        if SettingName.PUBLIC not in wanted:
            await self._keep_closed(run, backend)
        if not notes:
            return []
        return [f"Left on the bucket, since it is not what this Secret wrote: {', '.join(notes)}."]

    def end(self, claim: Claim) -> None:
        """Ends the sync of a bucket that was just made, maybe in part, or changed hands.

        Where it didn't come to the settings, what was written before needn't stand there.

        Args:
            claim: the bucket and its settings.
        """
        if not self._kept:
            for setting in claim.settings:
                self._forget(claim.bucket, setting.name)

    async def _put(self, run: _Bucket, setting: Setting, entry: str) -> None:
        """Writes one. Whatever ends it half-way, it is known that it may have been written."""
        bucket, name = run.claim.bucket, setting.name
        found = await run.read(name)
        before = None if found is None else Setting.of(name, found)
        self._note(bucket, name, self._marks.begun(entry, bucket, setting, before))

        def undone() -> None:
            self._drop(bucket, name)
            if entry:
                self._note(bucket, name, entry)

        written = await run.put(setting, found, undone)
        known = entry not in {"", WATCHED} and "." not in entry
        await run.prove(setting, before, known=known, written=written)
        self._note(bucket, name, self._marks.of(bucket, setting))

    async def _take_back(self, run: _Bucket, name: SettingName) -> bool:
        """Whether what the Secret once wrote is gone."""
        found = await run.read(name)
        if found is None:
            return True
        mark = self.entries[run.claim.bucket, name]
        if not self._marks.wrote(mark, run.claim.bucket, Setting.of(name, found)):
            return False
        return await run.remove(name)

    async def _keep_closed(self, run: _Bucket, backend: Backend) -> None:
        """Takes back an access for everybody that no annotation tells of.

        The annotations were lost, to what replaces a Secret's metadata; or the answer was that
        would have noted it, and the key was gone before the next one. By its id the statement is an
        operator's all the same, and nobody asks for it any more. Where no Secret may open a bucket
        any more, those are looked at once that were answered while they might have.
        """
        bucket, name = run.claim.bucket, SettingName.PUBLIC
        entry = self.entries.get((bucket, name), "")
        if name not in backend.capabilities.settings.names or entry not in {"", WATCHED}:
            return
        if self._closed is None and entry != WATCHED:
            return
        known = self._closed is not None and bucket in self._closed and not self._lost
        if not known and Action.CREATE_BUCKET not in run.actions:
            # Who can't read its policy, or has none, is as Ready as before.
            with suppress(Rejected, Unsupported):
                if await run.read(name) is not None:
                    await run.remove(name)
        if self._closed is None:
            self._drop(bucket, name)
        else:
            self._closed.add(bucket)
            self._note(bucket, name, WATCHED)

    def _forget(self, bucket: str, name: SettingName) -> None:
        """Notes that a setting needn't stand any more; one that opens the bucket still may."""
        if name is SettingName.PUBLIC and (bucket, name) in self.entries:
            self._note(bucket, name, WATCHED)
        else:
            self._drop(bucket, name)

    def _drop(self, bucket: str, name: SettingName) -> None:
        self.entries = {key: mark for key, mark in self.entries.items() if key != (bucket, name)}

    def _note(self, bucket: str, name: SettingName, mark: str) -> None:
        self.entries = {**self.entries, (bucket, name): mark}


class _Bucket:
    """One bucket's settings on the store."""

    def __init__(
        self, claim: Claim, store: BucketSettings, deadline: Deadline, actions: list[Action]
    ) -> None:
        self.claim = claim
        self._store = store
        self._deadline = deadline
        self.actions = actions

    async def read(self, name: SettingName) -> Document | None:
        """What stands there, as a claim says it."""
        return await self._store.read(name, self.claim, self._deadline)

    async def put(
        self, setting: Setting, before: Document | None, undone: Callable[[], None]
    ) -> bool:
        """Writes one, unless it stands there, and looks whether the store has taken all of it.

        Args:
            setting: what is to be.
            before: what stands there.
            undone: called where it is sure that this still does, or does again.

        Returns:
            Whether it was written.

        Raises:
            Unsupported: the store hasn't; what stood there before is put back.
        """
        name = setting.name
        if before is not None and _is(before, setting):
            return False
        try:
            await self._store.write(name, setting.document, self.claim, self._deadline)
        except (Rejected, Unsupported):
            undone()
            raise
        if not await self._stands(setting):
            await self._put_back(name, before)
            undone()
            raise Unsupported(
                f"The store takes {name.value} and keeps something else of it in silence, so "
                "what was there before was put back: simplify it, or remove it from the Secret."
            )
        self.actions.append(_SET[name])
        return True

    async def prove(
        self, setting: Setting, before: Setting | None, *, known: bool, written: bool
    ) -> None:
        """Looks whether one that stands there has its effect, and notes that a bucket is open.

        Args:
            setting: what is there.
            before: what was.
            known: whether the Secret has written one before.
            written: whether it was written just now.

        Raises:
            Refusal: it has none.
        """
        name = setting.name
        if name is SettingName.PUBLIC and not await self._store.is_public(
            self.claim, self._deadline
        ):
            raise Refusal(
                Reason.NOT_YET_VISIBLE,
                f"{name.value} is written, but the store still refuses to let everybody read: a "
                "public access block may be in its way, which an administrator has to lift.",
            )
        was_open = before is not None and opens(before)
        if opens(setting) and not (was_open and (known or written)):
            self.actions.append(Action.MAKE_PUBLIC)

    async def remove(self, name: SettingName) -> bool:
        """Takes one away; False for what nothing takes from a bucket."""
        if name is SettingName.LOCK:
            return False
        await self._store.remove(name, self.claim, self._deadline)
        self.actions.append(_REMOVED[name])
        return True

    async def _stands(self, setting: Setting) -> bool:
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            found = await self.read(setting.name)
            if found is not None and _is(found, setting):
                return True
        return False

    async def _put_back(self, name: SettingName, before: Document | None) -> None:
        if before is None:
            await self._store.remove(name, self.claim, self._deadline)
        else:
            await self._store.write(name, before, self.claim, self._deadline)


def opens(setting: Setting) -> bool:
    """Whether it lets everybody do something with the bucket."""
    if setting.name is SettingName.POLICY:
        return policies.is_public(setting.document)
    return setting.name is SettingName.PUBLIC and setting.document == "read"


def _is(found: Document, setting: Setting) -> bool:
    return Setting.of(setting.name, found) == setting
