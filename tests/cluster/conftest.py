"""A client with every right, and a namespace of a test's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from hooks.cluster.kube import Kube
from tests.live import kube_of
from tests.servers.cluster import Cluster


@pytest.fixture
def kube(api_cluster: Cluster) -> Iterator[Kube]:
    client = kube_of(api_cluster.kubeconfig)
    yield client
    client.close()


@pytest.fixture
def namespace(api_cluster: Cluster) -> Iterator[str]:
    made = api_cluster.namespace(f"kube-{secrets.token_hex(4)}")
    yield made
    api_cluster.api.delete_all("Secret", made)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hooks.cluster.kube.PAGE", 50)
    monkeypatch.setattr("hooks.cluster.kube.METADATA_PAGE", 50)
