"""``credentials: generated``: a Secret that names no secret, read into the pairs it may have."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from hooks.claim.fieldkeys import ACCESS_KEY, SECRET, KeyChoice
from hooks.claim.fields import Field, InvalidSecret, malformed
from hooks.claim.meanings import MEANINGS
from hooks.claim.schedule import Schedule, read_moment, read_period
from hooks.claim.secret import Mentions
from hooks.contract.decorator import SyncRequest
from hooks.contract.derived import Derivation, Pair
from hooks.contract.grant import Grant
from hooks.contract.outcome import Reason
from hooks.contract.status import Keys

_WORDS = ("given", "generated")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a Secret with generated credentials may have.

    Args:
        pairs: candidates; the first is what it has as far as its grant says, and one of them is the
            target.
        target: what it is to have by now.
        schedule: when that changes.
        named: the access key that the Secret itself names, empty for a generated one.
        choice: which of its keys are read.
    """

    pairs: tuple[Pair, ...]
    target: Pair
    schedule: Schedule
    named: str
    choice: KeyChoice

    def user(self, pair: Pair) -> str:
        """The user's name with one of the pairs."""
        return self.named or pair.access_key

    def data(self, data: Mapping[str, object], pair: Pair | None = None) -> dict[str, object]:
        """The Secret's data with a pair in it, as if its owner had written it there.

        Args:
            data: the Secret's.
            pair: one of the candidates, None for the first.
        """
        pair = pair or self.pairs[0]
        filled = {key: value for key, value in data.items() if key not in SECRET}
        filled[self.choice.named.get(SECRET, SECRET[0])] = _encode(pair.secret.reveal())
        if not self.named:
            filled[self.choice.named.get(ACCESS_KEY, ACCESS_KEY[0])] = _encode(pair.access_key)
        return filled


class Generator:
    """Tells generated credentials.

    Args:
        keys: names of the annotations.
        derivation: makes pairs; None where SIGNING_KEY isn't set.
        renames: whether the store can't change an access key's secret.
    """

    def __init__(self, keys: Keys, derivation: Derivation | None, *, renames: bool) -> None:
        self._keys = keys
        self._words = {word: keys[word] for word in ("credentials", "rotate-after", "rotate")}
        self._derivation = derivation
        self._renames = renames

    def concerns(self, request: SyncRequest) -> bool:
        """Whether a Secret says anything at all about generated credentials."""
        return not request.annotations.keys().isdisjoint(self._words.values())

    def plan(self, request: SyncRequest, grant: Grant | None, now: int) -> Plan | None:
        """The pairs of a Secret; None where it brings its own.

        Args:
            request: the Secret.
            grant: its own, as far as it is valid.
            now: the time, in Unix seconds.

        Raises:
            InvalidSecret: it asks for what can't be.
        """
        words = {word: request.annotations.get(key) for word, key in self._words.items()}
        period, once = self._times(words)
        if words["credentials"] in {None, "given"}:
            return None
        choice = KeyChoice.of(request.annotations, self._keys["keys"])
        if choice.problem:
            raise choice.problem
        if self._derivation is None:
            raise InvalidSecret(
                Reason.NOT_SUPPORTED,
                "The operator can't generate credentials: they are derived from SIGNING_KEY, which "
                "isn't set. Have it set, or put an access key and a secret into the Secret.",
            )
        if self._keys["connection-secret"] not in request.annotations:
            raise InvalidSecret(
                Reason.MISSING_FIELD,
                f"The annotation {self._keys['connection-secret']} is missing: generated "
                "credentials arrive in the Secret that it names.",
            )
        # Under a generic key an application may have a secret of its own.
        secret = Field.of(request.data, choice.split(SECRET)[0]).first
        if secret is not None:
            raise malformed(
                secret.key, "must not be set where credentials are generated: remove one of the two"
            )
        access_key = Field.of(request.data, *choice.split(ACCESS_KEY), MEANINGS[ACCESS_KEY]).first
        if access_key is not None and self._renames and (period or once):
            raise InvalidSecret(
                Reason.NOT_SUPPORTED,
                f"This store can't change the secret of an access key: remove {access_key.key}, so "
                "that a rotation can generate a new one.",
            )
        schedule = Schedule.of(period, once, request.namespace, request.name)
        pairs, target = self._pairs(self._derivation, request, grant, schedule, now)
        return Plan(pairs, target, schedule, access_key.text if access_key else "", choice)

    def naming(
        self, request: SyncRequest, grant: Grant | None, names: Mentions, now: int
    ) -> Mentions:
        """What a Secret names, with what it derives and what its grant lists.

        Args:
            request: the Secret, with its data.
            grant: its own, as far as it is valid.
            names: what its data mentions.
            now: the time, in Unix seconds.
        """
        asks = request.annotations.get(self._keys["credentials"]) == "generated"
        listed = frozenset(() if grant is None else grant.former)
        if not asks or self._derivation is None:
            return replace(names, users=names.users | listed)
        try:
            plan = self.plan(request, grant, now)
        except InvalidSecret:
            # A mistake gives nothing away: it holds what it was given, under whatever secret.
            given = () if grant is None or grant.since is None else (grant.user,)
            return replace(names, users=names.users | listed | {*given})
        if plan is None:
            return names
        return Mentions(
            names.buckets,
            (names.users if plan.named else frozenset())
            | listed
            | {plan.user(pair) for pair in plan.pairs},
            frozenset(pair.secret for pair in plan.pairs),
        )

    def _times(self, words: Mapping[str, str | None]) -> tuple[int, int]:
        credentials, after, once = words["credentials"], words["rotate-after"], words["rotate"]
        if credentials is not None and credentials not in _WORDS:
            raise self._malformed("credentials", f"must be {' or '.join(_WORDS)}")
        for word, text in (("rotate-after", after), ("rotate", once)):
            if text is not None and credentials != "generated":
                raise self._malformed(
                    word,
                    f"needs {self._keys['credentials']}: generated",
                )
        try:
            period = 0 if after is None else read_period(after)
        except ValueError as error:
            raise self._malformed("rotate-after", str(error)) from None
        try:
            return period, 0 if once is None else read_moment(once)
        except ValueError as error:
            raise self._malformed("rotate", str(error)) from None

    def _pairs(
        self,
        derivation: Derivation,
        request: SyncRequest,
        grant: Grant | None,
        schedule: Schedule,
        now: int,
    ) -> tuple[tuple[Pair, ...], Pair]:
        """The candidates, and the target among them."""
        pair = partial(derivation.pair, request.namespace, request.name)
        latest, before = schedule.past(now)
        if grant is not None and grant.since is not None:
            # Never before the grant's own, whatever a clock says.
            latest = max(latest, grant.since)
            if grant.key in derivation.keys:
                had = pair(grant.since, grant.key)
                if had.since == latest:
                    # One of another key stays until the next rotation, while that key is there.
                    return (had,), had
                target = pair(latest)
                return (had, target), target
        # No grant tells, or its key is gone: what the store accepts tells.
        target = pair(latest)
        every = (pair(since, key) for since in (latest, before) for key in derivation.keys)
        return tuple(dict.fromkeys((target, *every))), target

    def _malformed(self, word: str, problem: str) -> InvalidSecret:
        return InvalidSecret(Reason.INVALID_FIELD, f"The annotation {self._keys[word]} {problem}.")


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
