"""Connection Secrets as attachments: whose name it is, and what stays whatever happens."""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from backends.errors import Rejected, Unavailable
from hooks.attachments.attachments import MAKER, NO_ATTACHMENTS
from hooks.cluster.kube import Kube
from hooks.sync.syncer import Result
from tests.live import CONTROLLER, Hooks, Live, kube_of, plain, request_for
from tests.model import ModelStore
from tests.servers.accounts import account, secret
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.support import PREFIX

pytestmark = pytest.mark.server

NAME = "app-s3"
READY = ("Ready", "Provisioned")
PENDING = ("Retrying", "ConnectionSecretPending")
TAKEN = ("Conflict", "ConnectionSecretTaken")
LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"


@dataclass
class Ground:
    """One namespace with a Secret that asks for a connection Secret."""

    cluster: Cluster
    store: ModelStore
    hooks: Hooks
    live: Live

    def sync(self, *attached: Object, hooks: Hooks | None = None) -> Result:
        """A sync by a controller that has attachments."""
        return (hooks or self.hooks).sync(self.live, attached)

    def stored(
        self, attachment: Mapping[str, Any], *, ours: bool = True, maker: str | None = CONTROLLER
    ) -> Object:
        """The attachment as the API has it once Metacontroller has made it."""
        owner = {
            "apiVersion": "v1",
            "kind": "Secret",
            "name": self.live.name,
            "uid": self.live.document["metadata"]["uid"] if ours else "another",
            "controller": True,
            "blockOwnerDeletion": True,
        }
        metadata = {**attachment["metadata"], "ownerReferences": [owner]}
        if maker is not None:
            metadata["annotations"] = {**metadata.get("annotations", {}), MAKER: maker}
        return self.cluster.api.create({**attachment, "metadata": metadata})


@pytest.fixture
def ground(api_cluster: Cluster, kube: Kube) -> Iterator[Ground]:
    namespace = api_cluster.namespace(f"attachments-{random.token_hex(4)}")
    unique = f"b-{random.token_hex(6)}"
    more = {"connection-secret": NAME}
    live = Live(api_cluster, namespace, unique, unique, f"{unique}-user", more=more).put()
    store = ModelStore()
    yield Ground(api_cluster, store, Hooks(store, kube), live)
    api_cluster.api.delete_all("Secret", namespace)


def attachments(result: Result) -> list[Mapping[str, Any]]:
    return list(result.response.attachments)


