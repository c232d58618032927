"""Grants and the applied digest: what the operator gave a Secret, proven without state."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Set
from dataclasses import dataclass

from backends.base import Claim
from backends.sensitive import Sensitive

# A JSON list, so that no two tuples of fields are the same bytes.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_TOKEN = re.compile(r"v1\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})")


class Grants:
    """Issues and verifies grants under one key.

    Args:
        key: SIGNING_KEY.
    """

    def __init__(self, key: Sensitive) -> None:
        self._key = key.reveal().encode()

    @classmethod
    def derived(cls, credential: Sensitive) -> Sensitive:
        """The key used when none is set: it changes with the operator's own credential."""
        derived = hmac.new(
            credential.reveal().encode(), b"s3-resource-operator grant key v1", hashlib.sha256
        )
        return Sensitive(derived.hexdigest())

    def issue(self, uid: str, bucket: str, user: str, seconds: int) -> str:
        """``v1.<seconds>.<signature>``: this Secret was given this bucket and this user.

        Args:
            uid: the Secret's, which a Secret made again doesn't have.
            bucket: what it was given.
            user: what it was given.
            seconds: when, in Unix time.
        """
        return f"v1.{seconds}.{self._sign('grant', uid, bucket, user, seconds)}"

    def issued_at(self, token: str, uid: str, bucket: str, user: str) -> int | None:
        """When a valid grant was given, in Unix seconds; None if it isn't one for these."""
        match = _TOKEN.fullmatch(token)
        if not match or not uid:
            return None
        seconds = int(match[1])
        expected = self._sign("grant", uid, bucket, user, seconds)
        return seconds if hmac.compare_digest(match[2], expected) else None

    def applied(self, claim: Claim) -> str:
        """Digest of what a probe can't see, so that it is written once.

        Keyed, so that nobody can tell the operator that something was written which wasn't. What
        a bucket has counts together with its name; a claim without has the digest that it had
        before buckets could have anything.
        """
        fields: list[object] = [claim.user, sorted(claim.attributes.items())]
        if claim.bucket_attributes:
            fields += [claim.bucket, sorted(claim.bucket_attributes.items())]
        return self._sign("applied", *fields)[:22]

    def _sign(self, *fields: object) -> str:
        digest = hmac.digest(self._key, _encode(fields).encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A Secret's own grant, and the names that it may be for.

    Args:
        uid: the Secret's.
        token: its grant annotation, as observed.
        bucket: the bucket annotation: what was last provisioned, maybe another than claimed.
        user: the user annotation.

    Annotations are only candidates: a signature over them decides.
    """

    uid: str
    token: str = ""
    bucket: str = ""
    user: str = ""

    def holds(self, grants: Grants, claim: Claim) -> bool:
        """Whether the grant is for exactly what is claimed."""
        return self._valid(grants, claim.bucket, claim.user)

    def covers_user(self, grants: Grants, claim: Claim) -> bool:
        """Whether this Secret was given the user, with whatever bucket."""
        return self.user_since(grants, claim.user, {claim.bucket}) is not None

    def covers_bucket(self, grants: Grants, claim: Claim, owners: Set[str]) -> bool:
        """Whether this Secret was given the bucket, with whatever user."""
        return self.bucket_since(grants, claim.bucket, {claim.user, *owners}) is not None

    def user_since(self, grants: Grants, user: str, buckets: Set[str]) -> int | None:
        """When this Secret was given the user, in Unix seconds; None if it wasn't.

        Args:
            grants: verifies.
            user: its name.
            buckets: with which it may have been, besides the annotation's.
        """
        return self._since(grants, {self.bucket, *buckets}, {user})

    def bucket_since(self, grants: Grants, bucket: str, users: Set[str]) -> int | None:
        """When this Secret was given the bucket, in Unix seconds; None if it wasn't.

        Args:
            grants: verifies.
            bucket: its name.
            users: with which it may have been, besides the annotation's.
        """
        return self._since(grants, {bucket}, {self.user, *users})

    def given(self, grants: Grants, claim: Claim | None) -> tuple[str, str] | None:
        """Bucket and user that the grant is for, as far as Secret and annotations name them."""
        buckets, users = {self.bucket}, {self.user}
        if claim is not None:
            buckets.add(claim.bucket)
            users.add(claim.user)
        for bucket in sorted(buckets):
            for user in sorted(users):
                if self._valid(grants, bucket, user):
                    return bucket, user
        return None

    def _since(self, grants: Grants, buckets: Set[str], users: Set[str]) -> int | None:
        for bucket in buckets:
            for user in users:
                seconds = grants.issued_at(self.token, self.uid, bucket, user)
                if seconds is not None:
                    return seconds
        return None

    def _valid(self, grants: Grants, bucket: str, user: str) -> bool:
        return grants.issued_at(self.token, self.uid, bucket, user) is not None
