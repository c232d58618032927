"""Which cluster and which credentials the client takes, and what it says when it can't use them."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from hooks.cluster.kube import Kube
from hooks.cluster.kubeconfig import SERVICE_ACCOUNT
from hooks.cluster.kubeerrors import (
    KubeError,
    Misconfigured,
    NotServed,
    Unauthorized,
    Unavailable,
)
from hooks.commands.processes import LOOPBACK, free_port
from tests.live import kube_of
from tests.servers.accounts import account_token, kubeconfig, rule, secret
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.server

SECONDS = 10.0
FINALIZER = "example.com/kept"


def test_no_configuration_is_none(tmp_path: Path) -> None:
    assert Kube.load({}, service_account=tmp_path) is None
    assert Kube.load({"HOME": str(tmp_path)}, service_account=tmp_path) is None
    assert Kube.load({"KUBECONFIG": "/dev/null", "HOME": str(tmp_path)}) is None
    # A pod without a token.
    assert Kube.load({"KUBERNETES_SERVICE_HOST": LOOPBACK}, service_account=tmp_path) is None


def test_the_kubeconfig_in_the_home_folder_is_found(api_cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_bytes(api_cluster.kubeconfig.read_bytes())
    kube = Kube.load({"HOME": str(tmp_path)})
    assert kube is not None
    assert kube.may("list", "secrets")
    kube.close()


def test_several_kubeconfigs_are_merged_and_a_context_can_be_chosen(
    api_cluster: Cluster, tmp_path: Path
) -> None:
    here = kubeconfig(api_cluster, tmp_path / "here", user={"token": "wrong"}, namespace="team")
    document = yaml.safe_load(api_cluster.kubeconfig.read_text())
    document["contexts"][0]["name"] = "other"
    document["clusters"][0]["name"] = document["contexts"][0]["context"]["cluster"] = "there"
    document["users"][0]["name"] = document["contexts"][0]["context"]["user"] = "root"
    del document["current-context"]
    (tmp_path / "there").write_text(yaml.safe_dump(document))
    environ = {"KUBECONFIG": f"{here}:{tmp_path / 'there'}:{tmp_path / 'missing'}"}
    current = Kube.load(environ)
    assert current is not None
    assert current.namespace == "team"
    with pytest.raises(Unauthorized):
        current.may("list", "secrets")
    other = Kube.load(environ, context="other")
    assert other is not None
    assert other.namespace == "default"
    assert other.may("list", "secrets")
    with pytest.raises(Misconfigured, match="no context of that name"):
        Kube.load(environ, context="third")
    # As for kubectl, a file without a current context will do, and nothing is a file, too.
    alone = {"KUBECONFIG": f"/dev/null:{tmp_path / 'there'}"}
    other = Kube.load(alone, context="other")
    assert other is not None
    assert other.may("list", "secrets")
    with pytest.raises(Misconfigured, match="current context"):
        Kube.load(alone)


def test_a_pods_service_account_comes_first(api_cluster: Cluster, tmp_path: Path) -> None:
    home = api_cluster.namespace(f"pod-{secrets.token_hex(4)}")
    token = account_token(api_cluster, rule("get", "secrets"), home=home)
    # Kubernetes writes none, but people who mount their own do.
    (tmp_path / "token").write_text(f"{token}\n")
    (tmp_path / "namespace").write_text(home)
    authority = yaml.safe_load(api_cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    (tmp_path / "ca.crt").write_bytes(Path(authority["certificate-authority"]).read_bytes())
    environ = {
        "KUBERNETES_SERVICE_HOST": LOOPBACK,
        "KUBERNETES_SERVICE_PORT": api_cluster.url.rpartition(":")[2],
        "KUBECONFIG": str(api_cluster.kubeconfig),
    }
    kube = Kube.load(environ, service_account=tmp_path)
    assert kube is not None
    assert kube.namespace == home
    assert kube.secret(home, "missing", timeout=SECONDS) is None
    assert not kube.may("list", "secrets")
    kube.close()
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(Misconfigured, match="service account"):
        Kube.load(environ, service_account=tmp_path)
    assert SERVICE_ACCOUNT.parts[1] == "var"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "\x00",
        "just words",
        "[1, 2]",
        "current-context: hunter2",
        "current-context: a\ncontexts: {a: b}",
        """
