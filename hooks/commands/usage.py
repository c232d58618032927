"""What `status --usage` asks the stores: what the buckets of the Secrets hold, and their quotas.

No sync asks for it. The stores are reached with the operator's own settings, as `check` does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC
from typing import Any

from backends import REGISTRY
from backends.base import Backend
from backends.errors import StoreError, TimedOut, TransientError
from backends.usage import Usage
from backends.wire.deadline import Deadline
from hooks.claim.endpoint import normalise
from hooks.claim.fields import InvalidSecret, Value
from hooks.claim.names import check_bucket
from hooks.settings.settings import Settings, SettingsError
from hooks.terminal import say

Place = tuple[str, str]
"""A store's endpoint and a bucket, as the annotations of a Secret tell them."""

_AT_ONCE = 4
# A Secret has no more; its annotation may hold anything.
_MOST = 16
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class NotConfigured(Exception):
    """The settings don't say how the stores are reached; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class BucketsUsage:
    """What was told of one Secret's buckets.

    Args:
        told: by the bucket; None for one that nothing was told of.
    """

    told: Mapping[str, Usage | None]

    def document(self) -> list[dict[str, Any]]:
        """For programs: an object for each bucket, null for what isn't told."""
        return [_entry(bucket, usage or Usage()) for bucket, usage in self.told.items()]

    def text(self) -> str:
        """For people: what is told, with the bucket's name where there are several."""
        parts = {bucket: _sentence(usage) for bucket, usage in self.told.items() if usage}
        if len(self.told) == 1:
            return "".join(parts.values())
        return "; ".join(f"{bucket}: {part}" for bucket, part in parts.items() if part)


@dataclass
class Usages:
    """What was told.

    Args:
        asked: the buckets of the settings' own stores.
        found: what is told of each; nothing of those that nothing is told of.
        notes: one sentence for each thing that people have to know about it.
    """

    asked: set[Place] = field(default_factory=set)
    found: dict[Place, Usage] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, endpoint: str | None, buckets: str | None) -> BucketsUsage:
        """What is told of a Secret's buckets; nothing of those of another operator's store.

        Args:
            endpoint: its annotation of that name.
            buckets: its annotation ``bucket``.
        """
        places = [place for place in places_of(endpoint, buckets) if place in self.asked]
        return BucketsUsage({place[1]: self.found.get(place) for place in places})


def places_of(endpoint: str | None, buckets: str | None) -> list[Place]:
    """The buckets that a Secret's annotations name; what is no bucket's name is left out.

    Args:
        endpoint: its annotation of that name.
        buckets: its annotation ``bucket``.
    """
    if not endpoint or not buckets:
        return []
    names = dict.fromkeys(buckets.split(",", _MOST)[:_MOST])
    return [(endpoint, name) for name in names if _is_bucket(name)]


def load(environ: Mapping[str, str]) -> Settings:
    """The settings of the stores; what may be wrong with them is told.

    Args:
        environ: the environment.

    Raises:
        NotConfigured: they can't be used.
    """
    try:
        settings = Settings.load(environ)
    except SettingsError as error:
        mistakes = "; ".join(error.mistakes)
        raise NotConfigured(f"--usage needs the settings that check needs: {mistakes}") from None
    for warning in settings.warnings:
        say(f"warning: {warning}", file=sys.stderr)
    return settings


async def ask(settings: Settings, places: Iterable[Place], seconds: float) -> Usages:
    """Asks each store for its own buckets, all stores at once; one that fails takes nothing along.

    Args:
        settings: the operator's.
        places: the buckets; those of no store of the settings' aren't asked for.
        seconds: for all of it.
    """
    told = Usages()
    wanted = list(dict.fromkeys(places))
    whole = Deadline(seconds)
    questions = []
    for each in settings.every:
        urls = each.rules.aliases | {normalise(each.connection.endpoint)}
        own = [place for place in wanted if place[0] in urls]
        told.asked.update(own)
        if own:
            questions.append(_Question(each, own, told).ask(whole))
    await asyncio.gather(*questions)
    return told


class _Question:
    """What one store is asked.

    Args:
        settings: the store's.
        places: its buckets.
        told: what it says is put there.
    """

    def __init__(self, settings: Settings, places: Sequence[Place], told: Usages) -> None:
        self._settings = settings
        self._places = places
        self._told = told
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._trouble: StoreError | None = None

    async def ask(self, whole: Deadline) -> None:
        backend = REGISTRY[self._settings.backend_name](self._settings.connection, lambda *_: None)
        try:
            await asyncio.gather(*(self._one(backend, place, whole) for place in self._places))
        finally:
            await backend.close()
        store = f"the store {self._settings.listed_as}" if self._settings.listed_as else "the store"
        if self._trouble is not None:
            self._told.notes.append(f"No usage from {store}: {self._trouble}")
        elif not any(place in self._told.found for place in self._places):
            self._told.notes.append(
                f"No usage from {store}: it has none of these buckets, or would have to list all "
                f"objects ({self._settings.backend_name})."
            )

    async def _one(self, backend: Backend, place: Place, whole: Deadline) -> None:
        async with self._at_once:
            # Whoever could not be asked once isn't kept busy with all the others.
            if isinstance(self._trouble, TransientError):
                return
            try:
                left = min(whole.remaining(), self._settings.sync_timeout)
                usage = await backend.usage(place[1], Deadline(left))
            except TimedOut:
                self._trouble = TimedOut("It did not answer in time.")
            except StoreError as error:
                self._trouble = error
            else:
                if usage is not None:
                    self._told.found[place] = usage


def _entry(bucket: str, usage: Usage) -> dict[str, Any]:
    fields = asdict(usage)
    fields["counted"] = f"{usage.counted.astimezone(UTC):{_TIME}}" if usage.counted else None
    return {"bucket": bucket, **fields}


def _sentence(usage: Usage) -> str:
    """``3 of 100 objects, 12.0 MiB``."""
    parts = []
    objects, limit = usage.objects, usage.quota_objects
    if objects is not None or limit is not None:
        word = "object" if (limit or objects) == 1 else "objects"
        parts.append(f"{_amount(_plain(objects), _plain(limit))} {word}")
    if usage.bytes is not None or usage.quota_bytes is not None:
        parts.append(_amount(_size(usage.bytes), _size(usage.quota_bytes)))
    if usage.counted is not None:
        parts.append(f"counted {usage.counted.astimezone(UTC):{_TIME}}")
    return ", ".join(parts)


def _amount(held: str | None, limit: str | None) -> str:
    if limit is None:
        return held or ""
    return f"at most {limit}" if held is None else f"{held} of {limit}"


def _plain(number: int | None) -> str | None:
    return None if number is None else str(number)


def _size(number: int | None) -> str | None:
    if number is None:
        return None
    amount, unit = float(number), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{number} B"


def _is_bucket(name: str) -> bool:
    try:
        check_bucket(Value("bucket", name))
    except InvalidSecret:
        return False
    return True
