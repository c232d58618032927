"""What every store has in common: what is claimed, what a probe says, what can be repaired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from backends.bucketsettings import BucketSettings, Setting, SettingName, SettingSupport
from backends.sharing import Access, Sharing
from backends.usage import Metered
from backends.wire import policydocument as policies
from backends.wire.breaker import Breaker
from backends.wire.deadline import Deadline
from backends.wire.proxies import Proxies
from backends.wire.sensitive import Sensitive
from backends.wire.trust import CaBundle

Observer = Callable[[str, str, float], None]
"""Called after each request with the operation, the HTTP status or what took its place
(``timeout``, ``unavailable``), and the seconds it took."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, read to its end; `code`, `message` and `server` are those of an error."""

    status: int
    body: bytes = field(repr=False)
    code: str = ""
    message: str = ""
    server: str = ""
    """The header of that name."""

    @property
    def ok(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Credentials:
    """One S3 key pair."""

    access_key: str
    secret: Sensitive


@dataclass(frozen=True, slots=True)
class Claim:
    """The user and the bucket that a Secret asks for, or several of those, already checked.

    ``None`` leaves what an existing user has; a new user gets the role ``user``.
    """

    bucket: str
    user: str
    secret: Sensitive
    role: str | None = None
    user_id: int | None = None
    group_id: int | None = None
    quota_bytes: int | None = None
    """Zero takes an existing quota away."""
    quota_objects: int | None = None
    versioning: str | None = None
    """``enabled`` or ``suspended``."""
    origin: str = ""
    """Where it comes from, for a store that lets users be labelled."""
    access: Access | None = None  # to a bucket that stays another's; None for one of its own
    settings: tuple[Setting, ...] = ()
    """What is to be made of the bucket as its owner; see :class:`BucketSettings`."""
    more_buckets: tuple[str, ...] = ()
    """Further buckets for the same user, each with what the claim says of the first; no backend
    looks at them, since it is asked for one at a time, see :meth:`each`."""

    @property
    def buckets(self) -> tuple[str, ...]:
        """All that are claimed, in the Secret's order."""
        return (self.bucket, *self.more_buckets)

    def each(self) -> tuple[Claim, ...]:
        """A claim of one bucket for each of them."""
        if not self.more_buckets:
            return (self,)
        return tuple(replace(self, bucket=name, more_buckets=()) for name in self.buckets)

    @property
    def locked(self) -> bool:
        """Whether a bucket that is made for it gets an object lock."""
        return any(setting.name is SettingName.LOCK for setting in self.settings)

    @property
    def policy(self) -> list[policies.Statement]:
        """The statements of the bucket policy that it asks for, in the one form."""
        found = [each.document for each in self.settings if each.name is SettingName.POLICY]
        return found[0] if found else []

    @property
    def public(self) -> bool:
        """Whether everybody is to read what is in the bucket."""
        return any(setting.name is SettingName.PUBLIC for setting in self.settings)

    @property
    def credentials(self) -> Credentials:
        """The tenant's own key pair."""
        return Credentials(self.user, self.secret)

    @property
    def attributes(self) -> dict[str, str | int]:
        """The user's fields that a probe can't see, without those left alone."""
        if self.role is None and self.user_id is None and self.group_id is None:
            return {}
        return _given(role=self.role, user_id=self.user_id, group_id=self.group_id)

    @property
    def bucket_attributes(self) -> dict[str, str | int]:
        """The bucket's fields that a probe can't see, without those left alone."""
        if self.quota_bytes is None and self.quota_objects is None and self.versioning is None:
            return {}
        return _given(
            quota_bytes=self.quota_bytes,
            quota_objects=self.quota_objects,
            versioning=self.versioning,
        )


def _given(**fields: str | int | None) -> dict[str, str | int]:
    """Those that are there, by the names that a Secret has for them."""
    return {name.replace("_", "-"): value for name, value in fields.items() if value is not None}


class Gap(Enum):
    """What a request signed by the tenant says is missing."""

    ACCEPTED = "accepted"
    NO_USER = "no such user"
    WRONG_SECRET = "the user has another secret"  # noqa: S105
    NO_BUCKET = "no such bucket"
    DENIED = "the tenant may not use the bucket"


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer to one probe; `owner` is the bucket's where the answer names it."""

    gap: Gap
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """An existing user, as an administrator sees it.

    It is `uncertain` where the store knows the access key and doesn't list it: either an account
    that stands in no list, an administrator's, or a user that was deleted a moment ago.
    """

    admin: bool
    disabled: bool = False
    uncertain: bool = False
    broad: bool = False
    """Whether it may use buckets that none of its policies names in full, and so any tenant's."""
    refusal: str = ""
    """Why it can't be a Secret's, whatever the settings allow: one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """An existing bucket, as an administrator sees it.

    `owners` are all who have it as their own: none where nobody does, and more than one where
    the store allows that or a change of owner was cut short. It is not `intact` where an owner
    lacks a part of what belongs to one, since somebody took that away.
    """

    owners: frozenset[str]
    intact: bool = True

    def is_owned_by(self, user: str) -> bool:
        """Whether it is the user's and nobody else's, with all that belongs to it."""
        return self.intact and self.owners == {user}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do at all.

    Args:
        roles: what a user can be.
        ids: whether a user has a user id and a group id.
        rotation: whether a user's secret can be changed.
        owner_in_probe: whether the tenant's own request tells who owns the bucket.
        several_owners: whether a bucket can have more than one owner at a time.
        quota_bytes: whether a bucket's size can be limited.
        quota_objects: whether the number of a bucket's objects can be limited.
        versioning: whether a bucket can keep former versions of its objects.
        settings: what of a bucket's settings it honours.
        needs_tls: whether it is only asked through TLS beyond this machine, unless the operator
            is told otherwise: its admin API takes users' secrets as they are.
        account_cache: seconds for which it may judge a user by what it knew of it before.
        trailers: whether it takes a checksum that follows a body, as AWS's SDKs since 2025 send it
            through TLS unless they are told otherwise.
    """

    roles: frozenset[str]
    ids: bool
    rotation: bool
    owner_in_probe: bool
    several_owners: bool = False
    quota_bytes: bool = False
    quota_objects: bool = False
    versioning: bool = False
    settings: SettingSupport = field(default_factory=SettingSupport)
    needs_tls: bool = False
    account_cache: int = 0
    trailers: bool = True

    @property
    def attributes(self) -> bool:
        """Whether a user has anything besides a name and a secret."""
        return self.ids or len(self.roles) > 1


@dataclass(frozen=True, slots=True)
class Connection:
    """How the operator reaches the store.

    Args:
        endpoint: URL of the S3 API, without a trailing slash.
        admin_endpoint: URL of the admin API.
        region: region of the signatures.
        admin: the operator's own credentials.
        ca_bundle: the CAs to be believed; None is the system's.
        tls_verify: False accepts any certificate.
        tls_strict: refuses certificates that break RFC 5280.
        pool_size: connections kept open at most.
        proxies: through which it is reached.
        breaker: keeps from it while it hangs; None where it is the only store.
    """

    endpoint: str
    admin_endpoint: str
    region: str
    admin: Credentials
    ca_bundle: CaBundle | None = None
    tls_verify: bool = True
    tls_strict: bool = False
    pool_size: int = 32
    proxies: Proxies = field(default_factory=Proxies)
    breaker: Breaker | None = None


class Backend(Metered, Protocol):
    """One store. Every method raises :class:`backends.errors.StoreError` and nothing else.

    A repair answers whether it changed anything. It is idempotent, and when the thing it was
    to make already exists, or the thing it was to change is gone, it says False: the next
    probe tells what is so. All may be called by several tasks of one event loop at once.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do at all."""
        ...

    @property
    def administrator(self) -> str:
        """The user that owns what the operator's own credentials create."""
        ...

    @property
    def sharing(self) -> Sharing | None:
        """How a second user gets access to a bucket; None where the store can't have one."""
        ...

    @property
    def bucket_settings(self) -> BucketSettings:
        """Reads and writes the settings of buckets."""
        ...

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """One request, signed as the tenant, for the tenant's bucket.

        Raises:
            SignaturesRefused: the secret is refused, and so would any be.
        """
        ...

    async def prove_signatures(self, deadline: Deadline) -> None:
        """Asks as the operator whether the S3 API accepts a signature that is right.

        Before anything that can't be taken back is concluded from a secret that it refuses. A
        :meth:`probe` asks by itself where a secret would be written anew again and again.

        Raises:
            SignaturesRefused: it doesn't, so that no user's secret is known to be wrong.
        """
        ...

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The user, or None; may cost as much as the store has users: rare paths only."""
        ...

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket, or None."""
        ...

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether the store has a reason to refuse the bucket to its own owner."""
        ...

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Whether any bucket names this user as its owner, be there such a user or not."""
        ...

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the user with its secret, role and ids."""
        ...

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the claim's secret, and the role and ids that the claim names."""
        ...

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the bucket, owned by the claim's user."""
        ...

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the claim's user the bucket's owner.

        Raises:
            Withheld: only an administrator on the store can; the message says how.
        """
        ...

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """Looks whether the claim's bucket, which is another's, can become what the claim says.

        Only at what a read tells, so that nothing is taken for what is refused for good afterwards.
        What can't be asked, and a bucket that is gone, is left to what follows.

        Raises:
            Withheld: it can't be taken from who has it.
            Unsupported: it has no object lock, and would never get one.
            Rejected: the store would refuse what is asked.
        """
        ...

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Removes the settings that an owner can make, so that the next inherits none of them.

        That is the bucket's policy, and lifecycle rules, CORS, website, notifications and
        replication as far as the store has them, and every access that was shared; never an object,
        nor versioning, lock or quota. A bucket that is gone is no error.
        """
        ...

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Takes the bucket from this user, so that it is the administrator's.

        False when there is nothing to take: no such bucket, or it is not this user's.
        """
        ...

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Deletes a user; False when there is none. Its buckets stay as they are.

        The caller makes sure that it is no administrator.

        Raises:
            Unsupported: it is the operator's own account.
        """
        ...

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket, never an object; False when there is none.

        Stores throw unfinished uploads away with a bucket, so these are looked for first: only
        one that is begun between that look and the deletion is lost.

        Raises:
            NotEmpty: it holds objects, former versions, delete markers or unfinished uploads.
        """
        ...

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Asks the store whether it is set up for what the claim names, before anything is made.

        Args:
            claim: what is to be.
            deadline: of the sync.
            dry_run: leaves the store alone even where it can't be asked otherwise: then
                nothing is refused.

        Raises:
            Unsupported: it is not; the message says what an administrator has to do.
        """
        ...

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Limits the bucket's size and number of objects as far as the claim names them.

        Raises:
            Unsupported: the store has no such limit.
        """
        ...

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Enables or suspends the bucket's versioning, if the claim names it.

        Raises:
            Unsupported: the store has no versioning, or isn't set up for it.
            Rejected: the bucket's own state forbids the change, such as an object lock.
        """
        ...

    async def check(self, deadline: Deadline) -> None:
        """Proves that the store is there and that the operator is an administrator."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...
