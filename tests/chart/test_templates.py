"""What the values make of names, pods and the network."""

from __future__ import annotations

import pytest
import yaml

from hooks import __version__
from tests.chart.rendering import (
    CHART,
    FULLNAME,
    Document,
    ci,
    container,
    environment,
    of_kind,
    one,
    pod,
    render,
)

pytestmark = pytest.mark.server


def chart() -> Document:
    document: Document = yaml.safe_load((CHART / "Chart.yaml").read_text())
    return document


# The chart


def test_the_chart_has_the_programs_version() -> None:
    assert chart()["version"] == chart()["appVersion"] == __version__
    assert chart()["name"] == "s3-resource-operator"
    (image,) = yaml.safe_load(chart()["annotations"]["artifacthub.io/images"])
    assert image["image"].endswith(f":{__version__}")
    for name in ("changes", "images", "links"):
        assert yaml.safe_load(chart()["annotations"][f"artifacthub.io/{name}"])


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("rel", {}, "rel-s3-resource-operator"),
        ("s3-resource-operator", {}, "s3-resource-operator"),
        ("rel", {"nameOverride": "s3op"}, "rel-s3op"),
        ("rel", {"fullnameOverride": "mine"}, "mine"),
        ("r" * 53, {}, f"{'r' * 53}-s3-resour"),
        ("rel", {"fullnameOverride": "x" * 70}, "x" * 63),
    ],
)
def test_names_are_the_usual_ones_and_fit(release: str, values: Document, name: str) -> None:
    everything = {
        **values,
        "deletion": {"enabled": True},
        "hook": {"tls": {"mode": "selfSigned", "mutual": {"enabled": True}}},
    }
    documents = render(values=everything, release=release)
    assert one(documents, "Deployment")["metadata"]["name"] == name
    for document in documents:
        assert len(document["metadata"]["name"]) <= 63
        for value in document["metadata"]["labels"].values():
            assert len(value) <= 63
    names = [document["metadata"]["name"] for document in of_kind(documents, "Secret")]
    assert len(names) == len(set(names))
    # Metacontroller's finalizer is "metacontroller.io/decoratorcontroller-NAME".
    controllers = of_kind(documents, "DecoratorController")
    deletion = next(item for item in controllers if "finalize" in item["spec"]["hooks"])
    assert len(f"decoratorcontroller-{deletion['metadata']['name']}") <= 63


def test_image_tag_and_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    repository = "ghcr.io/s3-resource-operator/s3-resource-operator"
    assert container(render())["image"] == f"{repository}:{__version__}"
    assert container(render(values={"image": {"tag": "1.2"}}))["image"] == f"{repository}:1.2"
    pinned = render(values={"image": {"tag": "1.2", "digest": digest}})
    assert container(pinned)["image"] == f"{repository}@{digest}"


# Pods and where they run


def test_replicas_are_spread() -> None:
    assert "topologySpreadConstraints" not in pod(render())
    default = pod(render(values={"replicaCount": 2}))["topologySpreadConstraints"]
    assert default[0]["topologyKey"] == "kubernetes.io/hostname"
    given = pod(render(ci("high-availability")))["topologySpreadConstraints"]
    assert [constraint["topologyKey"] for constraint in given] == ["topology.kubernetes.io/zone"]
    labels = one(render(), "Deployment")["spec"]["selector"]["matchLabels"]
    for constraint in [*default, *given]:
        assert constraint["labelSelector"]["matchLabels"] == labels


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"minAvailable": 0}, {"minAvailable": 0}),
        ({"maxUnavailable": 0}, {"maxUnavailable": 0}),
        ({"maxUnavailable": "50%"}, {"maxUnavailable": "50%"}),
    ],
)
def test_zero_is_a_budget_too(budget: Document, expected: Document) -> None:
    documents = render(values={"podDisruptionBudget": {"enabled": True, **budget}})
    spec = one(documents, "PodDisruptionBudget")["spec"]
    del spec["selector"]
    assert spec == expected


def test_extras_are_there() -> None:
    documents = render(ci("extras"))
    assert environment(documents)["HTTPS_PROXY"] == "http://proxy.ops:3128"
    assert container(documents)["envFrom"][1]["secretRef"]["name"] == "more"
    assert {"rel-more", "rel-text"} <= {item["metadata"]["name"] for item in documents}
    assert "cache" in {volume["name"] for volume in pod(documents)["volumes"]}
    labels = one(documents, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "storage"
    assert labels["example.com/tier"] == "backend"
    assert labels["app.kubernetes.io/name"] == "s3op"
    assert pod(documents)["imagePullSecrets"] == [{"name": "registry"}]


def test_no_other_pod_is_taken_for_the_operator() -> None:
    documents = render(ci("tenancy"))
    selector = one(documents, "Service", FULLNAME)["spec"]["selector"]
    others = [one(documents, "Pod")["metadata"], one(documents, "Job")["spec"]["template"]]
    for other in others:
        labels = other.get("labels") or other["metadata"]["labels"]
        assert not selector.items() <= labels.items()


def test_the_test_pod_checks_with_the_operators_own_settings() -> None:
    documents = render(ci("tls-mutual"))
    test = one(documents, "Pod")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    own = test["spec"]["containers"][0]
    assert own["args"] == ["check"]
    for field in ("env", "envFrom", "volumeMounts", "image", "securityContext"):
        assert own[field] == container(documents)[field]
    assert test["spec"]["volumes"] == pod(documents)["volumes"]


# The network


def test_the_hook_port_is_metacontrollers() -> None:
    policy = one(render(), "NetworkPolicy")["spec"]
    hook, metrics = policy["ingress"]
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": "metacontroller"}}
    assert hook["from"] == [{"namespaceSelector": namespace}]
    assert hook["ports"][0]["port"] == "hook"
    assert metrics["ports"][0]["port"] == "metrics"
    assert "from" not in metrics
    assert policy["policyTypes"] == ["Ingress"]


def test_a_restricted_network() -> None:
    policy = one(render(ci("restricted-network")), "NetworkPolicy")["spec"]
    hook, metrics = policy["ingress"]
    assert hook["from"][0]["podSelector"]["matchLabels"]
    assert metrics["from"][0]["namespaceSelector"]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 6443, 7070}
    offline = {"conflictGuard": {"enabled": False}, "events": {"enabled": False}}
    policy = one(render(ci("restricted-network"), values=offline), "NetworkPolicy")["spec"]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 7070}


def test_names_that_look_like_numbers_stay_text() -> None:
    values = {"priorityClassName": "1e3", "metacontroller": {"namespace": "007"}}
    documents = render(values=values, release="123")
    assert pod(documents)["priorityClassName"] == "1e3"
    for document in documents:
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == "123"
    peer = one(documents, "NetworkPolicy")["spec"]["ingress"][0]["from"][0]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "007"}


def test_labels_may_be_added_but_selectors_stay() -> None:
    common = {"app.kubernetes.io/name": "other", "app.kubernetes.io/part-of": "storage"}
    documents = render(values={"commonLabels": common, "podLabels": common})
    selector = one(documents, "Deployment")["spec"]["selector"]["matchLabels"]
    labels = one(documents, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    assert labels["app.kubernetes.io/part-of"] == "storage"
    for service in of_kind(documents, "Service"):
        assert service["spec"]["selector"] == selector
        assert service["metadata"]["labels"]["app.kubernetes.io/part-of"] == "storage"
