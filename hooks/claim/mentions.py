"""What a Secret is about, whether or not it is valid: nothing of it is checked by the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.wire.sensitive import Sensitive
from hooks.claim import bucketlist
from hooks.claim.fieldkeys import BUCKET, NO_CHOICE, REQUIRED, KeyChoice, Keys
from hooks.claim.fields import ABSENT, Field, readable
from hooks.claim.meanings import MEANINGS, can_be


def field_of(data: Mapping[str, object], names: Keys, choice: KeyChoice) -> Field:
    """One field of the table, under whichever of its keys count.

    Args:
        data: the Secret's.
        names: the field's keys.
        choice: which of the Secret's keys are to be read.
    """
    if names is BUCKET:
        return bucketlist.bucket_field(data, choice)
    specific, generic = choice.split(names)
    return Field.of(data, specific, generic, MEANINGS[names])


def fields_of(
    data: Mapping[str, object], every: Sequence[Keys], choice: KeyChoice
) -> dict[Keys, Field]:
    """Several fields of the table; of most of them no key is there, and nothing is looked at.

    Args:
        data: the Secret's.
        every: each field's keys.
        choice: which of the Secret's keys are to be read.
    """
    there = data.keys()
    return {
        names: ABSENT
        if there.isdisjoint(names) and names is not BUCKET and names not in choice.named
        else field_of(data, names, choice)
        for names in every
    }


@dataclass(frozen=True, slots=True)
class Names:
    """What a Secret is about, whether or not it may."""

    bucket: str
    user: str
    secret: Sensitive
    more_buckets: tuple[str, ...] = ()


def read_names(data: Mapping[str, object], keys: KeyChoice = NO_CHOICE) -> Names | None:
    """Bucket, user and secret of a Secret that need not be valid; None if one can't be read.

    A Secret that no rule allows any more still has applications that use what it names.
    """
    buckets, *others = (field_of(data, names, keys) for names in REQUIRED)
    bucket, (user, secret) = buckets.first, (other.first for other in others)
    if bucket is None or user is None or secret is None:
        return None
    more = tuple(value.text for value in buckets.further)
    return Names(bucket.text, user.text, Sensitive(secret.text), more)


@dataclass(frozen=True, slots=True)
class Mentions:
    """All that a Secret names, under whatever keys count: a mistake in it gives away nothing."""

    buckets: frozenset[str]
    users: frozenset[str]
    secrets: frozenset[Sensitive]


def read_mentions(data: Mapping[str, object], keys: KeyChoice = NO_CHOICE) -> Mentions:
    """Every bucket, user and secret of a Secret that need not be complete, nor clear.

    It is what :func:`read` reads where that succeeds, and more where it doesn't: what two keys
    say that differ, and what generic keys say beside a specific one that can't be read, since it
    may have counted before the mistake was made. But a generic key beside a specific one that is
    well formed never counts: an application's own SECRET_KEY is no secret of the user, and would
    make two Secrets that share a user look as if they disagreed.
    """
    buckets, users, secrets = (_mentioned(data, names, keys) for names in REQUIRED)
    return Mentions(buckets, users, frozenset(map(Sensitive, secrets)))


def _mentioned(data: Mapping[str, object], names: Keys, choice: KeyChoice) -> frozenset[str]:
    specific, generic = choice.split(names)
    found = readable(data, specific)
    if names is BUCKET:
        found += bucketlist.mentioned(data, choice)
    sure = [value for value in found if can_be(names, value)]
    if not sure:
        found += readable(data, generic)
        sure = [value for value in found if can_be(names, value)]
    return frozenset(value.text for value in sure or found)
