"""SeaweedFS: users and policies through its IAM API, on the port of the S3 API.

SeaweedFS's buckets have a creator, which nothing changes and which means nothing for access. A
bucket is a user's when that user and nobody else has the inline policy that this operator writes
for it. Codes and behaviour below are those of SeaweedFS 4.53.
"""

from __future__ import annotations

import secrets
from typing import ClassVar

from backends.base import (
    Answer,
    Bucket,
    Capabilities,
    Claim,
    Connection,
    Credentials,
    Observer,
    Probe,
    User,
)
from backends.capabilities import CAPABILITIES
from backends.errors import NotEmpty, Rejected, ServerFault, Unsupported
from backends.seaweedfs.api import IamApi
from backends.seaweedfs.errors import ACCESS_DENIED, CODES, bucket_error, unsigned
from backends.seaweedfs.ownership import OWN, PREFIX, Ownership
from backends.seaweedfs.sharing import Sharing
from backends.seaweedfs.users import KeyTaken, Users
from backends.usage import Usage
from backends.wire import xmlbody
from backends.wire.buckets import HOLDS_OBJECTS, Buckets
from backends.wire.cleanup import Cleanup
from backends.wire.deadline import Deadline
from backends.wire.objectlock import lock_header
from backends.wire.settings import S3Settings
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient
from backends.wire.stranger import is_known

# What an owner can make of its bucket, and what is said where there is none.
_SETTINGS = {
    "policy": frozenset({"NoSuchBucketPolicy"}),
    "lifecycle": frozenset({"NoSuchLifecycleConfiguration"}),
    "cors": frozenset({"NoSuchCORSConfiguration"}),
}
_TAKEN = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
# What a gateway says that has not heard yet of what another one was told.
_NOT_YET = frozenset({ACCESS_DENIED, "InvalidAccessKeyId", "SignatureDoesNotMatch"})
# Where a gateway tells about itself, with 200.
_OWN_PATHS = frozenset({"status", "healthz", "readyz"})


