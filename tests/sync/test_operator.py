"""Which parts an operator has, by its settings and by what it finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hooks.cluster.kube import Kube
from hooks.metrics import Metrics
from hooks.settings.settings import Settings, SettingsError
from hooks.sync.operator import Operator, connect
from hooks.sync.syncer import Syncer
from tests.claim.test_policyfile import rule
from tests.model import Account, ModelStore
from tests.support import ENVIRON, Secret
from tests.support import Operator as HookOperator

AUTO = ENVIRON
OFF = {"CONFLICT_GUARD": "off", "KUBERNETES_EVENTS": "off"}


def settings(**variables: str) -> Settings:
    return Settings.load({**ENVIRON, **variables})


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of the Kubernetes API, wherever the tests run."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A kubeconfig whose API nobody has to answer for."""
    path = tmp_path / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def kube(configured: Path) -> Iterator[Kube]:
    found = connect(settings())
    assert found is not None
    yield found
    found.close()


def build(kube: Kube | None, **variables: str) -> Operator:
    return Operator.build(settings(**variables), ModelStore(), Metrics(), kube)


# Connecting


def test_where_there_is_no_configuration_auto_goes_without() -> None:
    assert connect(settings()) is None


@pytest.mark.parametrize(
    "variables",
    [
        {"CONFLICT_GUARD": "on"},
        {"KUBERNETES_EVENTS": "on"},
        {"DELETION": "on"},
        {"CONFLICT_GUARD": "on", "KUBERNETES_EVENTS": "on", "DELETION": "on"},
    ],
)
def test_what_is_wanted_and_can_not_be_is_a_mistake_of_the_settings(
    variables: dict[str, str],
) -> None:
    with pytest.raises(SettingsError) as raised:
        connect(settings(**variables))
    assert {mistake.partition(":")[0] for mistake in raised.value.mistakes} == set(variables)


def test_a_configuration_that_is_found_is_used(kube: Kube) -> None:
    assert kube.namespace == "default"


def test_switched_off_nothing_is_even_looked_for(
    configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured.write_text("{ not a kubeconfig")
    assert connect(settings(**OFF)) is None
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/kubeconfig")
    assert connect(settings(**OFF)) is None


@pytest.mark.parametrize("content", ["{ not YAML", "{}", "current-context: x\n"])
def test_a_configuration_that_can_not_be_used_is_told(configured: Path, content: str) -> None:
    configured.write_text(content)
    with pytest.raises(SettingsError) as raised:
        connect(settings())
    assert {mistake.partition(":")[0] for mistake in raised.value.mistakes} == {
        "CONFLICT_GUARD",
        "KUBERNETES_EVENTS",
    }
    with pytest.raises(SettingsError, match="DELETION: "):
        connect(settings(DELETION="on"))


def test_a_null_kubeconfig_is_a_wish_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", os.devnull)
    assert connect(settings()) is None


# Building


@pytest.mark.parametrize(("switch", "guarded"), [("auto", True), ("on", True), ("off", False)])
def test_the_guard_goes_by_its_switch(kube: Kube, switch: str, guarded: bool) -> None:
    assert build(kube, CONFLICT_GUARD=switch).guarded is guarded


def test_without_an_api_there_is_no_guard() -> None:
    assert not build(None).guarded


def test_a_policy_file_is_watched(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump({"rules": [{"name": "all", "namespaces": ["*"]}]}))
    metrics = Metrics()
    Operator.build(settings(POLICY_FILE=str(file)), ModelStore(), metrics)
    assert metrics.registry.get_sample_value("s3_operator_policy_valid") == 1


def test_a_sync_is_held_to_one_version_of_the_policy_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(rule("adoption: never"))
    store = ModelStore()
    store.accounts["app"] = Account("another-secret", "user")
    operator = HookOperator(store, {"POLICY_FILE": str(path)})
    syncer = operator.parts.syncer
    assert isinstance(syncer, Syncer)
    file = syncer._rules.policy.file
    assert file is not None

    def change(_: str) -> None:
        """What happens to the file while the store is asked."""
        path.write_text(rule("adoption: any"))
        file.refresh()

    store.before = change
    secret = Secret.claiming("data", "app", "its-own-secret")
    secret.document["metadata"]["namespace"] = "team"
    operator.sync(secret)
    assert secret.state == ("Conflict", "UserExists")
    operator.sync(secret)
    assert secret.state == ("Ready", "Provisioned")
