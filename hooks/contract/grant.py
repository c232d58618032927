"""Grants and the applied digest: what the operator gave a Secret, proven without state.

A grant holds the names of what was given inside its signature, so no annotation that a tenant can
edit decides what it is for. The first version's (``…/grant``) named nothing and was verified
against annotations; it counts until a Secret has one of the second (``…/grants``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.contract.access import Shares
from hooks.contract.holding import Grant, Holding, Kind, Mark
from hooks.contract.seconds import second

__all__ = [
    "STORE",
    "Evidence",
    "Grant",
    "Grants",
    "Held",
    "Holding",
    "Kind",
    "Mark",
    "shares_told",
    "store_told",
]

# Sorted and without blanks, so that the same grant has the same bytes; a JSON list, so that no two
# tuples of fields have.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_FIRST = re.compile(r"v1\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})")
# Buckets that a Secret can have; in annotations of several, more are nothing of ours.
_MOST = 16
# Sixteen buckets of the longest names fit in well.
_SECOND = re.compile(r"v2\.([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{43})")
# By their words: to ask an enumeration for its member takes two calls.
_KINDS = {kind.value: kind for kind in Kind}
_MARKS = {mark.value: mark for mark in Mark}
STORE = "default"
"""The one store of an operator, as a grant names it."""


class Grants:
    """Issues and verifies grants.

    Args:
        keys: SIGNING_KEY, one or several: the first signs, all verify.
        stores: the names that the store has and had, the present one first.
    """

    def __init__(self, *keys: Sensitive, stores: Sequence[str] = (STORE,)) -> None:
        self.keys = tuple(key.reveal().encode() for key in keys)
        """Those that verify; the first signs."""
        self.stores = tuple(stores)

    @classmethod
    def derived(cls, credential: Sensitive) -> Sensitive:
        """The key used when none is set: it changes with the operator's own credential."""
        derived = hmac.new(
            credential.reveal().encode(), b"s3-resource-operator grant key v1", hashlib.sha256
        )
        return Sensitive(derived.hexdigest())

    def issue(self, uid: str, grant: Grant, now: int, behind: Sequence[object] = ()) -> str:
        """``v2.<payload>.<signature>``; the payload is base64url of canonical JSON.

        Args:
            uid: the Secret's, which a Secret made again doesn't have.
            grant: what it was given.
            now: the time, in Unix seconds.
            behind: what it had on other stores, see :mod:`hooks.contract.behind`.
        """
        document: dict[str, object] = {
            "store": self.stores[0],
            "uid": uid,
            "signed": now,
            "user": [grant.user, *_entry(grant.holding)],
            "buckets": {name: _entry(holding) for name, holding in grant.buckets.items()},
            **grant.shares.entries(),
        }
        if grant.since is not None or grant.former:
            document["generated"] = [grant.since, grant.key, list(grant.former)]
        if behind:
            document["behind"] = behind
        if grant.left:
            document["left"] = list(grant.left)
        payload = _base64(_encode(document).encode())
        return f"v2.{payload}.{self._sign(self.keys[0], 'grants', payload)}"

    def read(self, token: str, uid: str) -> Grant | None:
        """What a grant says; None if it isn't one for this Secret, on this store."""
        return self.reading(*self.document(token, uid))

    def reading(self, document: Mapping[str, Any], current: bool) -> Grant | None:
        """What :meth:`read` makes of what :meth:`document` says."""
        store = document.get("store")
        if store not in self.stores:
            return None
        return _grant(document, current=current and store == self.stores[0])

    def document(self, token: str, uid: str) -> tuple[Mapping[str, Any], bool]:
        """What one of the keys has signed for a Secret, whatever the store, and whether the first.

        Empty if none has.
        """
        match = _SECOND.fullmatch(token)
        if match and uid:
            for number, key in enumerate(self.keys):
                expected = self._sign(key, "grants", match[1])
                if hmac.compare_digest(match[2], expected):
                    document = _document(match[1])
                    return (document, number == 0) if document.get("uid") == uid else ({}, False)
        return {}, False

    def unverified(self, token: str, uid: str) -> Grant | None:
        """What a grant says that none of the keys verifies.

        It proves nothing: another replica with other keys may have written it, or anybody.
        """
        match = _SECOND.fullmatch(token)
        if not match or not uid or self.document(token, uid)[0]:
            return None
        document = _document(match[1])
        return _grant(document, current=False) if document.get("uid") == uid else None

    def signed_by_another(self, token: str, uid: str) -> int | None:
        """When a grant says that it was signed which none of the keys verifies, in Unix time."""
        found = self.unverified(token, uid)
        return None if found is None else found.signed

    def issue_first(self, uid: str, bucket: str, user: str, seconds: int) -> str:
        """``v1.<seconds>.<signature>``: what versions before grants of the second kind issued."""
        return f"v1.{seconds}.{self._sign(self.keys[0], 'grant', uid, bucket, user, seconds)}"

    def issued_at(self, token: str, uid: str, bucket: str, user: str) -> int | None:
        """When a grant of the first version was given, in Unix seconds; None if it isn't one.

        There was one store only then.
        """
        match = _FIRST.fullmatch(token)
        if not match or not uid or STORE not in self.stores:
            return None
        seconds = int(match[1])
        for key in self.keys:
            expected = self._sign(key, "grant", uid, bucket, user, seconds)
            if hmac.compare_digest(match[2], expected):
                return seconds
        return None

    def applied(self, claim: Claim) -> str:
        """Digest of what a probe can't see, so that it is written once.

        Keyed, so that nobody can tell the operator that something was written which wasn't. What
        a bucket has counts together with its name; a claim without has the digest that it had
        before buckets could have anything.
        """
        return self._applied(self.keys[0], self.stores[0], claim)

    def is_applied(self, text: str, claim: Claim) -> bool:
        """Whether one of the digests is the claim's, under any of the keys."""
        # As bytes: an annotation may hold any text, which can't be compared otherwise.
        told = text.encode(errors="surrogatepass").split(b",", _MOST)
        for key, store in itertools.product(self.keys, self.stores):
            digest = self._applied(key, store, claim).encode()
            for each in told:
                if hmac.compare_digest(digest, each):
                    return True
        return False

    def marks(self, *fields: object) -> list[str]:
        """Keyed digests of anything, under each of the keys; the first is the one that signs."""
        return [
            self._sign(key, *fields, *_place(store)) for key in self.keys for store in self.stores
        ]

    def _applied(self, key: bytes, store: str, claim: Claim) -> str:
        fields: list[object] = [claim.user, sorted(claim.attributes.items())]
        if claim.bucket_attributes:
            fields += [claim.bucket, sorted(claim.bucket_attributes.items())]
        return self._sign(key, "applied", *fields, *_place(store))[:22]

    @staticmethod
    def _sign(key: bytes, *fields: object) -> str:
        return _base64(hmac.digest(key, _encode(fields).encode(), "sha256"))


