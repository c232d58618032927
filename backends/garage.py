"""Garage: its admin API is JSON with a bearer token, on a port of its own.

Codes and behaviour below are those of Garage 2.5.0, admin API v2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from backends import jsonbody
from backends.base import (
    Answer,
    Bucket,
    Capabilities,
    Claim,
    Connection,
    Gap,
    Observer,
    Probe,
    User,
)
from backends.capabilities import CAPABILITIES
from backends.deadline import Deadline
from backends.errors import (
    CredentialsRejected,
    ServerFault,
    StoreError,
    Unsupported,
    error_for,
)
from backends.pool import HttpPool
from backends.signing import SignedClient

_FULL = {"read": True, "write": True, "owner": True}
# No access key can have this name. A bucket without an owner was made through the admin API:
# one that is made with a key has that key as its owner.
_ADMINISTRATOR = "(administrator)"
_EXPECTED_REGION = re.compile(r"expected: '[0-9]+/([^/' ]+)/")
_NEW_KEY = "set a new access key in the Secret, the bucket and its objects follow"


class Garage:
    """The backend for Garage; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["garage"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._token = connection.admin.secret
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._api = HttpPool(connection.admin_endpoint, connection, observe, _error)

    @property
    def administrator(self) -> str:
        """Whoever has the admin token."""
        return _ADMINISTRATOR

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Asks for the bucket's location as the tenant.

        Garage answers AccessDenied for a key that it doesn't know, a wrong secret and a missing
        permission alike: only then the admin API is asked which it is.
        """
        answer = await self._s3.location("probe", claim.bucket, claim.credentials, deadline)
        if answer.ok:
            return Probe(Gap.ACCEPTED)
        if answer.code == "NoSuchBucket":
            return Probe(Gap.NO_BUCKET)
        if answer.code != "AccessDenied":
            raise _s3_error(answer)
        key = await self._key(claim.user, deadline)
        # Whatever else is wrong with an expired key: it is as good as none.
        if key is None or key.get("expired"):
            return Probe(Gap.NO_USER)
        if key.get("secretAccessKey") != claim.secret.reveal():
            return Probe(Gap.WRONG_SECRET)
        return Probe(Gap.DENIED)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The key; none is ever an administrator. An expired one counts as disabled."""
        key = await self._key(name, deadline)
        return None if key is None else User(admin=False, disabled=bool(key.get("expired")))

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with the keys that have the owner permission on it."""
        answer = await self._call("GET", "GetBucketInfo", deadline, query={"globalAlias": name})
        if answer.code == "NoSuchBucket":
            return None
        owners = _owners(_document(answer))
        if not owners:
            return Bucket(frozenset({_ADMINISTRATOR}))
        return Bucket(frozenset(owners), intact=all(owners.values()))

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether the key owns one; a deleted key's permissions are gone with it."""
        key = await self._key(user, deadline)
        buckets = key.get("buckets", []) if key else []
        return any(bucket.get("permissions", {}).get("owner") for bucket in buckets)

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Imports the key under the Secret's own access key and secret.

        Raises:
            Unsupported: the access key was deleted once, and can never be used again.
            Rejected: its format, or the secret's, is not one that Garage imports.
        """
        answer = await self._call(
            "POST",
            "ImportKey",
            deadline,
            body={
                "accessKeyId": claim.user,
                "secretAccessKey": claim.secret.reveal(),
                "name": claim.origin or claim.user,
            },
        )
        if answer.code == "KeyAlreadyExists":
            if await self._key(claim.user, deadline) is not None:
                return False
            raise Unsupported(
                f"The access key was deleted on Garage, which never takes one again: {_NEW_KEY}."
            )
        _document(answer)
        return True

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Nothing about a key that a Secret names can be changed.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"Garage can't change the secret of an access key: {_NEW_KEY}.")

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the bucket and gives it to the key.

        Not atomic: cut short, it leaves a bucket that is the administrator's, for the next
        sync to go on with.
        """
        answer = await self._call(
            "POST", "CreateBucket", deadline, body={"globalAlias": claim.bucket}
        )
        if answer.code == "BucketAlreadyExists":
            return False
        await self._give(_document(answer), claim.user, deadline)
        return True

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Takes all permissions from every other owner, then gives them to the claim's key.

        Cut short in between, the bucket is the administrator's and the tenant is refused, so
        the next sync goes on. The other way round it would leave two owners, one of them with
        a grant: its accepted probe would be believed, and the other never be found again.
        """
        answer = await self._call(
            "GET", "GetBucketInfo", deadline, query={"globalAlias": claim.bucket}
        )
        if answer.code == "NoSuchBucket":
            return False
        bucket = _document(answer)
        for former in sorted(set(_owners(bucket)) - {claim.user}):
            denied = await self._permit("DenyBucketKey", bucket, former, deadline)
            if denied.code != "NoSuchAccessKey":
                _document(denied)
        return await self._give(bucket, claim.user, deadline)

    async def check(self, deadline: Deadline) -> None:
        """Asks for the cluster's health: that takes the token."""
        _document(await self._call("GET", "GetClusterHealth", deadline))

    async def close(self) -> None:
        """Closes the connections."""
        await self._s3.close()
        await self._api.close()

    async def _key(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        query = {"id": name, "showSecretKey": "true"}
        answer = await self._call("GET", "GetKeyInfo", deadline, query=query)
        return None if answer.code == "NoSuchAccessKey" else _document(answer)

    async def _give(self, bucket: Mapping[str, Any], user: str, deadline: Deadline) -> bool:
        answer = await self._permit("AllowBucketKey", bucket, user, deadline)
        if answer.code == "NoSuchAccessKey":
            return False
        _document(answer)
        return True

    async def _permit(
        self, command: str, bucket: Mapping[str, Any], user: str, deadline: Deadline
    ) -> Answer:
        if not isinstance(bucket.get("id"), str):
            raise ServerFault("The store's answer names no id of the bucket.")
        body = {"bucketId": bucket["id"], "accessKeyId": user, "permissions": _FULL}
        return await self._call("POST", command, deadline, body=body)

    async def _call(
        self,
        method: str,
        command: str,
        deadline: Deadline,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        target = f"{self._api.prefix}/v2/{command}"
        if query:
            target += "?" + urlencode(query, quote_via=quote)
        headers = {
            "Authorization": f"Bearer {self._token.reveal()}",
            "Content-Type": "application/json",
        }
        return await self._api.send(
            method,
            target,
            lambda: headers,
            operation=command,
            deadline=deadline,
            body=b"" if body is None else json.dumps(body).encode(),
        )


def _document(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object.

    Raises:
        StoreError: the answer is an error, or something else than JSON.
    """
    if not answer.ok:
        if answer.code == "AccessDenied":
            raise CredentialsRejected(
                "The store refuses the operator's own credentials: S3_ADMIN_TOKEN is not an "
                "admin token of this Garage."
            )
        raise error_for(answer.status, answer.code, answer.message, admin=True)
    document = jsonbody.parse(answer.body)
    if document is None:
        raise ServerFault("The store's answer is not the JSON that was expected.")
    return document


def _error(content: bytes) -> tuple[str, str]:
    return jsonbody.error(content, "code", "message")


def _owners(bucket: Mapping[str, Any]) -> dict[str, bool]:
    """Every key with the owner permission, and whether it has the two others as well."""
    keys = bucket.get("keys")
    if not isinstance(keys, list):
        raise ServerFault("The store's answer names no keys of the bucket.")
    granted = {key["accessKeyId"]: key.get("permissions", {}) for key in keys}
    return {
        name: bool(permissions.get("read") and permissions.get("write"))
        for name, permissions in granted.items()
        if permissions.get("owner")
    }


def _s3_error(answer: Answer) -> StoreError:
    """What an answer of the S3 API means that the probe doesn't know.

    Two of Garage's errors are told apart by their words only, and one names today's date, which
    no message may.
    """
    if answer.code == "AuthorizationHeaderMalformed":
        region = _EXPECTED_REGION.search(answer.message)
        words = f"it expects {region[1]}" if region else "it expects another"
        return error_for(answer.status, answer.code, words, admin=False)
    if answer.code == "InvalidRequest" and "Date is too old" in answer.message:
        return error_for(answer.status, "RequestTimeTooSkewed", answer.message, admin=False)
    return error_for(answer.status, answer.code, answer.message, admin=False)
