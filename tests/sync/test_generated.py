"""Generated credentials where the store doesn't matter: keys, clocks, mistakes, other Secrets."""

from __future__ import annotations

import time

import pytest

from hooks.cluster.kubeerrors import Unavailable
from hooks.sync import rotation
from tests.attended import SIGNING_KEY, Attended, ago, cluster_of
from tests.model import ModelStore
from tests.properties.cluster import Secrets
from tests.support import PREFIX, Operator, Secret

READY = ("Ready", "Provisioned")
DAY = 86_400


def operator(
    store: ModelStore, cluster: Secrets | Attended, key: str = SIGNING_KEY, **environ: str
) -> Operator:
    kube = cluster if isinstance(cluster, Secrets) else cluster_of(cluster)
    return Operator(store, {"SIGNING_KEY": key, **environ}, kube=kube)


def works(store: ModelStore, secret: Attended) -> bool:
    user, value = secret.pair
    return store.accounts[user].secret == value and store.owners["app"] == user


def provisioned(store: ModelStore, **annotations: str) -> Attended:
    secret = Attended("app", **annotations)
    secret.settle(operator(store, secret))
    assert secret.state == READY
    return secret


@pytest.fixture
def store() -> ModelStore:
    return ModelStore()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Moves the time of a replica and of the Kubernetes API by so many seconds."""
    shift = [0.0]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift[0])
    return shift


# Mistakes


@pytest.mark.parametrize(
    ("annotations", "fields", "reason", "words"),
    [
        pytest.param({"credentials": "made"}, {}, "InvalidField", "given or generated", id="word"),
        pytest.param(
            {"connection_secret": None}, {}, "MissingField", "connection-secret", id="nowhere"
        ),
        pytest.param({}, {"access_secret": "x"}, "InvalidField", "access-secret", id="both"),
        pytest.param({"rotate_after": "59m"}, {}, "InvalidField", "rotate-after", id="span"),
        pytest.param({"rotate": "soon"}, {}, "InvalidField", "RFC 3339", id="time"),
        pytest.param(
            {"credentials": None, "rotate_after": "1d"},
            {"access_key": "u", "access_secret": "s"},
            "InvalidField",
            "credentials: generated",
            id="rotates-given",
        ),
        pytest.param({"keys": "bucket"}, {}, "InvalidField", "keys", id="keys"),
    ],
)
def test_mistakes_are_told_before_the_store_is_asked(
    store: ModelStore,
    annotations: dict[str, str | None],
    fields: dict[str, str],
    reason: str,
    words: str,
) -> None:
    secret = Attended("app")
    secret.annotate(**annotations)
    secret.set(**fields)
    secret.settle(operator(store, secret))
    assert secret.state == ("Invalid", reason)
    assert words in secret.annotations["message"]
    assert store.calls == []


def test_without_a_signing_key_of_its_own_none_are_generated(store: ModelStore) -> None:
    secret = Attended("app")
    secret.settle(Operator(store, kube=cluster_of(secret)))
    assert secret.state == ("Invalid", "NotSupported")
    assert "SIGNING_KEY" in secret.annotations["message"]


def test_a_secret_that_can_not_rotate_its_own_access_key_is_told(store: ModelStore) -> None:
    secret = Attended("app", rotate_after="1d")
    secret.set(access_key="GK" + "0" * 24)
    garage = {"BACKEND_NAME": "garage", "S3_ADMIN_TOKEN": "t", "S3_ADMIN_ENDPOINT_URL": "http://a"}
    secret.settle(operator(store, secret, **garage))
    assert secret.state == ("Invalid", "NotSupported")
    assert "remove access-key" in secret.annotations["message"]


def test_an_access_key_of_its_own_stays(store: ModelStore) -> None:
    secret = Attended("app")
    secret.set(access_key="app-user")
    secret.settle(operator(store, secret))
    secret.annotate(rotate=ago(5))
    secret.settle(operator(store, secret))
    assert secret.pair[0] == "app-user"
    assert set(store.accounts) == {"app-user"}
    assert works(store, secret)


def test_an_applications_own_secret_key_is_none(store: ModelStore) -> None:
    secret = Attended("app")
    secret.set_raw("SECRET_KEY", "django's")
    secret.settle(operator(store, secret))
    assert works(store, secret)
    assert secret.pair[1] != "django's"


def test_a_generated_access_key_needs_no_pattern_and_a_chosen_one_does(store: ModelStore) -> None:
    pattern = {"ACCESS_KEY_PATTERN": "{namespace}-*"}
    secret = Attended("app")
    secret.settle(operator(store, secret, **pattern))
    assert secret.state == READY
    other = Attended("other")
    other.set(access_key=secret.pair[0])
    other.settle(operator(store, other, **pattern))
    assert other.state == ("Invalid", "NotAllowed")


# Keys


def test_a_further_signing_key_changes_nothing_until_the_next_rotation(store: ModelStore) -> None:
    secret = provisioned(store)
    former = secret.pair
    secret.settle(operator(store, secret, f"{SIGNING_KEY}\nsecond"))
    secret.settle(operator(store, secret, f"second\n{SIGNING_KEY}"))
    assert secret.pair == former
    assert works(store, secret)
    secret.annotate(rotate=ago(5))
    secret.settle(operator(store, secret, f"second\n{SIGNING_KEY}"))
    assert secret.pair != former
    renewed = secret.pair
    # The first one is not needed any more.
    secret.settle(operator(store, secret, "second"))
    assert secret.pair == renewed
    assert secret.state == READY


def test_a_key_that_is_taken_away_takes_its_credentials_along(
    store: ModelStore, clock: list[float]
) -> None:
    secret = provisioned(store)
    former = secret.pair
    # After ten minutes grants are signed anew.
    clock[0] = 700
    secret.settle(operator(store, secret, f"second\n{SIGNING_KEY}"))
    secret.settle(operator(store, secret, "second"))
    assert secret.state == READY
    assert secret.pair != former
    assert works(store, secret)
    assert set(store.accounts) == {secret.pair[0]}, "none is left that works and stands nowhere"


def test_a_replica_with_another_key_leaves_them_alone(store: ModelStore) -> None:
    secret = provisioned(store)
    former = dict(store.accounts)
    secret.sync(operator(store, secret, "another"))
    assert secret.state == ("Retrying", "NotYetVisible")
    assert store.accounts == former
    secret.settle(operator(store, secret))
    assert secret.state == READY
    assert works(store, secret)


# Clocks


def test_one_replica_whose_clock_runs_ahead_rotates_nothing(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = provisioned(store, rotate_after="1d")
    former = secret.pair
    cluster = cluster_of(secret)
    now = int(time.time())
    cluster.second = lambda: now
    monkeypatch.setattr("hooks.sync.renewal.time.time", lambda: now + 3 * DAY)
    secret.settle(operator(store, cluster))
    assert secret.pair == former
    assert works(store, secret)


def test_a_clock_that_jumps_back_brings_no_former_pair_back(
    store: ModelStore, clock: list[float]
) -> None:
    secret = provisioned(store, rotate_after="1d")
    clock[0] = DAY
    secret.settle(operator(store, secret))
    renewed, since = secret.pair, secret.annotations["credentials-since"]
    clock[0] = -5 * DAY
    secret.settle(operator(store, secret))
    assert secret.pair == renewed
    assert secret.annotations["credentials-since"] == since
    assert works(store, secret)


def test_rotations_that_were_missed_are_one(store: ModelStore, clock: list[float]) -> None:
    secret = provisioned(store, rotate_after="1d")
    for days in (1, 30):
        clock[0] = days * DAY
        one = operator(store, secret)
        store.calls.clear()
        former = secret.pair
        secret.settle(one)
        assert secret.pair != former
        assert store.calls.count("update_user") == 1
        assert works(store, secret)


def test_it_is_looked_at_again_in_time_and_answered_alike_until_then(
    store: ModelStore, clock: list[float]
) -> None:
    secret = provisioned(store, rotate_after="90d")
    one = operator(store, secret)
    waits = []
    rotated = one.metrics.registry.get_sample_value
    for _ in range(60):
        answer = secret.ask(one).response
        assert answer.resync_after
        assert answer.encode() == secret.ask(one).response.encode()
        waits.append(answer.resync_after)
        secret.sync(one)
        if rotated("s3_operator_credentials_rotated_total"):
            break
        clock[0] += answer.resync_after
    assert rotated("s3_operator_credentials_rotated_total") == 1
    # Never in a hurry: a few looks for three months.
    assert len(waits) < 35
    assert works(store, secret)


@pytest.mark.parametrize(
    "asked", [{"rotate_after": "99999w"}, {"rotate": "9999-12-31T23:59:59Z"}], ids=["span", "time"]
)
def test_a_rotation_that_nobody_lives_to_see_has_no_hook_called_at_once(
    store: ModelStore, asked: dict[str, str]
) -> None:
    secret = provisioned(store, **asked)
    one = operator(store, secret)
    answer = secret.ask(one).response
    assert secret.state == ("Ready", "Provisioned")
    # Nanoseconds in 64 bits, in which Metacontroller counts.
    assert answer.resync_after is not None
    assert 30 * DAY < answer.resync_after < 2**63 / 10**9
    assert answer.encode() == secret.ask(one).response.encode()


def test_an_overdue_rotation_is_counted(store: ModelStore) -> None:
    secret = provisioned(store)
    one = operator(store, secret)
    name = "s3_operator_overdue_rotations_total"
    secret.ask(one)
    assert one.metrics.registry.get_sample_value(name) == 0
    secret.annotate(rotate=ago(rotation.LATE + 60))
    secret.attached["app-connection"]["data"] = {}
    secret.sync(one, attaching=False)
    assert one.metrics.registry.get_sample_value(name) == 1
    assert secret.annotations["next-rotation"] == secret.annotations["rotate"]


# Others


def test_no_rotation_begins_while_kubernetes_does_not_answer(store: ModelStore) -> None:
    secret = provisioned(store)
    former = secret.pair
    secret.annotate(rotate=ago(5))
    cluster = cluster_of(secret)
    cluster.fault = Unavailable("down")
    secret.sync(operator(store, cluster))
    assert secret.state == READY
    assert secret.pair == former
    assert works(store, secret)
    cluster.fault = None
    secret.settle(operator(store, cluster))
    assert secret.pair != former
    assert works(store, secret)


def test_whoever_copied_the_pair_loses_it_at_the_rotation(store: ModelStore) -> None:
    secret = provisioned(store)
    user, value = secret.pair
    thief = Secret("thief", bucket_name="app", access_key=user, access_secret=value)
    thief.document["metadata"]["namespace"] = "elsewhere"
    one = operator(store, cluster_of(secret, thief))
    one.sync(thief)
    assert thief.state == READY
    secret.annotate(rotate=ago(5))
    secret.settle(one)
    assert works(store, secret)
    one.sync(thief)
    assert thief.state == ("Conflict", "AccessKeyClaimed")
    assert works(store, secret)


@pytest.mark.parametrize("lost", [False, True], ids=["granted", "lost-its-grant"])
def test_nobody_takes_what_a_generated_secret_has(store: ModelStore, lost: bool) -> None:
    secret = provisioned(store)
    if lost:
        marks = secret.document["metadata"]["annotations"]
        for word in ("grants", "status", "reason"):
            del marks[PREFIX + word]
    before = dict(store.accounts), dict(store.owners)
    rivals = {
        "BucketClaimed": Secret(
            "rival", bucket_name="app", access_key="rival", access_secret="a-secret"
        ),
        "AccessKeyClaimed": Secret(
            "rival", bucket_name="another", access_key=secret.pair[0], access_secret="a-secret"
        ),
    }
    for reason, rival in rivals.items():
        rival.document["metadata"]["namespace"] = "elsewhere"
        operator(store, cluster_of(secret, rival)).sync(rival)
        assert rival.state == ("Conflict", reason)
        assert (store.accounts, store.owners) == before


def test_credentials_that_are_given_again_leave_no_generated_user_behind(
    store: ModelStore,
) -> None:
    secret = provisioned(store)
    secret.annotate(credentials=None)
    secret.set(access_key="app-user", access_secret="given")
    secret.settle(operator(store, secret))
    assert secret.state == READY
    assert secret.pair == ("app-user", "given")
    assert set(store.accounts) == {"app-user"}
    assert "credentials-since" not in secret.annotations


@pytest.mark.long
def test_two_hundred_in_one_window_all_rotate_and_none_spins(store: ModelStore) -> None:
    secrets = [Attended(f"bucket-{number}") for number in range(200)]
    one = operator(store, cluster_of(*secrets))
    for secret in secrets:
        secret.settle(one)
    former = [secret.pair for secret in secrets]
    moment = ago(5)
    for secret in secrets:
        secret.annotate(rotate=moment)
        secret.settle(one)
    for secret, pair in zip(secrets, former, strict=True):
        assert secret.pair != pair
        assert store.accounts[secret.pair[0]].secret == secret.pair[1]
    assert set(store.accounts) == {secret.pair[0] for secret in secrets}
    assert store.calls.count("update_user") == len(secrets)
    store.calls.clear()
    for secret in secrets:
        assert secret.ask(one).response.resync_after is None
    assert store.calls == ["probe"] * len(secrets)