@dataclass(frozen=True, slots=True)
class Held:
    """What a Secret's valid grants say that it holds.

    Args:
        grant: of the second version.
        first: of the first, if it was given later; it counts for what the other doesn't name.
    """

    grant: Grant | None = None
    first: Grant | None = None

    def user(self, name: str) -> Holding | None:
        """How it holds a user, None if it doesn't."""
        for grant in (self.grant, self.first):
            if grant is not None and grant.user == name:
                return grant.holding
        return None

    def bucket(self, name: str) -> Holding | None:
        """How it holds a bucket, None if it doesn't."""
        for grant in (self.grant, self.first):
            if grant is not None and name in grant.buckets:
                return grant.buckets[name]
        return None

    @property
    def last(self) -> Grant | None:
        """The one that counts first."""
        return self.grant or self.first


@dataclass(frozen=True, slots=True)
class Evidence:
    """A Secret's own grants, and the names that one of the first version may be for.

    Args:
        uid: the Secret's.
        token: its ``grants`` annotation, as observed.
        first: its ``grant`` annotation.
        bucket: the bucket annotation: what was last provisioned, maybe another than claimed.
        user: the user annotation.

    Annotations are only candidates: a signature over them decides.
    """

    uid: str
    token: str = ""
    first: str = ""
    bucket: str = ""
    user: str = ""
    # A sync asks half a dozen times what a grant says.
    _read: dict[Grants, Grant | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _held: dict[Grants, Held] = field(default_factory=dict, init=False, repr=False, compare=False)
    _documents: dict[tuple[bytes, ...], tuple[Mapping[str, Any], bool]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def held(
        self, grants: Grants, buckets: Set[str] = frozenset(), users: Set[str] = frozenset()
    ) -> Held:
        """What they prove.

        Args:
            grants: verifies.
            buckets: what a grant of the first version may be for, besides the annotation's.
            users: likewise.
        """
        if not self.first:
            # Then names play no part.
            if grants not in self._held:
                self._held[grants] = Held(self._grant(grants))
            return self._held[grants]
        grant, first = self._grant(grants), self._first(grants, buckets, users)
        if grant is not None and first is not None and first.signed <= grant.signed:
            # What it names and the later one doesn't was given up since. After a roll-back the one
            # of the first version is the later one.
            first = None
        return Held(grant, first)

    def document(self, grants: Grants) -> tuple[Mapping[str, Any], bool]:
        """See :meth:`Grants.document`; the same for the grants of every store."""
        if grants.keys not in self._documents:
            self._documents[grants.keys] = grants.document(self.token, self.uid)
        return self._documents[grants.keys]

    def signed_by_another(self, grants: Grants) -> int | None:
        """See :meth:`Grants.signed_by_another`."""
        if not self.token or self._grant(grants) is not None:
            return None
        return grants.signed_by_another(self.token, self.uid)

    def _grant(self, grants: Grants) -> Grant | None:
        if grants not in self._read:
            self._read[grants] = grants.reading(*self.document(grants))
        return self._read[grants]

    def _first(self, grants: Grants, buckets: Set[str], users: Set[str]) -> Grant | None:
        for bucket in sorted({*self.bucket.split(",", _MOST)[:_MOST], *buckets}):
            for user in sorted({self.user, *users}):
                seconds = grants.issued_at(self.first, self.uid, bucket, user)
                if seconds is not None:
                    holding = Holding(seconds, Kind.OWN, version=1)
                    return Grant(user, holding, {bucket: holding}, signed=seconds)
        return None


def _place(store: str) -> tuple[str, ...]:
    """What digests have besides: what was written on one store wasn't on another."""
    return () if store == STORE else (store,)


def store_told(token: str) -> str | None:
    """The store that a grant names, whoever signed it; for people only. None if it is none."""
    match = _SECOND.fullmatch(token)
    store = _document(match[1]).get("store") if match else None
    return store if isinstance(store, str) else None


def shares_told(token: str) -> Shares:
    """What a grant says of shared buckets, whoever signed it; for people only."""
    match = _SECOND.fullmatch(token)
    try:
        return Shares.read(_document(match[1]) if match else {})
    except (LookupError, ValueError, TypeError, AttributeError):
        return Shares()


def _entry(holding: Holding) -> list[object]:
    entry: list[object] = [holding.second, holding.kind.value]
    return [*entry, holding.mark.value] if holding.mark else entry


def _document(payload: str) -> Mapping[str, Any]:
    try:
        document = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _grant(document: Mapping[str, Any], *, current: bool) -> Grant | None:
    """A payload's grant; None if it can't be read.

    It may be of a later version of this operator, which has more kinds of things: what isn't known
    here is passed over.
    """
    try:
        (user,), entry = _names(document["user"][:1]), document["user"][1:]
        buckets = {
            name: _holding(entry)
            for name, entry in document["buckets"].items()
            if entry[1] in _KINDS
        }
        since, key, former = document.get("generated", (None, "", ()))
        return Grant(
            user,
            _holding(entry),
            buckets,
            None if since is None else second(since),
            key if isinstance(key, str) else "",
            _names(former),
            second(document["signed"]),
            current,
            shares=Shares.read(document),
            left=_names(document.get("left", ())),
        )
    except (LookupError, ValueError, TypeError, AttributeError):
        return None


def _names(names: Sequence[Any]) -> tuple[str, ...]:
    """As text: anybody can have written what no key verifies."""
    return tuple([name for name in names if isinstance(name, str)])


def _holding(entry: Sequence[Any]) -> Holding:
    since, kind, *marks = entry
    mark = _MARKS.get(marks[0], Mark.NONE) if marks else Mark.NONE
    return Holding(second(since), _KINDS[kind], mark)


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
