"""A second user on a bucket of Garage's: permissions of its key, without that of an owner.

Administrators give permissions of that kind, too, and nothing about one tells who gave it. So a key
that was given some here has a word for the bucket at the end of its name, which only people read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from backends.base import Claim, Gap, Probe
from backends.errors import ServerFault
from backends.garage.api import AdminApi, bucket_id
from backends.garage.errors import CODES
from backends.sharing import Access
from backends.wire import jsonbody
from backends.wire.access import TenantAccess
from backends.wire.deadline import Deadline
from backends.wire.signing import SignedClient

_NOTHING = {"read": False, "write": False, "owner": False}
_PERMISSIONS: Mapping[Access, Mapping[str, bool]] = {
    Access.READ_ONLY: {**_NOTHING, "read": True},
    Access.READ_WRITE: {**_NOTHING, "read": True, "write": True},
}
_MARK = "shared:"
# Of the 64 digits of a bucket's id, so that the name stays one that people can read.
_DIGITS = 16

Document = dict[str, Any]
Find = Callable[[str, Deadline], Awaitable[Document | None]]
Explain = Callable[[Claim, Gap, Deadline], Awaitable[Gap]]


class Sharing:
    """See :class:`backends.sharing.Sharing`.

    Args:
        client: of the S3 API.
        api: the admin API.
        bucket: the bucket of a name, as the admin API tells it.
        explain: what it really is that AccessDenied says of a tenant.
    """

    def __init__(self, client: SignedClient, api: AdminApi, bucket: Find, explain: Explain) -> None:
        self._api = api
        self._bucket = bucket
        self._explain = explain
        self._tenant = TenantAccess(client, CODES)

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads an object as the tenant."""
        gap = await self._tenant.read(claim, deadline)
        return Probe(await self._explain(claim, gap, deadline))

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Offers a part of no upload as the tenant."""
        return await self._tenant.may_write(claim, deadline)

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """The keys with permissions and the word for the bucket, but without the owner's."""
        found = await self._bucket(bucket, deadline)
        return {} if found is None else _shares(found)

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Marks the key, then gives it what it is to have and takes what it is not to."""
        access = claim.access
        found = await self._bucket(claim.bucket, deadline)
        if found is None or access is None:
            return False
        has = _permissions(found, claim.user)
        if has.get("owner") or _shares(found).get(claim.user) is access:
            return False
        if not await self._mark(claim.user, found, True, deadline):
            return False
        wanted = _PERMISSIONS[access]
        if not await self._permit("AllowBucketKey", found, claim.user, wanted, deadline):
            return False
        more = {name: bool(has.get(name)) and not given for name, given in wanted.items()}
        if any(more.values()):
            await self._permit("DenyBucketKey", found, claim.user, more, deadline)
        return True

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Takes the permissions that were given here, and the word for them."""
        found = await self._bucket(bucket, deadline)
        return found is not None and await self._take(found, user, deadline)

    async def revoke(self, found: Document, deadline: Deadline) -> None:
        """Takes every access to a bucket away."""
        for user in sorted(_shares(found)):
            await self._take(found, user, deadline)

    async def _take(self, found: Document, user: str, deadline: Deadline) -> bool:
        if not _is_marked(found, user):
            return False
        if not _permissions(found, user).get("owner"):
            both = _PERMISSIONS[Access.READ_WRITE]
            await self._permit("DenyBucketKey", found, user, both, deadline)
        await self._mark(user, found, False, deadline)
        return True

    async def _mark(self, user: str, found: Document, marked: bool, deadline: Deadline) -> bool:
        """Whether there is such a key."""
        answer = await self._api.get("GetKeyInfo", deadline, id=user)
        if answer.code == "NoSuchAccessKey":
            return False
        key = jsonbody.document(CODES.require(answer).body)
        old = str(key.get("name") or "")
        words = [word for word in old.split(" ") if word != _mark(found)]
        new = " ".join([*words, _mark(found)] if marked else words)
        if new != old:
            answer = await self._api.post(
                "UpdateKey", deadline, query={"id": user}, body={"name": new}
            )
            if answer.code == "NoSuchAccessKey":
                return False
            CODES.require(answer)
        return True

    async def _permit(
        self,
        command: str,
        bucket: Document,
        user: str,
        permissions: Mapping[str, bool],
        deadline: Deadline,
    ) -> bool:
        body = {"bucketId": bucket_id(bucket), "accessKeyId": user, "permissions": permissions}
        answer = await self._api.post(command, deadline, body=body)
        if answer.code == "NoSuchAccessKey":
            return False
        CODES.require(answer)
        return True


def _mark(bucket: Document) -> str:
    return _MARK + bucket_id(bucket)[:_DIGITS]


def _keys(bucket: Document) -> list[Document]:
    if not isinstance(bucket.get("keys"), list):
        raise ServerFault("The store's answer names no keys of the bucket.")
    return jsonbody.mappings(bucket, "keys")


def _shares(bucket: Document) -> dict[str, Access]:
    found = {}
    for key in _keys(bucket):
        has = jsonbody.mapping(key, "permissions")
        if has.get("read") and not has.get("owner") and _has_mark(key, bucket):
            access = Access.READ_WRITE if has.get("write") else Access.READ_ONLY
            found[str(key.get("accessKeyId"))] = access
    return found


def _permissions(bucket: Document, user: str) -> Document:
    for key in _keys(bucket):
        if key.get("accessKeyId") == user:
            return jsonbody.mapping(key, "permissions")
    return {}


def _is_marked(bucket: Document, user: str) -> bool:
    return any(key.get("accessKeyId") == user and _has_mark(key, bucket) for key in _keys(bucket))


def _has_mark(key: Document, bucket: Document) -> bool:
    return _mark(bucket) in str(key.get("name") or "").split(" ")
