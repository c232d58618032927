"""Every values file under helm/ci renders, and the operator starts with what comes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hooks import __version__
from hooks.claim.policyfile import parse
from hooks.settings.settings import Settings, Switch
from tests.authority import Authority
from tests.chart.rendering import (
    CHART,
    CI_FILES,
    FULLNAME,
    Document,
    ci,
    container,
    environment,
    helm,
    mounted,
    of_kind,
    one,
    pod,
    render,
    webhook,
)
from tests.manifests import Recorder
from tests.podsecurity import violations

pytestmark = pytest.mark.server

NAMES = [path.name.removesuffix("-values.yaml") for path in CI_FILES]


def with_files(text: str, files: Mapping[str, tuple[str, str]], folder: Path) -> str:
    """A list of stores whose files are somewhere else, and there."""
    for number, path in enumerate(sorted(files)):
        if path in text:
            local = folder / f"of-a-store-{number}"
            bundle = path.endswith(".crt")
            local.write_bytes(Authority("store").pem() if bundle else b"given")
            text = text.replace(path, str(local))
    return text


def load_settings(documents: list[Document], folder: Path) -> tuple[Settings, Recorder]:
    """Settings as the pod would read them, with files where it would find some."""
    values = environment(documents)
    files = mounted(documents)
    for name, value in values.items():
        if not name.endswith(("_FILE", "_BUNDLE")):
            continue
        assert value in files, name
        file = folder / name
        source, key = files[value]
        given = [item for item in documents if item["metadata"]["name"] == source]
        if name == "POLICY_FILE" and given:
            file.write_text(given[0]["data"][key])
        elif name == "STORES_FILE":
            file.write_text(with_files(given[0]["data"][key], files, folder))
        elif name == "S3_CA_BUNDLE":
            file.write_bytes(Authority("store").pem())
        else:
            file.write_text(f"{name}-{'x' * 20}\n")
        values[name] = str(file)
    for variable in container(documents)["env"]:
        # As the Secret of somebody who follows the notes would have it.
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if reference and variable["name"].startswith("S3_"):
            url = "http://store.example:7070"
            values[variable["name"]] = url if variable["name"].endswith("URL") else "given"
    recorder = Recorder(values)
    return Settings.load(recorder), recorder


def test_there_is_one_for_each_feature() -> None:
    assert len(NAMES) >= 10
    assert "default" in NAMES


def test_the_defaults_render_and_lint() -> None:
    assert one(render(), "Deployment")["metadata"]["name"] == FULLNAME
    helm("lint", "--strict", CHART)


@pytest.mark.parametrize("path", CI_FILES, ids=NAMES)
def test_it_lints_without_a_warning(path: Path) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, "-f", path)


@pytest.mark.parametrize("path", CI_FILES, ids=NAMES)
def test_its_objects_have_labels_and_a_namespace(path: Path) -> None:
    documents = render(path)
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "DecoratorController"}
    expected = {"extras": "storage", "manifests": "s3-resource-operator"}
    namespace = expected.get(path.name.removesuffix("-values.yaml"), "ops")
    extra = {"rel-more", "rel-text"}
    for document in documents:
        metadata = document["metadata"]
        if metadata["name"] in extra:
            continue
        wanted = None if document["kind"] in cluster_wide else namespace
        assert metadata.get("namespace") == wanted, metadata["name"]
        assert metadata["labels"]["app.kubernetes.io/instance"] == "rel"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert len(metadata["name"]) <= 63
    identities = [(item["kind"], item["metadata"]["name"]) for item in documents]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("path", CI_FILES, ids=NAMES)
def test_the_operator_starts_with_it(path: Path, tmp_path: Path) -> None:
    documents = render(path)
    settings, recorder = load_settings(documents, tmp_path)
    assert not environment(documents).keys() - recorder.asked - {"HTTPS_PROXY"}
    assert settings.connection.endpoint.startswith("http")
    ports = {port["name"]: port["containerPort"] for port in container(documents)["ports"]}
    assert ports == {"hook": settings.hook_port, "metrics": settings.metrics_port}
    hooks = [webhook(documents, one(documents, "Deployment")["metadata"]["name"])]
    for hook in hooks:
        assert float(hook["timeout"].removesuffix("s")) > settings.sync_timeout
        assert (hook["service"]["protocol"] == "https") == (settings.tls is not None)
        assert ("authorization" in hook) == bool(settings.hook_tokens)
    waited = container(documents)["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = pod(documents)["terminationGracePeriodSeconds"]
    assert grace >= waited + settings.sync_timeout + 2


@pytest.mark.parametrize("path", CI_FILES, ids=NAMES)
def test_no_container_has_a_variable_twice(path: Path) -> None:
    # Kubernetes refuses that where it is applied server-side, as Helm 4 does.
    containers = [
        each
        for document in render(ci(path.name.removesuffix("-values.yaml")))
        if (template := document.get("spec", {}).get("template") or document)
        for each in template.get("spec", {}).get("containers", [])
    ]
    assert containers
    for each in containers:
        listed = [variable["name"] for variable in each.get("env", [])]
        assert len(listed) == len(set(listed))


@pytest.mark.parametrize("path", CI_FILES, ids=NAMES)
def test_its_pods_are_restricted(path: Path) -> None:
    documents = render(path)
    pods = [document["spec"] for document in of_kind(documents, "Pod")]
    for kind in ("Deployment", "Job"):
        pods += [document["spec"]["template"]["spec"] for document in of_kind(documents, kind)]
    assert len(pods) >= 2
    for spec in pods:
        assert violations(spec) == []
        assert spec["enableServiceLinks"] is False
        for each in spec["containers"]:
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert {mount["mountPath"] for mount in each["volumeMounts"]} >= {"/tmp"}


@pytest.mark.parametrize("path", CI_FILES, ids=NAMES)
def test_it_conforms_to_metacontrollers_schema(path: Path, decorator_schema: Any) -> None:
    for document in of_kind(render(path), "DecoratorController"):
        jsonschema.Draft202012Validator(decorator_schema).validate(document)


@pytest.mark.parametrize("path", CI_FILES, ids=NAMES)
def test_no_credential_gets_out_of_a_secret(path: Path) -> None:
    documents = render(path)
    secret: set[str] = set()
    for document in of_kind(documents, "Secret"):
        secret |= set(document["data"].values())
    values = yaml.safe_load(path.read_text()).get("operator", {}).get("secret", {}).get("data", {})
    secret |= {text for key, text in values.items() if "URL" not in key}
    for document in documents:
        if document["kind"] != "Secret":
            text = yaml.safe_dump({**document, "metadata": None})
            # Access keys of the examples also are ordinary words.
            hidden = {word for word in secret if word not in {"s3-resource-operator", "admin"}}
            assert not [word for word in hidden if word in text], document["kind"]


def test_gitops_values_always_render_the_same() -> None:
    assert render(ci("gitops")) == render(ci("gitops"), arguments=["--debug"])
    assert not of_kind(render(ci("gitops")), "Secret")


def test_the_tenancy_policy_is_what_the_operator_reads(tmp_path: Path) -> None:
    documents = render(ci("tenancy"))
    settings, _ = load_settings(documents, tmp_path)
    assert settings.deletion
    assert settings.conflict_guard is Switch.ON
    assert settings.events is Switch.ON
    assert settings.public_endpoint == "https://s3.example.com"
    assert settings.rules.is_own("https://s3.example.com")
    assert settings.rules.is_own("http://versitygw.versitygw.svc:7070")
    config_map = one(documents, "ConfigMap", f"{FULLNAME}-policy")
    assert [rule.name for rule in parse(config_map["data"]["policy.yaml"])] == ["platform", "teams"]


def test_the_original_values_upgrade(tmp_path: Path) -> None:
    documents = render(ci("original"))
    settings, _ = load_settings(documents, tmp_path)
    assert settings.rules.endpoint is None
    assert settings.log_level == "DEBUG"
    deployment = one(documents, "Deployment")
    # The selector of its chart: a Deployment's can't change.
    assert deployment["spec"]["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "s3-resource-operator",
        "app.kubernetes.io/instance": "rel",
    }
    assert container(documents)["image"].endswith(f":{__version__}")
    assert "runningman84" not in container(documents)["image"]
    assert webhook(documents)["service"]["port"] == 80
    assert one(documents, "Service", f"{FULLNAME}-metrics")["spec"]["ports"][0]["port"] == 8080
    assert mounted(documents)["/etc/s3-resource-operator/store/S3_ACCESS_KEY"] == (
        FULLNAME,
        "ROOT_ACCESS_KEY",
    )
    notes = helm(
        *("install", "rel", CHART, "--namespace", "ops", "--dry-run=client"),
        *("-f", ci("original")),
    )
    ignored = notes.split("have no meaning here")[1]
    assert re.findall(r"^  - ([a-z.]+: \S+)", ignored, re.MULTILINE) == [
        "operator.args: --zap-devel",
        "operator.args: --metrics-port",
        "image: the",
    ]
