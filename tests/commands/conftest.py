"""A configuration for commands, and a store in memory behind them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks.cluster.kube import Kube
from hooks.commands.processes import LOOPBACK, free_port
from tests.commands.giving import NEVER
from tests.live import Hooks
from tests.model import ModelStore
from tests.rivals import World, two_namespaces
from tests.servers.cluster import Cluster


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A valid configuration whose store is a port that refuses."""
    kept = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    for name in set(os.environ) - set(kept):
        monkeypatch.delenv(name)
    monkeypatch.setenv("S3_ENDPOINT_URL", f"http://{LOOPBACK}:{free_port()}")
    monkeypatch.setenv("S3_ACCESS_KEY", "operator")
    monkeypatch.setenv("S3_SECRET_KEY", "secret-of-the-operator")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """A store in memory in the place of the configured one."""
    store = ModelStore()
    monkeypatch.setattr("hooks.commands.cli.REGISTRY", {"versitygw": lambda *_: store})
    return store


@pytest.fixture
def world(api_cluster: Cluster, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Nothing may be taken over; the command is run as an administrator of the cluster."""
    monkeypatch.setenv("KUBECONFIG", str(api_cluster.kubeconfig))
    with two_namespaces(api_cluster, kube) as made:
        made.hooks = Hooks(made.store, kube, NEVER)
        yield made


@pytest.fixture
def unconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration but what a test gives."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "ANNOTATION_KEY", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SIGNING_KEY", "SIGNING_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def admin(unconfigured: None, api_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_cluster.kubeconfig))


@pytest.fixture
def namespace(api_cluster: Cluster) -> str:
    return api_cluster.namespace(f"status-{secrets.token_hex(4)}")
