"""Garage: its admin API is JSON with a bearer token, on a port of its own.

Codes and behaviour below are those of Garage 2.5.0, admin API v2.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

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
from backends.errors import NotEmpty, ServerFault, Unsupported
from backends.garage.api import AdminApi, bucket_id, document
from backends.garage.errors import CODES, no_layout
from backends.garage.sharing import Sharing
from backends.garage.usage import usage
from backends.usage import Usage
from backends.wire import jsonbody
from backends.wire.buckets import HOLDS_OBJECTS, HOLDS_UPLOADS
from backends.wire.deadline import Deadline
from backends.wire.settings import S3Settings
from backends.wire.signing import SignedClient

_NO_SETTINGS: Mapping[str, Any] = {
    "websiteAccess": {"enabled": False},
    "corsRules": [],
    "lifecycleRules": [],
}
_FULL = {"read": True, "write": True, "owner": True}
# No access key can have this name. A bucket without an owner was made through the admin API:
# one that is made with a key has that key as its owner.
_ADMINISTRATOR = "(administrator)"
_NEW_KEY = "set a new access key in the Secret, the bucket and its objects follow"


class Garage:
    """The backend for Garage; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["garage"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._settings = S3Settings(self._s3, CODES.tenants_error, self.capabilities.settings)
        self._api = AdminApi(connection, observe)
        self.sharing = Sharing(self._s3, self._api, self._bucket, self._explained)

    @property
    def bucket_settings(self) -> S3Settings:
        """Reads and writes the settings of buckets."""
        return self._settings

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
        return Probe(await self._explained(claim, CODES.gap(answer), deadline))

    async def prove_signatures(self, deadline: Deadline) -> None:
        """Nothing: that a key's secret is another one, the admin API says, and no signature."""

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The key; none is ever an administrator. An expired one counts as disabled."""
        key = await self._key(name, deadline)
        return None if key is None else User(admin=False, disabled=bool(key.get("expired")))

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with the keys that have the owner permission on it."""
        bucket = await self._bucket(name, deadline)
        if bucket is None:
            return None
        owners = _owners(bucket)
        if not owners:
            return Bucket(frozenset({_ADMINISTRATOR}))
        return Bucket(frozenset(owners), intact=all(owners.values()))

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """Never: it has no bucket policies.

        It does refuse a bucket to its owner: a node that has not heard of the key yet, and one
        whose key has another bucket under that name for itself (Garage 2.5.0).
        """
        return False

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether the key owns one; a deleted key's permissions are gone with it."""
        key = await self._key(user, deadline)
        return any(
            jsonbody.mapping(bucket, "permissions").get("owner")
            for bucket in jsonbody.mappings(key or {}, "buckets")
        )

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Imports the key under the Secret's own access key and secret.

        Raises:
            Unsupported: the access key was deleted once, and can never be used again.
            Rejected: its format, or the secret's, is not one that Garage imports.
        """
        answer = await self._api.post(
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
        CODES.require(answer)
        return True

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Nothing about a key that a Secret names can be changed.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"Garage can't change the secret of an access key: {_NEW_KEY}.")

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the bucket with the key as its owner, in one request.

        Permissions come with a name of the key's own for the bucket, which is taken away again. It
        does no harm where that is cut short: only this key knows it.
        """
        alias = claim.bucket
        answer = await self._create_bucket(claim, alias, deadline)
        if answer.code == "InvalidRequest":
            # A key takes each such name once: not again after a bucket of that name is gone.
            alias = f"made-{secrets.token_hex(16)}"
            answer = await self._create_bucket(claim, alias, deadline)
        if answer.code in {"BucketAlreadyExists", "NoSuchAccessKey"}:
            return False
        made = bucket_id(document(answer))
        CODES.require(
            await self._api.post(
                "RemoveBucketAlias",
                deadline,
                body={"bucketId": made, "accessKeyId": claim.user, "localAlias": alias},
            )
        )
        return True

    async def _create_bucket(self, claim: Claim, alias: str, deadline: Deadline) -> Answer:
        return await self._api.post(
            "CreateBucket",
            deadline,
            body={
                "globalAlias": claim.bucket,
                "localAlias": {"accessKeyId": claim.user, "alias": alias, "allow": _FULL},
            },
        )

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Takes all permissions from every other owner, then gives them to the claim's key.

        Cut short in between, the bucket is the administrator's and the tenant is refused, so
        the next sync goes on. The other way round it would leave two owners, one of them with
        a grant: its accepted probe would be believed, and the other never be found again.
        """
        bucket = await self._bucket(claim.bucket, deadline)
        if bucket is None:
            return False
        for former in sorted(set(_owners(bucket)) - {claim.user}):
            await self._permit("DenyBucketKey", bucket, former, deadline)
        return await self._permit("AllowBucketKey", bucket, claim.user, deadline)

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """Nothing that Garage has depends on what the bucket was before."""

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Switches the website off, and removes CORS, lifecycle rules and what was shared.

        It has no policies.
        """
        found = await self._bucket(bucket, deadline)
        if found is None:
            return
        answer = await self._api.post(
            "UpdateBucket", deadline, query={"id": bucket_id(found)}, body=_NO_SETTINGS
        )
        if answer.code != "NoSuchBucket":
            CODES.require(answer)
        await self.sharing.revoke(found, deadline)

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Takes all three permissions from a key that owns the bucket."""
        found = await self._bucket(bucket, deadline)
        if found is None or user not in _owners(found):
            return False
        return await self._permit("DenyBucketKey", found, user, deadline)

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Deletes the key with its permissions; its id can never be used again."""
        # Not repeated when its answer is lost: the second would say that there was none.
        answer = await self._api.post("DeleteKey", deadline, query={"id": name}, repeat=False)
        if answer.code == "NoSuchAccessKey":
            return False
        CODES.require(answer)
        return True

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket with all its aliases; False when there is none.

        Garage looks for objects itself, but throws unfinished uploads away with the bucket, so
        their counter is read first.

        Raises:
            NotEmpty: it holds something.
        """
        bucket = await self._bucket(name, deadline)
        if bucket is None:
            return False
        if _count(bucket, "objects"):
            raise NotEmpty(HOLDS_OBJECTS)
        if _count(bucket, "unfinishedUploads"):
            raise NotEmpty(HOLDS_UPLOADS)
        query = {"id": bucket_id(bucket)}
        answer = await self._api.post("DeleteBucket", deadline, query=query, repeat=False)
        if answer.code == "NoSuchBucket":
            return False
        if answer.code == "BucketNotEmpty":
            raise NotEmpty(HOLDS_OBJECTS)
        CODES.require(answer)
        return True

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Nothing depends on how a Garage is set up."""

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes both limits, since Garage takes no single one."""
        if claim.quota_bytes is None and claim.quota_objects is None:
            return False
        bucket = await self._bucket(claim.bucket, deadline)
        if bucket is None:
            return False
        quotas = {
            "maxSize": _limit(bucket, "maxSize", claim.quota_bytes),
            "maxObjects": _limit(bucket, "maxObjects", claim.quota_objects),
        }
        query = {"id": bucket_id(bucket)}
        answer = await self._api.post(
            "UpdateBucket", deadline, query=query, body={"quotas": quotas}
        )
        if answer.code == "NoSuchBucket":
            return False
        CODES.require(answer)
        return True

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Refuses any: Garage keeps no former versions."""
        if claim.versioning is not None:
            raise Unsupported(
                "Garage keeps no former versions of objects: remove versioning from the Secret."
            )
        return False

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """What Garage counts as it goes, so that it may be a moment behind."""
        found = await self._bucket(bucket, deadline)
        return None if found is None else usage(found)

    async def check(self, deadline: Deadline) -> None:
        """Asks for the cluster's health: that takes the token, and tells a missing layout."""
        health = document(await self._api.get("GetClusterHealth", deadline))
        if health.get("storageNodes") == 0:
            raise no_layout()

    async def close(self) -> None:
        """Closes the connections."""
        await self._s3.close()
        await self._api.close()

    async def _explained(self, claim: Claim, gap: Gap, deadline: Deadline) -> Gap:
        """What AccessDenied really says of a tenant."""
        if gap is not Gap.DENIED:
            return gap
        key = await self._key(claim.user, deadline)
        # Whatever else is wrong with an expired key: it is as good as none.
        if key is None or key.get("expired"):
            return Gap.NO_USER
        if key.get("secretAccessKey") != claim.secret.reveal():
            return Gap.WRONG_SECRET
        return Gap.DENIED

    async def _key(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        answer = await self._api.get("GetKeyInfo", deadline, id=name, showSecretKey="true")
        return None if answer.code == "NoSuchAccessKey" else document(answer)

    async def _bucket(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        answer = await self._api.get("GetBucketInfo", deadline, globalAlias=name)
        return None if answer.code == "NoSuchBucket" else document(answer)

    async def _permit(
        self, command: str, bucket: Mapping[str, Any], user: str, deadline: Deadline
    ) -> bool:
        """Whether there is such a key."""
        body = {"bucketId": bucket_id(bucket), "accessKeyId": user, "permissions": _FULL}
        answer = await self._api.post(command, deadline, body=body)
        if answer.code == "NoSuchAccessKey":
            return False
        CODES.require(answer)
        return True


def _owners(bucket: Mapping[str, Any]) -> dict[str, bool]:
    """Every key with the owner permission, and whether it has the two others as well."""
    keys = bucket.get("keys")
    if not isinstance(keys, list):
        raise ServerFault("The store's answer names no keys of the bucket.")
    owners = {}
    for key in jsonbody.mappings(bucket, "keys"):
        name, permissions = key.get("accessKeyId"), jsonbody.mapping(key, "permissions")
        if not isinstance(name, str):
            raise ServerFault("The store's answer names no access key of the bucket's.")
        if permissions.get("owner"):
            owners[name] = bool(permissions.get("read") and permissions.get("write"))
    return owners


def _count(bucket: Mapping[str, Any], name: str) -> int:
    """How many of something the bucket holds; an answer without it is not read as none."""
    found = bucket.get(name)
    if not isinstance(found, int):
        raise ServerFault("The store's answer doesn't say what the bucket holds.")
    return found


def _limit(bucket: Mapping[str, Any], name: str, claimed: int | None) -> int | None:
    """The claimed limit, or the one there is where none is claimed; None for no limit."""
    if claimed is not None:
        return claimed or None
    quotas = bucket.get("quotas")
    if not isinstance(quotas, Mapping):
        raise ServerFault("The store's answer names no quotas of the bucket.")
    found = quotas.get(name)
    return found if isinstance(found, int) else None
