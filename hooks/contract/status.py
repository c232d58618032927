"""An outcome written as the annotations and labels of the contract.

Nothing here changes from one try to the next while the outcome stays the same: every change
of an annotation makes Metacontroller sync again.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backends.base import Claim
from hooks.contract.applied import Applied, of_buckets
from hooks.contract.behind import Behind, left_behind
from hooks.contract.decorator import SyncRequest, SyncResponse
from hooks.contract.grant import Evidence, Grant, Grants
from hooks.contract.outcome import Outcome, Reason, Status

_MESSAGE_LENGTH = 512
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TIME_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_SHORTEST_RETRY = 2.0
_LONGEST_RETRY = 300.0
# Half a year. Metacontroller (4.17.2) counts nanoseconds in 64 bits: what is more than 292 years it
# takes for none, and calls again at once, without an end.
_LONGEST_WAIT = float(1 << 24)
# What ends without the operator's doing, and is asked for again soon: the Secret that holds it
# is deleted, the Secret of that name is, the bucket is emptied or shared, a quota is raised.
_SOON = {
    Reason.BUCKET_CLAIMED: 30.0,
    Reason.ACCESS_KEY_CLAIMED: 30.0,
    Reason.CONNECTION_SECRET_TAKEN: 30.0,
    Reason.BUCKET_NOT_EMPTY: 60.0,
    Reason.CONNECTION_SECRET_REFUSED: 60.0,
    Reason.NOT_SHARED: 60.0,
}
_ASKED_AGAIN = frozenset({Status.RETRYING, Status.CONFLICT})
# Who waits for another's things looks ever more seldom: many who do must not keep anybody busy.
_CLAIMED = frozenset({Reason.BUCKET_CLAIMED, Reason.ACCESS_KEY_CLAIMED})
SEVERAL = "several-buckets"
"""The label of a Secret with more buckets than the one in ``bucket-hash``."""
ANNOTATIONS = frozenset(
    {
        *("keys", "store", "access", "share-with", "deletion-policy"),
        *("connection-secret", "connection-format", "connection-defaults"),
        *("connection-labels", "connection-annotations"),
        *("credentials", "rotate", "rotate-after", "credentials-since", "next-rotation"),
        *("status", "reason", "message", "last-transition-time", "endpoint", "bucket", "user"),
        *("grant", "grants", "applied"),
    }
)
"""All annotations under the prefix but the one that switches a Secret on, which can't be one."""
REST = 600
"""Seconds for which a grant that another key has signed is left as it is."""


