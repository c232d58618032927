"""The manifests agree with one another, with the operator, and with what a cluster accepts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hooks import __version__
from hooks.claim.policyfile import Deletion
from hooks.commands.detach import DEFAULT_CONTROLLER
from hooks.contract.status import Keys
from hooks.settings.settings import Settings
from tests.examples import example_secrets
from tests.manifests import (
    COMPONENT,
    DELETION,
    KUSTOMIZATION,
    MANIFESTS,
    NAME,
    PLACEHOLDER,
    container,
    deployment,
    environment,
    kustomization,
    load,
    load_settings,
    mounted_files,
    one,
    pod,
    seconds,
    settings_of_kustomization,
    walk,
    webhook,
)
from tests.support import ENVIRON

# What is there


@pytest.mark.parametrize("path", sorted(MANIFESTS.rglob("*.yaml")), ids=lambda path: path.name)
def test_every_file_holds_named_kubernetes_objects(path: Path) -> None:
    documents = load(path)
    assert documents
    for document in documents:
        assert document["apiVersion"]
        assert document["kind"]
        if path.name != KUSTOMIZATION.name:
            assert document["metadata"]["name"]


def test_the_kustomization_lists_every_file_but_what_must_outlive_it() -> None:
    apart = {KUSTOMIZATION.name, "namespace.yaml"}
    files = {path.name for path in MANIFESTS.glob("*.yaml")} - apart
    resources = kustomization()["resources"]
    assert len(resources) == len(set(resources))
    assert set(resources) == files


def test_the_kustomization_uses_no_deprecated_field_and_leaves_selectors_alone() -> None:
    document = kustomization()
    fields = {"apiVersion", "kind", "resources", "labels", "images", "configMapGenerator"}
    assert document.keys() == fields
    assert document["labels"] == [{"pairs": {"app.kubernetes.io/part-of": NAME}}]


def test_the_image_has_this_version_and_its_tag_stands_in_one_place() -> None:
    images = kustomization()["images"]
    assert images == [{"name": container()["image"], "newTag": __version__}]
    assert ":" not in container()["image"]


def test_the_files_are_formatted_alike() -> None:
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        text = path.read_text()
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        for number, line in enumerate(text.splitlines(), 1):
            assert line == line.rstrip(), f"{path.name}:{number}"
            assert "\t" not in line, f"{path.name}:{number}"
            assert len(line) <= 100, f"{path.name}:{number}"


# What belongs together


def test_service_and_deployment_agree() -> None:
    service = one("service.yaml", "Service")
    labels = deployment()["spec"]["template"]["metadata"]["labels"]
    assert deployment()["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["selector"].items() <= labels.items()
    container_ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    ports = {port["name"]: port for port in service["spec"]["ports"]}
    assert ports.keys() == container_ports.keys()
    for name, port in ports.items():
        assert port["targetPort"] == name
        assert port["port"] == container_ports[name]
    annotations = service["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(container_ports["metrics"])


def test_metacontroller_finds_the_service() -> None:
    service = one("service.yaml", "Service")
    target = webhook()["service"]
    assert target["name"] == service["metadata"]["name"]
    assert target["namespace"] == service["metadata"]["namespace"]
    hook_port = next(port for port in service["spec"]["ports"] if port["name"] == "hook")
    assert target["port"] == hook_port["port"]
    assert webhook()["path"] == "/sync"
    assert target["protocol"] == "http"
    assert not any("TLS" in name for name in environment())


def test_the_ports_are_those_that_the_operator_listens_on(tmp_path: Path) -> None:
    settings, _ = load_settings(tmp_path)
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports == {"hook": settings.hook_port, "metrics": settings.metrics_port}
    # The Service has to reach the one, probes the other, by whichever family the cluster has.
    assert settings.hook_host == settings.metrics_host == "::"


def test_the_probes_ask_the_ops_port() -> None:
    probes = {name: container()[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"metrics"}
    assert probes["startup"]["httpGet"]["path"] == "/healthz"
    assert probes["liveness"]["httpGet"]["path"] == "/healthz"
    assert probes["readiness"]["httpGet"]["path"] == "/readyz"


def test_the_network_policy_is_for_the_pod_and_its_ports() -> None:
    policy = one("networkpolicy.yaml", "NetworkPolicy")["spec"]
    labels = deployment()["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    rules = {rule["ports"][0]["port"]: rule for rule in policy["ingress"]}
    assert rules.keys() == {port["name"] for port in container()["ports"]}
    subject = one("rbac-metacontroller.yaml", "ClusterRoleBinding")["subjects"][0]
    assert rules["hook"]["from"] == [
        {
            "namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": subject["namespace"]}
            }
        }
    ]


def test_everything_namespaced_is_in_the_operators_namespace() -> None:
    cluster_wide = {"Namespace", "ClusterRole", "ClusterRoleBinding", "DecoratorController"}
    for filename in kustomization()["resources"]:
        for document in load(MANIFESTS / filename):
            expected = None if document["kind"] in cluster_wide else NAME
            assert document["metadata"].get("namespace") == expected, document["kind"]
    assert one("namespace.yaml", "Namespace")["metadata"]["name"] == NAME
    assert kustomization()["configMapGenerator"][0]["namespace"] == NAME


def test_the_pod_uses_its_own_service_account() -> None:
    account = one("serviceaccount.yaml", "ServiceAccount")
    assert pod()["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False
    # The guard, connection Secrets and Events ask the Kubernetes API.
    assert pod()["automountServiceAccountToken"] is True
    assert pod()["enableServiceLinks"] is False


def test_the_timeouts_nest(tmp_path: Path) -> None:
    settings, _ = load_settings(tmp_path)
    budget = settings.sync_timeout
    waited = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert seconds(webhook()["timeout"]) > budget
    assert pod()["terminationGracePeriodSeconds"] > waited + budget + 2


# The DecoratorController


def test_it_matches_secrets_that_the_operator_obeys(tmp_path: Path) -> None:
    settings, _ = load_settings(tmp_path)
    spec = one("decoratorcontroller.yaml", "DecoratorController")["spec"]
    assert spec["resources"] == [
        {
            "apiVersion": "v1",
            "resource": "secrets",
            "annotationSelector": {"matchAnnotations": {settings.annotation_key: "true"}},
        }
    ]


def test_it_only_syncs_and_attaches_connection_secrets() -> None:
    """A finalize hook would hold back every Secret, of those who never asked for deletion too."""
    spec = one("decoratorcontroller.yaml", "DecoratorController")["spec"]
    assert spec["hooks"].keys() == {"sync"}
    assert spec["hooks"]["sync"]["version"] == "v2"
    assert spec["attachments"] == [
        {"apiVersion": "v1", "resource": "secrets", "updateStrategy": {"method": "InPlace"}}
    ]
    assert spec.keys() == {"resources", "attachments", "resyncPeriodSeconds", "hooks"}


def test_the_deletion_controller_is_for_secrets_that_ask_and_calls_finalize_alone(
    tmp_path: Path,
) -> None:
    settings, _ = load_settings(tmp_path)
    document = one(DELETION, "DecoratorController")
    assert document["metadata"]["name"] == DEFAULT_CONTROLLER
    spec = document["spec"]
    assert spec.keys() == {"resources", "hooks"}
    (resource,) = spec["resources"]
    (expression,) = resource["annotationSelector"].pop("matchExpressions")
    assert resource == {"apiVersion": "v1", "resource": "secrets", "annotationSelector": {}}
    assert expression == {
        "key": Keys(settings.annotation_key)["deletion-policy"],
        "operator": "In",
        "values": [policy for policy in Deletion if policy is not Deletion.RETAIN],
    }
    expected = {"version": "v2", "webhook": {**webhook(), "path": "/finalize"}}
    assert spec["hooks"] == {"sync": expected, "finalize": expected}


def test_deletion_is_opted_into_with_a_component() -> None:
    (component,) = load(COMPONENT)
    assert component["kind"] == "Component"
    assert component["resources"] == [Path(DELETION).name]
    (generator,) = component["configMapGenerator"]
    assert generator == {
        **kustomization()["configMapGenerator"][0],
        "behavior": "merge",
        "literals": ["DELETION=on"],
    }
    assert "components" not in kustomization()
    assert Settings.load(ENVIRON | {"DELETION": "on"}).deletion


def test_sharding_is_opted_into_with_a_component() -> None:
    (component,) = load(MANIFESTS / "sharding" / "kustomization.yaml")
    assert component["kind"] == "Component"
    assert "components" not in kustomization()
    whole = one("decoratorcontroller.yaml", "DecoratorController")
    second = one("sharding/second.yaml", "DecoratorController")
    first = one("sharding/first.yaml", "DecoratorController")
    assert component["resources"] == ["second.yaml"]
    assert component["patches"] == [{"path": "first.yaml"}]
    label = "s3-resource-operator.io/shard"
    assert first["metadata"] == {"name": whole["metadata"]["name"], "labels": {label: "first"}}
    assert second["metadata"]["labels"] == {label: "second"}
    # Whoever is in neither is in the first, and nobody is in both.
    selectors = [part["spec"]["resources"][0].pop("labelSelector") for part in (first, second)]
    assert selectors == [
        {"matchExpressions": [{"key": label, "operator": "NotIn", "values": ["second"]}]},
        {"matchLabels": {label: "second"}},
    ]
    # Nothing else is different.
    assert first["spec"] == {"resources": whole["spec"]["resources"]}
    assert second["spec"] == whole["spec"]


def test_it_sends_the_token_that_the_operator_expects() -> None:
    authorization = webhook()["authorization"]
    reference = authorization["secretRef"]
    assert authorization["type"] == "Bearer"
    assert reference["namespace"] == NAME
    token = mounted_files()[environment()["HOOK_TOKEN_FILE"]]
    assert token == (reference["name"], reference["key"])


@pytest.mark.parametrize("filename", ["decoratorcontroller.yaml", DELETION])
def test_it_is_valid_under_metacontrollers_schema(decorator_schema: Any, filename: str) -> None:
    document = one(filename, "DecoratorController")
    jsonschema.Draft202012Validator(decorator_schema).validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "resyncSeconds"), 300),
        (("spec", "hooks", "sync", "webhook", "authorisation"), {}),
        (("spec", "hooks", "sync", "webhook", "authorization", "secretRef", "keys"), "token"),
        (("spec", "hooks", "sync", "version"), "v3"),
        (("spec", "hooks", "sync", "webhook", "service", "port"), "8080"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else repr(value),
)
def test_the_schema_check_finds_mistakes(
    decorator_schema: Any, path: tuple[str, ...], value: object
) -> None:
    document = one("decoratorcontroller.yaml", "DecoratorController")
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(decorator_schema).validate(document)


# Configuration and credentials


def test_the_operator_starts_with_this_environment(tmp_path: Path) -> None:
    settings, recorder = load_settings(tmp_path)
    unknown = environment().keys() - recorder.asked
    assert not unknown
    assert settings.hook_tokens
    assert settings.connection.endpoint == settings_of_kustomization()["S3_ENDPOINT_URL"]


def test_the_deployment_reads_the_generated_config_map() -> None:
    generator = kustomization()["configMapGenerator"][0]
    assert container()["envFrom"] == [{"configMapRef": {"name": generator["name"]}}]
    assert container()["args"] == ["serve"]


def test_credentials_come_as_files_only() -> None:
    credentials = {"S3_ACCESS_KEY", "S3_SECRET_KEY", "SIGNING_KEY", "HOOK_TOKEN"}
    assert not environment().keys() & credentials
    assert {name.removesuffix("_FILE") for name in environment() if "_FILE" in name} == credentials
    for name, value in environment().items():
        if name.endswith("_FILE"):
            assert value in mounted_files()
    assert all("valueFrom" not in variable for variable in container()["env"])


def test_mounted_credentials_are_closed_to_others_and_open_to_the_process() -> None:
    for volume in pod()["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440
    assert pod()["securityContext"]["fsGroup"] == pod()["securityContext"]["runAsGroup"]
    assert all(mount["readOnly"] for mount in container()["volumeMounts"] if mount["name"] != "tmp")


def test_no_credential_stands_in_the_manifests() -> None:
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        for document in load(path):
            if path.parent == MANIFESTS:
                assert document["kind"] != "Secret"
            # The one of the example has its file beside it, with a placeholder.
            assert "secretGenerator" not in document or path.parent.name == "kustomize"
            for key, value in walk(document):
                if isinstance(value, str):
                    assert not re.search(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9+/]{24,}", value), key
    for document in example_secrets():
        data = document["stringData"]
        # A template names the secret, and has none.
        given = {key: value for key, value in data.items() if not key.startswith("connection.")}
        secrets = [value for key, value in walk(given) if "secret" in key.lower()]
        # Whoever has credentials generated writes none.
        generated = "s3-resource-operator.io/credentials" in document["metadata"]["annotations"]
        assert secrets == ([] if generated else [PLACEHOLDER])


# What Metacontroller and the operator may do


def granted(filename: str) -> dict[tuple[str, str], set[str]]:
    """Verbs by group and resource; the binding is for the file's own role."""
    role = one(filename, "ClusterRole")
    binding = one(filename, "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_metacontrollers_cluster_role_grants_little() -> None:
    rights = granted("rbac-metacontroller.yaml")
    for (group, resource), verbs in rights.items():
        assert not {"*"} & {group, resource, *verbs}
        assert not verbs & {"deletecollection", "impersonate", "escalate", "bind"}
        assert "delete" not in verbs or resource == "secrets"
    # Connection Secrets are its children, and it reads a Secret before it sets its finalizer.
    assert rights["", "secrets"] == {"list", "watch", "update", "create", "delete", "get"}
    assert {resource for _, resource in rights} == {
        "decoratorcontrollers",
        "compositecontrollers",
        "controllerrevisions",
        "secrets",
        "namespaces",
        "events",
    }


def test_the_operator_may_look_at_secrets_and_write_events() -> None:
    assert granted("rbac.yaml") == {
        ("", "secrets"): {"get", "list"},
        ("", "events"): {"create", "patch"},
    }
    (subject,) = one("rbac.yaml", "ClusterRoleBinding")["subjects"]
    account = one("serviceaccount.yaml", "ServiceAccount")["metadata"]
    assert (subject["kind"], subject["name"], subject["namespace"]) == (
        "ServiceAccount",
        account["name"],
        account["namespace"],
    )
