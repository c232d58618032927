"""In what the stores differ, as data: a case that can't be on a store isn't made for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from backends.base import Capabilities
from backends.capabilities import CAPABILITIES

State = tuple[str, str]

READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")
NOT_SUPPORTED = ("Invalid", "NotSupported")
_UNKNOWN_OR_WRONG = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch"})
_WRONG_KEYS = (
    ({"S3_ACCESS_KEY": "nobody"}, "doesn't know the access key"),
    ({"S3_SECRET_KEY": "not-the-secret"}, "the secret key is wrong"),
    (
        {"S3_ACCESS_KEY": "plainuser", "S3_SECRET_KEY": "a-plainusers-own-secret"},
        "not an administrator's",
    ),
)
_ODD_SECRETS = (
    "<&>\"'/?#%=+ ]]><!--",
    "</Secret><Role>admin</Role><Secret>",
    " leading and trailing ",
    "pässwörd-日本語-🔑",
    "&amp;&lt;%26%3C\\u0041${HOME}",
    '{"a": "b"}\\n",',
    "x" * 512,
)

# What asks what a second user can do, and on the model who there is; and whether any signature
# is accepted.
_OF_GUESTS = frozenset({"probe_access", "probe_write", "shares", "prove_signature"})
_OF_THE_CAPABILITIES = {"rotation", "ids", "quota_bytes", "quota_objects", "versioning"}


@dataclass(frozen=True)
class Traits:
    """One store's.

    `features`: ``administrators`` (a user can be one), ``names-again`` (a deleted user's name
    can be made again), ``regions`` (a signature for another region is refused), ``object-acls``
    (who writes an object says who may read it), ``rotation``, ``ids``, ``roles``, ``quota_bytes``,
    ``quota_objects``, ``versioning``: all but the first four follow from the capabilities.
    """

    capabilities: Capabilities
    provisioning: int
    """How many requests a new bucket with a new user costs."""
    writes: int
    """How many of them change the store."""
    reads: frozenset[str]
    """Requests that leave the store as it is, by their names in the metrics."""
    refused: frozenset[str]
    """The S3 errors that mean an unknown user or a wrong secret."""
    features: frozenset[str]
    keys: Sequence[str]
    """Odd access keys that it takes."""
    bad_keys: Sequence[str]
    """Ones that it refuses, all the same well formed for a Secret."""
    secrets: Sequence[str]
    bad_secrets: Sequence[str]
    wrong_credentials: Sequence[tuple[Mapping[str, str], str]]
    """Settings that make the operator no administrator, and what the message has to say."""
    before_deletion: tuple[int, int] = (0, 1)
    """How many requests come before the one that deletes a user, and a bucket."""
    locked: str = "[Oo]bject [Ll]ock"
    """What the store says of versioning that is to be suspended beside it."""
    adoption: Mapping[tuple[str, str], State] = field(default_factory=dict)
    """What a case of adoption comes to where this is another state than elsewhere."""

    def has(self, feature: str) -> bool:
        if feature == "roles":
            return len(self.capabilities.roles) > 1
        if feature in _OF_THE_CAPABILITIES:
            return bool(getattr(self.capabilities, feature))
        return feature in self.features


_VERSITYGW = Traits(
    CAPABILITIES["versitygw"],
    provisioning=4,
    writes=2,
    reads=_OF_GUESTS
    | frozenset(
        {
            *("probe", "find_user", "read_owner", "read_policy", "list_users", "list_buckets"),
            *("list_uploads", "get_versioning", "ask_versioning", "list_one_bucket"),
            # The model's own.
            *("find_bucket", "owns_buckets", "may_deny", "prepare", "check_takeover"),
        }
    ),
    refused=_UNKNOWN_OR_WRONG,
    features=frozenset({"administrators", "names-again", "regions"}),
    before_deletion=(1, 1),
    keys=["a", "team@example.com", "a+b:c~d_e.f-g", "_x", "A" * 128],
    bad_keys=[],
    secrets=_ODD_SECRETS,
    bad_secrets=[],
    wrong_credentials=_WRONG_KEYS,
)

TRAITS: Mapping[str, Traits] = {
    "model": replace(
        _VERSITYGW,
        capabilities=replace(
            _VERSITYGW.capabilities, quota_bytes=True, quota_objects=True, versioning=True
        ),
    ),
    "versitygw": _VERSITYGW,
    "minio": Traits(
        CAPABILITIES["minio"],
        provisioning=11,
        writes=4,
        reads=_OF_GUESTS
        | frozenset(
            {
                *("probe", "find_user", "find_bucket"),
                *("user-info", "group", "policy-info", "policy-entities"),
                *("list_uploads", "get_versioning"),
            }
        ),
        refused=_UNKNOWN_OR_WRONG,
        features=frozenset({"administrators", "names-again", "regions"}),
        keys=["a-b", "team@example.com", "a+b:c~d_e.f-g", "_xy", "A" * 128],
        bad_keys=["a", "_x"],
        secrets=_ODD_SECRETS,
        bad_secrets=["short"],
        wrong_credentials=_WRONG_KEYS,
        adoption={
            # Nobody's: MinIO doesn't say who made it.
            ("an_administrators_bucket", "unowned"): READY,
            # A deleted user's policies are gone with it.
            ("a_bucket_of_a_deleted_user_of_this_name", "never"): READY,
        },
    ),
    "garage": Traits(
        CAPABILITIES["garage"],
        provisioning=6,
        writes=3,
        reads=_OF_GUESTS | frozenset({"probe", "GetKeyInfo", "GetBucketInfo"}),
        refused=frozenset({"AccessDenied"}),
        features=frozenset({"regions"}),
        keys=["a_b.c-de", "A" * 128],
        bad_keys=["a", "seven-7", "team@example.com", "a+b:c~d_e.f-g"],
        secrets=["<&>\"'/?#%=+]]><!--", "</Secret><Role>admin</Role><Secret>", "x" * 512],
        bad_secrets=["fifteen-letters", " leading and trailing ", "pässwörd-日本語-🔑-long"],
        wrong_credentials=[({"S3_ADMIN_TOKEN": "not-the-token"}, "S3_ADMIN_TOKEN is not")],
        adoption={
            # Nobody's, as a deleted key's is.
            ("an_administrators_bucket", "unowned"): READY,
            ("an_existing_user", "any"): NOT_SUPPORTED,
            ("a_bucket_of_a_deleted_user_of_this_name", "any"): NOT_SUPPORTED,
            ("a_bucket_of_a_deleted_user_of_this_name", "unowned"): NOT_SUPPORTED,
            ("a_bucket_of_a_deleted_user_of_this_name", "never"): NOT_SUPPORTED,
        },
    ),
    "ceph-rgw": Traits(
        CAPABILITIES["ceph-rgw"],
        provisioning=6,
        writes=3,
        reads=_OF_GUESTS
        | frozenset(
            {
                *("probe", "find_user", "find_key", "find_operator", "find_bucket", "read_mark"),
                *("read_policy", "list_buckets", "list_all", "get_versioning"),
                "read_user_policies",
            }
        ),
        refused=_UNKNOWN_OR_WRONG,
        features=frozenset({"administrators", "names-again", "object-acls"}),
        # Of a user: whether it is there, which account is the operator's own, what it owns.
        before_deletion=(2, 1),
        keys=["a", "team@example.com", "a+b~c_d.e-f", "_x", "A" * 128],
        bad_keys=[],
        secrets=[
            secret
            for secret in _ODD_SECRETS
            # It never accepts others, and so they are refused before; see its own tests.
            if secret.isascii()
        ],
        bad_secrets=[],
        wrong_credentials=_WRONG_KEYS,
    ),
    "seaweedfs": Traits(
        CAPABILITIES["seaweedfs"],
        provisioning=11,
        writes=5,
        reads=_OF_GUESTS
        | frozenset(
            {
                *("probe", "find_user", "find_bucket", "read_policy"),
                *("ListUserPolicies", "GetUserPolicy", "ListAccessKeys", "ListPolicies"),
                *("ListAttachedUserPolicies", "ListGroupsForUser"),
                *("list_objects", "list_versions", "list_uploads", "get_versioning"),
            }
        ),
        refused=_UNKNOWN_OR_WRONG,
        features=frozenset({"administrators", "names-again", "object-acls"}),
        # A user's policies and keys are looked for, and its one key is deleted.
        before_deletion=(3, 3),
        locked="not in a valid state",
        keys=["abcd", "0123", "A" * 128],
        # Refused as what it can't do, which tests/backends/seaweedfs shows.
        bad_keys=[],
        secrets=[secret for secret in _ODD_SECRETS if len(secret) <= 128],
        bad_secrets=["short", "x" * 129],
        wrong_credentials=_WRONG_KEYS,
        adoption={
            # Nobody's: who made it tells nothing.
            ("an_administrators_bucket", "unowned"): READY,
            # A deleted user's policies are gone with it.
            ("a_bucket_of_a_deleted_user_of_this_name", "never"): READY,
        },
    ),
    "rustfs": Traits(
        CAPABILITIES["rustfs"],
        provisioning=14,
        writes=4,
        reads=_OF_GUESTS
        | frozenset(
            {
                *("probe", "find_user", "find_bucket"),
                *("user-info", "info-access-key", "group", "info-canned-policy"),
                *("policy-entities", "list_uploads", "get_versioning", "get-bucket-quota"),
                "get_notification",
            }
        ),
        refused=_UNKNOWN_OR_WRONG,
        features=frozenset({"administrators", "names-again"}),
        keys=["a-b", "a_b.c-de", "_xy", "A" * 128],
        # Refused as what it can't do, which tests/backends/rustfs shows; as are short secrets.
        bad_keys=[],
        secrets=_ODD_SECRETS,
        bad_secrets=[],
        wrong_credentials=_WRONG_KEYS,
        adoption={
            # Nobody's: RustFS doesn't say who made it.
            ("an_administrators_bucket", "unowned"): READY,
            # A deleted user's policies are gone with it.
            ("a_bucket_of_a_deleted_user_of_this_name", "never"): READY,
        },
    ),
}


def parameter(name: str, *values: object, label: str = "") -> Any:
    """A case on one store; real stores are marked."""
    marks = [] if name == "model" else [pytest.mark.server]
    label = f"{name}-{label}" if label else name
    return pytest.param(name, *values, marks=marks, id=label)


REAL = {name: traits for name, traits in TRAITS.items() if name != "model"}


def having(*features: str, real: bool = False) -> list[Any]:
    """The stores that have all of these features."""
    return [parameter(name) for name in _stores(features, real=real)]


def lacking(feature: str, *values: object) -> list[Any]:
    """The stores that don't have it, with further values of the case."""
    without = [name for name, traits in TRAITS.items() if not traits.has(feature)]
    return [parameter(name, *values, label=feature if values else "") for name in without]


def cases(
    values: Mapping[str, Iterable[object]] | Iterable[tuple[str, object, Sequence[str]]],
) -> list[Any]:
    """Stores with values: those of each store, or labelled ones with the features they need."""
    if isinstance(values, Mapping):
        return [
            parameter(name, value, label=str(number))
            for name, all_values in values.items()
            for number, value in enumerate(all_values)
        ]
    return [
        parameter(name, value, label=label)
        for label, value, features in values
        for name in _stores(features)
    ]


def _stores(features: Iterable[str], *, real: bool = False) -> list[str]:
    return [
        name
        for name, traits in TRAITS.items()
        if all(map(traits.has, features)) and not (real and name == "model")
    ]
