"""A Kubernetes API without nodes: a real etcd and a real kube-apiserver on loopback."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from hooks.commands.processes import LOOPBACK, Process, free_port
from tests import yamltext
from tests.servers.api import Api
from tests.servers.certificates import rsa_key_pair, serving_certificate

METACONTROLLER_USER = "system:serviceaccount:metacontroller:metacontroller"

_ADMIN = "admin"
_READY_SECONDS = 60


class Cluster:
    """The two servers and a client for them; everything it writes is below `directory`."""

    def __init__(self, directory: Path, *, etcd: Path, kube_apiserver: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.url = f"https://{LOOPBACK}:{free_port()}"
        self._certificate = serving_certificate(directory, LOOPBACK)
        self._tokens = {user: secrets.token_urlsafe(24) for user in (_ADMIN, METACONTROLLER_USER)}
        self.kubeconfig = self._write_kubeconfig(_ADMIN)
        self.metacontroller_kubeconfig = self._write_kubeconfig(METACONTROLLER_USER)
        self.api = Api(self.url, token=self._tokens[_ADMIN], authority=self._certificate.authority)
        etcd_url = f"http://{LOOPBACK}:{free_port()}"
        self.etcd = Process(self._etcd_command(etcd, etcd_url), log=directory / "etcd.log")
        self.apiserver = Process(
            self._apiserver_command(kube_apiserver, etcd_url), log=directory / "apiserver.log"
        )

    def start(self) -> None:
        self.etcd.start()
        self.apiserver.start()
        self.apiserver.wait_for(self.api.ready, timeout=_READY_SECONDS, what="the Kubernetes API")

    def stop(self) -> None:
        self.api.close()
        self.apiserver.stop()
        self.etcd.stop()
        shutil.rmtree(self.directory / "etcd", ignore_errors=True)

    def apply_file(self, path: Path) -> None:
        for manifest in yamltext.load_all(path.read_text()):
            if manifest:
                self.api.apply(manifest)

    def namespace(self, name: str) -> str:
        """Make a namespace. None is ever deleted: that would need a controller manager."""
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.api.apply(manifest)
        return name

    def sweep(self) -> None:
        """Deletes every Secret, whatever holds it: who lists all of them finds none of others."""
        for found in self.api.list("Secret"):
            name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
            if found["metadata"].get("finalizers"):
                self.api.merge("Secret", name, namespace, {"metadata": {"finalizers": None}})
            self.api.delete("Secret", name, namespace)

    def _etcd_command(self, binary: Path, url: str) -> list[str]:
        peers = f"http://{LOOPBACK}:{free_port()}"
        return [
            str(binary),
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--log-level=warn",
            # Nothing here has to outlive a power cut, and flushing takes most of a write's time.
            "--unsafe-no-fsync",
        ]

    def _apiserver_command(self, binary: Path, etcd_url: str) -> list[str]:
        private, public = self.directory / "accounts.key", self.directory / "accounts.pub"
        rsa_key_pair(private, public)
        return [
            str(binary),
            f"--etcd-servers={etcd_url}",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={self.url.rsplit(':', 1)[1]}",
            f"--tls-cert-file={self._certificate.certificate}",
            f"--tls-private-key-file={self._certificate.key}",
            f"--cert-dir={self.directory}",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={private}",
            f"--service-account-issuer=https://{LOOPBACK}",
            f"--token-auth-file={self._write_tokens()}",
            # With RBAC, Metacontroller can do here only what the shipped role allows.
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/24",
        ]

    def _write_tokens(self) -> Path:
        path = self.directory / "tokens.csv"
        rows = [
            f"{self._tokens[_ADMIN]},{_ADMIN},{_ADMIN},system:masters",
            f"{self._tokens[METACONTROLLER_USER]},{METACONTROLLER_USER},metacontroller",
        ]
        path.write_text("\n".join(rows) + "\n")
        path.chmod(0o600)
        return path

    def _write_kubeconfig(self, user: str) -> Path:
        path = self.directory / f"kubeconfig-{user.rsplit(':', 1)[-1]}.yaml"
        authority = str(self._certificate.authority)
        cluster = {"server": self.url, "certificate-authority": authority}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": user}}],
            "current-context": "tests",
        }
        path.write_text(yaml.safe_dump(document))
        path.chmod(0o600)
        return path


@contextlib.contextmanager
def running_cluster(directory: Path, *, etcd: Path, kube_apiserver: Path) -> Iterator[Cluster]:
    cluster = Cluster(directory, etcd=etcd, kube_apiserver=kube_apiserver)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
