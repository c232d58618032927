"""The detach command, against a real Kubernetes API and a real Metacontroller."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks.commands.detach import DEFAULT_CONTROLLER, add_parser, run
from hooks.commands.processes import LOOPBACK, free_port, wait_until
from tests.commands.idlehook import hook
from tests.servers.accounts import account, kubeconfig, rule, secret
from tests.servers.api import ApiError, Object
from tests.servers.cluster import METACONTROLLER_USER, Cluster
from tests.servers.metacontroller import running_metacontroller
from tests.servers.require import require_metacontroller

pytestmark = pytest.mark.server

GROUP = "metacontroller.k8s.io"
API_VERSION = f"{GROUP}/v1alpha1"
FINALIZER = f"metacontroller.io/decoratorcontroller-{DEFAULT_CONTROLLER}"
OTHERS = "metacontroller.io/decoratorcontroller-another"
# What the chart's uninstall job needs.
RIGHTS = (
    rule("get,list,patch", "secrets"),
    rule("get,delete", "decoratorcontrollers", GROUP),
)


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command"))
    return run(parser.parse_args(["detach", *words]))


@pytest.fixture(autouse=True)
def _environment(api_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account with the rights that are named above and no more."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(account(api_cluster, *RIGHTS)))


@pytest.fixture
def namespaces(api_cluster: Cluster) -> Iterator[list[str]]:
    made = [api_cluster.namespace(f"detach-{secrets.token_hex(4)}") for _ in range(2)]
    yield made
    for namespace in made:
        for found in api_cluster.api.list("Secret", namespace):
            change = {"metadata": {"finalizers": None}}
            api_cluster.api.merge("Secret", found["metadata"]["name"], namespace, change)


@pytest.fixture
def kind(api_cluster: Cluster) -> None:
    """DecoratorControllers are served, with nobody who acts on them."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"plural": "decoratorcontrollers", "kind": "DecoratorController"}
    api_cluster.api.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"decoratorcontrollers.{GROUP}",
                "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
            },
            "spec": {"group": GROUP, "scope": "Cluster", "names": names, "versions": [version]},
        }
    )

    def served() -> bool:
        try:
            return bool(api_cluster.api.request("GET", f"/apis/{API_VERSION}")["resources"])
        except ApiError:
            return False

    wait_until(served, timeout=20, what="DecoratorControllers to be served")


def finalizers(cluster: Cluster, namespace: str, name: str) -> list[str] | None:
    found = cluster.api.get("Secret", name, namespace)
    return None if found is None else found["metadata"].get("finalizers", [])


def controller(name: str = DEFAULT_CONTROLLER, spec: Object | None = None) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": "DecoratorController",
        "metadata": {"name": name},
        "spec": spec or {},
    }


def test_it_is_removed_everywhere_and_a_second_time_nowhere(
    api_cluster: Cluster, namespaces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for namespace in namespaces:
        held = secret(namespace, "held", finalizers=[OTHERS, FINALIZER], data={"key": "hunter2"})
        api_cluster.api.create(held)
        api_cluster.api.create(secret(namespace, "free"))
    assert call() == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        *sorted(f"detached {namespace}/held" for namespace in namespaces),
        "The finalizer was removed from 2 Secrets.",
    ]
    assert [finalizers(api_cluster, namespace, "held") for namespace in namespaces] == [
        [OTHERS],
        [OTHERS],
    ]
    assert call("-A") == 0
    assert capsys.readouterr().out == "The finalizer was removed from 0 Secrets.\n"


