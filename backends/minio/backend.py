"""MinIO: users and policies through its admin API.

MinIO's buckets have no owners. A bucket is a user's when the one policy that this operator
makes for it is attached to that user and to nobody else. Codes and behaviour below are those
of the release of 2026-02-12.
"""

from __future__ import annotations

from typing import ClassVar

from backends.base import (
    Bucket,
    Capabilities,
    Claim,
    Connection,
    Observer,
    Probe,
    User,
)
from backends.capabilities import CAPABILITIES
from backends.errors import ServerFault, Unsupported
from backends.minio.accounts import Accounts
from backends.minio.api import AdminApi, Reply
from backends.minio.errors import CODES, NO_SUCH_USER, NO_USER_BUT, NO_USERS_NAME
from backends.minio.ownership import PREFIX, Ownership, group_of
from backends.minio.sharing import Sharing
from backends.minio.usage import Counters
from backends.usage import Usage
from backends.wire import jsonbody
from backends.wire.buckets import Buckets
from backends.wire.cannedpolicy import grants_administration
from backends.wire.cleanup import Cleanup
from backends.wire.deadline import Deadline
from backends.wire.objectlock import lock_header
from backends.wire.reach import reaches_any_bucket
from backends.wire.settings import S3Settings
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient
from backends.wire.stranger import is_known

# What an owner can make of its bucket, and what is said where there is none.
_SETTINGS = {
    "policy": frozenset({"NoSuchBucketPolicy"}),
    "lifecycle": frozenset({"NoSuchLifecycleConfiguration"}),
    "replication": frozenset(
        {"ReplicationConfigurationNotFoundError", "XMinioAdminRemoteTargetNotFoundError"}
    ),
}
# Whether there is a user of that name doesn't matter.
_NOBODY = "any-bucket"


