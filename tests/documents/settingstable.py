"""The tables of docs/bucket-settings.md, made from what the code says of each store.

`python -m tests.documents.settingstable` prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from backends.bucketsettings import Rule, SettingName, SettingSupport
from backends.capabilities import CAPABILITIES

Word = TypeVar("Word", bound=StrEnum)

_NO = "no: NotSupported"


def settings_table() -> str:
    """Store by setting."""
    return _table(SettingName, lambda support: support.names, ticked=True)


def rules_table() -> str:
    """Store by what a lifecycle rule can be made of; only stores with lifecycle rules."""
    return _table(Rule, lambda support: support.rules, ticked=False)


def _table(
    words: Iterable[Word], of: Callable[[SettingSupport], frozenset[Word]], *, ticked: bool
) -> str:
    stores = {
        name: found.settings
        for name, found in CAPABILITIES.items()
        if ticked or SettingName.LIFECYCLE in found.settings.names
    }
    lines = [
        " | ".join(["|", *(f"`{name}`" for name in stores)]) + " |",
        "|---" * (len(stores) + 1) + "|",
    ]
    for word in words:
        shown = f"`{word.value}`" if ticked else word.value
        cells = ["yes" if word in of(support) else _NO for support in stores.values()]
        lines.append(" | ".join([f"| {shown}", *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(settings_table(), rules_table(), sep="\n\n")
