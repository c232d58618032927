"""A Kubernetes API that several modules check against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chart.cluster import prepare
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.require import require, require_crds

NAMESPACES = ("ops", "storage", "s3-resource-operator", "upgrades")


@pytest.fixture(scope="package")
def chart_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kubernetes API with Metacontroller's kinds; others want one without."""
    crds = require_crds()
    with running_cluster(
        tmp_path_factory.mktemp("chart-api"),
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
    ) as cluster:
        prepare(cluster, crds, *NAMESPACES)
        yield cluster
