"""MinIO: users and policies through its encrypted admin API, which the minio package speaks.

MinIO's buckets have no owners. A bucket is a user's when the one policy that this operator
makes for it is attached to that user and to nobody else. Codes and behaviour below are those
of the release of 2026-02-12.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import urlsplit

import urllib3
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
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
from backends.errors import ServerFault, TimedOut, TransientError, error_for, foreign_errors
from backends.pool import Answer, outcome_of, tls_options
from backends.sensitive import Sensitive
from backends.signing import SignedClient

_GAPS = {
    "InvalidAccessKeyId": Gap.NO_USER,
    "SignatureDoesNotMatch": Gap.WRONG_SECRET,
    "NoSuchBucket": Gap.NO_BUCKET,
    "AccessDenied": Gap.DENIED,
}
_POLICY_PREFIX = "s3-resource-operator-"
_GROUP = "group:"
# Each encrypted body takes 64 MiB and about 90 ms of CPU (Argon2id).
_ENCRYPTED_AT_ONCE = 2
# The signature is checked before the bucket is looked for.
_ANY_BUCKET = "any-bucket"


class MinIO:
    """The backend for MinIO; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["minio"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._admin = connection.admin
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._api = _AdminApi(connection, observe)

    @property
    def administrator(self) -> str:
        """The operator's own access key; MinIO doesn't say which buckets it made."""
        return self._admin.access_key

    def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Asks for the bucket's location as the tenant: one request, nothing encrypted."""
        answer = self._location("probe", claim.bucket, claim.credentials, deadline)
        if answer.ok:
            return Probe(Gap.ACCEPTED)
        if answer.code in _GAPS:
            return Probe(_GAPS[answer.code])
        raise error_for(answer.status, answer.code, answer.message, admin=False)

    def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The user with what its policies say about administration.

        Root and access keys of the service-account kind are no users and yet known: they count
        as administrators, since nothing about them may be changed.
        """
        info = self._user(name, deadline)
        if info is None:
            stranger = Credentials(name, Sensitive(secrets.token_hex(16)))
            answer = self._location("find_user", _ANY_BUCKET, stranger, deadline)
            if answer.code == "InvalidAccessKeyId":
                return None
            if answer.code == "SignatureDoesNotMatch":
                return User(admin=True)
            raise error_for(answer.status, answer.code, answer.message, admin=False)
        policies = set(str(info.get("policyName") or "").split(","))
        for group in info.get("memberOf") or []:
            policies |= self._group_policies(str(group), deadline)
        own = {policy for policy in policies if policy.startswith(_POLICY_PREFIX)}
        return User(
            admin=any(self._is_admin(policy, deadline) for policy in policies - own - {""}),
            disabled=info.get("status") == "disabled",
        )

    def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with all that its policy is attached to."""
        answer = self._location("find_bucket", name, self._admin, deadline)
        if answer.code == "NoSuchBucket":
            return None
        if not answer.ok:
            raise error_for(answer.status, answer.code, answer.message, admin=True)
        return Bucket(self._entities(name, deadline))

    def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether any policy of this operator's is attached to the name."""
        found = self._api.call(
            "policy-entities",
            lambda admin: admin.get_policy_entities([user], [], []),
            deadline,
            encrypted=True,
        )
        mappings = _object(found).get("userMappings") or []
        return any(
            str(policy).startswith(_POLICY_PREFIX)
            for mapping in mappings
            if mapping.get("user") == user
            for policy in mapping.get("policies") or []
        )

    def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Adds the user, if there is none: MinIO's add-user would take one over."""
        if self._user(claim.user, deadline) is not None:
            return False
        self._add_user(claim, deadline)
        return True

    def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives an existing user the claim's secret; its policies stay."""
        if self._user(claim.user, deadline) is None:
            return False
        self._add_user(claim, deadline)
        return True

    def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the policy, then makes the bucket.

        In this order a sync that is cut short leaves no bucket that is nobody's. If somebody
        else made the bucket meanwhile, the policy is taken away again.
        """
        attached = self._attach(claim, deadline)
        answer = self._s3.request(
            "PUT",
            [claim.bucket],
            operation="create_bucket",
            credentials=self._admin,
            deadline=deadline,
        )
        if answer.code in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            if attached:
                self._detach(claim.bucket, {claim.user}, deadline)
            return False
        if not answer.ok:
            raise error_for(answer.status, answer.code, answer.message, admin=True)
        # A bucket of this name may have been somebody's before.
        self._detach_others(claim, deadline)
        return True

    def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Attaches the bucket's policy to the claim's user, then takes it from all others.

        In this order the right user is never without access.
        """
        self._attach(claim, deadline)
        self._detach_others(claim, deadline)
        return True

    def check(self, deadline: Deadline) -> None:
        """Asks about a user that can't be: only an administrator is told that it isn't there."""
        self._user(_ANY_BUCKET, deadline)

    def close(self) -> None:
        """Closes the connections."""
        self._s3.close()
        self._api.close()

    def _location(
        self, operation: str, bucket: str, credentials: Credentials, deadline: Deadline
    ) -> Answer:
        return self._s3.request(
            "GET",
            [bucket],
            operation=operation,
            credentials=credentials,
            deadline=deadline,
            query={"location": ""},
        )

    def _user(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        found = self._api.call(
            "user-info",
            lambda admin: admin.user_info(name),
            deadline,
            absent="XMinioAdminNoSuchUser",
        )
        return None if found is None else _object(found)

    def _add_user(self, claim: Claim, deadline: Deadline) -> None:
        self._api.call(
            "add-user",
            lambda admin: admin.user_add(claim.user, claim.secret.reveal()),
            deadline,
            encrypted=True,
        )

    def _group_policies(self, group: str, deadline: Deadline) -> set[str]:
        found = self._api.call(
            "group",
            lambda admin: admin.group_info(group),
            deadline,
            absent="XMinioAdminNoSuchGroup",
        )
        return set(str(_object(found or "{}").get("policy") or "").split(","))

    def _is_admin(self, policy: str, deadline: Deadline) -> bool:
        found = self._api.call(
            "policy-info",
            lambda admin: admin.policy_info(policy),
            deadline,
            absent="XMinioAdminNoSuchPolicy",
        )
        return found is not None and _grants_administration(_object(found))

    def _attach(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the policy and attaches it to the claim's user; whether it wasn't before."""
        name = _policy_name(claim.bucket)
        document = _policy(claim.bucket)
        self._api.call(
            "add-policy", lambda admin: admin.policy_add(name, policy=document), deadline
        )
        attached = self._api.call(
            "attach-policy",
            lambda admin: admin.attach_policy([name], user=claim.user),
            deadline,
            encrypted=True,
            absent="XMinioAdminPolicyChangeAlreadyApplied",
        )
        return attached is not None

    def _detach_others(self, claim: Claim, deadline: Deadline) -> None:
        self._detach(claim.bucket, self._entities(claim.bucket, deadline) - {claim.user}, deadline)

    def _detach(self, bucket: str, entities: set[str] | frozenset[str], deadline: Deadline) -> None:
        for entity in sorted(entities):
            self._api.call(
                "detach-policy",
                _detaching(_policy_name(bucket), entity),
                deadline,
                encrypted=True,
                absent="XMinioAdminPolicyChangeAlreadyApplied",
            )

    def _entities(self, bucket: str, deadline: Deadline) -> frozenset[str]:
        name = _policy_name(bucket)
        found = self._api.call(
            "policy-entities",
            lambda admin: admin.get_policy_entities([], [], [name]),
            deadline,
            encrypted=True,
        )
        mappings = _object(found).get("policyMappings") or []
        ours = [mapping for mapping in mappings if mapping.get("policy") == name]
        users = {str(user) for mapping in ours for user in mapping.get("users") or []}
        groups = {_GROUP + str(group) for mapping in ours for group in mapping.get("groups") or []}
        return frozenset(users | groups)


class _AdminApi:
    """MinIO's admin client within a sync's time, observed, and with our own errors only."""

    def __init__(self, connection: Connection, observe: Observer) -> None:
        parts = urlsplit(connection.admin_endpoint)
        self._http = _BoundedPool(
            num_pools=2,
            maxsize=connection.pool_size,
            **tls_options(connection, parts.scheme),
        )
        self._observe = observe
        self._encrypted = threading.BoundedSemaphore(_ENCRYPTED_AT_ONCE)
        self._admin = MinioAdmin(
            endpoint=parts.netloc,
            credentials=StaticProvider(
                connection.admin.access_key, connection.admin.secret.reveal()
            ),
            region=connection.region,
            secure=parts.scheme == "https",
            http_client=self._http,
        )

    def call(
        self,
        operation: str,
        function: Callable[[MinioAdmin], str],
        deadline: Deadline,
        *,
        encrypted: bool = False,
        absent: str = "",
    ) -> str | None:
        """Makes one call.

        Args:
            operation: its name in the metrics.
            function: makes it.
            deadline: of the sync.
            encrypted: whether it takes an encrypted body, of which few are made at once.
            absent: the error code that isn't an error but answers None.
        """
        with self._turn(deadline) if encrypted else self._http.within(deadline):
            return self._observed(operation, function, absent)

    def close(self) -> None:
        self._http.clear()

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        if not self._encrypted.acquire(timeout=deadline.remaining()):
            raise TimedOut("Other changes to the store's users took all of the sync's time.")
        try:
            with self._http.within(deadline):
                yield
        finally:
            self._encrypted.release()

    def _observed(
        self, operation: str, function: Callable[[MinioAdmin], str], absent: str
    ) -> str | None:
        started = time.perf_counter()
        outcome = "invalid"
        try:
            with foreign_errors():
                answer = function(self._admin)
            outcome = "200"
        except MinioAdminException as error:
            outcome, code, message = _admin_error(error)
            if absent and code == absent:
                return None
            raise error_for(int(outcome), code, message, admin=True) from None
        except TransientError as error:
            outcome = outcome_of(error)
            raise
        except (ValueError, KeyError, TypeError) as error:
            # An answer that can't be decrypted or decoded.
            raise ServerFault("The store's answer is not the one that was expected.") from error
        finally:
            self._observe(operation, outcome, time.perf_counter() - started)
        return answer


class _BoundedPool(urllib3.PoolManager):
    """Connections whose time is that of the sync in whose thread they are used."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._deadlines = threading.local()

    @contextmanager
    def within(self, deadline: Deadline) -> Iterator[None]:
        self._deadlines.current = deadline
        try:
            yield
        finally:
            del self._deadlines.current

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        deadline: Deadline = self._deadlines.current
        options["timeout"] = urllib3.Timeout(total=deadline.remaining())
        options["retries"] = False
        return super().urlopen(method, url, redirect=False, **options)


def _detaching(policy: str, entity: str) -> Callable[[MinioAdmin], str]:
    if entity.startswith(_GROUP):
        return lambda admin: admin.detach_policy([policy], group=entity.removeprefix(_GROUP))
    return lambda admin: admin.detach_policy([policy], user=entity)


def _admin_error(error: MinioAdminException) -> tuple[str, str, str]:
    """HTTP status, code and message; MinIO has no other way to read them than these fields."""
    status = str(error._code)
    try:
        answer = json.loads(error._body)
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    code = str(answer.get("Code", ""))
    # The admin API's own names for what S3 calls otherwise.
    known = {"XMinioAdminInvalidAccessKey": "InvalidArgument"}
    return status, known.get(code, code), str(answer.get("Message", ""))


def _object(text: str | None) -> dict[str, Any]:
    try:
        document = json.loads(text or "")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ServerFault("The store's answer is not the JSON that was expected.")
    return document


def _policy_name(bucket: str) -> str:
    return _POLICY_PREFIX + bucket


def _policy(bucket: str) -> dict[str, Any]:
    """Everything on one bucket and its objects, nothing elsewhere."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:*"],
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


def _grants_administration(policy: dict[str, Any]) -> bool:
    statements = policy.get("Statement") or []
    statements = statements if isinstance(statements, list) else [statements]
    for statement in statements:
        actions = statement.get("Action") or []
        actions = actions if isinstance(actions, list) else [actions]
        if statement.get("Effect") == "Allow" and any(
            action == "*" or str(action).startswith("admin:") for action in actions
        ):
            return True
    return False