def test_a_dry_run_changes_nothing(
    api_cluster: Cluster, namespaces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    api_cluster.api.create(secret(namespaces[0], "held", finalizers=[FINALIZER]))
    assert call("--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"would detach {namespaces[0]}/held",
        "The finalizer would be removed from 1 Secret.",
    ]
    assert finalizers(api_cluster, namespaces[0], "held") == [FINALIZER]


def test_one_namespace_and_another_controller_can_be_meant(
    api_cluster: Cluster, namespaces: list[str]
) -> None:
    for namespace in namespaces:
        api_cluster.api.create(secret(namespace, "held", finalizers=[OTHERS, FINALIZER]))
    assert call("-n", namespaces[0], "--controller", "another") == 0
    assert finalizers(api_cluster, namespaces[0], "held") == [FINALIZER]
    assert finalizers(api_cluster, namespaces[1], "held") == [OTHERS, FINALIZER]


def opted_in(namespace: str, name: str, controller: str) -> Object:
    """A Secret that asks for a deletion policy, held by a controller."""
    held = f"metacontroller.io/decoratorcontroller-{controller}"
    annotations = {"example.com/deletion-policy": "delete"}
    return secret(namespace, name, finalizers=[held], annotations=annotations)


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--delete-controller",)])
def test_another_controllers_finalizers_are_told_and_1(
    api_cluster: Cluster,
    namespaces: list[str],
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    made = {"one": "mine", "two": "mine", "three": "rel-deletion"}
    for name, controller in made.items():
        api_cluster.api.create(opted_in(namespaces[0], name, controller))
    # One whose Secret doesn't say what it is for any more.
    orphan = ["metacontroller.io/decoratorcontroller-old-deletion"]
    api_cluster.api.create(secret(namespaces[0], "four", finalizers=orphan))
    assert call("-n", namespaces[0], *words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"No Secret has the finalizer of {DEFAULT_CONTROLLER}" in err
    assert "mine (2 Secrets), old-deletion (1 Secret), rel-deletion (1 Secret)" in err
    assert "--controller" in err
    for name, controller in made.items():
        assert finalizers(api_cluster, namespaces[0], name) == [
            f"metacontroller.io/decoratorcontroller-{controller}"
        ]


def test_another_controllers_finalizers_matter_only_where_there_is_none_of_its_own(
    api_cluster: Cluster, namespaces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = namespaces[0]
    api_cluster.api.create(opted_in(first, "ours", DEFAULT_CONTROLLER))
    api_cluster.api.create(opted_in(first, "theirs", "mine"))
    # One that has nothing to do with deletion policies is nobody's business here.
    api_cluster.api.create(secret(first, "foreign", finalizers=[OTHERS]))
    assert call("-n", first) == 0
    assert finalizers(api_cluster, first, "ours") == []
    assert call("-n", first, "--allow-none") == 0
    capsys.readouterr()
    assert call("-n", first) == 1
    assert "mine (1 Secret)" in capsys.readouterr().err
    assert call("-n", first, "--controller", "mine") == 0
    assert call("-n", first) == 0
    assert finalizers(api_cluster, first, "foreign") == [OTHERS]


@pytest.mark.usefixtures("kind")
def test_a_controller_that_is_there_was_not_misspelt(
    api_cluster: Cluster, namespaces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    api_cluster.api.apply(controller())
    api_cluster.api.create(opted_in(namespaces[0], "theirs", "mine"))
    assert call("--delete-controller") == 0
    assert "removed from 0 Secrets" in capsys.readouterr().out


@pytest.mark.usefixtures("kind")
def test_a_repetition_waits_for_what_is_still_set(
    api_cluster: Cluster, namespaces: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller went with an attempt before, and one of its syncs ends only now."""
    api_cluster.api.create(secret(namespaces[0], "late"))

    def pause(_: float) -> None:
        change = {"metadata": {"finalizers": [FINALIZER]}}
        if not turns:
            api_cluster.api.merge("Secret", "late", namespaces[0], change)
        turns.append(1)

    turns: list[int] = []
    monkeypatch.setattr("hooks.commands.detach.time.sleep", pause)
    assert call("--delete-controller") == 0
    assert turns
    assert finalizers(api_cluster, namespaces[0], "late") == []


def test_secrets_that_wait_for_it_go(
    api_cluster: Cluster, namespaces: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooks.cluster.kube.PAGE", 50)
    made = [f"held-{number:03d}" for number in range(60)]
    for name in made:
        api_cluster.api.create(secret(namespaces[0], name, finalizers=[FINALIZER]))
    api_cluster.api.delete_all("Secret", namespaces[0])
    assert len(api_cluster.api.list("Secret", namespaces[0])) == len(made)
    assert call("-n", namespaces[0]) == 0
    assert api_cluster.api.list("Secret", namespaces[0]) == []


def test_what_may_not_be_changed_is_1_and_the_rest_is_done(
    api_cluster: Cluster,
    namespaces: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(account(api_cluster, rule("get,list", "secrets"))))
    api_cluster.api.create(secret(namespaces[0], "held", finalizers=[FINALIZER]))
    assert call() == 1
    out, err = capsys.readouterr()
    assert out == "The finalizer was removed from 0 Secrets.\n"
    assert "does not allow this account to change Secrets" in err
    assert err.endswith("1 Secret could not be changed: run it again.\n")
    assert finalizers(api_cluster, namespaces[0], "held") == [FINALIZER]


def test_an_account_that_may_not_list_is_2(
    api_cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(account(api_cluster)))
    assert call() == 2
    assert "does not allow this account to list Secrets" in capsys.readouterr().err


def test_no_cluster_is_2(
    api_cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = f"https://{LOOPBACK}:{free_port()}"
    path = kubeconfig(api_cluster, tmp_path / "config", user={}, server=server)
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert call() == 2
    assert "the connection was refused" in capsys.readouterr().err
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    assert call() == 2
    assert "No Kubernetes configuration was found" in capsys.readouterr().err


@pytest.mark.usefixtures("kind")
def test_a_controller_that_is_still_there_is_1(
    api_cluster: Cluster, namespaces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    api_cluster.api.apply(controller())
    api_cluster.api.create(secret(namespaces[0], "held", finalizers=[FINALIZER]))
    assert call() == 1
    out, err = capsys.readouterr()
    assert "removed from 1 Secret." in out
    assert "is still there" in err
    assert call("--delete-controller") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"deleted the DecoratorController {DEFAULT_CONTROLLER}",
        "The finalizer was removed from 0 Secrets.",
    ]
    assert call("--delete-controller") == 0
    assert "deleted" not in capsys.readouterr().out


@pytest.mark.usefixtures("kind")
def test_an_account_for_secrets_alone_does_its_part(
    api_cluster: Cluster, namespaces: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(account(api_cluster, RIGHTS[0])))
    api_cluster.api.apply(controller())
    api_cluster.api.create(secret(namespaces[0], "held", finalizers=[FINALIZER]))
    assert call() == 0
    assert finalizers(api_cluster, namespaces[0], "held") == []
    assert call("--delete-controller") == 2
    api_cluster.api.delete("DecoratorController", DEFAULT_CONTROLLER, api_version=API_VERSION)


def _let_it_set_finalizers(cluster: Cluster) -> None:
    """Metacontroller reads a Secret before it sets its finalizer there, and only then."""
    api_version = "rbac.authorization.k8s.io/v1"
    name = "metacontroller-finalizers"
    role = {"kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule("get", "secrets")]}
    binding = {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [
            {"kind": "User", "name": METACONTROLLER_USER, "apiGroup": "rbac.authorization.k8s.io"}
        ],
    }
    for manifest in (role, binding):
        cluster.api.apply({"apiVersion": api_version, **manifest})


@pytest.mark.e2e
def test_metacontrollers_finalizer_stays_away(
    api_cluster: Cluster, namespaces: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The finalizer is the one that Metacontroller really sets, and it doesn't come back."""
    files = require_metacontroller()
    _let_it_set_finalizers(api_cluster)
    made = [f"app-{number:02d}" for number in range(30)]
    annotation = "example.com/detach"
    with (
        hook() as url,
        running_metacontroller(files, api_cluster, tmp_path / "metacontroller"),
    ):
        webhook = {"version": "v2", "webhook": {"url": url}}
        selector = {"matchAnnotations": {annotation: "true"}}
        resource = {"apiVersion": "v1", "resource": "secrets", "annotationSelector": selector}
        spec: Object = {"resources": [resource], "hooks": {"sync": webhook, "finalize": webhook}}
        spec["resyncPeriodSeconds"] = 1
        for name in made:
            manifest = secret(namespaces[0], name, annotations={annotation: "true"})
            api_cluster.api.create(manifest)
        api_cluster.api.apply(controller(spec=spec))

        def held() -> list[str]:
            return [
                found["metadata"]["name"]
                for found in api_cluster.api.list("Secret", namespaces[0])
                if FINALIZER in found["metadata"].get("finalizers", [])
            ]

        wait_until(lambda: held() == made, timeout=30, what="Metacontroller to set its finalizer")
        assert call() == 1
        capsys.readouterr()
        wait_until(lambda: held() == made, timeout=30, what="Metacontroller to set it again")
        assert call("--delete-controller") == 0
        assert "removed from 30 Secrets." in capsys.readouterr().out
        assert held() == []
        # Two more of its rounds.
        api_cluster.api.merge(
            "Secret", made[0], namespaces[0], {"metadata": {"labels": {"a": "b"}}}
        )
        with pytest.raises(TimeoutError):
            wait_until(held, timeout=2.5, what="it to come back", interval=0.25)
        api_cluster.api.delete_all("Secret", namespaces[0])
        assert api_cluster.api.list("Secret", namespaces[0]) == []
