"""Plain configurations, read without the Kubernetes client as it would read them."""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.cluster import kubeconfig, plain
from hooks.cluster.access import Access
from hooks.cluster.kubeerrors import Misconfigured, Unauthorized
from hooks.commands.processes import LOOPBACK
from tests.authority import Authority
from tests.live import kube_of
from tests.servers.cluster import Cluster

PEM = Authority("authority").pem()


def document(user: Any = None, context: Any = None, **cluster: object) -> dict[str, Any]:
    """A kubeconfig with a token and a CA."""
    encoded = base64.b64encode(PEM).decode()
    named = {"server": "https://kube.example.com:6443/", "certificate-authority-data": encoded}
    return {
        "current-context": "here",
        "contexts": [
            {"name": "other", "context": {"cluster": "other", "user": "other"}},
            {"name": "here", "context": {"cluster": "c", "user": "u", **(context or {})}},
        ],
        "clusters": [
            {"name": "c", "cluster": {k: v for k, v in (named | cluster).items() if v is not None}}
        ],
        "users": [{"name": "u", "user": {"token": "t"} if user is None else user}],
    }


def written(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def told(access: Access) -> dict[str, object]:
    """All that an access says, with what its functions and files come to."""
    authority = access.ca_data
    if access.ca_file is not None:
        authority = Path(access.ca_file).read_text()
    names = ("server", "namespace", "verify", "server_name", "proxy", "strict")
    return {
        "authorization": access.authorization(),
        "authority": authority,
        "certificate": access.certificate and [Path(p or "").name for p in access.certificate],
        **{name: getattr(access, name) for name in names},
    }


@pytest.mark.parametrize(
    "content",
    [
        document(),
        document(context={"namespace": "team"}),
        document(user={"token": "a-token \n"}),
        document(user={}),
        document(user={"client-certificate": "tls.crt", "client-key": "tls.key"}),
        document(**{"certificate-authority-data": None, "certificate-authority": "ca.crt"}),
        document(**{"certificate-authority": "missing.crt"}),
        document(**{"certificate-authority-data": None}),
        document(**{"tls-server-name": "kube", "extensions": [{"name": "minikube"}]}),
        document(**{"proxy-url": "http://proxy.example.com:3128"}),
        document(**{"server": "http://127.0.0.1:8001", "certificate-authority-data": None}),
    ],
)
def test_it_is_read_as_the_client_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]
) -> None:
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (tmp_path / name).write_bytes(PEM)
    path = written(tmp_path / "config", content)
    assert plain.of_file(path, None) is not None
    ours = kubeconfig.find({"KUBECONFIG": str(path)})
    monkeypatch.setattr(plain, "of_file", lambda *_: None)
    theirs = kubeconfig.find({"KUBECONFIG": str(path)})
    assert ours is not None
    assert theirs is not None
    assert told(ours) == told(theirs)


@pytest.mark.parametrize(
    "content",
    [
        document(user={"exec": {"command": "cat"}}),
        document(user={"auth-provider": {"name": "oidc"}}),
        document(user={"tokenFile": "token"}),
        document(user={"username": "u", "password": "p"}),
        document(user={"client-certificate-data": "YQ==", "client-key-data": "YQ=="}),
        document(user={"client-certificate": "ca.crt"}),
        document(user={"client-certificate": "missing", "client-key": "missing"}),
        document(user={"token": 1}),
        document(user="u"),
        document(**{"insecure-skip-tls-verify": True}),
        document(**{"certificate-authority-data": None, "certificate-authority": "missing"}),
        document(**{"certificate-authority-data": "no base64"}),
        document(server=None),
        document(server=6443),
        document() | {"current-context": "nowhere"},
        document() | {"contexts": document()["contexts"] * 2},
        document() | {"users": []},
        document() | {"clusters": "c"},
        {},
        [],
        None,
    ],
)
def test_all_else_is_left_to_the_client(tmp_path: Path, content: object) -> None:
    (tmp_path / "ca.crt").write_bytes(PEM)
    assert plain.of_file(written(tmp_path / "config", content), None) is None


def test_what_is_no_file_or_no_yaml_is_left_to_it_too(tmp_path: Path) -> None:
    assert plain.of_file(tmp_path / "missing", None) is None
    (tmp_path / "config").write_text("a: [")
    assert plain.of_file(tmp_path / "config", None) is None


def test_a_context_can_be_named(tmp_path: Path) -> None:
    content = document()
    del content["current-context"]
    path = written(tmp_path / "config", content)
    assert plain.of_file(path, None) is None
    assert plain.of_file(path, "here") is not None
    assert plain.of_file(path, "other") is None


def pod(folder: Path, content: str = "first", authority: bytes = PEM) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(content)
    (folder / "ca.crt").write_bytes(authority)
    return folder


WHERE = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def test_a_pods_token_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pod(tmp_path / "pod", "first\n")
    access = plain.of_pod(WHERE, folder)
    assert (access.server, access.namespace) == ("https://10.0.0.1:443", "default")
    (folder / "token").write_text("second")
    assert access.authorization() == "Bearer first"
    monkeypatch.setattr(plain, "_FRESH", -1.0)
    renewed = plain.of_pod(WHERE, folder).authorization
    (folder / "token").write_text("third")
    assert renewed() == "Bearer third"
    (folder / "token").unlink()
    with pytest.raises(OSError, match="No such file"):
        renewed()


def test_an_address_of_version_6_is_put_into_brackets(tmp_path: Path) -> None:
    where = {**WHERE, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert plain.of_pod(where, pod(tmp_path / "pod")).server == "https://[fd00::1]:443"


@pytest.mark.parametrize(
    ("token", "authority", "port"), [("", PEM, "443"), ("t", b"", "443"), ("t", PEM, "")]
)
def test_a_pod_without_all_of_it_is_told_so(
    tmp_path: Path, token: str, authority: bytes, port: str
) -> None:
    folder = pod(tmp_path / "pod", token, authority)
    with pytest.raises(Misconfigured, match="service account"):
        kubeconfig.find({**WHERE, "KUBERNETES_SERVICE_PORT": port}, service_account=folder)


@pytest.mark.server
def test_the_clients_own_credentials_work_too(
    api_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked is the same, whoever read the file."""
    monkeypatch.setattr(plain, "of_file", lambda *_: None)
    kube = kube_of(api_cluster.kubeconfig)
    assert kube.may("list", "secrets")
    assert kube.secret("default", f"missing-{secrets.token_hex(4)}", timeout=10) is None
    kube.close()
    content = yaml.safe_load(api_cluster.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": "hunter2"}
    kube = kube_of(written(tmp_path / "config", content))
    with pytest.raises(Unauthorized):
        kube.may("list", "secrets")
    kube.close()


def test_the_client_is_imported_only_where_it_is_needed(tmp_path: Path) -> None:
    """It is a third of the memory of all the rest."""
    config, folder = written(tmp_path / "config", document()), pod(tmp_path / "pod")
    program = (
        "import sys; from pathlib import Path; from hooks.cluster import events; "
        "from hooks.cluster.kube import Kube; from hooks.commands import overview, detach; "
        "Kube.load({}); "
        f"assert Kube.load({{'KUBECONFIG': {str(config)!r}}}); "
        f"assert Kube.load({{'KUBERNETES_SERVICE_HOST': {LOOPBACK!r}, "
        f"'KUBERNETES_SERVICE_PORT': '1'}}, service_account=Path({str(folder)!r})); "
        "print(*({'kubernetes', 'pydantic'} & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)  # noqa: S603
    assert ended.stdout.strip() == b""
