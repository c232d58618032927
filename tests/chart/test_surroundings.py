"""What the chart is put into: umbrella charts, meshes, distributions of Kubernetes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import yamltext
from tests.chart.rendering import (
    CHART,
    FULLNAME,
    Document,
    HelmError,
    ci,
    container,
    helm,
    of_kind,
    one,
    pod,
    refusal,
    render,
)

pytestmark = pytest.mark.server


# Umbrella charts


def umbrella(folder: Path, values: str, **dependency: str) -> Path:
    """A chart that has this one as its dependency."""
    chart = folder / "umbrella"
    (chart / "charts").mkdir(parents=True)
    (chart / "templates").mkdir()
    shutil.copytree(CHART, chart / "charts" / "s3-resource-operator")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    entry = {"name": "s3-resource-operator", "version": version, **dependency}
    metadata = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [entry]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(metadata))
    (chart / "values.yaml").write_text(values)
    return chart


UMBRELLA_VALUES = """
x-labels: &labels
  team: storage
global:
  imageRegistry: registry.example.com
  x-anything: {}
s3-resource-operator:
  enabled: true
  x-store: &store http://store.example.com:7070
  x-list: [one, two]
  commonLabels: *labels
  podLabels:
    <<: *labels
  operator:
    endpointUrl: *store
