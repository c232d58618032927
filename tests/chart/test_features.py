"""What each feature adds: permissions, controllers, hooks of Helm."""

from __future__ import annotations

import pytest

from tests.chart.rendering import (
    FULLNAME,
    Document,
    ci,
    environment,
    of_kind,
    one,
    pod,
    refusal,
    render,
    webhook,
)

pytestmark = pytest.mark.server


def rules(documents: list[Document], name: str = FULLNAME) -> dict[tuple[str, str], set[str]]:
    """What a ClusterRole grants, for each group and resource; nothing if there is none."""
    granted: dict[tuple[str, str], set[str]] = {}
    for role in of_kind(documents, "ClusterRole"):
        if role["metadata"]["name"] != name:
            continue
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    granted.setdefault((group, resource), set()).update(rule["verbs"])
    return granted


# Permissions


SECRETS = ("", "secrets")
EVENTS = ("", "events")


@pytest.mark.parametrize(
    ("guard", "events", "connections", "granted"),
    [
        (False, False, False, {}),
        (True, False, False, {SECRETS: {"get", "list"}}),
        (False, True, False, {EVENTS: {"create", "patch"}}),
        (False, False, True, {SECRETS: {"get"}}),
        (True, True, True, {SECRETS: {"get", "list"}, EVENTS: {"create", "patch"}}),
    ],
)
def test_the_operator_may_do_what_its_features_need(
    guard: bool, events: bool, connections: bool, granted: dict[tuple[str, str], set[str]]
) -> None:
    documents = render(
        values={
            "conflictGuard": {"enabled": guard},
            "events": {"enabled": events},
            "connectionSecrets": {"enabled": connections},
        }
    )
    assert rules(documents) == granted
    assert len(of_kind(documents, "ClusterRoleBinding")) == (1 if granted else 0)
    assert pod(documents)["automountServiceAccountToken"] is bool(granted)
    assert one(documents, "ServiceAccount")["automountServiceAccountToken"] is False
    on_off = {True: "on", False: "off"}
    assert environment(documents)["CONFLICT_GUARD"] == on_off[guard]
    assert environment(documents)["KUBERNETES_EVENTS"] == on_off[events]


def test_metacontroller_gets_a_role_only_when_asked_for() -> None:
    assert rules(render(), f"{FULLNAME}-metacontroller") == {}
    plain = render(values={"metacontroller": {"rbac": {"create": True}}})
    assert rules(plain, f"{FULLNAME}-metacontroller")[SECRETS] == {"list", "watch", "update"}
    more = rules(render(ci("tenancy")), f"{FULLNAME}-metacontroller")
    assert more[SECRETS] == {"list", "watch", "update", "create", "delete", "get"}
    with_map = rules(render(ci("tls-existing")), f"{FULLNAME}-metacontroller")
    assert ("", "configmaps") in with_map


def test_rbac_can_be_left_to_others() -> None:
    documents = render(values={"rbac": {"create": False}, "serviceAccount": {"create": False}})
    assert not of_kind(documents, "ClusterRole")
    assert not of_kind(documents, "ServiceAccount")
    assert pod(documents)["serviceAccountName"] == "default"


# Deletion and connection Secrets


def test_deletion_is_a_controller_of_its_own() -> None:
    documents = render(ci("tenancy"))
    name = f"{FULLNAME}-deletion"
    spec = one(documents, "DecoratorController", name)["spec"]
    assert spec["hooks"].keys() == {"sync", "finalize"}
    assert {webhook(documents, name, hook)["path"].split("?")[0] for hook in spec["hooks"]} == {
        "/finalize"
    }
    assert spec["resources"][0]["annotationSelector"] == {
        "matchExpressions": [
            {
                "key": "s3-resource-operator.io/deletion-policy",
                "operator": "In",
                "values": ["delete-user", "delete"],
            }
        ]
    }
    assert "attachments" not in spec
    assert environment(documents)["DELETION"] == "on"
    main = one(documents, "DecoratorController", FULLNAME)["spec"]
    assert main["hooks"].keys() == {"sync"}
    assert main["attachments"] == [
        {"apiVersion": "v1", "resource": "secrets", "updateStrategy": {"method": "InPlace"}}
    ]


def test_an_uninstallation_detaches_first() -> None:
    documents = render(ci("tenancy"))
    name = f"{FULLNAME}-detach"
    job = one(documents, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["args"] == [
        *("detach", "--controller", f"{FULLNAME}-deletion", "--delete-controller"),
        "--allow-none",
    ]
    assert rules(documents, name) == {
        SECRETS: {"get", "list", "patch"},
        ("metacontroller.k8s.io", "decoratorcontrollers"): {"get", "delete"},
    }
    role = one(documents, "ClusterRole", name)
    assert role["rules"][1]["resourceNames"] == [f"{FULLNAME}-deletion"]
    # Helm deletes the hooks before one that fails: what the Job works with is none.
    rights = [item for item in documents if item["metadata"]["name"] == name and item is not job]
    assert {item["kind"] for item in rights} == {
        *("ServiceAccount", "ClusterRole", "ClusterRoleBinding")
    }
    for item in rights:
        assert "annotations" not in item["metadata"]


def test_neither_is_there_by_default() -> None:
    documents = render()
    assert not of_kind(documents, "Job")
    spec = one(documents, "DecoratorController")["spec"]
    assert spec.keys() == {"resources", "resyncPeriodSeconds", "hooks"}
    assert environment(documents)["DELETION"] == "off"


def test_the_annotation_key_is_everywhere() -> None:
    documents = render(
        values={"operator": {"annotation_key": "example.com/s3"}, "deletion": {"enabled": True}}
    )
    selectors = [
        item["spec"]["resources"][0]["annotationSelector"]
        for item in of_kind(documents, "DecoratorController")
    ]
    assert {"matchAnnotations": {"example.com/s3": "true"}} in selectors
    assert "example.com/deletion-policy" in str(selectors)
    assert environment(documents)["ANNOTATION_KEY"] == "example.com/s3"


def test_a_share_of_the_secrets_is_chosen_by_their_labels() -> None:
    documents = render(ci("sharded"))
    controllers = of_kind(documents, "DecoratorController")
    assert len(controllers) == 2
    for controller in controllers:
        # What Metacontroller's --target-label-selector chooses by.
        assert controller["metadata"]["labels"]["shard"] == "second"
        (resource,) = controller["spec"]["resources"]
        assert resource["labelSelector"] == {"matchLabels": {"example.com/shard": "second"}}
        assert "annotationSelector" in resource


def test_all_secrets_are_taken_by_default() -> None:
    documents = render(values={"deletion": {"enabled": True}})
    for controller in of_kind(documents, "DecoratorController"):
        assert "labelSelector" not in controller["spec"]["resources"][0]


def test_a_label_selector_with_a_slip_is_refused() -> None:
    for slip in (
        {"matchLabel": {"a": "b"}},
        {"matchExpressions": [{"key": "a", "operator": "in"}]},
    ):
        assert "labelSelector" in refusal({"hook": {"labelSelector": slip}})
