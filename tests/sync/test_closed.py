"""Which buckets are known not to be open to everybody."""

from __future__ import annotations

import sys

from hooks.contract.decorator import SyncRequest
from hooks.sync.closed import ClosedBuckets


def secret(uid: str, version: str) -> SyncRequest:
    return SyncRequest("team-a", "app", uid, {}, {}, version=version)


def test_a_bucket_is_known_for_one_version_of_one_secret() -> None:
    buckets = ClosedBuckets()
    buckets.of(secret("a", "1")).add("files")
    assert "files" in buckets.of(secret("a", "1"))
    assert "files" not in buckets.of(secret("a", "2"))
    assert "files" not in buckets.of(secret("b", "1"))
    assert "more" not in buckets.of(secret("a", "1"))
    assert None not in buckets.of(secret("a", "1"))
    buckets.of(secret("a", "2")).add("files")
    assert "files" not in buckets.of(secret("a", "1"))


def test_who_was_not_looked_at_for_longest_is_forgotten() -> None:
    buckets = ClosedBuckets(limit=2)
    for uid in ("a", "b", "a", "c"):
        buckets.of(secret(uid, "1")).add("files")
    known = [uid for uid in ("a", "b", "c") if "files" in buckets.of(secret(uid, "1"))]
    assert known == ["a", "c"]


def test_it_remembers_every_secret_of_a_large_platform_in_little_memory() -> None:
    buckets = ClosedBuckets()
    for number in range(50_000):
        buckets.remember(f"uid-{number}", "files", "1")
    assert all(buckets.knows(f"uid-{number}", "files", "1") for number in range(50_000))
    assert sys.getsizeof(buckets._versions) < 64 * 50_000
