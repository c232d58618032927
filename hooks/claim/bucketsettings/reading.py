"""All of a Secret's settings of its bucket, and whether its namespace may name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from backends.base import Claim
from backends.bucketsettings import BUCKET_PLACE, Setting, SettingName
from hooks.claim.bucketsettings import cors, lifecycle, lock, policy, source, tags
from hooks.claim.bucketsettings.source import EXPIRE_PREFIX, LIFECYCLE, LOCK, RETENTION
from hooks.claim.fields import InvalidSecret, PassedOver, Value, malformed
from hooks.claim.hints import unread_keys
from hooks.claim.secret import Reading, Rules
from hooks.contract.outcome import Reason

PUBLIC = frozenset({SettingName.POLICY, SettingName.PUBLIC})
"""Those that may let everybody in."""

# The short forms that a prefix narrows.
_OF_PREFIX = frozenset({source.EXPIRE_DAYS, source.NONCURRENT_DAYS})
_GENERIC = frozenset(map(source.generic, source.WORDS))


def with_settings(
    reading: Reading, data: Mapping[str, object], rules: Rules, namespace: str
) -> Reading:
    """The reading with what the Secret says of its bucket's settings.

    Args:
        reading: of all else.
        data: the Secret's.
        rules: what it may ask for.
        namespace: where it is.

    Raises:
        InvalidSecret: with the first mistake.
    """
    if data.keys().isdisjoint(_GENERIC) and data.keys().isdisjoint(source.WORDS):
        return reading
    found = _Found(data, reading.claim)
    settings = found.settings()
    if LOCK in found.keys and reading.claim.versioning == "suspended":
        raise malformed(
            found.keys[SettingName.LOCK], "can't be beside versioning that is suspended"
        )
    for name, key in found.keys.items():
        _check_allowed(name, key, rules, namespace)
    return reading._replace(
        claim=replace(reading.claim, settings=settings),
        notes=(*reading.notes, *unread_keys(found.passed_over)),
        keys={**reading.keys, **{name.value: key for name, key in found.keys.items()}},
    )


class _Found:
    """What one Secret says.

    Args:
        data: the Secret's.
        claim: its bucket and user.

    Attributes:
        keys: the key that each setting was read under.
        passed_over: generic keys that aren't read.
    """

    def __init__(self, data: Mapping[str, object], claim: Claim) -> None:
        self._data = data
        self._meanings = _meanings(claim)
        self.keys: dict[SettingName, str] = {}
        self.passed_over: list[PassedOver] = []
        self._values = {
            word: value for word in source.WORDS if (value := self._value(word)) is not None
        }

    def settings(self) -> tuple[Setting, ...]:
        """All that it names, in the order of the table."""
        documents: dict[SettingName, Any] = {}
        rules = self._lifecycle()
        if rules:
            self.keys[SettingName.LIFECYCLE] = lifecycle.key(rules)
            documents[SettingName.LIFECYCLE] = (
                self._meanings[LIFECYCLE](rules[LIFECYCLE])
                if LIFECYCLE in rules
                else lifecycle.read_short(rules)
            )
        for name in SettingName:
            value = self._values.get(name.value)
            if value is None or name is SettingName.LIFECYCLE:
                continue
            if name is SettingName.RETENTION and LOCK not in self._values:
                if not self._drop(RETENTION):
                    raise malformed(value.key, f"needs {LOCK}: enabled beside it")
                continue
            self.keys[name] = value.key
            documents[name] = self._meanings[name.value](value)
        return tuple(Setting.of(name, documents[name]) for name in SettingName if name in documents)

    def _value(self, word: str) -> Value | None:
        """What counts of a word's two keys."""
        generic = source.generic(word)
        specific = source.text(self._data, word)
        try:
            found = source.text(self._data, generic)
            if found is None or specific is not None:
                if found is not None and specific is not None and found.text != specific.text:
                    self.passed_over.append(PassedOver(generic))
                return specific
            self._meanings[word](found)
        except InvalidSecret as error:
            self.passed_over.append(PassedOver(generic, error))
            return specific
        return found

    def _lifecycle(self) -> dict[str, Value]:
        """The document, or the short forms."""
        words = (LIFECYCLE, *lifecycle.SHORT)
        short = [word for word in lifecycle.SHORT if word in self._values]
        if short == [EXPIRE_PREFIX]:
            self._drop(EXPIRE_PREFIX)
        short = [word for word in lifecycle.SHORT if word in self._values]
        both = LIFECYCLE in self._values and bool(short)
        if both and not self._drop(*short) and not self._drop(LIFECYCLE):
            key, other = self._values[LIFECYCLE].key, self._values[short[0]].key
            raise malformed(key, f"and {other} are both there: use one of them")
        if EXPIRE_PREFIX not in self._values and not _OF_PREFIX.isdisjoint(self._values):
            self._refuse_without_prefix()
        return {word: self._values[word] for word in words if word in self._values}

    def _refuse_without_prefix(self) -> None:
        """A prefix that can't be read isn't passed over: everything would expire without it.

        Raises:
            InvalidSecret: there is one.
        """
        for passed in self.passed_over:
            if passed.key == source.generic(EXPIRE_PREFIX) and passed.problem is not None:
                raise passed.problem

    def _drop(self, *words: str) -> bool:
        """Passes keys over that an application may mean; False where one is a specific key."""
        if any(self._values[word].key == word for word in words):
            return False
        for word in words:
            self.passed_over.append(PassedOver(self._values.pop(word).key))
        return True


def _meanings(claim: Claim) -> Mapping[str, Callable[[Value], Any]]:
    """What the value of each word comes to; raises InvalidSecret where it can't be one."""
    # Of several buckets none stands for the others.
    bucket = BUCKET_PLACE if claim.more_buckets else claim.bucket
    return {
        LIFECYCLE: lifecycle.read_document,
        source.EXPIRE_DAYS: source.days,
        EXPIRE_PREFIX: lifecycle.read_prefix,
        source.ABORT_DAYS: source.days,
        source.NONCURRENT_DAYS: source.days,
        source.CORS: cors.read,
        source.TAGS: tags.read,
        source.POLICY: lambda value: policy.read(value, bucket, claim.user),
        source.PUBLIC: lambda value: source.word(value, "read"),
        LOCK: lambda value: source.word(value, "enabled"),
        RETENTION: lock.read_retention,
    }


def _check_allowed(name: SettingName, key: str, rules: Rules, namespace: str) -> None:
    """Raises InvalidSecret where an administrator hasn't allowed it."""
    if name in PUBLIC and not rules.public_access:
        raise InvalidSecret(
            Reason.NOT_ALLOWED,
            f"{key} is not allowed by ALLOW_PUBLIC_ACCESS, which an administrator has to set.",
        )
    problem = rules.policy.forbids_setting(namespace, name, needs_leave=name in PUBLIC)
    if problem is not None:
        raise InvalidSecret(Reason.NOT_ALLOWED, f"{key} {problem.problem}.")
