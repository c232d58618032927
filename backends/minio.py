"""MinIO: users and policies through its admin API.

MinIO's buckets have no owners. A bucket is a user's when the one policy that this operator
makes for it is attached to that user and to nobody else. Codes and behaviour below are those
of the release of 2026-02-12.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from minio.minioadmin import MinioAdmin

from backends.base import (
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
from backends.deadline import Deadline
from backends.errors import error_for
from backends.minio_api import AdminApi, Reply
from backends.minio_policy import full_use, grants_administration, same
from backends.sensitive import Sensitive
from backends.signing import SignedClient

_GAPS = {
    "InvalidAccessKeyId": Gap.NO_USER,
    "SignatureDoesNotMatch": Gap.WRONG_SECRET,
    "NoSuchBucket": Gap.NO_BUCKET,
    "AccessDenied": Gap.DENIED,
}
_NO_SUCH_USER = "XMinioAdminNoSuchUser"
# What user-info says of a service account.
_NO_USER_BUT = "XMinioIAMActionNotAllowed"
_NO_SUCH_GROUP = "XMinioAdminNoSuchGroup"
_NO_SUCH_POLICY = "XMinioAdminNoSuchPolicy"
_ALREADY_APPLIED = "XMinioAdminPolicyChangeAlreadyApplied"
_POLICY_PREFIX = "s3-resource-operator-bucket-"
# Neither a space nor a bracket is in any access key that a Secret may name.
_GROUP = "(group) "
# The signature is checked before the bucket is looked for.
_ANY_BUCKET = "any-bucket"


class MinIO:
    """The backend for MinIO; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["minio"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._admin = connection.admin
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._api = AdminApi(connection, observe)

    @property
    def administrator(self) -> str:
        """The operator's own access key; MinIO doesn't say which buckets it made."""
        return self._admin.access_key

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Asks for the bucket's location as the tenant: one request, nothing encrypted."""
        answer = await self._s3.location("probe", claim.bucket, claim.credentials, deadline)
        if answer.ok:
            return Probe(Gap.ACCEPTED)
        if answer.code in _GAPS:
            return Probe(_GAPS[answer.code])
        raise error_for(answer.status, answer.code, answer.message, admin=False)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The user with what its policies say about administration.

        Root and service accounts are no users and yet known: they count as administrators,
        since nothing about them may be changed.
        """
        info = await self._user(name, deadline)
        if info is None:
            stranger = Credentials(name, Sensitive(secrets.token_hex(16)))
            answer = await self._s3.location("find_user", _ANY_BUCKET, stranger, deadline)
            if answer.code == "InvalidAccessKeyId":
                return None
            if answer.code == "SignatureDoesNotMatch":
                return User(admin=True)
            raise error_for(answer.status, answer.code, answer.message, admin=False)
        policies = _names(info.get("policyName"))
        for group in info.get("memberOf") or []:
            policies |= await self._group_policies(str(group), deadline)
        documents = [await self._policy(policy, deadline) for policy in sorted(policies)]
        return User(
            admin=any(grants_administration(document) for document in documents),
            disabled=info.get("status") == "disabled",
        )

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with all that its policy is attached to."""
        answer = await self._s3.location("find_bucket", name, self._admin, deadline)
        if answer.code == "NoSuchBucket":
            return None
        if not answer.ok:
            raise error_for(answer.status, answer.code, answer.message, admin=True)
        owners = await self._entities(name, deadline)
        written = await self._policy(_POLICY_PREFIX + name, deadline) if owners else None
        return Bucket(owners, intact=written is None or same(written, full_use(name)))

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether a policy of this operator's is attached to it; a deleted user's are not."""
        info = await self._user(user, deadline) or {}
        return any(name.startswith(_POLICY_PREFIX) for name in _names(info.get("policyName")))

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Adds the user, if there is none: MinIO's add-user would take one over."""
        if await self._user(claim.user, deadline) is not None:
            return False
        await self._add_user(claim, deadline)
        return True

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives an existing user the claim's secret; its policies stay."""
        if await self._user(claim.user, deadline) is None:
            return False
        await self._add_user(claim, deadline)
        return True

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the policy, then makes the bucket.

        In this order a sync that is cut short leaves no bucket that is nobody's. If somebody
        else made the bucket meanwhile, the policy is taken away again: so the request is not
        repeated when its answer is lost, since the second would say that the bucket exists.
        """
        await self._write_policy(claim.bucket, deadline)
        attached = await self._attach(claim, deadline)
        if attached.code == _NO_SUCH_USER:
            return False
        answer = await self._s3.request(
            "PUT",
            [claim.bucket],
            operation="create_bucket",
            credentials=self._admin,
            deadline=deadline,
            repeat=False,
        )
        if answer.code in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            if attached.code != _ALREADY_APPLIED:
                await self._detach(claim.bucket, {claim.user}, deadline)
            return False
        if not answer.ok:
            raise error_for(answer.status, answer.code, answer.message, admin=True)
        # A bucket of this name may have been somebody's before.
        others = await self._entities(claim.bucket, deadline) - {claim.user}
        await self._detach(claim.bucket, others, deadline)
        return True

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Takes the bucket's policy from all others, then attaches it to the claim's user.

        Cut short in between, the bucket is nobody's and the tenant is refused, so the next
        sync goes on. The other way round it would leave two owners, one of them with a grant:
        its accepted probe would be believed, and the other never be found again. A user that
        has the policy keeps it all the while.
        """
        await self._write_policy(claim.bucket, deadline)
        entities = await self._entities(claim.bucket, deadline)
        await self._detach(claim.bucket, entities - {claim.user}, deadline)
        if claim.user in entities:
            return True
        return (await self._attach(claim, deadline)).code != _NO_SUCH_USER

    async def check(self, deadline: Deadline) -> None:
        """Asks about a user that can't be: only an administrator is told that it isn't there."""
        await self._user(_ANY_BUCKET, deadline)

    async def close(self) -> None:
        """Closes the connections."""
        await self._s3.close()
        await self._api.close()

    async def _user(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        return await self._look_up(
            "user-info", lambda admin: admin.user_info(name), deadline, _NO_SUCH_USER, _NO_USER_BUT
        )

    async def _group_policies(self, group: str, deadline: Deadline) -> set[str]:
        found = await self._look_up(
            "group", lambda admin: admin.group_info(group), deadline, _NO_SUCH_GROUP
        )
        return _names((found or {}).get("policy"))

    async def _policy(self, name: str, deadline: Deadline) -> dict[str, Any]:
        found = await self._look_up(
            "policy-info", lambda admin: admin.policy_info(name), deadline, _NO_SUCH_POLICY
        )
        return found or {}

    async def _look_up(
        self,
        operation: str,
        function: Callable[[MinioAdmin], str],
        deadline: Deadline,
        *absent: str,
    ) -> dict[str, Any] | None:
        found = await self._api.call(operation, function, deadline, expected=frozenset(absent))
        return None if found.code else found.document

    async def _add_user(self, claim: Claim, deadline: Deadline) -> None:
        await self._api.call(
            "add-user",
            lambda admin: admin.user_add(claim.user, claim.secret.reveal()),
            deadline,
            encrypted=True,
        )

    async def _write_policy(self, bucket: str, deadline: Deadline) -> None:
        await self._api.call(
            "add-policy",
            lambda admin: admin.policy_add(_POLICY_PREFIX + bucket, policy=full_use(bucket)),
            deadline,
        )

    async def _attach(self, claim: Claim, deadline: Deadline) -> Reply:
        return await self._api.call(
            "attach-policy",
            lambda admin: admin.attach_policy([_POLICY_PREFIX + claim.bucket], user=claim.user),
            deadline,
            encrypted=True,
            expected=frozenset({_ALREADY_APPLIED, _NO_SUCH_USER}),
        )

    async def _detach(self, bucket: str, entities: Iterable[str], deadline: Deadline) -> None:
        for entity in sorted(entities):
            await self._api.call(
                "detach-policy",
                _detaching(_POLICY_PREFIX + bucket, entity),
                deadline,
                encrypted=True,
                expected=frozenset({_ALREADY_APPLIED, _NO_SUCH_USER, _NO_SUCH_GROUP}),
            )

    async def _entities(self, bucket: str, deadline: Deadline) -> frozenset[str]:
        name = _POLICY_PREFIX + bucket
        found = await self._api.call(
            "policy-entities",
            lambda admin: admin.get_policy_entities([], [], [name]),
            deadline,
            encrypted=True,
        )
        mappings = found.document.get("policyMappings") or []
        ours = [mapping for mapping in mappings if mapping.get("policy") == name]
        users = {str(user) for mapping in ours for user in mapping.get("users") or []}
        groups = {_GROUP + str(group) for mapping in ours for group in mapping.get("groups") or []}
        return frozenset(users | groups)


def _detaching(policy: str, entity: str) -> Callable[[MinioAdmin], str]:
    if entity.startswith(_GROUP):
        return lambda admin: admin.detach_policy([policy], group=entity.removeprefix(_GROUP))
    return lambda admin: admin.detach_policy([policy], user=entity)


def _names(listed: object) -> set[str]:
    return set(str(listed or "").split(",")) - {""}
