"""The manifests agree with one another, with the operator, and with what a cluster accepts."""

from __future__ import annotations

import base64
import copy
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hooks import __version__
from hooks.detach import DEFAULT_CONTROLLER
from hooks.endpoint import normalise
from hooks.policyfile import Deletion
from hooks.secret import read
from hooks.settings import Settings
from hooks.status import Keys
from tests.support import ENVIRON

MANIFESTS = Path(__file__).parent.parent / "manifests"
KUSTOMIZATION = MANIFESTS / "kustomization.yaml"
COMPONENT = MANIFESTS / "deletion" / "kustomization.yaml"
DELETION = "deletion/decoratorcontroller.yaml"
EXAMPLES = sorted((MANIFESTS / "examples").glob("*.yaml"))
NAME = "s3-resource-operator"
PLACEHOLDER = "example-only-replace-me"
SAFE_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}

Document = dict[str, Any]


def load(path: Path) -> list[Document]:
    documents = list(yaml.safe_load_all(path.read_text()))
    assert all(isinstance(document, dict) for document in documents), path
    return documents


def one(filename: str, kind: str) -> Document:
    found = [document for document in load(MANIFESTS / filename) if document["kind"] == kind]
    assert len(found) == 1
    return found[0]


def kustomization() -> Document:
    return load(KUSTOMIZATION)[0]


def settings_of_kustomization() -> dict[str, str]:
    generators = kustomization()["configMapGenerator"]
    assert len(generators) == 1
    return dict(literal.split("=", 1) for literal in generators[0]["literals"])


def deployment() -> Document:
    return one("deployment.yaml", "Deployment")


def pod() -> Document:
    spec: Document = deployment()["spec"]["template"]["spec"]
    return spec


def container() -> Document:
    containers: list[Document] = pod()["containers"]
    assert len(containers) == 1
    return containers[0]


def environment() -> dict[str, str]:
    """What the container gets: the settings of the kustomization, then its own."""
    return settings_of_kustomization() | {
        variable["name"]: variable["value"] for variable in container()["env"]
    }


def webhook() -> Document:
    hooks = one("decoratorcontroller.yaml", "DecoratorController")["spec"]["hooks"]
    hook: Document = hooks["sync"]["webhook"]
    return hook


def mounted_files() -> dict[str, tuple[str, str]]:
    """Path in the container: name of the Secret it comes from, and the key there."""
    secrets = {
        volume["name"]: volume["secret"] for volume in pod()["volumes"] if "secret" in volume
    }
    return {
        f"{mount['mountPath']}/{item['path']}": (secret["secretName"], item["key"])
        for mount in container()["volumeMounts"]
        if (secret := secrets.get(mount["name"]))
        for item in secret["items"]
    }


