"""The ``applied`` annotation: a digest of what a probe can't see, and one for each setting.

``DIGEST`` alone, as before buckets had settings of their own, or
``DIGEST;BUCKET/SETTING=MARK;BUCKET/SETTING=MARK…``. A mark is a keyed digest of the bucket, the
setting and the document that was written, so that nobody can tell the operator that something was
written which wasn't. ``MARK.`` or ``MARK.MARK`` says that a write was begun and not seen to end:
then the one may stand there, or what the other is of. The word ``stays`` says that the Secret names
the setting no more, and that what stands on the bucket isn't what it wrote. The word ``watched``,
of ``public-access`` alone, says that the Secret was answered while it might have named that: an
answer that was lost since may have opened the bucket.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backends.bucketsettings import Setting, SettingName
from hooks.contract.grant import Grants

STAYS = "stays"
WATCHED = "watched"

_ENTRY = re.compile(r"([a-z0-9.-]{1,63})/([a-z-]{1,32})=([A-Za-z0-9_.-]{1,40})")
# Sixteen buckets with all settings.
_MOST = 16 * len(SettingName)
_LENGTH = 16

Entries = Mapping[tuple[str, SettingName], str]


@dataclass(frozen=True, slots=True)
class Applied:
    """The annotation's text, taken apart.

    Args:
        digest: of role, ids, quota and versioning; see :meth:`Grants.applied`.
        entries: the mark of each bucket's settings.
    """

    digest: str
    entries: Entries

    @classmethod
    def of(cls, text: str) -> Applied:
        """Reads it; what isn't an entry is passed over."""
        digest, *rest = text.split(";", _MOST + 1)
        entries: dict[tuple[str, SettingName], str] = {}
        for entry in rest[:_MOST]:
            match = _ENTRY.fullmatch(entry)
            if match and match[2] in _NAMES:
                entries[match[1], SettingName(match[2])] = match[3]
        return cls(digest, entries)

    def __str__(self) -> str:
        told = [
            f"{bucket}/{name.value}={mark}" for (bucket, name), mark in sorted(self.entries.items())
        ]
        return ";".join([self.digest, *told])


_NAMES = frozenset(name.value for name in SettingName)


class Marks:
    """Makes and verifies the marks of settings.

    Args:
        grants: has the keys.
    """

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    def of(self, bucket: str, setting: Setting) -> str:
        """The mark of a setting that was written."""
        return self._grants.marks("setting", bucket, setting.name.value, setting.text)[0][:_LENGTH]

    def fits(self, mark: str, bucket: str, setting: Setting) -> bool:
        """Whether a mark is the setting's, under any of the keys."""
        found = self._grants.marks("setting", bucket, setting.name.value, setting.text)
        return any(hmac.compare_digest(each[:_LENGTH], mark) for each in found)

    def begun(self, entry: str, bucket: str, setting: Setting, before: Setting | None) -> str:
        """What stands in an entry's place from before a write until that was seen to end well.

        Args:
            entry: the one so far, empty for none.
            bucket: the bucket's name.
            setting: what is to be written.
            before: what stands there.
        """
        mine = "" if before in {None, setting} else self._of_entry(entry, bucket, before)
        return f"{self.of(bucket, setting)}.{mine}"

    def wrote(self, entry: str, bucket: str, setting: Setting) -> bool:
        """Whether a setting is the Secret's work, as far as an entry tells."""
        return bool(self._of_entry(entry, bucket, setting))

    def _of_entry(self, entry: str, bucket: str, setting: Setting | None) -> str:
        marks = entry.split(".") if setting is not None else []
        return next((mark for mark in marks if setting and self.fits(mark, bucket, setting)), "")


def of_buckets(entries: Entries, buckets: Iterable[str]) -> Entries:
    """The entries of these buckets alone."""
    if not entries:
        return entries
    kept = frozenset(buckets)
    return {key: mark for key, mark in entries.items() if key[0] in kept}
