"""RustFS: users and policies through its own admin API.

RustFS's buckets have no owners. A bucket is a user's when the one policy that this operator makes
for it is attached to that user and to nobody else. Codes and behaviour here and beside it are
those of RustFS 1.0.1.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from backends.base import Bucket, Capabilities, Claim, Connection, Gap, Observer, Probe, User
from backends.capabilities import CAPABILITIES
from backends.errors import Rejected, ServerFault, Unsupported
from backends.rustfs.accounts import Accounts
from backends.rustfs.api import AdminApi
from backends.rustfs.errors import ACCESS_DENIED, CODES, NO_SUCH_BUCKET, TAKEN, bucket_error
from backends.rustfs.holders import OWN, Holders
from backends.rustfs.names import (
    is_usable_key,
    is_usable_secret,
    require_bucket,
    require_usable,
)
from backends.rustfs.sharing import Sharing
from backends.rustfs.usage import Counters
from backends.usage import Usage
from backends.wire import xmlbody
from backends.wire.buckets import Buckets
from backends.wire.cannedpolicy import full_use
from backends.wire.cleanup import Cleanup
from backends.wire.deadline import Deadline
from backends.wire.objectlock import lock_header
from backends.wire.settings import S3Settings
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient

# What an owner can make of its bucket, and what is said where there is none. Nothing else is ever
# deleted: a DELETE of what RustFS lacks deletes the empty bucket.
_SETTINGS = {
    "policy": frozenset({"NoSuchBucketPolicy"}),
    "lifecycle": frozenset({"NoSuchLifecycleConfiguration"}),
    "cors": frozenset({"NoSuchCORSConfiguration"}),
    "website": frozenset({"NoSuchWebsiteConfiguration"}),
    "replication": frozenset({"ReplicationConfigurationNotFoundError"}),
}
_GONE = frozenset({NO_SUCH_BUCKET})
# The user is gone or has another secret by now, which the next probe tells.
_NOT_YET = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch"})
# Whether there is a user of that name doesn't matter.
_NOBODY = "any-user"


class RustFS:
    """The backend for RustFS; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["rustfs"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._admin = connection.admin
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._settings = S3Settings(self._s3, CODES.tenants_error, self.capabilities.settings)
        self._buckets = Buckets(self._s3, self._admin, bucket_error)
        self._api = AdminApi(connection, observe)
        self._accounts = Accounts(self._api, self._s3)
        self._signatures = Signatures(self._s3, connection, CODES, self._check_admin)
        self._owners = Holders(
            self._api, self._accounts, OWN, full_use, partial(full_use, locked=True)
        )
        self.sharing = Sharing(
            self._s3, self._api, self._accounts, self._owners, self._exists, self._signatures
        )
        self._counters = Counters(self._api)
        self._cleanup = Cleanup()

    @property
    def bucket_settings(self) -> S3Settings:
        """Reads and writes the settings of buckets."""
        return self._settings

    @property
    def administrator(self) -> str:
        """The operator's own access key; RustFS doesn't say which buckets it made."""
        return self._admin.access_key

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Asks for the bucket's location as the tenant: one request, no admin request.

        It may still have access that is being taken away again: that is not to be believed.

        Raises:
            Unsupported: there can be no bucket of that name.
        """
        require_bucket(claim.bucket)
        if not is_usable_key(claim.user):
            return Probe(Gap.NO_USER)
        if not is_usable_secret(claim):
            return Probe(Gap.WRONG_SECRET)
        await self._cleanup.settled(claim.bucket, deadline)
        answer = await self._s3.location("probe", claim.bucket, claim.credentials, deadline)
        return Probe(await self._signatures.gap(answer, deadline))

    async def prove_signatures(self, deadline: Deadline) -> None:
        """Asks as the operator; see :meth:`Signatures.require`."""
        await self._signatures.require(deadline)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The user, or the group that is among a bucket's owners; see :meth:`Accounts.find`."""
        return await self._accounts.find(name, deadline)

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with all that its policy is attached to."""
        await self._cleanup.settled(name, deadline)
        if not await self._exists(name, deadline):
            return None
        owners = await self._owners.listed(name, deadline)
        intact = not owners or await self._owners.is_intact(name, deadline)
        return Bucket(owners, intact=intact)

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """Always: a user may have other policies, or a bucket one of its own."""
        return True

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether a policy of this operator's is attached to it; a deleted user's are not."""
        held = await self._accounts.policies(user, deadline) or set()
        return any(name.startswith(OWN) for name in held)

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Adds the user, if there is nobody of that name; see :meth:`Accounts.create`."""
        made = await self._accounts.create(claim, deadline)
        self._signatures.doubted()
        return made

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives an existing user the claim's secret; its policies and its status stay."""
        changed = await self._accounts.set_secret(claim, deadline)
        self._signatures.doubted()
        return changed

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the policy, then makes the bucket as the user.

        In this order a sync that is cut short leaves no bucket that is nobody's. RustFS tells root
        200 about a bucket that is there, and anybody else that it is taken. If somebody else made
        it meanwhile, the policy is taken away again: so the request is not repeated when its
        answer is lost, since the second would say that the bucket exists.
        """
        require_bucket(claim.bucket)
        require_usable(claim)
        document = full_use(claim.bucket, locked=claim.locked)
        was_there = await self._owners.ensure(claim.bucket, deadline, document)
        given = await self._owners.give(claim.bucket, claim.user, deadline)
        if given is None:
            return False
        answer = await self._s3.request(
            "PUT",
            [claim.bucket],
            operation="create_bucket",
            credentials=claim.credentials,
            deadline=deadline,
            headers=lock_header(claim),
            repeat=False,
        )
        if answer.code in _NOT_YET:
            return False
        error = None if answer.ok else CODES.tenants_error(answer)
        if given and (answer.code == TAKEN or isinstance(error, Rejected)):
            # Or the user would keep access to a bucket that is another's.
            await self._cleanup.run(
                claim.bucket,
                f"{claim.user} keeps access to the bucket {claim.bucket}",
                lambda late: self._owners.take(claim.bucket, {claim.user}, late),
                deadline,
            )
        if answer.code == TAKEN:
            return False
        if error is not None:
            raise error
        if was_there:
            # A bucket of this name may have been somebody's before.
            others = await self._owners.listed(claim.bucket, deadline) - {claim.user}
            await self._owners.take(claim.bucket, others, deadline)
            await self.sharing.revoke(claim.bucket, deadline)
        return True

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Takes the bucket's policy from all others, then attaches it to the claim's user.

        Cut short in between, the bucket is nobody's and the tenant is refused, so the next
        sync goes on. The other way round it would leave two owners, one of them with a grant:
        its accepted probe would be believed, and the other never be found again. A user that
        has the policy keeps it all the while.
        """
        document = full_use(claim.bucket, locked=claim.locked)
        await self._owners.ensure(claim.bucket, deadline, document)
        owners = await self._owners.listed(claim.bucket, deadline)
        await self._owners.take(claim.bucket, owners - {claim.user}, deadline)
        return await self._owners.give(claim.bucket, claim.user, deadline) is not None

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """Looks at the bucket's object lock, as the administrator reads it."""
        await self._buckets.check_lock(claim, deadline)

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Removes the policy, all settings that others may feel, and what was shared."""
        await self._buckets.remove_settings(bucket, _SETTINGS, deadline)
        if await self._notifies(bucket, deadline):
            await self._buckets.remove_notifications(bucket, deadline)
        await self.sharing.revoke(bucket, deadline)

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Detaches the bucket's policy from the user."""
        return await self._owners.take(bucket, {user}, deadline)

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Removes the user with its access keys and with what is attached to it."""
        if name == self.administrator:
            raise Unsupported("The operator's own account is never deleted.")
        return await self._accounts.delete(name, deadline)

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket as :meth:`Buckets.delete` does, then its policies.

        A policy that is left behind by a call that was cut short is removed by the next, unless
        it is attached to somebody, whose name the bucket then is.
        """
        require_bucket(name)
        deleted = await self._buckets.delete(name, deadline)
        if deleted and await self._exists(name, deadline):
            # Without the policy nobody would know whose the bucket is.
            raise ServerFault("The store still has the bucket after it was to be deleted.")
        if deleted:
            await self.sharing.forget(name, deadline)
        await self._owners.forget(name, deadline, owned=deleted)
        return deleted

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Nothing depends on how a RustFS is set up."""

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes the limit of the bucket's size; there is none of the number of objects.

        Of a bucket that isn't there RustFS says that it failed itself: so that is looked at first.
        """
        if claim.quota_objects is not None:
            raise Unsupported(
                "RustFS can't limit the number of a bucket's objects: remove quota-objects from "
                "the Secret."
            )
        if claim.quota_bytes is None or not await self._exists(claim.bucket, deadline):
            return False
        await self._api.call(
            "PUT",
            "set-bucket-quota",
            deadline,
            {"bucket": claim.bucket},
            # Zero is no limit.
            {"quota": claim.quota_bytes},
        )
        return True

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes it; see :meth:`Buckets.set_versioning`."""
        return await self._buckets.set_versioning(claim, deadline)

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """What RustFS's scanner has counted last; see :class:`Counters`."""
        return await self._counters.usage(bucket, deadline)

    async def check(self, deadline: Deadline) -> None:
        """Asks about some user: only an administrator is told whether it is there."""
        await self._check_admin(deadline)
        await self._signatures.check(deadline)

    async def close(self) -> None:
        """Closes the connections."""
        await self._cleanup.close()
        await self._s3.close()
        await self._api.close()

    async def _notifies(self, bucket: str, deadline: Deadline) -> bool:
        """Whether the bucket has notifications.

        Where nobody can be notified, writing none is an error, too: so it is looked at first.
        """
        answer = await self._s3.request(
            "GET",
            [bucket],
            operation="get_notification",
            credentials=self._admin,
            deadline=deadline,
            query={"notification": ""},
        )
        if answer.code == NO_SUCH_BUCKET:
            return False
        if not answer.ok:
            raise bucket_error(answer)
        return len(xmlbody.expect(answer.body, "NotificationConfiguration")) > 0

    async def _check_admin(self, deadline: Deadline) -> None:
        await self._accounts.policies(_NOBODY, deadline)

    async def _exists(self, bucket: str, deadline: Deadline) -> bool:
        """Whether there is such a bucket; any other answer than yes or NoSuchBucket is an error.

        A bucket policy can keep everybody out, even root, but nobody out of the admin API.

        Raises:
            Unsupported: there can be no bucket of that name.
        """
        require_bucket(bucket)
        answer = await self._s3.location("find_bucket", bucket, self._admin, deadline)
        if answer.code == ACCESS_DENIED:
            answer = await self._api.call(
                "GET", "get-bucket-quota", deadline, {"bucket": bucket}, expected=_GONE
            )
        if answer.code == NO_SUCH_BUCKET:
            return False
        CODES.require(answer)
        return True
