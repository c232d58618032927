"""Ceph RGW's users. Those of Secrets are called by their access key, which is their only one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.base import Claim, Credentials, User
from backends.ceph_rgw.api import AdminApi, document
from backends.ceph_rgw.errors import CODES
from backends.errors import CredentialsRejected, Misconfigured, ServerFault, Unsupported
from backends.wire import jsonbody
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive

# What it takes to make users and buckets and to give these away.
_CAPS = ("users", "buckets")
_ALL = "*"
# No bucket of its own; 0 would be any number of them.
_NO_BUCKETS = "-1"
_ACCOUNT = re.compile(r"RGW[0-9]{17}")


@dataclass(frozen=True, slots=True)
class Account:
    """An existing user with its key pairs.

    Args:
        name: the uid.
        keys: each secret by its access key; none of a subuser's.
        suspended: whether the gateway refuses its signatures.
        privileged: whether it is a system user or an administrator.
        caps: which parts of the admin API it may use, and how.
        group: the account that it belongs to (Ceph 19 and newer), empty where there is none.
        max_buckets: how many it may make; 0 for any number, less for none.
    """

    name: str
    keys: Mapping[str, Sensitive] = field(repr=False)
    suspended: bool = False
    privileged: bool = False
    caps: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    max_buckets: int = 0

    @classmethod
    def read(cls, user: Mapping[str, Any]) -> Account:
        """From the admin API's description of a user.

        Raises:
            ServerFault: it is none.
        """
        name = user.get("user_id")
        if not isinstance(name, str) or not name:
            raise ServerFault("The store's answer names no user.")
        if tenant := user.get("tenant"):
            name = f"{tenant}${name}"
        keys = {
            str(key.get("access_key")): Sensitive(str(key.get("secret_key")))
            for key in jsonbody.mappings(user, "keys")
            if key.get("user") == name
        }
        caps = {
            str(cap.get("type")): str(cap.get("perm")) for cap in jsonbody.mappings(user, "caps")
        }
        limit = user.get("max_buckets")
        return cls(
            name,
            keys,
            suspended=bool(user.get("suspended")),
            privileged=_is_set(user, "system") or _is_set(user, "admin"),
            caps=caps,
            group=str(user.get("account_id") or ""),
            max_buckets=limit if isinstance(limit, int) else 0,
        )

    @property
    def credentials(self) -> Credentials | None:
        """What a request is signed with as this user; None where none would be accepted."""
        if self.suspended or not self.keys:
            return None
        key = self.name if self.name in self.keys else min(self.keys)
        return Credentials(key, self.keys[key])

    def as_user(self, access_key: str) -> User:
        """What it is to a Secret that names this access key."""
        refusal = ""
        if self.name != access_key:
            refusal = (
                "The access key belongs to a user of another name on the store, and this "
                "operator's users have their access key as their name: choose another."
            )
        elif self.group:
            refusal = (
                "The user belongs to an account on the store, which would own its buckets in its "
                "place: choose another access key."
            )
        admin = self.privileged or bool(self.caps)
        return User(admin=admin, disabled=self.suspended, refusal=refusal)


class Accounts:
    """Finds and changes users; for the tasks of one event loop.

    Args:
        api: the admin API.
        admin: the operator's own credentials.
    """

    def __init__(self, api: AdminApi, admin: Credentials) -> None:
        self._api = api
        self._admin = admin
        self._own_name: str | None = None

    async def find(self, name: str, deadline: Deadline) -> Account | None:
        """The user of that name, or None."""
        answer = await self._api.call("GET", "user", "find_user", deadline, {"uid": name})
        return None if answer.code == "NoSuchUser" else Account.read(document(answer))

    async def of_key(self, access_key: str, deadline: Deadline) -> Account | None:
        """The user with that access key, or None.

        An unknown key is AccessDenied, as are missing caps: so :meth:`find` comes first.
        """
        answer = await self._api.call(
            "GET", "user", "find_key", deadline, {"access-key": access_key}
        )
        return None if answer.code == "AccessDenied" else Account.read(document(answer))

    async def own_name(self, deadline: Deadline) -> str:
        """The name of the operator's own user, which needn't be its access key; asked once."""
        if self._own_name is None:
            self._own_name = (await self._own(deadline)).name
        return self._own_name

    async def check(self, deadline: Deadline) -> None:
        """Proves that the operator's own user can do what is needed.

        Raises:
            CredentialsRejected: it lacks caps.
            Misconfigured: it may make no bucket.
        """
        own = await self._own(deadline)
        lacking = [f"{cap}={_ALL}" for cap in _CAPS if own.caps.get(cap) != _ALL]
        if lacking and not own.privileged:
            raise CredentialsRejected(
                f"The operator's own user lacks the caps {' and '.join(lacking)}: an "
                "administrator has to add them with radosgw-admin caps add."
            )
        if own.max_buckets < 0:
            raise Misconfigured(
                "The operator's own user may make no bucket: an administrator has to set its "
                "max-buckets to 0, which is no limit."
            )

    async def create(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes a user that can make no bucket itself; False if there is one of that name.

        One that a gateway left half made when it ended is completed.

        Raises:
            Unsupported: another user has the access key.
        """
        answer = await self._api.call(
            "PUT",
            "user",
            "create_user",
            deadline,
            {
                "uid": claim.user,
                "display-name": claim.origin or claim.user,
                "access-key": claim.user,
                "secret-key": claim.secret.reveal(),
                "max-buckets": _NO_BUCKETS,
            },
        )
        if answer.code == "UserAlreadyExists":
            return await self._complete(claim, deadline)
        if answer.code == "KeyExists":
            raise Unsupported(Account("", {}).as_user(claim.user).refusal)
        CODES.require(answer)
        return True

    async def _complete(self, claim: Claim, deadline: Deadline) -> bool:
        """Has the gateway find a user by the access key that it lists for it.

        It writes the user first and where to find its key afterwards: ended in between, it knows
        the user and refuses the key for good. Only to take the key away and give it anew helps.
        """
        if await self.of_key(claim.user, deadline) is not None:
            return False
        found = await self.find(claim.user, deadline)
        if found is None or found.keys.get(claim.user) != claim.secret:
            return False
        user = found.as_user(claim.user)
        if user.admin or user.disabled or user.refusal:
            return False
        answer = await self._api.call(
            "DELETE",
            "user",
            "delete_key",
            deadline,
            {"key": "", "uid": claim.user, "access-key": claim.user},
        )
        if answer.code not in {"InvalidAccessKeyId", "NoSuchKey", "NoSuchUser"}:
            CODES.require(answer)
        return await self.set_secret(claim, deadline)

    async def set_secret(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the claim's secret; False if there is none."""
        answer = await self._api.call(
            "POST",
            "user",
            "update_user",
            deadline,
            {
                "uid": claim.user,
                "access-key": claim.user,
                "secret-key": claim.secret.reveal(),
            },
        )
        if answer.code == "NoSuchUser":
            return False
        CODES.require(answer)
        return True

    async def delete(self, name: str, deadline: Deadline) -> bool:
        """Deletes a user that owns no bucket; False if there is none."""
        # Not repeated when its answer is lost: the second would say that there was none.
        answer = await self._api.call(
            "DELETE", "user", "delete_user", deadline, {"uid": name}, repeat=False
        )
        if answer.code == "NoSuchUser":
            return False
        if answer.code == "BucketAlreadyExists":
            raise ServerFault("The user was given a bucket while it was to be deleted.")
        CODES.require(answer)
        return True

    async def _own(self, deadline: Deadline) -> Account:
        answer = await self._api.call(
            "GET", "user", "find_operator", deadline, {"access-key": self._admin.access_key}
        )
        return Account.read(document(answer))


def is_account(owner: str) -> bool:
    """Whether a bucket's owner is an account instead of a user (Ceph 19 and newer)."""
    return _ACCOUNT.fullmatch(owner) is not None


def _is_set(user: Mapping[str, Any], flag: str) -> bool:
    """A flag that is a text in Ceph 16.2.15."""
    return str(user.get(flag, "")).lower() == "true"
