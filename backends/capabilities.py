"""What each store can do, in one place: the code, the tests and the documents read it here."""

from __future__ import annotations

from collections.abc import Mapping

from backends.base import Capabilities

CAPABILITIES: Mapping[str, Capabilities] = {
    "versitygw": Capabilities(
        roles=frozenset({"user", "userplus", "admin"}),
        ids=True,
        rotation=True,
        owner_in_probe=True,
        versioning=True,
    ),
    "minio": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=True,
        owner_in_probe=False,
        several_owners=True,
        quota_bytes=True,
        versioning=True,
    ),
    "garage": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=False,
        owner_in_probe=False,
        several_owners=True,
        quota_bytes=True,
        quota_objects=True,
    ),
    "ceph-rgw": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=True,
        owner_in_probe=True,
        quota_bytes=True,
        quota_objects=True,
        versioning=True,
    ),
    "seaweedfs": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=True,
        owner_in_probe=False,
        several_owners=True,
        versioning=True,
    ),
}