current-context: a
contexts: [{name: a, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{token: hunter2}]
""",
        """
current-context: a
contexts: [{name: a, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1", certificate-authority: /hunter2}}]
""",
    ],
)
def test_a_kubeconfig_that_can_not_be_used_is_a_clear_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(Misconfigured) as caught:
        Kube.load({"KUBECONFIG": str(tmp_path / "config")})
    message = str(caught.value)
    assert message.startswith("The kubeconfig can't be")
    assert message.endswith(".")
    assert "hunter2" not in message
    assert caught.value.__cause__ is None


def test_a_kubeconfig_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="KUBECONFIG names no file"):
        Kube.load({"KUBECONFIG": str(tmp_path / "missing")})
    with pytest.raises(Misconfigured, match="can't be read"):
        Kube.load({"KUBECONFIG": str(tmp_path)})


def test_wrong_credentials_are_told_from_missing_rights(
    api_cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    kube = kube_of(kubeconfig(api_cluster, tmp_path / "config", user={"token": "hunter2"}))
    with pytest.raises(Unauthorized) as caught:
        kube.secret(namespace, "any", timeout=SECONDS)
    assert "hunter2" not in str(caught.value)
    kube.close()


def test_a_token_that_no_header_can_hold_is_not_quoted(
    api_cluster: Cluster, tmp_path: Path
) -> None:
    kube = kube_of(kubeconfig(api_cluster, tmp_path / "config", user={"token": "hunter2\nx: y"}))
    with pytest.raises(Misconfigured) as caught:
        kube.may("list", "secrets")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    kube.close()


def test_a_server_that_is_not_the_one_meant_is_not_trusted(
    api_cluster: Cluster, tmp_path: Path
) -> None:
    path = kubeconfig(api_cluster, tmp_path / "config", user={"token": "hunter2"})
    document = yaml.safe_load(path.read_text())
    del document["clusters"][0]["cluster"]["certificate-authority"]
    path.write_text(yaml.safe_dump(document))
    kube = kube_of(path)
    with pytest.raises(Unavailable, match="TLS certificate is not trusted"):
        kube.may("list", "secrets")
    kube.close()


def test_a_port_where_nobody_listens_is_unavailable(api_cluster: Cluster, tmp_path: Path) -> None:
    server = f"https://{LOOPBACK}:{free_port()}"
    kube = kube_of(kubeconfig(api_cluster, tmp_path / "config", user={}, server=server))
    with pytest.raises(Unavailable, match="the connection was refused"):
        kube.secret("team", "any", timeout=SECONDS)
    kube.close()


def test_another_servers_not_found_is_not_absence(api_cluster: Cluster, tmp_path: Path) -> None:
    # A path that leads nowhere, as a wrong proxy has it: 404, but of no Secret.
    server = f"{api_cluster.url}/no-such-prefix"
    token = yaml.safe_load(api_cluster.kubeconfig.read_text())["users"][0]["user"]
    kube = kube_of(kubeconfig(api_cluster, tmp_path / "config", user=token, server=server))
    with pytest.raises(NotServed):
        kube.secret("team", "any", timeout=SECONDS)
    kube.close()


class _Other(http.server.BaseHTTPRequestHandler):
    """A server that is no Kubernetes API; the path's first part says what it does."""

    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        answer = self.path.split("/")[1]
        body = {"json": b'{"ok": true}', "list": b"[]", "html": b"<p>", "empty": b""}.get(answer)
        self.send_response(302 if answer == "redirect" else 200)
        if answer == "redirect":
            self.send_header("Location", "/json/elsewhere")
        self.send_header("Content-Length", str(1000 if body is None else len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            if body is not None:
                self.wfile.write(body)
            elif answer == "drip":
                for _ in range(40):
                    self.wfile.write(b" ")
                    time.sleep(0.1)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def other_server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), _Other)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{LOOPBACK}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("answer", ["json", "list", "html", "empty", "redirect", "drip"])
def test_whatever_another_server_answers_is_an_error_in_time(
    api_cluster: Cluster, other_server: str, tmp_path: Path, answer: str
) -> None:
    user = {"token": "hunter2"}
    server = f"{other_server}/{answer}"
    kube = kube_of(kubeconfig(api_cluster, tmp_path / "config", user=user, server=server))
    calls: list[Callable[[], object]] = [
        lambda: kube.secret("team", "any", timeout=0.5),
        lambda: list(kube.secrets(timeout=0.5)),
        lambda: list(kube.secrets(timeout=0.5, metadata_only=True)),
        lambda: kube.remove_finalizer("team", "any", FINALIZER, timeout=0.5),
        lambda: kube.may("list", "secrets", timeout=0.5),
    ]
    for call in calls:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            call()
        assert time.monotonic() - started < 1.5
    kube.close()
    # A redirect is followed nowhere, and the token with it.
    assert not any("elsewhere" in path for path in _Other.requests)


def test_a_program_of_the_kubeconfig_gives_the_credentials(
    api_cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    user = yaml.safe_load(api_cluster.kubeconfig.read_text())["users"][0]["user"]
    api_version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": api_version, "kind": "ExecCredential", "status": user}
    (tmp_path / "credential.json").write_text(json.dumps(credential))
    program = {
        "apiVersion": api_version,
        "command": "cat",
        "args": [str(tmp_path / "credential.json")],
        "interactiveMode": "Never",
    }
    kube = kube_of(kubeconfig(api_cluster, tmp_path / "config", user={"exec": program}))
    assert kube.secret(namespace, "missing", timeout=SECONDS) is None
    kube.close()


def test_no_credential_is_logged(
    api_cluster: Cluster, kube: Kube, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    value = secrets.token_hex(8)
    api_cluster.api.create(secret(namespace, "quiet", data={"key": value}))
    token = yaml.safe_load(api_cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
    with caplog.at_level(logging.DEBUG):
        assert kube.secret(namespace, "quiet", timeout=SECONDS) is not None
        with pytest.raises(KubeError):
            list(kube.secrets(namespace, "no selector at all", timeout=SECONDS))
    for text in (value, base64.b64encode(value.encode()).decode(), token):
        assert text not in caplog.text
