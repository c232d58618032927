"""Servers that several modules of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.cluster import Cluster, running_cluster
from tests.servers.require import require


@pytest.fixture(scope="session")
def api_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kubernetes API without Metacontroller, for what the operator asks of it."""
    with running_cluster(
        tmp_path_factory.mktemp("api"),
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
    ) as cluster:
        yield cluster
