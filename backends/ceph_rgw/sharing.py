"""A second user on a bucket of Ceph RGW's: statements in the bucket's policy.

Only the owner writes it, see :mod:`backends.ceph_rgw.handover`, and no policy keeps an owner out
that doesn't say so. Whom the operator's own statement keeps out as a former owner is let in again.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.base import Claim, Gap, Probe
from backends.ceph_rgw import policy
from backends.ceph_rgw.errors import CODES
from backends.ceph_rgw.handover import Handover
from backends.ceph_rgw.names import is_usable_secret, require_usable
from backends.sharing import Access
from backends.wire import shares
from backends.wire.access import TenantAccess
from backends.wire.deadline import Deadline
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient


class Sharing:
    """See :class:`backends.sharing.Sharing`.

    Args:
        client: of the S3 API.
        handover: finds buckets, and writes their policies.
        signatures: reads answers to tenants.
    """

    def __init__(self, client: SignedClient, handover: Handover, signatures: Signatures) -> None:
        self._handover = handover
        self._tenant = TenantAccess(client, CODES, signatures)

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads an object as the tenant."""
        if not is_usable_secret(claim):
            return Probe(Gap.WRONG_SECRET)
        return Probe(await self._tenant.read(claim, deadline))

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Offers a part of no upload as the tenant."""
        return await self._tenant.may_write(claim, deadline)

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """Those that stand in the policy's own statements."""
        found = await self._handover.find(bucket, deadline)
        if found is None:
            return {}
        return shares.told(await self._handover.policy(found, deadline), policy.user)

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes the user into the policy; False if it stands there like that already."""
        require_usable(claim)
        if claim.access is None:
            return False
        return await self._change(claim.bucket, claim.user, claim.access, deadline)

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Takes the user out of the policy, and the policy away where nothing is left of it."""
        return await self._change(bucket, user, None, deadline)

    async def _change(
        self, bucket: str, user: str, access: Access | None, deadline: Deadline
    ) -> bool:
        found = await self._handover.find(bucket, deadline)
        if found is None or found.owner == user:
            return False
        old = await self._handover.policy(found, deadline)
        wanted = shares.told(old, policy.user)
        if access is None:
            wanted.pop(user, None)
        else:
            wanted[user] = access
        new = policy.shared(old, bucket, found.owner, wanted)
        if new == old:
            return False
        await self._handover.write_policy(found, new, deadline)
        return True
