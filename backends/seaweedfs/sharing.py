"""A second user on a bucket of SeaweedFS's: an inline policy of its own for each kind of access."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from backends.base import Claim, Probe
from backends.seaweedfs.api import IamApi
from backends.seaweedfs.errors import CODES
from backends.seaweedfs.ownership import OWN, Ownership
from backends.sharing import Access
from backends.wire.access import TenantAccess
from backends.wire.deadline import Deadline
from backends.wire.shares import canned
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient

Exists = Callable[[str, Deadline], Awaitable[bool]]


class Sharing:
    """See :class:`backends.sharing.Sharing`.

    Args:
        client: of the S3 API.
        api: the IAM API.
        ownership: who owns a bucket.
        exists: whether there is a bucket of a name.
        signatures: reads answers to tenants.
    """

    def __init__(
        self,
        client: SignedClient,
        api: IamApi,
        ownership: Ownership,
        exists: Exists,
        signatures: Signatures,
    ) -> None:
        self._ownership = ownership
        self._exists = exists
        self._tenant = TenantAccess(client, CODES, signatures)
        self._given = {
            access: Ownership(api, f"{OWN}{access.value}-", partial(canned, access))
            for access in Access
        }

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads an object as the tenant."""
        return Probe(await self._tenant.read(claim, deadline))

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Offers a part of no upload as the tenant."""
        return await self._tenant.may_write(claim, deadline)

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """Those that have a policy for it; who has both may do the more."""
        found: dict[str, Access] = {}
        for access, given in self._given.items():
            found |= dict.fromkeys(await given.owners(bucket, deadline), access)
        return found

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes the policy for the access, then takes the other one away."""
        access, bucket, user = claim.access, claim.bucket, claim.user
        if access is None or not await self._exists(bucket, deadline):
            return False
        if await self._ownership.has(bucket, user, deadline) is not None:
            return False
        had = await self._given[access].has(bucket, user, deadline)
        if not had and not await self._given[access].give(bucket, user, deadline):
            return False
        taken = False
        for other, given in self._given.items():
            if other is not access and await given.has(bucket, user, deadline) is not None:
                await given.take(bucket, {user}, deadline)
                taken = True
        return taken or not had

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Removes both policies from the user."""
        taken = False
        for given in self._given.values():
            if user in await given.listed(bucket, deadline):
                await given.take(bucket, {user}, deadline)
                taken = True
        return taken

    async def revoke(self, bucket: str, deadline: Deadline) -> None:
        """Takes every access to a bucket away."""
        for given in self._given.values():
            await given.take(bucket, await given.listed(bucket, deadline), deadline)
