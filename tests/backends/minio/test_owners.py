"""Owners that MinIO or an administrator keeps as they are: disabled ones, groups, a lost race."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from backends.base import Claim
from backends.errors import ClockSkew, ServerFault
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.backends.races import lose_cut_short, lose_in_time
from tests.conformance.subject import RealSubject
from tests.servers.minio import POLICY, MinioStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
READY = ("Ready", "Provisioned")
STUCK = ("Retrying", "BackendError")
OWNED = ("Conflict", "BucketOwned")

Act = Callable[[MinioStore, str], object]


def _delete(store: MinioStore, user: str) -> None:
    store.delete_user(user)


def _enable(store: MinioStore, user: str) -> None:
    store.admin().user_enable(user)


@pytest.mark.parametrize("act", [_delete, _enable])
@pytest.mark.parametrize("adoption", ["any", "never"])
def test_a_bucket_of_a_disabled_user_moves_once_somebody_decides_about_the_user(
    minio: RealSubject, store: MinioStore, act: Act, adoption: str
) -> None:
    """An administrator disables a key that leaked, and its tenant names a new one."""
    leaked, new = f"leaked-{act.__name__[1:]}-{adoption}", f"new-{act.__name__[1:]}-{adoption}"
    operator = minio.operator({"ADOPTION": adoption})
    secret = Secret.claiming(leaked, leaked, SECRET)
    operator.sync(secret)
    store.put(leaked, "key", b"body")
    store.admin().user_disable(leaked)
    secret.set(access_key=new)
    for _ in range(2):
        operator.sync(secret)
        assert secret.state == STUCK
        assert "disabled" in secret.annotations["message"]
        assert store.owner(leaked) == leaked
    act(store, leaked)
    operator.sync(secret)
    assert secret.state == READY
    assert store.owner(leaked) == new
    assert store.get(leaked, "key", as_user=(new, SECRET)) == b"body"


def test_a_disabled_groups_bucket_stays_until_it_is_enabled(
    minio: RealSubject, store: MinioStore
) -> None:
    _give_to_group(store, "of-disabled-group", "disabled-group")
    store.admin().group_disable("disabled-group")
    with pytest.raises(ServerFault, match="disabled"):
        wait(minio.backend().change_owner(_claim("of-disabled-group", "taker"), Deadline(20)))
    assert store.owner("of-disabled-group") == "disabled-group"
    store.admin().group_enable("disabled-group")
    secret = Secret.claiming("of-disabled-group", "taker", SECRET)
    minio.operator().sync(secret)
    assert secret.state == READY
    assert store.owner("of-disabled-group") == "taker"


def test_nothing_is_taken_from_the_others_where_one_is_disabled(
    minio: RealSubject, store: MinioStore
) -> None:
    """They would lose the bucket, and nobody get it."""
    secret = Secret.claiming("of-several", "able", SECRET)
    minio.operator().sync(secret)
    store.create_user("unable", SECRET)
    store.attach(f"{POLICY}of-several", "unable")
    store.admin().user_disable("unable")
    store.create_user("third", SECRET)
    with pytest.raises(ServerFault, match="disabled"):
        wait(minio.backend().change_owner(_claim("of-several", "third"), Deadline(20)))
    assert store.owner("of-several") == "able,unable"


def test_a_groups_bucket_is_not_unowned(minio: RealSubject, store: MinioStore) -> None:
    _give_to_group(store, "of-group", "analysts")
    secret = Secret.claiming("of-group", "newcomer", SECRET)
    operator = minio.operator({"ADOPTION": "unowned"})
    operator.sync(secret)
    assert secret.state == OWNED
    assert store.owner("of-group") == "analysts"
    assert "newcomer" not in store.names()[0]


def test_who_loses_the_race_for_a_new_bucket_keeps_no_access_though_its_time_is_up(
    minio: RealSubject, store: MinioStore
) -> None:
    minio.operator().sync(Secret.claiming("raced", "winner", SECRET))
    store.create_user("late-loser", SECRET)
    lose_in_time(minio, _claim("raced", "late-loser"))
    assert store.owner("raced") == "winner"


def test_who_is_cut_short_after_it_lost_the_race_keeps_no_access(
    minio: RealSubject, store: MinioStore
) -> None:
    minio.operator().sync(Secret.claiming("raced-too", "winner-too", SECRET))
    store.create_user("cut-loser", SECRET)
    found = lose_cut_short(minio, _claim("raced-too", "cut-loser"))
    assert found is not None
    assert found.is_owned_by("winner-too")


def test_a_name_that_minio_keeps_for_itself_is_refused_in_its_words(
    minio: RealSubject, store: MinioStore
) -> None:
    secret = Secret.claiming("minio", "of-reserved", SECRET)
    minio.operator({"RESERVED_BUCKETS": "nothing-of-this-name"}).sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend")
    assert "of-reserved" not in store.names()[0]


def test_a_clock_that_is_wrong_is_named_by_the_admin_api_too(
    minio: RealSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr("minio.minioadmin.time.utcnow", lambda: late)
    with pytest.raises(ClockSkew):
        wait(minio.backend().check(Deadline(20)))


def _give_to_group(store: MinioStore, bucket: str, group: str) -> None:
    store.create_bucket(bucket)
    store.create_user(f"in-{group}", SECRET)
    store.add_to_group(group, f"in-{group}")
    store.write_policy(f"{POLICY}{bucket}", ["s3:*"], [bucket, f"{bucket}/*"])
    store.admin().attach_policy([f"{POLICY}{bucket}"], group=group)


def _claim(bucket: str, user: str) -> Claim:
    return Claim(bucket, user, Sensitive(SECRET))
