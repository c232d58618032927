"""A real Metacontroller with what the chart installs; only the hook's address is loopback's.

Metacontroller has no right but those of the chart's ClusterRole, and the operator runs with the
variables, files and account that the chart's Deployment gives it.
"""

from __future__ import annotations

import base64
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks.commands.processes import wait_until
from tests.authority import Authority
from tests.chart.cluster import Release, prepare
from tests.chart.installation import NAMESPACE, PREFIX, Installation
from tests.chart.jobs import running_jobs
from tests.chart.operator import Operator
from tests.servers.api import Object
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.metacontroller import Metacontroller
from tests.servers.require import require, require_metacontroller
from tests.servers.store import Store, running_store

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    files = require_metacontroller()
    programs = {"etcd": require("etcd"), "kube_apiserver": require("kube-apiserver")}
    directory = tmp_path_factory.mktemp("chart")
    with running_cluster(directory / "cluster", **programs) as cluster:
        prepare(cluster, files.crds, NAMESPACE, "team", "metacontroller")
        metacontroller = Metacontroller(files, cluster, directory / "metacontroller")
        (directory / "metacontroller").mkdir(exist_ok=True)
        # Its rights come with the first release: until then, it tries again.
        metacontroller.process.start()
        try:
            yield cluster
        finally:
            metacontroller.stop()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(require("versitygw"), tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def installation(cluster: Cluster, store: Store, tmp_path: Path) -> Iterator[Installation]:
    release = Release(cluster, NAMESPACE, NAMESPACE)
    operator = Operator(release, tmp_path / "operator")
    installation = Installation(cluster, store, operator, release, tmp_path)
    try:
        yield installation
    finally:
        cluster.api.delete_all("Secret", "team")
        operator.stop()
        release.uninstall("--no-hooks", "--ignore-not-found")


def tls_secret(cluster: Cluster, name: str, certificate: bytes, key: bytes) -> None:
    data = {"tls.crt": certificate, "tls.key": key}
    cluster.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "data": {key: base64.b64encode(text).decode() for key, text in data.items()},
        }
    )


def token_secret(cluster: Cluster, name: str, token: str) -> Object:
    """A Secret with a token, and the reference to it."""
    reference = {"name": name, "namespace": NAMESPACE, "key": "token"}
    cluster.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {"token": token},
        }
    )
    return {"authorization": {"type": "Bearer", "secretRef": reference}}


def test_a_generated_token(installation: Installation) -> None:
    installation.install(installation.values())
    bucket, user = installation.put("plain")
    installation.wait_until_ready("plain")
    assert installation.store.owner(bucket) == user
    wrong = token_secret(installation.cluster, "wrong-token", secrets.token_urlsafe(24))
    installation.point_at_loopback(wrong)
    installation.refused("wrong-token", "401")


def test_self_signed_tls(installation: Installation) -> None:
    installation.install(installation.values(tls={"mode": "selfSigned"}))
    installation.put("self-signed")
    installation.wait_until_ready("self-signed")
    webhook = installation.release.controller()["spec"]["hooks"]["sync"]["webhook"]
    assert webhook["url"].startswith("https://")
    # What Metacontroller dials in a cluster, where the Service has a name.
    authority = webhook["caBundle"]["inline"]
    dialled = f"{NAMESPACE}.{NAMESPACE}"
    assert installation.operator.handshake(dialled, authority) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        installation.operator.handshake("another.name", authority)
    # A wrong token is no better over TLS, nor is a hook of another CA any good.
    wrong = token_secret(installation.cluster, "wrong-token-tls", secrets.token_urlsafe(24))
    installation.point_at_loopback(wrong)
    installation.refused("wrong-token", "401")
    stranger = {"caBundle": {"inline": Authority("strangers").pem().decode()}}
    installation.point_at_loopback(stranger)
    installation.refused("wrong-ca", "certificate")


def test_mutual_tls(installation: Installation) -> None:
    tls = {"mode": "selfSigned", "mutual": {"enabled": True}}
    installation.install(installation.values(tls=tls))
    installation.put("mutual")
    installation.wait_until_ready("mutual")
    certificate, key = installation.directory / "a.crt", installation.directory / "a.key"
    Authority("metacontroller CA").write(certificate, key, "metacontroller")
    files = (certificate.read_bytes(), key.read_bytes())
    tls_secret(installation.cluster, "unknown-caller", *files)
    reference = {"name": "unknown-caller", "namespace": NAMESPACE}
    installation.point_at_loopback({"clientTLS": {"secretRef": reference}})
    # TLS 1.3 refuses a caller's certificate after the caller has begun to send, so that the words
    # differ: EOF, reset or a TLS alert. A handshake that went well would end in a status.
    installation.refused("unknown-certificate", "http error: Post")
    installation.point_at_loopback({"clientTLS": None})
    installation.refused("no-certificate", "http error: Post")