class Keys(dict[str, str]):
    """The names of the annotations and labels, all under one prefix, by what follows that.

    Each is put together once: a sync asks for three dozen. Only this program's own words are asked
    for, never a Secret's.

    Args:
        enabled: ANNOTATION_KEY; its part up to ``/`` is the prefix.
    """

    def __init__(self, enabled: str) -> None:
        super().__init__()
        self.enabled = enabled
        self._prefix = enabled.partition("/")[0] + "/"

    def __missing__(self, name: str) -> str:
        full = self[name] = self._prefix + name
        return full

    def enables(self, request: SyncRequest) -> bool:
        """Whether the Secret asks for anything: only the exact word does."""
        return request.annotations.get(self.enabled) == "true"

    def observed(self, request: SyncRequest, name: str) -> str:
        """An annotation of ours as it stands on the Secret, empty if it doesn't."""
        return request.annotations.get(self[name], "")

    def last_transition(self, request: SyncRequest) -> datetime | None:
        """When the status last changed, None if the annotation doesn't say."""
        return _parse_time(self.observed(request, "last-transition-time"))

    def evidence(self, request: SyncRequest) -> Evidence:
        """The Secret's grants and the names that they may be for."""
        evidence: Evidence | None = request.memo.get(self.enabled)
        if evidence is None:
            told = request.annotations.get
            evidence = request.memo[self.enabled] = Evidence(
                uid=request.uid,
                token=told(self["grants"], ""),
                first=told(self["grant"], ""),
                bucket=told(self["bucket"], ""),
                user=told(self["user"], ""),
            )
        return evidence


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes answers.

    Args:
        keys: the annotations' names.
        grants: issues the grant of a Secret that becomes Ready.
        endpoint: the store's normalised endpoint.
    """

    keys: Keys
    grants: Grants
    endpoint: str

    def answer(
        self,
        request: SyncRequest,
        outcome: Outcome,
        claim: Claim | None,
        now: datetime,
        endpoint: str | None = None,
    ) -> SyncResponse:
        """The annotations and labels for an outcome.

        Args:
            request: the Secret as observed.
            outcome: how the sync ended.
            claim: what the Secret asks for; None if it can't be read.
            now: the time, with a zone.
            endpoint: the store's name in the Secret's own words, normalised; None if it has none.
                Another operator, which doesn't know all names of this store, sees by it that the
                Secret is answered for.
        """
        since = self._since(request, outcome, now)
        message = outcome.message
        if outcome.status is Status.READY:
            message = " ".join([message, *map(str, self._behind(request))])
        status = str(outcome.status)
        annotations = {
            "status": status,
            "reason": str(outcome.reason),
            "message": _one_line(message),
            "last-transition-time": since.strftime(_TIME),
            "endpoint": None if outcome.status is Status.SKIPPED else endpoint or self.endpoint,
            **self._holdings(request, outcome, claim, now),
        }
        labels: dict[str, str | None] = {
            "status": status,
            **self._hashes(request, outcome, claim),
        }
        elapsed = (now - since).total_seconds()
        return SyncResponse(
            annotations=self._named(annotations),
            labels=self._named(labels),
            resync_after=_soonest(outcome, elapsed, request.uid),
        )

    def _hashes(
        self, request: SyncRequest, outcome: Outcome, claim: Claim | None
    ) -> dict[str, str | None]:
        """The look-up labels: of what is claimed, or of what is held where that can't be read."""
        buckets: tuple[str, ...] = ()
        user = None
        if outcome.status is Status.INVALID:
            grant = outcome.grant or self.keys.evidence(request).held(self.grants).last
            if grant is not None:
                buckets, user = tuple(grant.buckets), grant.user
        elif claim is not None and outcome.status is not Status.SKIPPED:
            buckets, user = claim.buckets, claim.user
        labels = {
            "bucket-hash": name_hash(buckets[0]) if buckets else None,
            "user-hash": None if user is None else name_hash(user),
        }
        # The others are found by it; most Secrets never have it.
        several = "true" if len(buckets) > 1 else None
        if several or self.keys[SEVERAL] in request.labels:
            labels[SEVERAL] = several
        return labels

    def _named(self, values: Mapping[str, str | None]) -> dict[str, str | None]:
        return {self.keys[name]: value for name, value in values.items()}

    def _since(self, request: SyncRequest, outcome: Outcome, now: datetime) -> datetime:
        """When the status became what it is."""
        if self.keys.observed(request, "status") == outcome.status:
            observed = self.keys.last_transition(request)
            if observed is not None:
                return observed
        return now

    def _holdings(
        self, request: SyncRequest, outcome: Outcome, claim: Claim | None, now: datetime
    ) -> dict[str, str | None]:
        """What the Secret was given."""
        evidence = self.keys.evidence(request)
        kept = {
            "bucket": evidence.bucket or None,
            "user": evidence.user or None,
            "grants": evidence.token or None,
            "applied": self.keys.observed(request, "applied") or None,
        }
        if outcome.status is Status.SKIPPED:
            return {**kept, "bucket": None, "user": None}
        seconds = int(now.timestamp())
        if is_anothers(self.keys, self.grants, request, seconds):
            return kept
        # Also where the store took user and bucket, and then refused a quota.
        kept["grants"] = self._token(request, outcome.grant, seconds) or kept["grants"]
        if claim is not None and outcome.parts:
            return {**kept, **self._of_several(request, outcome, claim)}
        applied = Applied.of(kept["applied"] or "")
        if outcome.settings is not None and outcome.settings != applied.entries:
            applied = replace(applied, entries=outcome.settings)
        if outcome.unfinished:
            applied = replace(applied, digest="")
        if not outcome.reason.provisioned or claim is None:
            return {**kept, "applied": str(applied) or None}
        if outcome.applied and not is_applied(self.grants, request, applied.digest, claim):
            applied = replace(applied, digest=self.grants.applied(claim))
        names = {"bucket": claim.bucket, "user": claim.user}
        return {**kept, **names, "applied": str(applied) or None}

    def _of_several(
        self, request: SyncRequest, outcome: Outcome, claim: Claim
    ) -> dict[str, str | None]:
        """What was provisioned of several buckets; one that was once stays so until it is named no
        more."""
        parts = outcome.parts
        provisioned = any(part.accepted for part in parts.values())
        told = Applied.of(self.keys.observed(request, "applied"))
        if not (provisioned or any(_takes_back(told, *part) for part in parts.items())):
            return {}
        before = self.keys.observed(request, "bucket").split(",")
        there, applied = [], []
        entries = dict(of_buckets(told.entries, claim.buckets))
        for one in claim.each():
            part = parts.get(one.bucket)
            accepted = part is not None and part.accepted
            if accepted or one.bucket in before:
                there.append(one.bucket)
            unfinished = part is not None and part.unfinished
            # One that a store's fault ended after its probe was accepted has written nothing.
            written = part is not None and part.reason.provisioned and part.applied
            if not unfinished and (written or self.grants.is_applied(told.digest, one)):
                applied.append(one)
            if part is not None and part.settings is not None:
                others = {key: mark for key, mark in entries.items() if key[0] != one.bucket}
                entries = {**others, **part.settings}
        names = {"bucket": ",".join(there), "user": claim.user} if provisioned else {}
        return {
            **names,
            "applied": str(Applied(self._digests(told.digest, applied), entries)) or None,
        }

    def _digests(self, done: str, claims: Sequence[Claim]) -> str:
        """The digests of what is applied; as they stand there if these are just them.

        They may be under another key, which verifies too.
        """
        wanted = ",".join(dict.fromkeys(map(self.grants.applied, claims)))
        same = bool(claims) and done.count(",") == wanted.count(",")
        told = same and all(self.grants.is_applied(done, one) for one in claims)
        return done if told else wanted

    def _token(self, request: SyncRequest, grant: Grant | None, now: int) -> str | None:
        """A new text of a grant; None where the one that is there will do."""
        if grant is None or not request.uid:
            return None
        before = self.keys.evidence(request).held(self.grants).grant
        if before == grant and (before.current or now - before.signed < REST):
            return None
        behind = [each.document() for each in self._behind(request)]
        return self.grants.issue(request.uid, grant, now, behind)

    def _behind(self, request: SyncRequest) -> tuple[Behind, ...]:
        """What the Secret had on other stores."""
        return left_behind(self.grants, self.keys.evidence(request))


