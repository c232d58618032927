"""VersityGW: its admin API is XML over S3-signed PATCH requests.

Codes and behaviour below are those of VersityGW 1.8.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import ClassVar
from xml.etree.ElementTree import Element

from backends.base import (
    Answer,
    Bucket,
    Capabilities,
    Claim,
    Connection,
    Credentials,
    Gap,
    Observer,
    Probe,
    User,
)
from backends.capabilities import CAPABILITIES
from backends.errors import Rejected, ServerFault, Unsupported
from backends.usage import Usage
from backends.versitygw.api import AdminApi
from backends.versitygw.errors import CODES, no_owners
from backends.versitygw.sharing import Sharing
from backends.versitygw.versioning import VersioningSetup
from backends.wire import policydocument, xmlbody
from backends.wire.buckets import Buckets
from backends.wire.cleanup import Cleanup
from backends.wire.deadline import Deadline
from backends.wire.objectlock import lock_header
from backends.wire.settings import S3Settings
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient
from backends.wire.stranger import is_known
from backends.wire.turns import turn

# What an owner can make of its bucket, and what is said where there is none.
_SETTINGS = {
    "policy": frozenset({"NoSuchBucketPolicy"}),
    "cors": frozenset({"NoSuchCORSConfiguration"}),
    "website": frozenset({"NoSuchWebsiteConfiguration"}),
}
_NEW_USER_ROLE = "user"
# All that a bucket has stands in one block of the file system; seen to fail from 4 KB on, on ext4.
_BLOCK = 1024


class VersityGW:
    """The backend for VersityGW with an IAM service; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["versitygw"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._admin = connection.admin
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._settings = S3Settings(
            self._s3,
            CODES.tenants_error,
            self.capabilities.settings,
            owner_statement=True,
            block=_BLOCK,
        )
        # The admin API may have a port of its own (--admin-port).
        self._api = (
            self._s3
            if connection.admin_endpoint == connection.endpoint
            else SignedClient(connection.admin_endpoint, connection, observe)
        )
        self._commands = AdminApi(self._api, self._admin)
        self._signatures = Signatures(self._s3, connection, CODES, self._commands.roles)
        self._buckets = Buckets(self._s3, self._admin, CODES.admin_error)
        self._cleanup = Cleanup()
        self.sharing = Sharing(self._s3, self._admin, self._is_known, self._signatures)
        self._versioning = VersioningSetup(self._s3, self._admin, self._cleanup)
        # The gateway's IAM services read, change and write the whole list of accounts.
        self._account_writes = asyncio.Lock()

    @property
    def bucket_settings(self) -> S3Settings:
        """Reads and writes the settings of buckets."""
        return self._settings

    @property
    def administrator(self) -> str:
        """The operator's own access key: what it creates belongs to that account."""
        return self._admin.access_key

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads the bucket's ACL as the tenant; the answer names the owner."""
        answer = await self._acl("probe", claim.bucket, claim.credentials, deadline)
        gap = await self._signatures.gap(answer, deadline)
        return Probe(gap, _owner(answer) if gap is Gap.ACCEPTED else None)

    async def prove_signatures(self, deadline: Deadline) -> None:
        """Asks as the operator; see :meth:`Signatures.require`."""
        await self._signatures.require(deadline)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """Looks through list-users, and asks for the root account, which isn't in it.

        The gateway tells an unknown access key from a wrong secret: one that it knows but
        doesn't list is the root account's, an administrator, or was deleted through another
        gateway, which this one learns within its cache's time (120 s).
        """
        role = (await self._commands.roles(deadline)).get(name)
        if role is not None:
            return User(admin=role == "admin")
        if not await self._is_known(name, deadline):
            return None
        return User(admin=True, uncertain=name != self.administrator)

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """Reads the bucket's ACL as the administrator."""
        answer = await self._acl("read_owner", name, self._admin, deadline)
        if answer.ok:
            return Bucket(frozenset({_owner(answer)}))
        if answer.code == "NoSuchBucket":
            return None
        raise CODES.admin_error(answer)

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether the bucket has a policy of its owner's; nothing else keeps an owner out."""
        return await self.sharing.is_owners(claim.bucket, deadline)

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Looks through list-buckets: a deleted user's buckets keep its name."""

        def owned(buckets: Iterator[Element]) -> bool:
            return any(bucket.findtext("Owner") == user for bucket in buckets)

        return await self._commands.listed(
            "buckets", "ListBucketsResult", "Buckets", owned, deadline
        )

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """One request, or two when ids are set.

        create-user puts the ids into the IAM service but not into the gateway's cache, where
        they read as 0 for up to 120 s; update-user refreshes the cache.
        """
        fields = {
            "Access": claim.user,
            "Secret": claim.secret.reveal(),
            **_attributes(claim),
        }
        fields.setdefault("Role", _NEW_USER_ROLE)
        async with self._account_write(deadline):
            answer = await self._commands.call(
                "create-user", deadline, body=xmlbody.document("Account", fields)
            )
            if answer.code == "XAdminUserExists":
                return False
            CODES.require(answer)
            self._signatures.doubted()
            if claim.user_id is not None or claim.group_id is not None:
                await self._update(claim, deadline)
        return True

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes the secret and what the claim names of role and ids."""
        async with self._account_write(deadline):
            return await self._update(claim, deadline)

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the bucket with its owner, and its object lock, in one request."""
        answer = await self._api.request(
            "PATCH",
            [claim.bucket, "create"],
            operation="create_bucket",
            credentials=self._admin,
            deadline=deadline,
            headers={"x-vgw-owner": claim.user, **lock_header(claim)},
        )
        if answer.code in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists", "XAdminUserNotFound"}:
            return False
        CODES.require(answer)
        return True

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the bucket away; drops its policy and ACL, so only when the owner differs.

        Access that was shared is given back: where the bucket was another's, it is wiped before.

        Raises:
            Misconfigured: the gateway keeps no owners.
        """
        shared = await self.sharing.shares(claim.bucket, deadline)
        changed = await self._hand_over(claim.bucket, claim.user, deadline)
        if changed:
            await self._require_kept(claim, deadline)
            await self.sharing.restore(claim.bucket, shared, deadline)
        return changed

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """Looks at the bucket's object lock, and at the users that the claim's policy names.

        The gateway takes no policy that names a user who isn't there.
        """
        await self._buckets.check_lock(claim, deadline)
        named = policydocument.principals(claim.policy) - {"*", claim.user, self.administrator}
        if named - set(await self._commands.roles(deadline) if named else ()):
            raise Rejected(
                "The store refuses a bucket-policy that names a user who isn't there: name others, "
                "or have that user made first."
            )

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Removes policy, CORS and website; it has no lifecycle rules and no replication.

        A change of owner drops policy and ACL by itself, and keeps the others.
        """
        await self._buckets.remove_settings(bucket, _SETTINGS, deadline)

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Gives the bucket to the operator's own account, which drops its policy and ACL too."""
        found = await self.find_bucket(bucket, deadline)
        if found is None or not found.is_owned_by(user):
            return False
        return await self._hand_over(bucket, self.administrator, deadline)

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Deletes the account, after asking for it: the gateway deletes a missing one as well."""
        if name == self.administrator:
            raise Unsupported("The operator's own account is never deleted.")
        async with self._account_write(deadline):
            if not await self._is_known(name, deadline):
                return False
            # A second answer to a repeated request would be as good as the first, but whether
            # the first was carried out is not known.
            CODES.require(
                await self._commands.call("delete-user", deadline, {"access": name}, repeat=False)
            )
        return True

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket; see :meth:`Buckets.delete`."""
        return await self._buckets.delete(name, deadline)

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Asks whether the gateway keeps versions, where the claim names versioning."""
        if claim.versioning is not None:
            await self._versioning.require(claim.bucket, deadline, dry_run=dry_run)

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Refuses any: the gateway limits no bucket."""
        if (claim.quota_bytes, claim.quota_objects) != (None, None):
            raise Unsupported("VersityGW can't limit a bucket: remove the quota from the Secret.")
        return False

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes it; see :meth:`Buckets.set_versioning`."""
        return await self._buckets.set_versioning(claim, deadline)

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """None: the gateway counts nothing, and would have to list the bucket (1.8.0)."""
        return None

    async def check(self, deadline: Deadline) -> None:
        """Lists the users: that takes an administrator and an IAM service."""
        await self._commands.roles(deadline)
        await self._signatures.check(deadline)

    async def close(self) -> None:
        """Closes the connections."""
        await self._cleanup.close()
        await self._s3.close()
        await self._api.close()

    async def _is_known(self, name: str, deadline: Deadline) -> bool:
        """Whether the gateway tells a wrong secret from an unknown access key."""
        return await is_known(
            name, lambda bucket, who: self._acl("find_user", bucket, who, deadline), CODES
        )

    async def _hand_over(self, bucket: str, owner: str, deadline: Deadline) -> bool:
        answer = await self._commands.call(
            "change-bucket-owner", deadline, {"bucket": bucket, "owner": owner}
        )
        if answer.code in {"NoSuchBucket", "XAdminUserNotFound"}:
            return False
        CODES.require(answer)
        return True

    async def _require_kept(self, claim: Claim, deadline: Deadline) -> None:
        """Looks whether the new owner stands there, since the change is accepted all the same.

        Who is in no list of users is root, which owns all where none is kept; another user was
        given the bucket at the same time, and the probe tells.
        """
        found = await self.find_bucket(claim.bucket, deadline)
        if found is None or found.is_owned_by(claim.user):
            return
        if not found.owners & set(await self._commands.roles(deadline)):
            raise no_owners()

    async def _acl(
        self, operation: str, bucket: str, credentials: Credentials, deadline: Deadline
    ) -> Answer:
        return await self._s3.request(
            "GET",
            [bucket],
            operation=operation,
            credentials=credentials,
            deadline=deadline,
            query={"acl": ""},
        )

    async def _update(self, claim: Claim, deadline: Deadline) -> bool:
        fields = {"Secret": claim.secret.reveal(), **_attributes(claim)}
        answer = await self._commands.call(
            "update-user",
            deadline,
            {"access": claim.user},
            xmlbody.document("MutableProps", fields),
        )
        if answer.code == "XAdminUserNotFound":
            return False
        CODES.require(answer)
        self._signatures.doubted()
        return True

    def _account_write(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        message = "Other changes to the store's users took all of the sync's time."
        return turn(self._account_writes, deadline, message)


def _attributes(claim: Claim) -> dict[str, str | int]:
    names = {"role": "Role", "user-id": "UserID", "group-id": "GroupID"}
    return {names[field]: value for field, value in claim.attributes.items()}


def _owner(answer: Answer) -> str:
    owner = xmlbody.text_in(xmlbody.parse(answer.body), "Owner", "ID")
    if not owner:
        raise ServerFault("The store's answer names no owner of the bucket.")
    return owner
