"""How a bucket changes hands on Ceph RGW, with all that is in it and none of its settings.

The gateway lets nobody but the owner write a bucket's settings, an administrator neither. So the
operator signs as the owner, with the key that the admin API tells it, as long as there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.base import Claim, Credentials
from backends.ceph_rgw import policy
from backends.ceph_rgw.accounts import Accounts, is_account
from backends.ceph_rgw.api import AdminApi, document
from backends.ceph_rgw.errors import ABSENT, CODES, owners_error
from backends.errors import ServerFault, Withheld
from backends.wire import jsonbody, policydocument, xmlbody
from backends.wire.buckets import Buckets
from backends.wire.deadline import Deadline
from backends.wire.signing import SignedClient

# The counter of unfinished uploads; there is one of everything else, and some of later versions.
UPLOADS = "rgw.multimeta"
# Who the bucket is being made for may read who owns it, so that nobody else is given it.
_MARK = "READ_ACP"
_MARK_HEADER = "x-amz-grant-read-acp"
# What an owner can make of its bucket, and what is said where there is none. Nothing else is
# removed: DELETE of a sub-resource that it doesn't know deletes an empty bucket (Ceph 16.2.15).
_SETTINGS = {
    "lifecycle": frozenset({"NoSuchLifecycleConfiguration"}),
    "cors": frozenset({"NoSuchCORSConfiguration"}),
    # A gateway that serves no websites.
    "website": frozenset({"NoSuchWebsiteConfiguration", "MethodNotAllowed"}),
    "notification": frozenset({"MethodNotAllowed", "NotImplemented"}),
    "replication": frozenset({"ReplicationConfigurationNotFoundError"}),
}


@dataclass(frozen=True, slots=True)
class Found:
    """An existing bucket: its owner's uid, what it holds by the gateway's counters, its quota."""

    name: str
    owner: str
    counts: Mapping[str, int]
    quota: Mapping[str, Any]

    @property
    def holds(self) -> bool:
        """Whether there is anything in it that is somebody's."""
        return any(self.counts.values())


