"""A bucket's settings on a store where nothing is written: what `sync --dry-run` shows of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backends.base import Claim
from backends.bucketsettings import BucketSettings, Document, SettingName
from backends.wire.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one setting; None for nothing there.

    The documents stand in the Secret and on the store for its owner to read, and are no secrets.
    """

    bucket: str
    name: SettingName
    before: Document | None
    after: Document | None

    def document(self) -> dict[str, Document]:
        """For programs."""
        return {
            "bucket": self.bucket,
            "setting": self.name.value,
            "before": self.before,
            "after": self.after,
        }


class RehearsedSettings:
    """Asks the real store, and remembers what would have been written.

    Args:
        store: the store's settings.
        is_imagined: whether a claim's user or bucket would only be what it has to be for asking.
        imagine: called where something would be written.

    Attributes:
        changes: what would have been, since :meth:`begin`.
    """

    def __init__(
        self,
        store: BucketSettings,
        is_imagined: Callable[[Claim], bool],
        imagine: Callable[[], None],
    ) -> None:
        self._store = store
        self._is_imagined = is_imagined
        self._imagine = imagine
        self._written: dict[tuple[str, SettingName], Document | None] = {}
        self.changes: list[Change] = []

    def begin(self) -> None:
        """From here on it is about another Secret."""
        self.changes = []

    async def read(self, name: SettingName, claim: Claim, deadline: Deadline) -> Document | None:
        """The store's, or what would have been written."""
        key = (claim.bucket, name)
        if key in self._written:
            return self._written[key]
        if self._is_imagined(claim):
            # A bucket that is made, or handed over, has none of its own but a lock.
            return "enabled" if name is SettingName.LOCK and claim.locked else None
        return await self._store.read(name, claim, deadline)

    async def write(
        self, name: SettingName, document: Document, claim: Claim, deadline: Deadline
    ) -> None:
        """Remembers it."""
        if name is SettingName.LOCK:
            # The store says why not, and writes nothing.
            await self._store.write(name, document, claim, deadline)
        await self._remember(name, document, claim, deadline)

    async def remove(self, name: SettingName, claim: Claim, deadline: Deadline) -> None:
        """Remembers it."""
        await self._remember(name, None, claim, deadline)

    async def is_public(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether it would be, or is."""
        if (claim.bucket, SettingName.PUBLIC) in self._written:
            return True
        return await self._store.is_public(claim, deadline)

    async def _remember(
        self, name: SettingName, document: Document | None, claim: Claim, deadline: Deadline
    ) -> None:
        before = await self.read(name, claim, deadline)
        self._written[claim.bucket, name] = document
        self.changes.append(Change(claim.bucket, name, before, document))
        self._imagine()
