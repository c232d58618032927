"""How the Kubernetes API is reached: old and replaced certificates, and proxies."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3.connection
import yaml

from hooks.cluster import kubecall
from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import Misconfigured, Unavailable
from hooks.commands.processes import LOOPBACK, free_port
from tests.authority import Authority
from tests.backends.wire.test_proxies import LocalProxy
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.server

HOST = "kube.example.com"
SECONDS = 10.0


class Front:
    """The real Kubernetes API behind a certificate of the test's own.

    Args:
        cluster: the API.
        folder: for certificate and key.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._port = urlsplit(cluster.url).port
        self._folder = folder
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.num_tickets = 0
        self._listener = socket.create_server((LOOPBACK, 0))
        self.url = f"https://{LOOPBACK}:{self._listener.getsockname()[1]}"

    def certify(self, authority: Authority) -> None:
        """Shows a certificate of this authority from the next connection on."""
        certificate, key = self._folder / "tls.crt", self._folder / "tls.key"
        authority.write(certificate, key, LOOPBACK)
        self.context.load_cert_chain(certificate, key)

    def __enter__(self) -> Front:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        # Neither side may send anything that is no data: it would be waited for.
        unchecked.maximum_version = ssl.TLSVersion.TLSv1_2
        with contextlib.suppress(OSError), plain:
            caller = self.context.wrap_socket(plain, server_side=True)
            behind = socket.create_connection((LOOPBACK, self._port))
            with caller, behind, unchecked.wrap_socket(behind) as api:
                _pass_on(caller, api)


def _pass_on(caller: ssl.SSLSocket, api: ssl.SSLSocket) -> None:
    peers = {caller: api, api: caller}
    while True:
        ready = [each for each in peers if each.pending()]
        for each in ready or select.select(list(peers), [], [], 20)[0]:
            data = each.recv(65536)
            if not data:
                return
            peers[each].sendall(data)


@pytest.fixture
def front(api_cluster: Cluster, tmp_path: Path) -> Iterator[Front]:
    with Front(api_cluster, tmp_path) as front:
        yield front