class MinIO:
    """The backend for MinIO; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["minio"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._admin = connection.admin
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._settings = S3Settings(self._s3, CODES.tenants_error, self.capabilities.settings)
        self._buckets = Buckets(self._s3, self._admin, CODES.admin_error)
        self._api = AdminApi(connection, observe)
        self._accounts = Accounts(self._api)
        self._signatures = Signatures(self._s3, connection, CODES, self._check_admin)
        self._ownership = Ownership(self._api, self._accounts)
        self.sharing = Sharing(self._s3, self._api, self._ownership, self._exists, self._signatures)
        self._counters = Counters(self._api)
        self._cleanup = Cleanup()

    @property
    def bucket_settings(self) -> S3Settings:
        """Reads and writes the settings of buckets."""
        return self._settings

    @property
    def administrator(self) -> str:
        """The operator's own access key; MinIO doesn't say which buckets it made."""
        return self._admin.access_key

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Asks for the bucket's location as the tenant: one request, nothing encrypted.

        It may still have access that is being taken away again: that is not to be believed.
        """
        await self._cleanup.settled(claim.bucket, deadline)
        answer = await self._s3.location("probe", claim.bucket, claim.credentials, deadline)
        return Probe(await self._signatures.gap(answer, deadline))

    async def prove_signatures(self, deadline: Deadline) -> None:
        """Asks as the operator; see :meth:`Signatures.require`."""
        await self._signatures.require(deadline)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The user with what its policies say about administration.

        Root and service accounts are no users and yet known: they count as administrators,
        since nothing about them may be changed. A bucket may have a group as its owner.
        """
        if (group := group_of(name)) is not None:
            known = await self._accounts.group(group, deadline)
            return None if known is None else User(admin=False)
        info = await self._accounts.user(name, deadline)
        if info is None:
            is_there = await is_known(
                name,
                lambda bucket, who: self._s3.location("find_user", bucket, who, deadline),
                CODES,
            )
            return User(admin=True) if is_there else None
        policies = _names(info.get("policyName"))
        for group in jsonbody.texts(info, "memberOf"):
            found = await self._accounts.group(group, deadline) or {}
            policies |= _names(found.get("policy"))
        documents = [await self._ownership.policy(name, deadline) for name in sorted(policies)]
        return User(
            admin=any(grants_administration(document or {}) for document in documents),
            disabled=info.get("status") == "disabled",
            broad=any(reaches_any_bucket(document or {}) for document in documents),
        )

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with all that its policy is attached to."""
        await self._cleanup.settled(name, deadline)
        if not await self._exists(name, deadline):
            return None
        owners = await self._ownership.owners(name, deadline)
        intact = not owners or await self._ownership.is_intact(name, deadline)
        return Bucket(owners, intact=intact)

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """Always: a user may have other policies, or a bucket one of its own."""
        return True

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether a policy of this operator's is attached to it; a deleted user's are not."""
        info = await self._accounts.user(user, deadline) or {}
        return any(name.startswith(PREFIX) for name in _names(info.get("policyName")))

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Adds the user, if there is none: MinIO's add-user would take one over.

        Root and service accounts are told apart from users only by being refused.
        """
        if await self._accounts.user(claim.user, deadline) is not None:
            return False
        reply = await self._add_user(claim, deadline, expected=frozenset({NO_USERS_NAME}))
        return not reply.code

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives an existing user the claim's secret; its policies stay."""
        if await self._accounts.user(claim.user, deadline) is None:
            return False
        await self._add_user(claim, deadline)
        return True

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the policy, then makes the bucket.

        In this order a sync that is cut short leaves no bucket that is nobody's. If somebody
        else made the bucket meanwhile, the policy is taken away again: so the request is not
        repeated when its answer is lost, since the second would say that the bucket exists.
        """
        was_there = await self._ownership.ensure(claim.bucket, deadline, locked=claim.locked)
        given = await self._ownership.give(claim.bucket, claim.user, deadline)
        if given is None:
            return False
        answer = await self._s3.request(
            "PUT",
            [claim.bucket],
            operation="create_bucket",
            credentials=self._admin,
            deadline=deadline,
            headers=lock_header(claim),
            repeat=False,
        )
        if answer.code in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            if given:
                # Or the user would keep access to a bucket that is another's.
                await self._cleanup.run(
                    claim.bucket,
                    f"{claim.user} keeps access to the bucket {claim.bucket}",
                    lambda late: self._ownership.take(claim.bucket, {claim.user}, late),
                    deadline,
                )
            return False
        CODES.require(answer)
        if was_there:
            # A bucket of this name may have been somebody's before.
            others = await self._ownership.owners(claim.bucket, deadline) - {claim.user}
            await self._ownership.take(claim.bucket, others, deadline)
            await self.sharing.revoke(claim.bucket, deadline)
        return True

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Takes the bucket's policy from all others, then attaches it to the claim's user.

        Cut short in between, the bucket is nobody's and the tenant is refused, so the next
        sync goes on. The other way round it would leave two owners, one of them with a grant:
        its accepted probe would be believed, and the other never be found again. A user that
        has the policy keeps it all the while.
        """
        await self._ownership.write(claim.bucket, deadline, locked=claim.locked)
        owners = await self._ownership.owners(claim.bucket, deadline)
        await self._ownership.take(claim.bucket, owners - {claim.user}, deadline)
        if claim.user in owners:
            return True
        return await self._ownership.give(claim.bucket, claim.user, deadline) is not None

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """Looks at the bucket's object lock, as the administrator reads it."""
        await self._buckets.check_lock(claim, deadline)

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Removes policy, lifecycle rules, replication, notifications and what was shared.

        CORS and website are no settings of a bucket's here, and a DELETE of what MinIO doesn't
        know deletes the bucket: so nothing else is called.
        """
        await self._buckets.remove_settings(bucket, _SETTINGS, deadline)
        await self._buckets.remove_notifications(bucket, deadline)
        await self.sharing.revoke(bucket, deadline)

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Detaches the bucket's policy from the user."""
        return await self._ownership.take(bucket, {user}, deadline, repeat=False)

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Removes the user with its access keys and with what is attached to it."""
        if name == self.administrator:
            raise Unsupported("The operator's own account is never deleted.")
        reply = await self._api.call(
            "remove-user",
            lambda admin: admin.user_remove(name),
            deadline,
            expected=frozenset({NO_SUCH_USER, NO_USER_BUT}),
            # Not repeated when its answer is lost: the second would say that there was none.
            repeat=False,
        )
        if reply.code == NO_USER_BUT:
            raise Unsupported("Root and service accounts are never deleted.")
        return not reply.code

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket as :meth:`Buckets.delete` does, then its policy.

        A policy that is left behind by a call that was cut short is removed by the next, unless
        it is attached to somebody, whose name the bucket then is.
        """
        deleted = await self._buckets.delete(name, deadline)
        if deleted and await self._exists(name, deadline):
            # Without the policy nobody would know whose the bucket is.
            raise ServerFault("The store still has the bucket after it was to be deleted.")
        if deleted:
            await self.sharing.forget(name, deadline)
        await self._ownership.forget(name, deadline, owned=deleted)
        return deleted

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Nothing depends on how a MinIO is set up."""

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes the limit of the bucket's size; there is none of the number of objects."""
        if claim.quota_objects is not None:
            raise Unsupported(
                "MinIO can't limit the number of a bucket's objects: remove quota-objects from "
                "the Secret."
            )
        size = claim.quota_bytes
        if size is None:
            return False
        reply = await self._api.call(
            "set-bucket-quota",
            lambda admin: admin.bucket_quota_set(claim.bucket, size),
            deadline,
            expected=frozenset({"NoSuchBucket"}),
        )
        return not reply.code

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes it; see :meth:`Buckets.set_versioning`."""
        return await self._buckets.set_versioning(claim, deadline)

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """What MinIO's scanner has counted last; see :class:`Counters`."""
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

    async def _check_admin(self, deadline: Deadline) -> None:
        await self._accounts.user(_NOBODY, deadline)

    async def _exists(self, bucket: str, deadline: Deadline) -> bool:
        """Whether there is such a bucket; any other answer than yes or NoSuchBucket is an error."""
        answer = await self._s3.location("find_bucket", bucket, self._admin, deadline)
        if answer.code == "NoSuchBucket":
            return False
        CODES.require(answer)
        return True

    async def _add_user(
        self, claim: Claim, deadline: Deadline, expected: frozenset[str] = frozenset()
    ) -> Reply:
        reply = await self._api.call(
            "add-user",
            lambda admin: admin.user_add(claim.user, claim.secret.reveal()),
            deadline,
            encrypted=True,
            expected=expected,
        )
        self._signatures.doubted()
        return reply


def _names(listed: object) -> set[str]:
    return set(str(listed or "").split(",")) - {""}