"""


def test_an_umbrella_charts_condition_and_anchors_are_accepted(tmp_path: Path) -> None:
    chart = umbrella(tmp_path, UMBRELLA_VALUES, condition="s3-resource-operator.enabled")
    helm("lint", "--strict", "--with-subcharts", chart)
    documents = yamltext.load_all(helm("template", "rel", chart))
    assert one(documents, "Deployment")["metadata"]["labels"]["team"] == "storage"
    settings = one(documents, "ConfigMap", FULLNAME)["data"]
    assert settings["S3_ENDPOINT_URL"] == "http://store.example.com:7070"
    off = helm("template", "rel", chart, "--set", "s3-resource-operator.enabled=false")
    assert not [document for document in yamltext.load_all(off) if document]


def test_an_umbrella_charts_alias_names_the_objects(tmp_path: Path) -> None:
    values = "s3:\n  enabled: true\n  operator: {endpointUrl: 'http://store:7070'}\n"
    chart = umbrella(tmp_path, values, alias="s3", condition="s3.enabled")
    documents = yamltext.load_all(helm("template", "rel", chart))
    assert one(documents, "Deployment")["metadata"]["name"] == "rel-s3"


def test_enabled_without_a_condition_is_told() -> None:
    message = refusal({"enabled": False})
    assert "add `condition: NAME.enabled`" in message
    assert "enabled" in refusal({"enabled": "no"})


@pytest.mark.parametrize("value", [{"a": 1}, [1], "text", None, 3])
def test_what_begins_with_x_is_the_users(value: object) -> None:
    assert render(values={"x-mine": value}) is not None
    assert "additional properties 'y-mine' not allowed" in refusal({"y-mine": value or 0})


# What Helm merges into the defaults


def test_recreate_goes_without_the_default_rolling_update() -> None:
    def strategy(values: Document) -> Document:
        found: Document = one(render(values={"strategy": values}), "Deployment")["spec"]["strategy"]
        return found

    assert strategy({"type": "Recreate"}) == {"type": "Recreate"}
    assert strategy({"rollingUpdate": {"maxSurge": "25%"}}) == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0},
    }
    assert "strategy" in refusal({"strategy": {"type": "Rolling"}})


@pytest.mark.parametrize("name", ["startupProbe", "livenessProbe", "readinessProbe"])
@pytest.mark.parametrize(
    "handler",
    [{"exec": {"command": ["true"]}}, {"tcpSocket": {"port": 1}}, {"grpc": {"port": 1}}],
)
def test_another_handler_of_a_probe_takes_the_place_of_the_default(
    name: str, handler: Document
) -> None:
    probe = container(render(values={name: handler}))[name]
    assert handler.items() <= probe.items()
    assert "httpGet" not in probe
    assert probe["timeoutSeconds"]
    default = container(render())[name]
    assert container(render(values={name: {"timeoutSeconds": 9}}))[name] == {
        **default,
        "timeoutSeconds": 9,
    }


def test_an_annotation_of_the_charts_stands_once() -> None:
    text = helm("template", "rel", CHART, "--set", "podAnnotations.checksum/config=mine")
    deployment = text.split("kind: Deployment")[1].split("\n---")[0]
    assert deployment.count("checksum/config:") == 1
    assert "mine" not in deployment


# Pods


def pods(documents: list[Document]) -> dict[str, Document]:
    """Each pod with its metadata, by the kind of what makes it."""
    found = {kind: one(documents, kind)["spec"]["template"] for kind in ("Deployment", "Job")}
    return {**found, "Pod": one(documents, "Pod")}


def test_labels_and_annotations_reach_all_pods() -> None:
    documents = render(
        values={
            "deletion": {"enabled": True},
            "podLabels": {"mesh": "in", "app.kubernetes.io/name": "s3-resource-operator"},
            "podAnnotations": {"example.com/mesh": "in", "helm.sh/hook": "pre-install"},
            "commonLabels": {"team": "storage"},
        }
    )
    selector = one(documents, "Deployment")["spec"]["selector"]["matchLabels"]
    for kind, found in pods(documents).items():
        metadata = found["metadata"]
        assert metadata["labels"]["mesh"] == "in"
        assert metadata["labels"]["team"] == "storage"
        assert metadata["annotations"]["example.com/mesh"] == "in"
        # Nothing that is given there makes another pod the operator's.
        assert (selector.items() <= metadata["labels"].items()) == (kind == "Deployment")
    assert pods(documents)["Pod"]["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_pods_that_end_can_be_kept_out_of_the_mesh() -> None:
    values = {
        "deletion": {"enabled": True},
        "podLabels": {"mesh": "in"},
        "podAnnotations": {"mesh": "in", "note": "kept"},
        "jobs": {"podLabels": {"mesh": "out"}, "podAnnotations": {"mesh": "out"}},
    }
    for kind, found in pods(render(values=values)).items():
        expected = "in" if kind == "Deployment" else "out"
        assert found["metadata"]["labels"]["mesh"] == expected, kind
        assert found["metadata"]["annotations"]["mesh"] == expected
        assert found["metadata"]["annotations"]["note"] == "kept"


def test_names_and_dns_are_those_of_all_pods() -> None:
    settings: dict[str, Any] = {
        "hostAliases": [{"ip": "192.0.2.7", "hostnames": ["s3.example.com"]}],
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["192.0.2.53"]},
    }
    documents = render(values={"deletion": {"enabled": True}, **settings})
    for found in pods(documents).values():
        assert settings.items() <= found["spec"].items()
    assert not settings.keys() & pod(render()).keys()
    assert "hostAliases" in refusal({"hostAliases": [{"ip": "192.0.2.7", "hosts": []}]})
    assert "dnsPolicy" in refusal({"dnsPolicy": "Cluster"})


def test_further_containers_stand_beside_the_operator_alone() -> None:
    spec = pod(render(ci("extras")))
    assert [each["name"] for each in spec["containers"]] == ["operator", "proxy"]
    assert [each["name"] for each in spec["initContainers"]] == ["wait"]
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert spec["containers"][1]["image"] == f"registry.example.com/proxy:{version}"
    # One beside it would keep the test from ending; what prepares the volumes is needed there too.
    test = one(render(ci("extras")), "Pod")["spec"]
    assert [each["name"] for each in test["containers"]] == ["check"]
    assert test["initContainers"] == spec["initContainers"]
    assert "extraContainers" in refusal({"extraContainers": [{"image": "a"}]})


def test_a_mesh_without_sidecars_gets_through_the_network_policy() -> None:
    ingress = one(render(ci("mesh")), "NetworkPolicy")["spec"]["ingress"]
    assert ingress[-1] == {"ports": [{"port": 15008, "protocol": "TCP"}]}
    assert ingress[:-1] == one(render(), "NetworkPolicy")["spec"]["ingress"]


# Kubernetes


@pytest.mark.parametrize(
    "version",
    [
        "1.30.0",
        "v1.31.5-eks-a737599",
        "v1.32.3+k3s1",
        "v1.33.1+rke2r1",
        "v1.30.9-gke.1231000",
        "v1.34.0-alpha.1",
        "v1.30",
        # Built without a version: from a module, and from an archive.
        "v0.0.0-master+$Format:%H$",
        "v0.0.0-master+0123abc",
        "v0.0.0",
    ],
)
def test_versions_of_distributions_are_accepted(version: str) -> None:
    assert "kind: Deployment" in helm("template", "rel", CHART, "--kube-version", version)


@pytest.mark.parametrize("version", ["1.29.0", "v1.29.15+k3s1", "v1.28.9-eks-036c24b", "v1.9.1"])
def test_an_old_kubernetes_is_refused(version: str) -> None:
    with pytest.raises(HelmError, match="or newer"):
        helm("template", "rel", CHART, "--kube-version", version)


# Monitoring


def test_a_pod_monitor_finds_the_operators_pods_alone() -> None:
    values = {"podMonitor": {"enabled": True, "requireCRD": False, "interval": "1m"}}
    documents = render(values={**values, "deletion": {"enabled": True}})
    monitor = one(documents, "PodMonitor")["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"], endpoint["interval"]) == (
        *("metrics", "/metrics", "1m"),
    )
    wanted = monitor["selector"]["matchLabels"].items()
    chosen = {
        kind
        for kind, each in pods(documents).items()
        if wanted <= each["metadata"]["labels"].items()
    }
    assert chosen == {"Deployment"}
    ports = {port["name"] for port in container(documents)["ports"]}
    assert endpoint["port"] in ports
    # Without the metrics Service too, and only where its kind is known.
    alone = render(values={**values, "metrics": {"service": {"enabled": False}}})
    assert of_kind(alone, "PodMonitor")
    assert not of_kind(render(values={"podMonitor": {"enabled": True}}), "PodMonitor")
    both = {**values, "serviceMonitor": {"enabled": True}}
    assert "serviceMonitor.enabled and podMonitor.enabled exclude each other" in refusal(both)


def test_the_label_of_clusters_can_be_another() -> None:
    rule = {"enabled": True, "requireCRD": False, "clusterLabel": "k8s_cluster"}
    documents = render(values={"prometheusRule": rule, "grafanaDashboard": {"enabled": True}})
    for alert in one(documents, "PrometheusRule")["spec"]["groups"][0]["rules"]:
        assert "by (k8s_cluster, namespace" in alert["expr"], alert["alert"]
        assert "cluster," not in alert["expr"].replace("k8s_cluster,", "")
    board = one(documents, "ConfigMap", f"{FULLNAME}-dashboard")["data"][
        "s3-resource-operator.json"
    ]
    assert 'k8s_cluster=~\\"$cluster\\"' in board
    assert "{cluster=~" not in board
    assert "label_values(s3_operator_build_info, k8s_cluster)" in board
    assert "clusterLabel" in refusal({"prometheusRule": {"clusterLabel": "a-b"}})


def test_kube_state_metrics_names_the_label_by_the_annotations_prefix() -> None:
    values = {
        "operator": {"annotation_key": "s3.my-team.example/enabled"},
        "prometheusRule": {"enabled": True, "requireCRD": False},
        "grafanaDashboard": {"enabled": True},
    }
    text = yaml.safe_dump_all(render(values=values), width=10000)
    assert "label_s3_my_team_example_status=~" in text
    assert "label_s3_resource_operator_io_status" not in text


# What the notes say of several namespaces


def notes(values: Document) -> str:
    text = yaml.safe_dump(values)
    return helm("install", "rel", CHART, "--dry-run=client", "-f", "-", stdin=text)


KEPT = {"bucketNamePattern": "{namespace}.*", "accessKeyPattern": "prod-{namespace}"}


@pytest.mark.parametrize(
    ("policy", "warned"),
    [
        ({}, True),
        (KEPT, False),
        ({**KEPT, "accessKeyPattern": ""}, True),
        ({**KEPT, "bucketNamePattern": "{namespace}-*"}, True),
        ({**KEPT, "bucketNamePattern": "*{namespace}.*"}, True),
        ({**KEPT, "bucketNamePattern": "{namespace}.*, shared"}, True),
        ({**KEPT, "bucketNamePattern": "{namespace}.*, x-{namespace}.?"}, False),
        ({"existingConfigMap": "mine"}, False),
        ({"rules": [{"name": "a", "namespaces": ["one"]}]}, False),
        ({"rules": [{"name": "a", "namespaces": ["team-*"]}]}, True),
        ({"rules": [{"name": n, "namespaces": [n]} for n in ("a", "b")]}, True),
        ({"file": "rules:\n- {name: a, namespaces: [one]}\n"}, False),
        ({"file": "rules:\n- {name: a, namespaces: [one, two]}\n"}, True),
        (
            {
                "rules": [
                    {"name": n, "namespaces": [n], "buckets": [f"{n}-1"], "access-keys": [n]}
                    for n in ("a", "b")
                ]
            },
            False,
        ),
    ],
)
def test_it_is_told_where_namespaces_can_take_from_each_other(
    policy: Document, warned: bool
) -> None:
    text = notes({"policy": policy})
    assert ("NAMESPACES AREN'T KEPT APART" in text) == warned
    assert ("adoption: own-names" in text) == warned


def test_own_names_is_an_adoption() -> None:
    rules = [{"name": "a", "namespaces": ["b"], "adoption": "own-names"}]
    values = {"operator": {"adoption": "own-names"}, "policy": {"rules": rules}}
    settings = one(render(values=values), "ConfigMap", FULLNAME)["data"]
    assert settings["ADOPTION"] == "own-names"
