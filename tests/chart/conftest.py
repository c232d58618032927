"""A schema and a Kubernetes API that several modules check against."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.cluster import prepare
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.require import require
from tests.test_manifests import load, strict

NAMESPACES = ("ops", "storage", "s3-resource-operator", "upgrades")


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


@pytest.fixture(scope="session")
def chart_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kubernetes API with Metacontroller's kinds; others want one without."""
    crds = os.environ.get("METACONTROLLER_CRDS")
    if not crds:
        pytest.skip("METACONTROLLER_CRDS does not name Metacontroller's CRD manifest")
    with running_cluster(
        tmp_path_factory.mktemp("chart-api"),
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
    ) as cluster:
        prepare(cluster, Path(crds), *NAMESPACES)
        yield cluster