def _takes_back(told: Applied, bucket: str, part: Outcome) -> bool:
    """Whether what was told to be applied to a bucket is so no more."""
    before = of_buckets(told.entries, {bucket})
    return part.unfinished or (part.settings is not None and dict(part.settings) != dict(before))


def is_applied(grants: Grants, request: SyncRequest, digest: str, claim: Claim) -> bool:
    """See :meth:`Grants.is_applied`; what was asked last for a Secret isn't worked out again.

    Args:
        grants: verifies.
        request: the Secret.
        digest: as its annotation has it.
        claim: what it asks for.
    """
    asked = request.memo.get("applied")
    if asked is not None and asked[:2] == (grants, digest) and asked[2] is claim:
        return bool(asked[3])
    found = grants.is_applied(digest, claim)
    request.memo["applied"] = (grants, digest, claim, found)
    return found


def is_anothers(keys: Keys, grants: Grants, request: SyncRequest, now: int) -> bool:
    """Whether another replica has just signed the Secret's grant with keys that aren't known here.

    Then it is left alone for a while, and what was applied is taken as applied: two replicas with
    different keys would else write over one another for ever.

    Args:
        keys: the annotations' names.
        grants: verifies.
        request: the Secret.
        now: the time, in Unix seconds.
    """
    signed = keys.evidence(request).signed_by_another(grants)
    return signed is not None and -60 < now - signed < REST


def name_hash(name: str) -> str:
    """What a look-up label holds: names may be longer than a label, or of other characters."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def resync_after(reason: Reason, elapsed: float, uid: str) -> float | None:
    """Seconds until the next try, None to wait for a change or the periodic sync.

    Args:
        reason: why the sync ended as it did.
        elapsed: seconds since the status became what it is: the only memory of the tries.
        uid: the Secret's; spreads the tries of many Secrets after one outage.
    """
    if reason.status not in _ASKED_AGAIN:
        return None
    spread = 0.8 + 0.4 * (zlib.crc32(uid.encode()) % 1000) / 1000
    grown = round(min(max(elapsed / 2 * spread, _SHORTEST_RETRY), _LONGEST_RETRY), 1)
    if reason in _CLAIMED:
        return max(grown, _SOON[reason])
    if reason in _SOON:
        return _SOON[reason]
    if reason.status is Status.RETRYING:
        return grown
    return _LONGEST_RETRY


def _soonest(outcome: Outcome, elapsed: float, uid: str) -> float | None:
    """Seconds until the next try; of several buckets that of the one which is due first."""
    alone = outcome.again or resync_after(outcome.reason, elapsed, uid)
    told = [
        each.again or resync_after(each.reason, elapsed, uid) for each in outcome.parts.values()
    ]
    found = min((seconds for seconds in (alone, *told) if seconds is not None), default=None)
    return None if found is None else min(found, _LONGEST_WAIT)


def _parse_time(text: str) -> datetime | None:
    if not _TIME_TEXT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _one_line(message: str) -> str:
    message = " ".join(message.split())
    if len(message) <= _MESSAGE_LENGTH:
        return message
    return message[: _MESSAGE_LENGTH - 1] + "…"