class Handover:
    """Finds buckets, acts as their owners and changes them; for the tasks of one event loop.

    Args:
        s3: client of the S3 API.
        api: the admin API.
        accounts: the users.
        admin: the operator's own credentials.
    """

    def __init__(
        self, s3: SignedClient, api: AdminApi, accounts: Accounts, admin: Credentials
    ) -> None:
        self._s3 = s3
        self._api = api
        self._accounts = accounts
        self._admin = admin

    async def find(self, bucket: str, deadline: Deadline) -> Found | None:
        """The bucket as the administrator sees it, or None."""
        answer = await self._api.call("GET", "bucket", "find_bucket", deadline, {"bucket": bucket})
        if answer.code in ABSENT:
            return None
        described = document(answer)
        owner = described.get("owner")
        if not isinstance(owner, str) or not owner:
            raise ServerFault("The store's answer names no owner of the bucket.")
        usage = described.get("usage")
        if not isinstance(usage, dict):
            raise ServerFault("The store's answer doesn't say what the bucket holds.")
        return Found(
            bucket,
            owner,
            {kind: _count(jsonbody.mapping(usage, kind)) for kind in usage},
            jsonbody.mapping(described, "bucket_quota"),
        )

    async def make(
        self, bucket: str, user: str, deadline: Deadline, headers: Mapping[str, str]
    ) -> bool:
        """Makes the bucket in the operator's name, marked for a user, and gives it to that one.

        Nobody but a system user can make one for another. Whoever comes again after a call that
        was cut short finds the mark; whoever wants it for another user is told that it exists.

        Args:
            bucket: its name.
            user: who gets it.
            deadline: of the sync.
            headers: of the request that makes it.
        """
        answer = await self._s3.request(
            "PUT",
            [bucket],
            operation="create_bucket",
            credentials=self._admin,
            deadline=deadline,
            headers={_MARK_HEADER: f'id="{user}"', **headers},
        )
        # The user is gone: NoSuchKey.
        if answer.code in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou", *ABSENT}:
            return False
        CODES.require(answer)
        # Two at the same moment are both told that they made it.
        if await self.marked_for(bucket, deadline) != user:
            return False
        return await self._link(bucket, user, deadline)

    async def marked_for(self, bucket: str, deadline: Deadline) -> str | None:
        """Whom a bucket of the operator's is being made for; None where it is for nobody."""
        answer = await self._s3.request(
            "GET",
            [bucket],
            operation="read_mark",
            credentials=self._admin,
            deadline=deadline,
            query={"acl": ""},
        )
        # By a policy that keeps everybody out.
        if answer.code in {"AccessDenied", "NoSuchBucket"}:
            return None
        CODES.require(answer)
        grants = list(xmlbody.parse(answer.body).iter("Grant"))
        if len(grants) != 1 or grants[0].findtext("Permission") != _MARK:
            return None
        return grants[0].findtext("Grantee/ID")

    async def unmark(self, bucket: str, deadline: Deadline) -> None:
        """Leaves a bucket of the operator's to the operator alone."""
        answer = await self._s3.request(
            "PUT",
            [bucket],
            operation="remove_mark",
            credentials=self._admin,
            deadline=deadline,
            query={"acl": ""},
            headers={"x-amz-acl": "private"},
        )
        if answer.code != "NoSuchBucket":
            CODES.require(answer)

    async def give(self, found: Found, user: str, deadline: Deadline) -> bool:
        """Makes a user the bucket's owner, who alone reads what is in it; False if one is gone.

        What the policy says comes first. Cut short in between, the former owner is kept out of
        what is in it and still the owner, so the next call goes on.

        Raises:
            Withheld: its owner's policy, or its owner itself, forbids that.
        """
        await self._let_in(found, user, {found.owner}, deadline)
        if not await self._link(found.name, user, deadline):
            return False
        if not found.holds:
            # Until now the former owner could write.
            now = await self.find(found.name, deadline)
            if now is not None and now.holds and now.owner == user:
                await self._let_in(now, user, {found.owner}, deadline)
        return True

    async def wipe(self, found: Found, deadline: Deadline) -> None:
        """Removes what the owner has set up, and leaves what keeps former owners out.

        Raises:
            Withheld: its owner's policy, or its owner itself, forbids that.
        """
        signer = await self._signer(found, deadline)
        buckets = Buckets(self._s3, signer, owners_error)
        own = await self._accounts.own_name(deadline)
        owner = own if signer is self._admin else found.owner
        old = await self._policy(found.name, signer, deadline)
        if old is not None:
            former = policy.formers(old) - {owner, own}
            bare = policy.bare(old, found.name, owner, former)
            if bare is None:
                await buckets.remove_settings(
                    found.name, {"policy": frozenset({"NoSuchBucketPolicy"})}, deadline
                )
            elif bare != old:
                await self._write(found.name, signer, bare, deadline)
        await buckets.remove_settings(found.name, _SETTINGS, deadline)

    async def check(self, found: Found, claim: Claim, deadline: Deadline) -> None:
        """Looks whether the bucket can be given away, and become what a claim says.

        Of one whose owner is gone nothing can be read before it is another's. Ceph 16.2.15 takes
        every policy that allows something for a public one.

        Raises:
            Withheld: its owner, its owner's policy or its public access block forbids that.
            Unsupported: it has no object lock, and would never get one.
            Rejected: it has one, so its versioning can't be suspended.
        """
        signer = await self._living(found, deadline)
        if signer is None:
            return
        old = await self._policy(found.name, signer, deadline)
        buckets = Buckets(self._s3, signer, owners_error)
        await buckets.check_lock(claim, deadline)
        # What is in it is kept from its former owner by a policy, too.
        policies = found.holds or policy.is_marked(old) or bool(claim.policy) or claim.public
        if policies and await buckets.is_blocked(found.name, deadline):
            raise Withheld(
                "The bucket has a public access block, beside which the store takes no bucket "
                "policy, and giving it away needs one: have its owner lift BlockPublicPolicy, or "
                "choose another name."
            )

    async def policy(self, found: Found, deadline: Deadline) -> policydocument.Document | None:
        """The bucket's policy as its owner reads it; None for none.

        Raises:
            Withheld: there is no owner who could, or its policy forbids it.
        """
        return await self._policy(found.name, await self._owner(found, deadline), deadline)

    async def write_policy(
        self, found: Found, document: policydocument.Document | None, deadline: Deadline
    ) -> None:
        """Writes the bucket's policy as its owner, or removes it.

        Raises:
            Withheld: there is no owner who could, or its policy forbids it.
            Unsupported: it is too long.
        """
        signer = await self._owner(found, deadline)
        if document is None:
            await Buckets(self._s3, signer, owners_error).remove_settings(
                found.name, {"policy": frozenset({"NoSuchBucketPolicy"})}, deadline
            )
        else:
            await self._write(found.name, signer, document, deadline)

    async def _owner(self, found: Found, deadline: Deadline) -> Credentials:
        """Who owns the bucket, and nobody in its place."""
        if found.owner == await self._accounts.own_name(deadline):
            return self._admin
        account = await self._accounts.find(found.owner, deadline)
        if account is None or account.credentials is None:
            raise Withheld("The bucket's owner is gone or suspended on the store, or an account.")
        return account.credentials

    async def _signer(self, found: Found, deadline: Deadline) -> Credentials:
        """Who may write the bucket's settings: its owner.

        One that is gone can't sign any more: then the bucket becomes the operator's first, whose
        it is to give away in any case, and it is remembered who had it.

        Raises:
            Withheld: as in :meth:`_living`.
        """
        signer = await self._living(found, deadline)
        if signer is not None:
            return signer
        own = await self._accounts.own_name(deadline)
        await self._link(found.name, own, deadline)
        if found.holds:
            old = await self._policy(found.name, self._admin, deadline)
            former = (policy.formers(old) | {found.owner}) - {own}
            new = policy.handed_over(old, found.name, own, former)
            await self._write(found.name, self._admin, new, deadline)
        return self._admin

    async def _living(self, found: Found, deadline: Deadline) -> Credentials | None:
        """Who owns the bucket and may change it; None for one that is gone.

        Raises:
            Withheld: the owner is suspended, which goes for its buckets too, whoever has them; or
                it is an account.
        """
        if is_account(found.owner):
            raise Withheld(
                "The bucket belongs to an account on the store, which keeps it: choose another "
                "name, or have an administrator run radosgw-admin bucket chown."
            )
        own = await self._accounts.own_name(deadline)
        if found.owner == own:
            return self._admin
        account = await self._accounts.find(found.owner, deadline)
        if account is not None and account.suspended:
            raise Withheld(
                "The bucket's owner is suspended on the store, and its buckets with it: choose "
                "another name, or have an administrator enable the owner."
            )
        return None if account is None else account.credentials

    async def _let_in(self, found: Found, user: str, former: set[str], deadline: Deadline) -> None:
        """Lets a user read what is in the bucket, and the former ones no more."""
        signer = await self._signer(found, deadline)
        old = await self._policy(found.name, signer, deadline)
        if not found.holds and not policy.is_marked(old):
            return
        former = (former | policy.formers(old)) - {user, await self._accounts.own_name(deadline)}
        new = policy.handed_over(old, found.name, user, former)
        if new != old:
            await self._write(found.name, signer, new, deadline)

    async def _policy(
        self, bucket: str, signer: Credentials, deadline: Deadline
    ) -> policydocument.Document | None:
        answer = await self._s3.request(
            "GET",
            [bucket],
            operation="read_policy",
            credentials=signer,
            deadline=deadline,
            query={"policy": ""},
        )
        if answer.code in {"NoSuchBucketPolicy", "NoSuchBucket"}:
            return None
        if not answer.ok:
            raise owners_error(answer)
        return policydocument.parse(answer.body)

    async def _write(
        self,
        bucket: str,
        signer: Credentials,
        document: policydocument.Document,
        deadline: Deadline,
    ) -> None:
        answer = await self._s3.request(
            "PUT",
            [bucket],
            operation="write_policy",
            credentials=signer,
            deadline=deadline,
            query={"policy": ""},
            body=policy.encoded(document),
        )
        if answer.code != "NoSuchBucket" and not answer.ok:
            raise owners_error(answer)

    async def unlist(self, bucket: str, user: str, deadline: Deadline) -> None:
        """Takes a bucket that is another's off a user's list; its owner stays the same.

        16.2.15 answers that the bucket is another's, InvalidArgument, and has done it then.
        """
        answer = await self._api.call(
            "POST", "bucket", "unlist_bucket", deadline, {"bucket": bucket, "uid": user}
        )
        if answer.code != "InvalidArgument" and answer.code not in ABSENT:
            CODES.require(answer)

    async def _link(self, bucket: str, user: str, deadline: Deadline) -> bool:
        answer = await self._api.call(
            "PUT", "bucket", "change_owner", deadline, {"bucket": bucket, "uid": user}
        )
        if answer.code in ABSENT:
            return False
        CODES.require(answer)
        return True


def _count(usage: Mapping[str, Any]) -> int:
    found = usage.get("num_objects", 0)
    if not isinstance(found, int):
        raise ServerFault("The store's answer doesn't say what the bucket holds.")
    return found
