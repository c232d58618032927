"""What came of one sync: the status words of the contract, and how errors map to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from backends import errors
from hooks.contract.applied import Entries
from hooks.contract.grant import Grant


class Status(StrEnum):
    """The ``status`` annotation and label."""

    READY = "Ready"
    RETRYING = "Retrying"
    INVALID = "Invalid"
    CONFLICT = "Conflict"
    SKIPPED = "Skipped"


class Reason(StrEnum):
    """The ``reason`` annotation: one word, each belongs to one status."""

    PROVISIONED = "Provisioned"

    BACKEND_UNAVAILABLE = "BackendUnavailable"
    TIMEOUT = "Timeout"
    BACKEND_ERROR = "BackendError"
    OPERATOR_CREDENTIALS_REJECTED = "OperatorCredentialsRejected"
    OPERATOR_MISCONFIGURED = "OperatorMisconfigured"
    CLOCK_SKEW = "ClockSkew"
    NOT_YET_VISIBLE = "NotYetVisible"
    GUARD_UNAVAILABLE = "GuardUnavailable"
    BUCKET_NOT_EMPTY = "BucketNotEmpty"
    CONNECTION_SECRET_PENDING = "ConnectionSecretPending"  # noqa: S105

    MISSING_FIELD = "MissingField"
    INVALID_FIELD = "InvalidField"
    AMBIGUOUS_FIELD = "AmbiguousField"
    ROLE_NOT_ALLOWED = "RoleNotAllowed"
    ID_NOT_ALLOWED = "IdNotAllowed"
    RESERVED_ACCESS_KEY = "ReservedAccessKey"
    RESERVED_BUCKET = "ReservedBucket"
    NOT_ALLOWED = "NotAllowed"
    NOT_SUPPORTED = "NotSupported"
    REJECTED_BY_BACKEND = "RejectedByBackend"

    BUCKET_CLAIMED = "BucketClaimed"
    ACCESS_KEY_CLAIMED = "AccessKeyClaimed"
    BUCKET_OWNED = "BucketOwned"
    USER_EXISTS = "UserExists"
    ADMIN_USER = "AdminUser"
    USER_DISABLED = "UserDisabled"
    CONNECTION_SECRET_TAKEN = "ConnectionSecretTaken"  # noqa: S105
    CONNECTION_SECRET_REFUSED = "ConnectionSecretRefused"  # noqa: S105
    NOT_SHARED = "NotShared"

    ENDPOINT_MISMATCH = "EndpointMismatch"

    status: Status
    """The status that this reason goes with."""

    @property
    def provisioned(self) -> bool:
        """Whether all is done on the store, and at most something beside it is missing."""
        return self in _PROVISIONED

    @property
    def unasked(self) -> bool:
        """Whether it is told before the store is asked to change anything."""
        return self is Reason.GUARD_UNAVAILABLE


_PROVISIONED = frozenset(
    {
        Reason.PROVISIONED,
        Reason.CONNECTION_SECRET_PENDING,
        Reason.CONNECTION_SECRET_REFUSED,
    }
)
for _status, _reasons in {
    Status.READY: [Reason.PROVISIONED],
    Status.RETRYING: [
        Reason.BACKEND_UNAVAILABLE,
        Reason.TIMEOUT,
        Reason.BACKEND_ERROR,
        Reason.OPERATOR_CREDENTIALS_REJECTED,
        Reason.OPERATOR_MISCONFIGURED,
        Reason.CLOCK_SKEW,
        Reason.NOT_YET_VISIBLE,
        Reason.GUARD_UNAVAILABLE,
        Reason.BUCKET_NOT_EMPTY,
        Reason.CONNECTION_SECRET_PENDING,
    ],
    Status.INVALID: [
        Reason.MISSING_FIELD,
        Reason.INVALID_FIELD,
        Reason.AMBIGUOUS_FIELD,
        Reason.ROLE_NOT_ALLOWED,
        Reason.ID_NOT_ALLOWED,
        Reason.RESERVED_ACCESS_KEY,
        Reason.RESERVED_BUCKET,
        Reason.NOT_ALLOWED,
        Reason.NOT_SUPPORTED,
        Reason.REJECTED_BY_BACKEND,
    ],
    Status.CONFLICT: [
        Reason.BUCKET_CLAIMED,
        Reason.ACCESS_KEY_CLAIMED,
        Reason.BUCKET_OWNED,
        Reason.USER_EXISTS,
        Reason.ADMIN_USER,
        Reason.USER_DISABLED,
        Reason.CONNECTION_SECRET_TAKEN,
        Reason.CONNECTION_SECRET_REFUSED,
        Reason.NOT_SHARED,
    ],
    Status.SKIPPED: [Reason.ENDPOINT_MISMATCH],
}.items():
    for _reason in _reasons:
        # On the member, since it is asked for many times in a sync.
        _reason.status = _status

_REASON_OF_ERROR: dict[type[errors.StoreError], Reason] = {
    errors.Unavailable: Reason.BACKEND_UNAVAILABLE,
    errors.BrokenConnection: Reason.BACKEND_UNAVAILABLE,
    errors.TimedOut: Reason.TIMEOUT,
    errors.ServerFault: Reason.BACKEND_ERROR,
    errors.Disabled: Reason.BACKEND_ERROR,
    errors.CredentialsRejected: Reason.OPERATOR_CREDENTIALS_REJECTED,
    errors.Misconfigured: Reason.OPERATOR_MISCONFIGURED,
    errors.ClockSkew: Reason.CLOCK_SKEW,
    errors.NotEmpty: Reason.BUCKET_NOT_EMPTY,
    errors.Rejected: Reason.REJECTED_BY_BACKEND,
    errors.Unsupported: Reason.NOT_SUPPORTED,
    errors.Withheld: Reason.BUCKET_OWNED,
}


class Action(StrEnum):
    """One step that changed the store."""

    CREATE_USER = "create-user"
    UPDATE_USER = "update-user"
    CREATE_BUCKET = "create-bucket"
    CHANGE_OWNER = "change-owner"
    SET_QUOTA = "set-quota"
    SET_VERSIONING = "set-versioning"
    SHARE = "share"
    UNSHARE = "unshare"
    SET_TAGS = "set-tags"
    SET_LIFECYCLE = "set-lifecycle"
    SET_CORS = "set-cors"
    SET_POLICY = "set-bucket-policy"
    SET_PUBLIC_ACCESS = "set-public-access"
    SET_RETENTION = "set-retention"
    MAKE_PUBLIC = "make-public"
    REMOVE_TAGS = "remove-tags"
    REMOVE_LIFECYCLE = "remove-lifecycle"
    REMOVE_CORS = "remove-cors"
    REMOVE_POLICY = "remove-bucket-policy"
    REMOVE_PUBLIC_ACCESS = "remove-public-access"
    REMOVE_RETENTION = "remove-retention"
    DELETE_USER = "delete-user"
    DELETE_BUCKET = "delete-bucket"


class Refusal(Exception):
    """A sync that ends without Ready for a reason of our own, not the store's.

    Args:
        reason: the word of the contract.
        message: one sentence for a person; never a credential.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Conflict(Refusal):
    """What the Secret names is somebody else's."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one sync ended, and what it changed on the way.

    Args:
        reason: the word of the contract.
        message: one sentence for a person.
        actions: what was changed on the store.
        accepted: whether the store has accepted the Secret's own credentials and the bucket is
            the user's, however it ended.
        again: seconds until the next try, where the reason alone doesn't say.
    """

    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    grant: Grant | None = field(default=None, compare=False)
    """What the Secret holds from now on; None leaves what it held."""
    again: float | None = None
    """Seconds after which it is looked at once more though it is Ready."""
    applied: bool = True
    """Whether what a probe can't see is as the Secret says."""
    unfinished: bool = False
    """Whether the bucket was made and its quota and versioning weren't set: what is told to be
    applied was so to the one before."""
    accepted: bool = False
    settings: Entries | None = field(default=None, compare=False)
    """What is written of the buckets' settings; None leaves what was told before."""
    parts: Mapping[str, Outcome] = field(default_factory=dict, compare=False)
    """Where a Secret has several buckets: what came of each that was looked at, by its name."""
    status: Status = field(init=False, repr=False, compare=False)
    """The status of the reason."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", self.reason.status)

    @classmethod
    def of(cls, error: Refusal | errors.StoreError, actions: tuple[Action, ...] = ()) -> Outcome:
        """The outcome that an error means."""
        if isinstance(error, Refusal):
            return cls(error.reason, error.message, actions)
        # A store may have kinds of its own, which mean what they are kinds of.
        known = next(kind for kind in type(error).__mro__ if kind in _REASON_OF_ERROR)
        return cls(_REASON_OF_ERROR[known], str(error), actions)