def test_a_rotated_token_takes_effect(installation: Installation) -> None:
    installation.install(installation.values())
    installation.put("before")
    installation.wait_until_ready("before")
    rotated = installation.values(auth={"rotation": "2"})
    installation.upgrade(rotated)
    # The pods of before still run. They know the new token already.
    installation.put("meanwhile")
    installation.wait_until_ready("meanwhile")
    state = installation.release.secrets()[f"{NAMESPACE}-hook"]
    # Pods that took nothing but the new token would show that it is the one that is sent.
    installation.operator.roll({"hook/token": state["current"]})
    installation.put("new-token-only")
    installation.wait_until_ready("new-token-only")
    installation.operator.roll({"hook/token": state["previous"]})
    installation.refused("old-token-only", "401")
    assert not [text for text in installation.events() if "meanwhile" in text]


def test_rotated_certificates_take_effect(installation: Installation) -> None:
    tls: Object = {"mode": "selfSigned", "mutual": {"enabled": True}}
    installation.install(installation.values(tls=tls))
    before = installation.release.controller()["spec"]["hooks"]["sync"]["webhook"]
    installation.upgrade(installation.values(tls={**tls, "selfSigned": {"rotation": "2"}}))
    after = installation.release.controller()["spec"]["hooks"]["sync"]["webhook"]
    assert after["clientTLS"] != before["clientTLS"]
    installation.operator.roll()
    installation.put("renewed")
    installation.wait_until_ready("renewed")


def test_a_changed_setting_reaches_every_secret(installation: Installation) -> None:
    installation.install(installation.values())
    bucket, _ = installation.put("kept")
    installation.wait_until_ready("kept")
    values = installation.values()
    values["operator"]["reservedBuckets"] = [f"{bucket}*"]
    # The pods first: the order that a cluster ends in, since the webhook's answer is asked again.
    installation.release.upgrade(values=values)
    installation.operator.roll()
    installation.point_at_loopback()
    wait_until(
        lambda: installation.status("kept") == "Invalid",
        timeout=20,
        what="the Secret to be looked at again",
    )


def with_lifecycle(installation: Installation) -> Object:
    features = {"deletion": {"enabled": True}, "connectionSecrets": {"enabled": True}}
    return {**installation.values(), **features}


def finalizers(cluster: Cluster, name: str) -> list[str]:
    found = cluster.api.get("Secret", name, "team")
    assert found is not None
    return list(found["metadata"].get("finalizers", []))


FINALIZER = f"metacontroller.io/decoratorcontroller-{NAMESPACE}-deletion"


def test_deletion_and_connection_secrets(installation: Installation) -> None:
    installation.install(with_lifecycle(installation))
    bucket, user = installation.put("whole")
    installation.wait_until_ready("whole")
    metadata = {
        "annotations": {
            PREFIX + "deletion-policy": "delete",
            PREFIX + "connection-secret": "whole-connection",
        }
    }
    installation.cluster.api.merge("Secret", "whole", "team", {"metadata": metadata})
    api = installation.cluster.api
    wait_until(
        lambda: api.get("Secret", "whole-connection", "team"),
        timeout=20,
        what="the connection Secret",
    )
    wait_until(
        lambda: finalizers(installation.cluster, "whole") == [FINALIZER],
        timeout=20,
        what="the finalizer",
    )
    api.delete("Secret", "whole", "team")
    wait_until(
        lambda: api.get("Secret", "whole", "team") is None, timeout=20, what="the Secret to be gone"
    )
    assert installation.store.user(user) is None
    assert installation.store.owner(bucket) is None


def test_uninstalling_takes_the_finalizers_off(installation: Installation) -> None:
    installation.install(with_lifecycle(installation))
    api = installation.cluster.api
    bucket, user = installation.put("held")
    policy = {"metadata": {"annotations": {PREFIX + "deletion-policy": "delete"}}}
    api.merge("Secret", "held", "team", policy)
    installation.wait_until_ready("held")
    wait_until(
        lambda: finalizers(installation.cluster, "held") == [FINALIZER],
        timeout=20,
        what="the finalizer",
    )
    with running_jobs(installation.release, installation.directory / "jobs") as jobs:
        installation.release.uninstall("--timeout", "60s")
    assert "detached team/held" in jobs.outputs[0]
    installation.operator.stop()
    assert finalizers(installation.cluster, "held") == []
    api.delete("Secret", "held", "team")
    assert api.get("Secret", "held", "team") is None
    # Nothing was deleted on the store: there was nobody left to do it.
    assert installation.store.owner(bucket) == user
