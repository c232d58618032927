"""What each store can do, in one place: the code, the tests and the documents read it here."""

from __future__ import annotations

from collections.abc import Mapping

from backends.base import Capabilities
from backends.bucketsettings import Rule, SettingName, SettingSupport

_LOCKS = frozenset({SettingName.LOCK, SettingName.RETENTION})
_POLICIES = frozenset({SettingName.POLICY, SettingName.PUBLIC})

CAPABILITIES: Mapping[str, Capabilities] = {
    "versitygw": Capabilities(
        roles=frozenset({"user", "userplus", "admin"}),
        ids=True,
        rotation=True,
        owner_in_probe=True,
        versioning=True,
        settings=SettingSupport(
            names=frozenset({SettingName.TAGS, SettingName.CORS}) | _POLICIES | _LOCKS,
            instead={SettingName.LIFECYCLE: "Have a job of yours delete what is old."},
            # Objects have no retention of their own (1.8.0).
            caveats={
                SettingName.RETENTION: "On VersityGW a retention counts from when it was set, not "
                "from when an object was written: once it is over, or taken away, it keeps none."
            },
        ),
        # Each gateway's own, --iam-cache-ttl by default (1.8.0).
        account_cache=120,
    ),
    "minio": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=True,
        owner_in_probe=False,
        several_owners=True,
        quota_bytes=True,
        versioning=True,
        settings=SettingSupport(
            names=frozenset({SettingName.TAGS, SettingName.LIFECYCLE}) | _POLICIES | _LOCKS,
            # An abort beside an expiry is accepted and dropped; alone it is refused.
            rules=frozenset(Rule) - {Rule.ABORT},
            instead={
                SettingName.CORS: "MinIO has one setting for all buckets, which lets any origin "
                "in by default: MINIO_API_CORS_ALLOW_ORIGIN."
            },
            without_rule={
                Rule.ABORT: "MinIO removes unfinished uploads by itself, after a day by default."
            },
            signed_principals=False,
            # 400 (2026-02-12).
            ascii_tags=True,
        ),
    ),
    "garage": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=False,
        owner_in_probe=False,
        several_owners=True,
        quota_bytes=True,
        quota_objects=True,
        settings=SettingSupport(
            names=frozenset({SettingName.LIFECYCLE, SettingName.CORS}),
            # All others are accepted and dropped: a rule that loses its tags deletes the rest too.
            rules=frozenset({Rule.DATE, Rule.SIZE, Rule.ABORT}),
            instead={
                SettingName.POLICY: "Garage gives rights to access keys alone.",
                SettingName.PUBLIC: "Garage serves a whole bucket as a website, on another port, "
                "once an administrator allows it.",
                SettingName.LOCK: "Garage takes an object lock and passes it over.",
            },
        ),
    ),
    "ceph-rgw": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=True,
        owner_in_probe=True,
        quota_bytes=True,
        quota_objects=True,
        versioning=True,
        settings=SettingSupport(
            names=frozenset(SettingName),
            # Both are accepted and dropped: a rule that loses its sizes deletes the rest too.
            rules=frozenset(Rule) - {Rule.SIZE, Rule.NONCURRENT_COUNT},
            # Any other is accepted and means nobody.
            principal="arn:aws:iam:::user/NAME",
            first_origin_alone=True,
            # Its dates end in 2106, and what is later is in the past (16.2.15): fifty years, which
            # is right until 2056.
            retention_days=18_250,
        ),
        # 411 MissingContentLength (16.2.15).
        trailers=False,
    ),
    "seaweedfs": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=True,
        owner_in_probe=False,
        several_owners=True,
        versioning=True,
        settings=SettingSupport(
            names=frozenset(SettingName),
            rules=frozenset(Rule) - {Rule.TRANSITION},
            # Any other is accepted and means nobody.
            principal="arn:aws:iam::000000000000:user/NAME",
            first_origin_alone=True,
        ),
    ),
    "rustfs": Capabilities(
        roles=frozenset({"user"}),
        ids=False,
        rotation=True,
        owner_in_probe=False,
        several_owners=True,
        quota_bytes=True,
        versioning=True,
        settings=SettingSupport(
            names=frozenset(SettingName),
            rules=frozenset(Rule) - {Rule.TRANSITION},
            # Any other is accepted and means nobody.
            principal="NAME",
        ),
        needs_tls=True,
    ),
}
