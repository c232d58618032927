"""Events on Secrets: which outcomes are news, and how they arrive at a real Kubernetes API."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hooks.cluster.events import COMPONENT, Events, EventSpec, event, event_for, shortened
from hooks.cluster.kube import Kube
from hooks.commands.processes import LOOPBACK, free_port, wait_until
from hooks.contract.outcome import Action, Outcome, Reason, Status
from tests.servers.accounts import account, kubeconfig, rule, secret
from tests.servers.api import Object
from tests.servers.cluster import Cluster

READY = Outcome(Reason.PROVISIONED, "All is well.")
FAILING = [
    reason
    for reason in Reason
    if reason.status is not Status.READY and reason is not Reason.CONNECTION_SECRET_PENDING
]
WRITER = rule("create,patch", "events")


def ready(*actions: Action) -> Outcome:
    return Outcome(Reason.PROVISIONED, "All is well.", actions)


# The decision


def test_the_first_ready_is_told() -> None:
    spec = event_for("", "", ready(Action.CREATE_USER, Action.CREATE_BUCKET))
    assert spec is not None
    assert (spec.type, spec.reason) == ("Normal", "Provisioned")
    assert spec.message == "All is well. Done on the store: create-user, create-bucket."


def test_an_unchanged_ready_is_no_news() -> None:
    assert event_for("Ready", "Provisioned", READY) is None


@pytest.mark.parametrize("observed", ["Retrying", "Invalid", "Conflict", "Skipped", "nonsense"])
def test_ready_again_is_told(observed: str) -> None:
    spec = event_for(observed, "Whatever", READY)
    assert spec == EventSpec("Normal", "Provisioned", "All is well.")


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ([Action.UPDATE_USER], "SecretRotated"),
        ([Action.CHANGE_OWNER], "OwnerChanged"),
        ([Action.UPDATE_USER, Action.CHANGE_OWNER], "OwnerChanged"),
        ([Action.CREATE_USER, Action.CHANGE_OWNER], "OwnerChanged"),
        ([Action.UPDATE_USER, Action.CREATE_BUCKET], "SecretRotated"),
        # A new one isn't changed.
        ([Action.CREATE_USER, Action.UPDATE_USER], "Provisioned"),
        ([Action.CREATE_BUCKET, Action.CHANGE_OWNER], "Provisioned"),
        # What was lost on the store and made again is news, although the status stays.
        ([Action.CREATE_BUCKET], "Provisioned"),
        ([Action.DELETE_BUCKET], "Deleted"),
        ([Action.CHANGE_OWNER, Action.DELETE_USER], "Deleted"),
    ],
)
@pytest.mark.parametrize("observed", [("Ready", "Provisioned"), ("Retrying", "Timeout")])
def test_what_was_changed_names_the_event(
    actions: list[Action], reason: str, observed: tuple[str, str]
) -> None:
    spec = event_for(*observed, ready(*actions))
    assert spec is not None
    assert (spec.type, spec.reason, spec.action) == ("Normal", reason, actions[-1])


def test_a_deletion_that_found_nothing_is_no_news() -> None:
    assert event_for("Retrying", "BucketNotEmpty", READY, finalizing=True) is None
    spec = event_for("Ready", "Provisioned", ready(Action.DELETE_USER), finalizing=True)
    assert spec is not None
    assert spec.reason == "Deleted"
    waiting = Outcome(Reason.BUCKET_NOT_EMPTY, "Objects are left.")
    spec = event_for("Ready", "Provisioned", waiting, finalizing=True)
    assert spec == EventSpec("Warning", "BucketNotEmpty", "Objects are left.")


@pytest.mark.parametrize("reason", FAILING)
def test_a_failing_reason_is_told_once(reason: Reason) -> None:
    outcome = Outcome(reason, "It doesn't work.", (Action.CREATE_USER,))
    spec = EventSpec("Warning", reason.value, "It doesn't work.")
    assert event_for("", "", outcome) == spec
    assert event_for("Ready", "Provisioned", outcome) == spec
    assert event_for(reason.status.value, "Other", outcome) == spec
    assert event_for(reason.status.value, reason.value, outcome) is None


@pytest.mark.parametrize("observed", [("", ""), ("Ready", "Provisioned")])
def test_a_connection_secret_that_is_awaited_is_no_news(observed: tuple[str, str]) -> None:
    awaited = Outcome(Reason.CONNECTION_SECRET_PENDING, "Not yet.")
    assert event_for(*observed, awaited) is None
    spec = event_for(*observed, replace(awaited, actions=(Action.CREATE_BUCKET,)))
    assert spec is not None
    assert (spec.type, spec.reason) == ("Normal", "Provisioned")
    assert spec.message == "Not yet. Done on the store: create-bucket."


# The Event


@dataclass
class Subject:
    namespace: str
    name: str = "my-app"
    uid: str = field(default_factory=lambda: secrets.token_hex(16))


@pytest.mark.parametrize("text", ["x" * 1024, "ü" * 512, "", "short"])
def test_what_fits_stays(text: str) -> None:
    assert shortened(text) == text


@pytest.mark.parametrize("text", ["b" + "x" * 1023 + "e", "b" + "ü" * 2000 + "e"])
def test_what_does_not_fit_loses_its_middle(text: str) -> None:
    cut = shortened(text)
    assert 1000 < len(cut.encode()) <= 1024
    assert (cut[0], cut[-1]) == ("b", "e")
    assert "…" in cut


def test_the_same_news_has_the_same_name_and_other_news_another() -> None:
    def name(subject: Subject, kind: str = "Normal", reason: str = "A", text: str = "t") -> str:
        body = event(EventSpec(kind, reason, text), subject, datetime.now(UTC), "pod")
        found: str = body["metadata"]["name"]
        return found

    one, other = Subject("team", uid="1"), Subject("team", uid="2")
    assert name(one) == name(one, text="other words")
    assert len({name(one), name(other), name(one, "Warning"), name(one, reason="B")}) == 4
    assert len(name(Subject("team", "n" * 253))) == 253


# On the real API


def load(path: Path) -> Kube:
    kube = Kube.load({"KUBECONFIG": str(path)})
    assert kube is not None
    return kube


@pytest.fixture
def namespace(api_cluster: Cluster) -> str:
    return api_cluster.namespace(f"events-{secrets.token_hex(4)}")


@pytest.fixture
def subject(api_cluster: Cluster, namespace: str) -> Subject:
    made = api_cluster.api.create(secret(namespace, "my-app"))
    return Subject(namespace, uid=made["metadata"]["uid"])


@pytest.fixture
def kube(api_cluster: Cluster) -> Iterator[Kube]:
    """With the shipped rights and no more."""
    client = load(account(api_cluster, WRITER))
    yield client
    client.close()


@pytest.fixture
def events(kube: Kube) -> Iterator[Events]:
    writer = Events(kube, instance="pod-1")
    yield writer
    writer.close(5)


def seen(cluster: Cluster, subject: Subject) -> list[Object]:
    """What `kubectl describe` asks for."""
    path = f"/api/v1/namespaces/{subject.namespace}/events"
    about = f"involvedObject.name={subject.name},involvedObject.uid={subject.uid}"
    query = {"fieldSelector": f"{about},involvedObject.kind=Secret"}
    items: list[Object] = cluster.api.request("GET", path, query=query)["items"]
    return items


@pytest.mark.server
def test_an_event_is_seen_on_its_secret(
    api_cluster: Cluster, events: Events, subject: Subject
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    events.emit(subject, EventSpec("Warning", "MissingField", "No bucket-name.", "sync"))
    events.close(5)
    (found,) = seen(api_cluster, subject)
    assert found["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "namespace": subject.namespace,
        "name": subject.name,
        "uid": subject.uid,
    }
    assert (found["type"], found["reason"]) == ("Warning", "MissingField")
    assert (found["message"], found["action"], found["count"]) == ("No bucket-name.", "sync", 1)
    assert found["source"] == {"component": COMPONENT}
    assert (found["reportingComponent"], found["reportingInstance"]) == (COMPONENT, "pod-1")
    assert found["firstTimestamp"] == found["lastTimestamp"]
    assert before < datetime.fromisoformat(found["lastTimestamp"]) <= datetime.now(UTC)


@pytest.mark.server
def test_the_newer_api_of_events_shows_it_too(
    api_cluster: Cluster, events: Events, subject: Subject
) -> None:
    events.emit(subject, EventSpec("Normal", "Provisioned", "ü" * 3000))
    events.close(5)
    path = f"/apis/events.k8s.io/v1/namespaces/{subject.namespace}/events"
    (found,) = api_cluster.api.request("GET", path)["items"]
    assert found["regarding"]["uid"] == subject.uid
    assert found["reportingController"] == COMPONENT
    assert len(found["note"].encode()) <= 1024


@pytest.mark.server
def test_the_same_news_again_is_counted(api_cluster: Cluster, kube: Kube, subject: Subject) -> None:
    moments = [datetime(2026, 1, 2, 3, 4, second, tzinfo=UTC) for second in range(3)]
    clock = iter(moments)
    # Several replicas, one after the other.
    for number in range(3):
        writer = Events(kube, now=lambda: next(clock))
        writer.emit(subject, EventSpec("Warning", "Timeout", f"Message {number}."))
        writer.close(5)
    (found,) = seen(api_cluster, subject)
    assert (found["count"], found["message"]) == (3, "Message 2.")
    assert found["firstTimestamp"] == "2026-01-02T03:04:00Z"
    assert found["lastTimestamp"] == "2026-01-02T03:04:02Z"


@pytest.mark.server
def test_one_that_waited_sets_no_newer_one_back(
    api_cluster: Cluster, kube: Kube, subject: Subject
) -> None:
    newer, older = (datetime(2026, 1, 2, 3, 4, second, tzinfo=UTC) for second in (5, 3))
    for moment, message in ((newer, "Newer."), (older, "Older.")):
        writer = Events(kube, now=lambda moment=moment: moment)  # type: ignore[misc]
        writer.emit(subject, EventSpec("Warning", "Timeout", message))
        writer.close(5)
    (found,) = seen(api_cluster, subject)
    assert (found["count"], found["message"]) == (2, "Newer.")
    assert found["lastTimestamp"] == "2026-01-02T03:04:05Z"


@pytest.mark.server
def test_a_secret_that_was_made_again_has_news_of_its_own(
    api_cluster: Cluster, events: Events, subject: Subject
) -> None:
    again = Subject(subject.namespace)
    for each in (subject, again):
        events.emit(each, EventSpec("Normal", "Provisioned", "Ready."))
    events.close(5)
    assert [len(seen(api_cluster, each)) for each in (subject, again)] == [1, 1]


@pytest.mark.server
def test_closing_writes_what_waits(api_cluster: Cluster, events: Events, namespace: str) -> None:
    for number in range(100):
        events.emit(Subject(namespace, f"s-{number}"), EventSpec("Normal", "Provisioned", "Ready."))
    events.close(20)
    assert len(api_cluster.api.list("Event", namespace)) == 100
    events.emit(Subject(namespace, "late"), EventSpec("Normal", "Provisioned", "Ready."))
    events.close(1)
    assert len(api_cluster.api.list("Event", namespace)) == 100


@pytest.mark.server
def test_many_at_once_are_written_by_and_by(
    api_cluster: Cluster, events: Events, namespace: str
) -> None:
    before, started = datetime.now(UTC), time.perf_counter()
    for number in range(100):
        events.emit(Subject(namespace, f"s-{number}"), EventSpec("Normal", "Provisioned", "Ready."))
    after = datetime.now(UTC)

    def written() -> list[Object]:
        return api_cluster.api.list("Event", namespace)

    wait_until(lambda: len(written()) == 100, timeout=20, what="all of them")
    # Fifty at once, then 20 a second.
    assert time.perf_counter() - started >= 2.4
    # Each tells when it happened, not when it was written.
    moments = [datetime.fromisoformat(event["firstTimestamp"]) for event in written()]
    assert before - timedelta(seconds=1) <= min(moments) <= max(moments) <= after


# Where it can't be told


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records if record.name == "hooks.cluster.events"
    ]


@pytest.mark.server
def test_without_permission_it_is_off_with_one_warning(
    api_cluster: Cluster, subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    kube = load(account(api_cluster))
    writer = Events(kube)
    for number in range(5):
        writer.emit(subject, EventSpec("Warning", f"Reason{number}", "Message."))
    wait_until(lambda: warnings(caplog), timeout=5, what="a warning")
    writer.emit(subject, EventSpec("Warning", "Another", "Message."))
    writer.close(5)
    assert warnings(caplog) == [
        "Events are off until the next start: this account may not create and patch them"
    ]
    assert seen(api_cluster, subject) == []
    kube.close()


@pytest.mark.server
def test_a_namespace_that_is_being_deleted_does_not_silence_the_others(
    api_cluster: Cluster, events: Events, subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    ending = api_cluster.namespace(f"ending-{secrets.token_hex(4)}")
    # Without a controller manager it stays in that state.
    api_cluster.api.delete("Namespace", ending)
    events.emit(Subject(ending), EventSpec("Normal", "Deleted", "Message."))
    events.emit(subject, EventSpec("Warning", "Timeout", "Message."))
    events.close(5)
    assert api_cluster.api.list("Event", ending) == []
    assert len(seen(api_cluster, subject)) == 1
    (line,) = warnings(caplog)
    assert line.startswith("1 Events could not be written")
    assert ending not in line


@pytest.mark.server
def test_an_outage_is_told_once_and_swallowed(
    api_cluster: Cluster, namespace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = f"https://{LOOPBACK}:{free_port()}"
    kube = load(kubeconfig(api_cluster, tmp_path / "config", user={}, server=server))
    writer = Events(kube)
    for _ in range(20):
        writer.emit(Subject(namespace), EventSpec("Warning", "Timeout", "Message."))
    wait_until(lambda: warnings(caplog), timeout=5, what="a warning")
    writer.close(5)
    first, *rest = warnings(caplog)
    assert first.startswith("1 Events could not be written: The Kubernetes API can't be reached")
    # The others are summed up at the end.
    assert len(rest) == 1
    assert rest[0].startswith("19 Events")
    kube.close()


@pytest.mark.server
def test_an_api_that_hangs_delays_nobody(
    api_cluster: Cluster, kube: Kube, subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    threads = threading.active_count()
    writer = Events(kube, size=10)
    spec = EventSpec("Warning", "Timeout", "Message.")
    api_cluster.apiserver.pause()
    try:
        started = time.perf_counter()
        for _ in range(1000):
            writer.emit(subject, spec)
        assert time.perf_counter() - started < 0.5
        started = time.perf_counter()
        writer.close(1)
        assert time.perf_counter() - started < 1.5
    finally:
        api_cluster.apiserver.resume()
    wait_until(lambda: threading.active_count() == threads, timeout=10, what="the thread's end")
    lost = sum(int(line.split()[0]) for line in warnings(caplog))
    # Nothing is lost without being told; the one that was under way may have arrived.
    assert lost >= 1000 - len(seen(api_cluster, subject))
    assert len(warnings(caplog)) <= 3