@pytest.fixture(params=["as it is", "as from 3.13 on"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This Python's own strictness, and that of the image's, which the HTTP library follows."""
    if request.param == "as it is":
        return
    make = urllib3.util.ssl_.create_urllib3_context

    def strict(*arguments: object, **named: object) -> ssl.SSLContext:
        context = make(*arguments, **named)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    for module in (urllib3.connection, urllib3.util.ssl_, kubecall):
        monkeypatch.setattr(module, "create_urllib3_context", strict, raising=False)


def config(cluster: Cluster, path: Path, **changes: str) -> Path:
    """A kubeconfig with other values in its cluster."""
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    part = document["clusters"][0]["cluster"]
    if "certificate-authority" in changes:
        part.pop("certificate-authority-data", None)
    part.update(changes)
    path.write_text(yaml.safe_dump(document))
    return path


def asked(kubeconfig: Path, **environ: str) -> bool:
    kube = Kube.load({"KUBECONFIG": str(kubeconfig), **environ})
    assert kube is not None
    try:
        return kube.may("list", "secrets", timeout=SECONDS)
    finally:
        kube.close()


@pytest.mark.parametrize("plain", [True, False])
def test_a_certificate_is_taken_as_kubectl_takes_it(
    api_cluster: Cluster, front: Front, tmp_path: Path, python: None, plain: bool
) -> None:
    authority = Authority("authority", plain=plain)
    front.certify(authority)
    (tmp_path / "ca.crt").write_bytes(authority.pem())
    path = config(
        api_cluster,
        tmp_path / "config",
        server=front.url,
        **{"certificate-authority": str(tmp_path / "ca.crt")},
    )
    assert asked(path)
    if plain:
        with pytest.raises(Unavailable, match="its TLS certificate is not trusted"):
            asked(path, TLS_STRICT="true")
    else:
        assert asked(path, TLS_STRICT="true")


def test_another_authority_stays_refused(
    api_cluster: Cluster, front: Front, tmp_path: Path, python: None
) -> None:
    front.certify(Authority("authority", plain=True))
    (tmp_path / "ca.crt").write_bytes(Authority("other", plain=True).pem())
    files = {"certificate-authority": str(tmp_path / "ca.crt")}
    path = config(api_cluster, tmp_path / "config", server=front.url, **files)
    with pytest.raises(Unavailable, match="its TLS certificate is not trusted"):
        asked(path)


def test_a_replaced_authority_is_believed_from_the_next_connection_on(
    api_cluster: Cluster, front: Front, tmp_path: Path
) -> None:
    """As the pod's own ca.crt is, which the kubelet writes."""
    folder = tmp_path / "account"
    folder.mkdir()
    token = yaml.safe_load(api_cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
    (folder / "token").write_text(token)
    former, latter = Authority("former"), Authority("latter")
    (folder / "ca.crt").write_bytes(former.pem())
    front.certify(former)
    where = {
        "KUBERNETES_SERVICE_HOST": LOOPBACK,
        "KUBERNETES_SERVICE_PORT": str(urlsplit(front.url).port),
    }
    kube = Kube.load(where, service_account=folder)
    assert kube is not None
    try:
        assert kube.may("list", "secrets", timeout=SECONDS)
        (folder / "ca.crt").write_bytes(latter.pem())
        front.certify(latter)
        kube._caller.close()
        assert kube.may("list", "secrets", timeout=SECONDS)
        front.certify(former)
        kube._caller.close()
        with pytest.raises(Unavailable, match="its TLS certificate is not trusted"):
            kube.may("list", "secrets", timeout=SECONDS)
    finally:
        kube.close()


def test_a_word_for_strictness_that_is_none_is_a_mistake(api_cluster: Cluster) -> None:
    with pytest.raises(Misconfigured, match="TLS_STRICT must be true or false"):
        asked(api_cluster.kubeconfig, TLS_STRICT="yes")


@pytest.fixture
def proxy(api_cluster: Cluster) -> Iterator[LocalProxy]:
    with LocalProxy(urlsplit(api_cluster.url).port or 0, "somebody:pass word") as proxy:
        yield proxy


def with_password(proxy: LocalProxy) -> str:
    return proxy.url.replace("//", "//somebody:pass%20word@")


def far(cluster: Cluster, path: Path, host: str = HOST, **changes: str) -> Path:
    """A kubeconfig whose server only a proxy can reach."""
    names = {"server": f"https://{host}:6443", "tls-server-name": LOOPBACK}
    return config(cluster, path, **names, **changes)


def test_the_environments_proxy_is_used(
    api_cluster: Cluster, proxy: LocalProxy, tmp_path: Path
) -> None:
    assert asked(far(api_cluster, tmp_path / "config"), HTTPS_PROXY=with_password(proxy))
    assert proxy.asked == [f"CONNECT {HOST}:6443"]


def test_the_kubeconfigs_own_proxy_goes_before_it(
    api_cluster: Cluster, proxy: LocalProxy, tmp_path: Path
) -> None:
    path = far(api_cluster, tmp_path / "config", **{"proxy-url": with_password(proxy)})
    other = f"http://{LOOPBACK}:{free_port()}"
    assert asked(path, HTTPS_PROXY=other, NO_PROXY="*")
    assert proxy.asked == [f"CONNECT {HOST}:6443"]


def test_a_network_in_no_proxy_is_reached_without_it(
    api_cluster: Cluster, proxy: LocalProxy, tmp_path: Path
) -> None:
    # An address of nobody: whether it is tried directly is what shows.
    path = far(api_cluster, tmp_path / "config", "192.0.2.1")
    assert asked(path, HTTPS_PROXY=with_password(proxy), NO_PROXY="10.0.0.0/8")
    kube = Kube.load(
        {
            "KUBECONFIG": str(path),
            "HTTPS_PROXY": with_password(proxy),
            "NO_PROXY": "192.0.2.0/24",
        }
    )
    assert kube is not None
    before = len(proxy.asked)
    with pytest.raises(Unavailable):
        kube.may("list", "secrets", timeout=0.3)
    assert len(proxy.asked) == before
    kube.close()


def test_this_processs_own_environment_is_not_looked_at(
    api_cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:{free_port()}")
    assert asked(api_cluster.kubeconfig)


@pytest.mark.parametrize("url", ["socks5://proxy:1080", "http://"])
def test_a_proxy_that_can_not_be_used_is_told(
    api_cluster: Cluster, tmp_path: Path, url: str
) -> None:
    path = far(api_cluster, tmp_path / "config", **{"proxy-url": url})
    with pytest.raises(Misconfigured, match="The kubeconfig's proxy-url must be"):
        asked(path)
    with pytest.raises(Misconfigured, match="HTTPS_PROXY must be"):
        asked(far(api_cluster, tmp_path / "config"), HTTPS_PROXY=url)