class Recorder(dict[str, str]):
    """An environment that remembers which variables were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def load_settings(folder: Path) -> tuple[Settings, Recorder]:
    """Settings as the pod would read them, with files where the Secrets would be mounted."""
    values = environment()
    for name, value in values.items():
        if name.endswith("_FILE"):
            file = folder / name
            file.write_text(f"{name}-{'x' * 20}\n")
            assert value in mounted_files()
            values[name] = str(file)
    recorder = Recorder(values)
    return Settings.load(recorder), recorder


def walk(value: object) -> Iterator[tuple[str, object]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def seconds(duration: str) -> float:
    match = re.fullmatch(r"([0-9]+)s", duration)
    assert match, duration
    return float(match[1])


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


def test_the_kustomization_lists_every_file_and_nothing_else() -> None:
    files = {path.name for path in MANIFESTS.glob("*.yaml")} - {KUSTOMIZATION.name}
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
    assert settings.hook_host == "0.0.0.0"  # noqa: S104 - the Service has to reach it
    assert settings.metrics_host == "0.0.0.0"  # noqa: S104 - so do probes


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


def test_it_sends_the_token_that_the_operator_expects() -> None:
    authorization = webhook()["authorization"]
    reference = authorization["secretRef"]
    assert authorization["type"] == "Bearer"
    assert reference["namespace"] == NAME
    token = mounted_files()[environment()["HOOK_TOKEN_FILE"]]
    assert token == (reference["name"], reference["key"])


def strict(schema: Any) -> Any:
    """The schema with every field that it doesn't name forbidden, as the API server prunes it."""
    if isinstance(schema, list):
        return [strict(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(inner) for key, inner in schema.items()}
    # Only a schema has `properties` that are schemas themselves; a property may bear that name.
    if isinstance(result.get("properties"), dict) and schema.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result


@pytest.fixture
def decorator_schema() -> Any:
    path = os.environ.get("METACONTROLLER_CRDS")
    if not path:
        pytest.skip("METACONTROLLER_CRDS does not name Metacontroller's CRD manifest")
    for document in load(Path(path)):
        if document["spec"]["names"]["kind"] == "DecoratorController":
            version = next(v for v in document["spec"]["versions"] if v["name"] == "v1alpha1")
            return strict(version["schema"]["openAPIV3Schema"])
    pytest.fail(f"{path} holds no DecoratorController")


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
            assert "secretGenerator" not in document
            for key, value in walk(document):
                if isinstance(value, str):
                    assert not re.search(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9+/]{24,}", value), key
    for document in example_secrets():
        secrets = [value for key, value in walk(document) if "secret" in key.lower()]
        assert secrets == [PLACEHOLDER]


# The restricted Pod Security profile


def violations(spec: Document) -> list[str]:
    """What the `restricted` profile forbids, for the fields that such pods have."""
    context = spec.get("securityContext", {})
    found = [field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    found += [
        f"volume {volume['name']}"
        for volume in spec.get("volumes", [])
        if not volume.keys() - {"name"} <= SAFE_VOLUMES
    ]
    for each in [*spec.get("initContainers", []), *spec["containers"]]:
        own = each.get("securityContext", {})
        effective = {**context, **own}
        capabilities = own.get("capabilities", {})
        if own.get("privileged"):
            found.append("privileged")
        if own.get("allowPrivilegeEscalation") is not False:
            found.append("allowPrivilegeEscalation")
        if "ALL" not in capabilities.get("drop", []):
            found.append("capabilities.drop")
        if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            found.append("capabilities.add")
        if effective.get("runAsNonRoot") is not True:
            found.append("runAsNonRoot")
        if effective.get("runAsUser") == 0:
            found.append("runAsUser")
        profile = effective.get("seccompProfile", {}).get("type")
        if profile not in {"RuntimeDefault", "Localhost"}:
            found.append("seccompProfile")
        if any("hostPort" in port for port in each.get("ports", [])):
            found.append("hostPort")
    return found


def example_pods() -> list[Document]:
    return [
        document["spec"]["template"]["spec"]
        for path in EXAMPLES
        for document in load(path)
        if document["kind"] == "Deployment"
    ]


def test_the_namespace_demands_restricted() -> None:
    labels = one("namespace.yaml", "Namespace")["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


@pytest.mark.parametrize("spec", [pod(), *example_pods()])
def test_pods_are_restricted_and_more(spec: Document) -> None:
    assert violations(spec) == []
    for each in spec["containers"]:
        assert each["securityContext"]["readOnlyRootFilesystem"] is True
        assert isinstance(spec["securityContext"]["runAsUser"], int)
        assert each["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in each["resources"]["limits"]
        writable = {
            volume["name"]
            for volume in spec["volumes"]
            if "sizeLimit" in volume.get("emptyDir", {})
        }
        mounts = {mount["mountPath"]: mount["name"] for mount in each["volumeMounts"]}
        assert mounts["/tmp"] in writable


@pytest.mark.parametrize(
    ("place", "field", "value", "violation"),
    [
        ("pod", "hostNetwork", True, "hostNetwork"),
        ("pod", "volumes", [{"name": "host", "hostPath": {"path": "/"}}], "volume host"),
        ("context", "runAsNonRoot", False, "runAsNonRoot"),
        ("context", "runAsUser", 0, "runAsUser"),
        ("context", "seccompProfile", {"type": "Unconfined"}, "seccompProfile"),
        ("container", "privileged", True, "privileged"),
        ("container", "allowPrivilegeEscalation", True, "allowPrivilegeEscalation"),
        ("container", "capabilities", {"drop": ["NET_RAW"]}, "capabilities.drop"),
        ("container", "capabilities", {"drop": ["ALL"], "add": ["CHOWN"]}, "capabilities.add"),
    ],
)
def test_the_restricted_check_finds_violations(
    place: str, field: str, value: object, violation: str
) -> None:
    spec = copy.deepcopy(pod())
    target = {
        "pod": spec,
        "context": spec["securityContext"],
        "container": spec["containers"][0]["securityContext"],
    }[place]
    target[field] = value
    assert violations(spec) == [violation]


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


# The examples


def example_secrets() -> list[Document]:
    """The Secrets of the examples, and the one that the ExternalSecret makes."""
    documents = [document for path in EXAMPLES for document in load(path)]
    return [document for document in documents if document["kind"] == "Secret"] + [
        rendered_template(document)
        for document in documents
        if document["kind"] == "ExternalSecret"
    ]


def rendered_template(external: Document) -> Document:
    values = {"accessKey": "my-app-user", "accessSecret": PLACEHOLDER}
    assert values.keys() == {item["secretKey"] for item in external["spec"]["data"]}
    template = external["spec"]["target"]["template"]
    data = {
        key: re.sub(r"{{ \.(\w+) }}", lambda match: values[match[1]], value)
        for key, value in template["data"].items()
    }
    return {"metadata": template["metadata"], "stringData": data}


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES} == {
        "secret.yaml",
        "env-from.yaml",
        "external-secret.yaml",
    }


@pytest.mark.parametrize("secret", example_secrets())
def test_the_operator_understands_the_example(secret: Document, tmp_path: Path) -> None:
    settings, _ = load_settings(tmp_path)
    assert secret["metadata"]["annotations"] == {settings.annotation_key: "true"}
    data = {
        key: base64.b64encode(value.encode()).decode()
        for key, value in secret["stringData"].items()
    }
    claim, endpoint = read(data, settings.rules)
    assert claim.bucket.startswith("my-app-")
    assert claim.secret.reveal() == PLACEHOLDER
    assert endpoint in {None, normalise(settings_of_kustomization()["S3_ENDPOINT_URL"])}


def test_the_example_application_uses_the_example_secret() -> None:
    documents = {
        document["kind"]: document for document in load(MANIFESTS / "examples/env-from.yaml")
    }
    spec = documents["Deployment"]["spec"]["template"]["spec"]
    reference = {"secretRef": {"name": documents["Secret"]["metadata"]["name"]}}
    assert spec["containers"][0]["envFrom"] == [reference]


# What kubectl makes of it


def render(folder: Path) -> list[Document]:
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is not on PATH")
    result = subprocess.run(  # noqa: S603 - no shell, no foreign input
        [kubectl, "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return list(yaml.safe_load_all(result.stdout))


@pytest.fixture(scope="module")
def rendered() -> list[Document]:
    return render(MANIFESTS)


def test_kubectl_adds_the_deletion_component(rendered: list[Document], tmp_path: Path) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    file = tmp_path / "manifests" / KUSTOMIZATION.name
    file.write_text(yaml.safe_dump(kustomization() | {"components": [COMPONENT.parent.name]}))
    documents = render(file.parent)
    settings = next(item["data"] for item in documents if item["kind"] == "ConfigMap")
    assert settings == settings_of_kustomization() | {"DELETION": "on"}
    names = {(item["kind"], item["metadata"]["name"]) for item in documents}
    without = {(item["kind"], item["metadata"]["name"]) for item in rendered}
    added = {(kind, name) for kind, name in names - without if kind != "ConfigMap"}
    assert added == {("DecoratorController", DEFAULT_CONTROLLER)}


def test_kubectl_renders_every_object(rendered: list[Document]) -> None:
    written = [
        (document["kind"], document["metadata"]["name"])
        for filename in kustomization()["resources"]
        for document in load(MANIFESTS / filename)
    ]
    names = [(document["kind"], document["metadata"]["name"]) for document in rendered]
    assert sorted(names) == sorted([*written, *(name for name in names if name[0] == "ConfigMap")])
    for document in rendered:
        assert document["metadata"]["labels"]["app.kubernetes.io/part-of"] == NAME


def test_kubectl_fills_in_image_and_config_map(rendered: list[Document]) -> None:
    by_kind = {document["kind"]: document for document in rendered}
    spec = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert spec["image"] == f"{container()['image']}:{__version__}"
    config_map = by_kind["ConfigMap"]
    assert spec["envFrom"] == [{"configMapRef": {"name": config_map["metadata"]["name"]}}]
    assert config_map["data"] == settings_of_kustomization()
    selector = by_kind["Deployment"]["spec"]["selector"]["matchLabels"]
    assert selector == deployment()["spec"]["selector"]["matchLabels"]
