"""A second user on a bucket of RustFS's: one further policy for each bucket and kind of access."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from backends.base import Claim, Probe
from backends.rustfs.accounts import Accounts, group_of
from backends.rustfs.api import AdminApi
from backends.rustfs.errors import CODES
from backends.rustfs.holders import PREFIX, Holders
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
        api: the admin API.
        accounts: who there is.
        owners: who owns a bucket.
        exists: whether there is a bucket of a name.
        signatures: reads answers to tenants.
    """

    def __init__(
        self,
        client: SignedClient,
        api: AdminApi,
        accounts: Accounts,
        owners: Holders,
        exists: Exists,
        signatures: Signatures,
    ) -> None:
        self._owners = owners
        self._exists = exists
        self._tenant = TenantAccess(client, CODES, signatures)
        self._given = {
            access: Holders(api, accounts, f"{PREFIX}{access.value}-", partial(canned, access))
            for access in Access
        }

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads an object as the tenant."""
        return Probe(await self._tenant.read(claim, deadline))

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Offers a part of no upload as the tenant."""
        return await self._tenant.may_write(claim, deadline)

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """Those that a policy is attached to; who has both may do the more."""
        found: dict[str, Access] = {}
        # The more comes last.
        for access, given in self._given.items():
            listed = await given.listed(bucket, deadline)
            found |= {user: access for user in listed if group_of(user) is None}
        return found

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Attaches the policy for the access, then takes the other one away."""
        access, bucket, user = claim.access, claim.bucket, claim.user
        if access is None or not await self._exists(bucket, deadline):
            return False
        if await self._owners.has(bucket, user, deadline):
            return False
        given = self._given[access]
        right = await given.is_intact(bucket, deadline)
        if not right:
            await given.ensure(bucket, deadline)
        gained = await given.give(bucket, user, deadline)
        if gained is None:
            return False
        taken = False
        for other, former in self._given.items():
            if other is not access:
                taken = await former.take(bucket, {user}, deadline) or taken
        return gained or taken or not right

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Detaches both policies from the user."""
        taken = False
        for given in self._given.values():
            taken = await given.take(bucket, {user}, deadline) or taken
        return taken

    async def revoke(self, bucket: str, deadline: Deadline) -> None:
        """Takes every access to a bucket away.

        RustFS removes no policy that is attached, so where there is none nobody has it.
        """
        for given in self._given.values():
            if await given.is_there(bucket, deadline):
                await given.take(bucket, await given.listed(bucket, deadline), deadline)

    async def forget(self, bucket: str, deadline: Deadline) -> None:
        """Removes the policies of a bucket that is gone, after taking them from all who have one.

        Raises:
            ServerFault: somebody was given one meanwhile.
        """
        for given in self._given.values():
            await given.forget(bucket, deadline)
