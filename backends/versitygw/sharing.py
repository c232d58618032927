"""A second user on a bucket of VersityGW: statements in the bucket's policy.

A policy without its owner in it locks the owner out, so the owner's own statement stands beside
them. A policy that names a user who isn't there is refused as a whole (VersityGW 1.8.0).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from backends.base import Answer, Claim, Credentials, Probe
from backends.errors import ServerFault
from backends.sharing import Access
from backends.versitygw.errors import CODES
from backends.wire import policydocument, shares, xmlbody
from backends.wire.access import TenantAccess
from backends.wire.deadline import Deadline
from backends.wire.policydocument import Document, Statement
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient

LIMIT = 3 * 1024
"""Bytes of a policy at most.

All that is set on a bucket shares one block of 4 KiB on ext4; what is too long for that is a 500.
"""
_ABSENT = frozenset({"NoSuchBucketPolicy", "NoSuchBucket"})
_NO_SUCH_USER = "MalformedPolicy"

IsKnown = Callable[[str, Deadline], Awaitable[bool]]


class Sharing:
    """See :class:`backends.sharing.Sharing`.

    Args:
        client: of the S3 API.
        admin: who signs.
        is_known: whether there is a user of a name.
        signatures: reads answers to tenants.
    """

    def __init__(
        self,
        client: SignedClient,
        admin: Credentials,
        is_known: IsKnown,
        signatures: Signatures,
    ) -> None:
        self._client = client
        self._admin = admin
        self._is_known = is_known
        self._tenant = TenantAccess(client, CODES, signatures)

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads an object as the tenant."""
        return Probe(await self._tenant.read(claim, deadline))

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Offers a part of no upload as the tenant."""
        return await self._tenant.may_write(claim, deadline)

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """Those that stand in the policy's own statements."""
        return shares.told(await self._read(bucket, deadline), _name)

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes the user into the policy; False if it stands there like that already."""
        owner = await self._owner(claim.bucket, deadline)
        if owner is None or owner == claim.user or claim.access is None:
            return False
        return await self._change(claim.bucket, owner, {claim.user: claim.access}, deadline)

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Takes the user out of the policy, and the policy away where nothing is left of it."""
        owner = await self._owner(bucket, deadline)
        if owner is None:
            return False
        return await self._change(bucket, owner, {user: None}, deadline)

    async def restore(self, bucket: str, before: Mapping[str, Access], deadline: Deadline) -> None:
        """Gives back what a change of the owner's name has dropped with the policy."""
        owner = await self._owner(bucket, deadline)
        if owner is not None and before:
            others = {user: access for user, access in before.items() if user != owner}
            await self._change(bucket, owner, others, deadline)

    async def is_owners(self, bucket: str, deadline: Deadline) -> bool:
        """Whether the bucket has a policy with anything in it that is not this operator's."""
        found = await self._read(bucket, deadline)
        return any(not policydocument.is_ours(each) for each in policydocument.statements(found))

    async def _change(
        self, bucket: str, owner: str, changes: Mapping[str, Access | None], deadline: Deadline
    ) -> bool:
        """Whether the policy says something else now."""
        old = await self._read(bucket, deadline)
        wanted = _merged(shares.told(old, _name), changes)
        new = _policy(old, bucket, owner, wanted)
        if new == old:
            return False
        answer = await self._write(bucket, new, deadline)
        if answer.code == _NO_SUCH_USER:
            # A user that isn't there, maybe deleted behind the operator's back.
            there = {
                user: kind for user, kind in wanted.items() if await self._is_known(user, deadline)
            }
            if there == wanted:
                CODES.require(answer)
            new = _policy(old, bucket, owner, there)
            if new == old:
                return False
            answer = await self._write(bucket, new, deadline)
        if answer.code in _ABSENT:
            return False
        CODES.require(answer)
        return True

    async def _owner(self, bucket: str, deadline: Deadline) -> str | None:
        answer = await self._request("GET", bucket, "read_owner", "acl", deadline)
        if answer.code == "NoSuchBucket":
            return None
        owner = xmlbody.text_in(xmlbody.parse(CODES.require(answer).body), "Owner", "ID")
        if not owner:
            raise ServerFault("The store's answer names no owner of the bucket.")
        return owner

    async def _read(self, bucket: str, deadline: Deadline) -> Document | None:
        answer = await self._request("GET", bucket, "read_policy", "policy", deadline)
        if answer.code in _ABSENT:
            return None
        return policydocument.parse(CODES.require(answer).body)

    async def _write(self, bucket: str, document: Document | None, deadline: Deadline) -> Answer:
        if document is None:
            return await self._request("DELETE", bucket, "delete_policy", "policy", deadline)
        content = policydocument.encoded(document, LIMIT)
        return await self._request("PUT", bucket, "write_policy", "policy", deadline, content)

    async def _request(
        self,
        method: str,
        bucket: str,
        operation: str,
        setting: str,
        deadline: Deadline,
        body: bytes = b"",
    ) -> Answer:
        return await self._client.request(
            method,
            [bucket],
            operation=operation,
            credentials=self._admin,
            deadline=deadline,
            query={setting: ""},
            body=body,
        )


def _policy(
    old: Document | None, bucket: str, owner: str, wanted: Mapping[str, Access]
) -> Document | None:
    """The policy with these users in it; what isn't this operator's stays."""
    found = policydocument.statements(old)
    stays = any(map(policydocument.is_owners, found)) and not all(map(_is_written, found))
    own: list[Statement] = []
    if wanted or stays:
        own = [
            *policydocument.owner_statements(bucket, _principal([owner])),
            *shares.written(wanted, bucket, _principal),
        ]
    return policydocument.replaced(old, _is_written, own)


def _is_written(statement: Statement) -> bool:
    """Whether it is one of those that are written here."""
    return policydocument.is_owners(statement) or shares.is_share(statement)


def _merged(found: Mapping[str, Access], changes: Mapping[str, Access | None]) -> dict[str, Access]:
    return {user: access for user, access in {**found, **changes}.items() if access is not None}


def _principal(users: Iterable[str]) -> dict[str, list[str]]:
    return {"AWS": list(users)}


def _name(principal: str) -> str | None:
    return None if principal in {"", "*"} else principal