class SeaweedFS:
    """The backend for SeaweedFS with IAM writes enabled; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["seaweedfs"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._admin = connection.admin
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._settings = S3Settings(self._s3, CODES.tenants_error, self.capabilities.settings)
        self._buckets = Buckets(self._s3, self._admin, bucket_error)
        self._iam = IamApi(connection, observe)
        self._users = Users(self._iam, OWN)
        self._signatures = Signatures(self._s3, connection, CODES, self._check_admin)
        self._ownership = Ownership(self._iam)
        self.sharing = Sharing(self._s3, self._iam, self._ownership, self._exists, self._signatures)
        self._cleanup = Cleanup()

    @property
    def bucket_settings(self) -> S3Settings:
        """Reads and writes the settings of buckets."""
        return self._settings

    @property
    def administrator(self) -> str:
        """The operator's own access key; it has every bucket, and no policy for one."""
        return self._admin.access_key

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads the bucket's ACL as the tenant; whom it names has made the bucket, no more.

        It may still have access that is being taken away again: that is not to be believed.
        """
        await self._cleanup.settled(claim.bucket, deadline)
        answer = await self._acl("probe", claim.bucket, claim.credentials, deadline)
        return Probe(await self._signatures.gap(answer, deadline))

    async def prove_signatures(self, deadline: Deadline) -> None:
        """Asks as the operator; see :meth:`Signatures.require`."""
        await self._signatures.require(deadline)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The user with what its policies say of administration and of others' buckets.

        It takes five requests or more.

        An identity that has its rights from elsewhere, or the access key and another name, or the
        name and other access keys, counts as an administrator, since nothing about it may be
        changed.
        """
        identity = await self._users.identity(name, deadline)
        known = await self._is_known(name, deadline)
        if identity is None:
            return User(admin=True) if known else None
        has_key = name in identity.keys
        admin = identity.is_anothers or (known and not has_key)
        rights = await self._users.rights(identity, deadline)
        return User(
            admin=admin or rights.admin,
            broad=rights.broad,
            # Only the signature tells of a user that was disabled rather than its key.
            disabled=has_key and not known,
        )

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with all that have its policy."""
        await self._cleanup.settled(name, deadline)
        if not await self._exists(name, deadline):
            return None
        owners = await self._ownership.owners(name, deadline)
        return Bucket(frozenset(owners), intact=all(owners.values()))

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether the bucket has a policy; nothing else keeps an owner out."""
        answer = await self._s3.request(
            "GET",
            [claim.bucket],
            operation="read_policy",
            credentials=self._admin,
            deadline=deadline,
            query={"policy": ""},
        )
        if answer.code == "NoSuchBucketPolicy":
            return False
        # One that keeps the administrator out keeps the owner out, too.
        if answer.code != ACCESS_DENIED and not answer.ok:
            raise bucket_error(answer)
        return True

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether it has a policy of this operator's; a deleted user's are gone with it."""
        policies = await self._users.policies(user, deadline) or ()
        return any(policy.startswith(PREFIX) for policy in policies)

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the user and its access key; see :meth:`Users.create`.

        Whose access key another identity has is an administrator, see :meth:`find_user`.
        """
        try:
            made = await self._users.create(claim, deadline)
        except KeyTaken:
            if await self._is_known(claim.user, deadline):
                return False
            # Of one that is disabled nothing else tells.
            raise
        self._signatures.doubted()
        return made

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the user's access key anew with the claim's secret; see :meth:`Users.update`."""
        changed = await self._users.update(claim, deadline)
        self._signatures.doubted()
        return changed

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the policy, then makes the bucket as the user, who is thereby its creator.

        In this order a sync that is cut short leaves no bucket that is nobody's. If somebody
        else made the bucket meanwhile, the policy is taken away again: so the request is not
        repeated when its answer is lost, since the second would say that the bucket exists.
        """
        listed = await self._ownership.listed(claim.bucket, deadline)
        had = claim.user in listed and await self._had(claim, deadline)
        if not await self._ownership.give(claim.bucket, claim.user, deadline):
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
        error = None if answer.ok else CODES.error(answer, admin=False)
        taken = answer.code in _TAKEN
        if (taken or isinstance(error, Rejected)) and not had:
            # Or the user would keep access to a bucket that is another's.
            await self._cleanup.run(
                claim.bucket,
                f"{claim.user} keeps access to the bucket {claim.bucket}",
                lambda late: self._ownership.take(claim.bucket, {claim.user}, late),
                deadline,
            )
        if taken:
            return False
        if error is not None:
            raise error
        # A bucket of this name may have been somebody's before.
        await self._ownership.take(claim.bucket, set(listed) - {claim.user}, deadline)
        if listed:
            await self.sharing.revoke(claim.bucket, deadline)
        return True

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Takes the bucket's policy from all others, then writes it for the claim's user.

        Cut short in between, the bucket is nobody's and the tenant is refused, so the next
        sync goes on. The other way round it would leave two owners, one of them with a grant:
        its accepted probe would be believed, and the other never be found again. A user that
        has the policy keeps it all the while.
        """
        identity = await self._users.identity(claim.user, deadline)
        if identity is None or identity.is_foreign:
            return False
        listed = await self._ownership.listed(claim.bucket, deadline)
        await self._ownership.take(claim.bucket, set(listed) - {claim.user}, deadline)
        return await self._ownership.give(claim.bucket, claim.user, deadline)

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """Looks at the bucket's object lock, as the administrator reads it."""
        await self._buckets.check_lock(claim, deadline)

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Removes policy, lifecycle rules, CORS and what was shared.

        And sets the ACL to the creator's alone.
        """
        await self.sharing.revoke(bucket, deadline)
        await self._buckets.remove_settings(bucket, _SETTINGS, deadline)
        answer = await self._s3.request(
            "PUT",
            [bucket],
            operation="reset_acl",
            credentials=self._admin,
            deadline=deadline,
            query={"acl": ""},
            headers={"x-amz-acl": "private"},
        )
        if answer.code != "NoSuchBucket" and not answer.ok:
            raise bucket_error(answer)

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Removes the bucket's policy from the user."""
        if await self._ownership.has(bucket, user, deadline) is None:
            return False
        await self._ownership.take(bucket, {user}, deadline)
        return True

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Deletes the user with its policies and access keys."""
        if name == self.administrator:
            raise Unsupported("The operator's own account is never deleted.")
        async with self._iam.writing(deadline):
            identity = await self._users.identity(name, deadline)
            if identity is None:
                return False
            if identity.is_foreign:
                raise Unsupported("An identity that was not made through IAM is never deleted.")
            await self._ownership.take_all(name, identity.policies, deadline)
            return await self._users.delete(identity, deadline)

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket, then the policies for it.

        With its flag -s3.allowDeleteBucketNotEmpty a gateway deletes one with all that is in it,
        as every one before 4.53 did: so objects are looked for first, as uploads are.
        """
        for query, elements in (
            ({"list-type": "2", "max-keys": "1"}, ("Contents",)),
            ({"versions": "", "max-keys": "1"}, ("Version", "DeleteMarker")),
        ):
            answer = await self._s3.request(
                "GET",
                [name],
                operation="list_versions" if "versions" in query else "list_objects",
                credentials=self._admin,
                deadline=deadline,
                query=query,
            )
            if answer.code == "NoSuchBucket":
                return False
            if not answer.ok:
                raise bucket_error(answer)
            listed = xmlbody.parse(answer.body)
            if listed.tag not in {"ListBucketResult", "ListVersionsResult"}:
                raise ServerFault("The store's answer is not the XML that was expected.")
            if any(listed.find(element) is not None for element in elements):
                raise NotEmpty(HOLDS_OBJECTS)
        deleted = await self._buckets.delete(name, deadline)
        if deleted:
            users = await self._ownership.listed(name, deadline)
            await self._ownership.take(name, users, deadline)
            await self.sharing.revoke(name, deadline)
        return deleted

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Nothing depends on how a SeaweedFS is set up."""

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Refuses any: who may do everything with a bucket may take its quota away, too."""
        if (claim.quota_bytes, claim.quota_objects) != (None, None):
            raise Unsupported("SeaweedFS can't limit a bucket: remove the quota from the Secret.")
        return False

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes it; see :meth:`Buckets.set_versioning`."""
        return await self._buckets.set_versioning(claim, deadline)

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """None: only its metrics tell it, on a port of their own (SeaweedFS 4.53)."""
        return None

    async def check(self, deadline: Deadline) -> None:
        """Asks whether signatures are checked, and whether this administrator's IAM may write."""
        await self._is_known(_nobody(), deadline)
        await self._iam.check(deadline)
        await self._signatures.check(deadline)

    async def close(self) -> None:
        """Closes the connections."""
        await self._cleanup.close()
        await self._s3.close()
        await self._iam.close()

    async def _check_admin(self, deadline: Deadline) -> None:
        """Asks about a user that can't be there: whoever is no administrator is refused."""
        await self._users.policies(_nobody(), deadline)

    async def _exists(self, bucket: str, deadline: Deadline) -> bool:
        """Whether there is such a bucket; any other answer than yes or NoSuchBucket is an error.

        A bucket policy can keep the administrator out as well. Who is none is told so by the
        IAM API.
        """
        answer = await self._acl("find_bucket", bucket, self._admin, deadline)
        if answer.code == "NoSuchBucket":
            return False
        if not answer.ok and answer.code != ACCESS_DENIED:
            raise bucket_error(answer)
        return True

    async def _had(self, claim: Claim, deadline: Deadline) -> bool:
        return await self._ownership.has(claim.bucket, claim.user, deadline) is not None

    async def _is_known(self, name: str, deadline: Deadline) -> bool:
        """Whether there is an active access key of that name, whosever it is.

        Raises:
            Misconfigured: the store takes any signature.
        """

        async def ask(bucket: str, stranger: Credentials) -> Answer:
            answer = await self._acl("find_user", bucket, stranger, deadline)
            if answer.ok or answer.code in {"NoSuchBucket", ACCESS_DENIED}:
                raise unsigned()
            return answer

        return await is_known(name, ask, CODES)

    async def _acl(
        self, operation: str, bucket: str, credentials: Credentials, deadline: Deadline
    ) -> Answer:
        """Asks for the bucket's ACL.

        Raises:
            Unsupported: the gateway itself answers at the bucket's address, whoever asks.
            ServerFault: 200, but not from an S3 API; some proxies say it about anything.
        """
        if bucket in _OWN_PATHS:
            raise Unsupported(
                f"SeaweedFS itself answers at /{bucket}, so no bucket can have this name: choose "
                "another."
            )
        answer = await self._s3.request(
            "GET",
            [bucket],
            operation=operation,
            credentials=credentials,
            deadline=deadline,
            query={"acl": ""},
        )
        if answer.ok:
            xmlbody.expect(answer.body, "AccessControlPolicy")
        return answer


def _nobody() -> str:
    return f"nobody{secrets.token_hex(16)}"