def test_a_ready_secret_is_given_what_it_asks_for(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == (
        NAME,
        ground.live.namespace,
    )
    assert plain(dict(made))["AWS_SECRET_ACCESS_KEY"] == ground.live.secret
    assert ground.live.state == PENDING
    assert attachments(ground.sync(ground.stored(made))) == [made]
    assert ground.live.state == READY


def test_who_waits_for_it_holds_what_was_provisioned(ground: Ground) -> None:
    first = ground.sync()
    waiting = ground.live.annotations
    assert {"bucket", "user", "grants", "applied"} <= waiting.keys()
    del ground.store.calls[:]
    # The same to the byte, and nothing is written anew.
    assert ground.sync().response.encode() == first.response.encode()
    assert ground.store.calls == ["probe"]
    contender = Live(
        ground.cluster, ground.live.namespace, "contender", ground.live.bucket, "contender-user"
    ).put()
    ground.hooks.sync(contender)
    assert contender.state == ("Conflict", "BucketClaimed")
    ground.live.mark({"reason": "ConnectionSecretRefused", "status": "Conflict"})
    ground.sync()
    assert ground.live.state == ("Conflict", "ConnectionSecretRefused")
    assert ground.live.annotations["grants"] == waiting["grants"]
    assert ground.live.annotations["bucket"] == ground.live.bucket


def test_a_secret_that_does_not_ask_is_given_none(ground: Ground) -> None:
    ground.live.mark({"connection-secret": None})
    assert attachments(ground.sync()) == []


def test_without_the_annotation_an_attachment_goes(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    observed = ground.stored(made)
    ground.live.mark({"connection-secret": None})
    assert attachments(ground.sync(observed)) == []


def test_another_name_replaces_the_former(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    observed = ground.stored(made)
    ground.sync(observed)
    ground.live.mark({"connection-secret": "other-s3"})
    renamed, former = attachments(ground.sync(observed))
    assert renamed["metadata"]["name"] == "other-s3"
    assert former == made
    # Applications have the former one until they find the new one, and it goes on working.
    ground.live = replace(ground.live, secret="the-next-secret")
    ground.live = replace(ground.live, more={"connection-secret": "other-s3"}).put()
    renamed, former = attachments(ground.sync(observed))
    for each, name in ((renamed, "other-s3"), (former, NAME)):
        assert each["metadata"]["name"] == name
        assert plain(dict(each))["AWS_SECRET_ACCESS_KEY"] == "the-next-secret"
    assert ground.live.state == READY
    assert attachments(ground.sync(observed, ground.stored(renamed))) == [renamed]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [("connection-secret", None), ("connection-secret", "Not A Name"), ("connection-format", "x")],
)
def test_what_can_not_be_is_refused_before_anything_is_made(
    ground: Ground, annotation: str, value: str | None
) -> None:
    # None: the Secret's own name.
    ground.live.mark({annotation: value or ground.live.name})
    result = ground.sync()
    assert ground.live.state == ("Invalid", "InvalidField")
    assert attachments(result) == []
    assert ground.store.calls == []


def test_a_foreign_secret_of_that_name_is_left_alone(ground: Ground) -> None:
    foreign = secret(ground.live.namespace, NAME, data={"password": "anothers"})
    before = ground.cluster.api.create(foreign)
    for _ in range(2):
        result = ground.sync()
        assert ground.live.state == TAKEN
        assert attachments(result) == []
        assert result.response.resync_after == 30
    assert ground.cluster.api.get("Secret", NAME, ground.live.namespace) == before
    ground.cluster.api.delete("Secret", NAME, ground.live.namespace)
    assert len(attachments(ground.sync())) == 1
    assert ground.live.state == PENDING


def test_another_secrets_connection_secret_is_foreign_too(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    ground.stored(made, ours=False)
    assert attachments(ground.sync()) == []
    assert ground.live.state == TAKEN


def test_its_own_that_metacontroller_does_not_show_yet_is_no_conflict(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    ground.stored(made)
    assert attachments(ground.sync()) == [made]
    assert ground.live.state == PENDING


@pytest.mark.parametrize("maker", ["the-former-name", None])
def test_its_own_that_this_controller_never_changes_is_told(
    ground: Ground, maker: str | None
) -> None:
    # Metacontroller tells by an annotation whose an attachment is, and passes over the others.
    (made,) = attachments(ground.sync())
    before = ground.stored(made, maker=maker)
    assert attachments(ground.sync()) == []
    assert ground.live.state == TAKEN
    assert CONTROLLER in ground.live.annotations["message"]
    assert ground.cluster.api.get("Secret", NAME, ground.live.namespace) == before


def test_an_observed_one_costs_no_request_to_kubernetes(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    without = Hooks(ground.store, None)
    del ground.store.calls[:]
    result = ground.sync(ground.stored(made), hooks=without)
    assert attachments(result) == [made]
    assert ground.store.calls == ["probe"]


def test_a_name_that_can_not_be_looked_up_is_not_used(ground: Ground, api_cluster: Cluster) -> None:
    blind = kube_of(account(api_cluster))
    for hooks in (Hooks(ground.store, None), Hooks(ground.store, blind, {"CONFLICT_GUARD": "on"})):
        result = ground.sync(hooks=hooks)
        assert ground.live.state == ("Retrying", "GuardUnavailable")
        assert attachments(result) == []
    blind.close()
    assert len(attachments(ground.sync())) == 1


def test_a_controller_without_attachments_never_says_ready(ground: Ground) -> None:
    result = ground.hooks.sync(ground.live)
    assert attachments(result) == []
    assert ground.live.state == ("Invalid", "NotSupported")
    assert ground.live.annotations["message"] == NO_ATTACHMENTS
    assert ground.store.calls == []
    ground.live.mark({"connection-secret": None})
    ground.hooks.sync(ground.live)
    assert ground.live.state == READY


def test_what_the_store_has_accepted_is_handed_out_whatever_else_it_refuses(
    ground: Ground,
) -> None:
    (made,) = attachments(ground.sync())
    observed = ground.stored(made)
    ground.sync(observed)

    def refuse(operation: str) -> None:
        if operation == "set_quota":
            raise Rejected("Too much.")

    ground.store.before = refuse
    ground.live = ground.live.changed(secret="the-next-secret", data={"quota-bytes": "1000"})
    (rotated,) = attachments(ground.sync(observed))
    assert ground.live.state == ("Invalid", "RejectedByBackend")
    assert ground.store.accounts[ground.live.user].secret == "the-next-secret"
    assert plain(dict(rotated))["AWS_SECRET_ACCESS_KEY"] == "the-next-secret"


POLICY = """
rules:
  - name: labelled
    namespaces: ["attachments-*"]
    connection-labels: ["team", "{namespace}.example.com/*"]
"""


@pytest.mark.parametrize(
    ("word", "text", "state"),
    [
        ("connection-labels", "team=a", PENDING),
        ("connection-labels", "{namespace}.example.com/tier=gold,team=a", PENDING),
        ("connection-labels", "team=a,other=b", ("Invalid", "NotAllowed")),
        ("connection-labels", "teams=a", ("Invalid", "NotAllowed")),
        ("connection-labels", "app.kubernetes.io/managed-by=x", ("Invalid", "InvalidField")),
        # What a rule doesn't list, it doesn't limit.
        ("connection-annotations", "other=b", PENDING),
    ],
)
def test_a_policy_says_which_labels_and_annotations_may_be_set(
    ground: Ground,
    kube: Kube,
    tmp_path: Path,
    word: str,
    text: str,
    state: tuple[str, str],
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    hooks = Hooks(ground.store, kube, {"POLICY_FILE": str(path)})
    ground.live.mark({word: text.replace("{namespace}", ground.live.namespace)})
    result = ground.sync(hooks=hooks)
    assert ground.live.state == state
    if state == PENDING:
        (made,) = attachments(result)
        ground.stored(made)
    else:
        assert ground.store.calls == []
        assert PREFIX + word in ground.live.annotations["message"]


@pytest.mark.parametrize(
    "key", ["a", "A.b_c-d", "example.com/a", "x" * 63, f"{'a' * 250}.b/c", "0/0"]
)
@pytest.mark.parametrize("value", ["", "b", "B.b_b-b", "y" * 63])
def test_what_may_be_asked_for_the_api_takes(ground: Ground, key: str, value: str) -> None:
    for word in ("connection-labels", "connection-annotations"):
        ground.live.mark({word: f"{key}={value}"})
    (made,) = attachments(ground.sync())
    stored = ground.stored(made)["metadata"]
    assert stored["labels"][key] == stored["annotations"][key] == value


@pytest.mark.parametrize("length", [100_000, 200_000, 250_000])
def test_annotations_are_refused_before_the_api_refuses_them(ground: Ground, length: int) -> None:
    ground.live.mark({"connection-annotations": "example.com/long=" + "<" * length})
    result = ground.sync()
    assert attachments(result) == []
    assert ground.live.state == ("Invalid", "InvalidField")
    ground.live.mark({"connection-annotations": "example.com/long=" + "y" * 100_000})
    (made,) = attachments(ground.sync())
    # As Metacontroller writes it.
    made = {**made, "metadata": {**made["metadata"]}}
    applied = {LAST_APPLIED: json.dumps(made)}
    made["metadata"]["annotations"] = {**made["metadata"]["annotations"], **applied}
    ground.stored(made)


def test_a_rotation_is_in_the_next_answer(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    observed = ground.stored(made)
    ground.live = ground.live.changed(secret="the-next-secret")
    (rotated,) = attachments(ground.sync(observed))
    assert plain(dict(rotated))["AWS_SECRET_ACCESS_KEY"] == "the-next-secret"


def test_in_trouble_the_attachment_stays_as_it_was(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    observed = ground.stored(made)

    def down(_: str) -> None:
        raise Unavailable("The store can't be reached.")

    ground.store.before = down
    ground.live = ground.live.changed(secret="the-next-secret")
    (kept,) = attachments(ground.sync(observed))
    assert ground.live.annotations["status"] == "Retrying"
    assert kept["data"] == made["data"]
    ground.store.before = lambda _: None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"deletion-policy": "burn"}, "Invalid"),
        ({"connection-secret": "Not A Name"}, "Invalid"),
        ({"connection-format": "unknown"}, "Invalid"),
    ],
)
def test_a_mistake_takes_no_credentials_away(
    ground: Ground, change: dict[str, str | None], status: str
) -> None:
    (made,) = attachments(ground.sync())
    observed = ground.stored(made)
    ground.live.mark(change)
    (kept,) = attachments(ground.sync(observed))
    assert ground.live.annotations["status"] == status
    assert kept["data"] == made["data"]


def test_a_conflict_takes_no_credentials_away(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    observed = ground.stored(made)
    holder = Live(
        ground.cluster, ground.live.namespace, "holder", f"h-{random.token_hex(6)}", "holder-user"
    ).put()
    ground.hooks.sync(holder)
    ground.live = ground.live.changed(bucket=holder.bucket)
    (kept,) = attachments(ground.sync(observed))
    assert ground.live.state == ("Conflict", "BucketClaimed")
    assert kept["data"] == made["data"]
    assert holder.secret not in plain(dict(kept)).values()


def test_a_late_answer_takes_no_credentials_away(ground: Ground) -> None:
    (made,) = attachments(ground.sync())
    request = request_for(ground.live.document, [ground.stored(made)])
    (kept,) = ground.hooks.operator.parts.syncer.timed_out(request).response.attachments
    assert kept["data"] == made["data"]
