"""Over TLS, as it has to be on a network: with a CA of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.errors import Unavailable
from backends.wire.deadline import Deadline
from hooks.commands.cli import main
from hooks.commands.processes import LOOPBACK
from tests.authority import Authority
from tests.conformance.subject import RealSubject, rustfs_subject
from tests.servers.rustfs import RustFSStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")


@dataclass(frozen=True)
class OverTls:
    """A RustFS with a certificate, and what its users believe."""

    subject: RealSubject
    store: RustFSStore
    folder: Path
    environ: dict[str, str]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverTls]:
    folder = tmp_path_factory.mktemp("tls")
    authority, ca = Authority("the store's CA"), folder / "ca.pem"
    ca.write_bytes(authority.pem())
    served = folder / "served"
    served.mkdir()
    authority.write(served / "rustfs_cert.pem", served / "rustfs_key.pem", LOOPBACK)
    with rustfs_subject(tmp_path_factory.mktemp("rustfs")) as subject:
        store = subject.store
        assert isinstance(store, RustFSStore)
        store.serve_tls(served, ca)
        environ = {**subject.without_proxy(), "S3_CA_BUNDLE": str(ca)}
        assert environ["S3_ENDPOINT_URL"].startswith("https://")
        yield OverTls(subject, store, folder, environ)


def test_a_secret_becomes_ready_and_its_secret_is_rotated(tls: OverTls) -> None:
    operator = tls.subject.operator(tls.environ)
    secret = Secret.claiming("over-tls", "over-tls", SECRET, quota_bytes="10240000")
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert tls.store.put("over-tls", "key", b"body", as_user=("over-tls", OTHER_SECRET)) == (
        "SignatureDoesNotMatch"
    )
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert tls.store.owner("over-tls") == "over-tls"
    with tls.store.s3("over-tls", OTHER_SECRET) as client:
        assert client.list_objects_v2(Bucket="over-tls")["KeyCount"] == 0
    assert tls.store.get("over-tls", "key", as_user=("over-tls", SECRET)) == (
        "SignatureDoesNotMatch"
    )
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1


def test_the_command_check_is_content(
    tls: OverTls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**tls.environ, "BACKEND_NAME": "rustfs"}.items():
        monkeypatch.setenv(name, value)
    assert main(["check"]) == 0
    assert tls.store.url in capsys.readouterr().out
    monkeypatch.setenv("S3_SECRET_KEY", "not-the-operators-secret")
    assert main(["check"]) == 1


def test_a_certificate_of_somebody_elses_gets_no_secret(tls: OverTls) -> None:
    """Who stands in between shows one that the bundle doesn't vouch for, and learns nothing."""
    stranger = tls.folder / "stranger.pem"
    stranger.write_bytes(Authority("a stranger's CA").pem())
    environ = {**tls.environ, "S3_CA_BUNDLE": str(stranger)}
    operator = tls.subject.operator(environ)
    secret = Secret.claiming("not-believed", "not-believed", SECRET)
    operator.sync(secret)
    assert secret.state[0] == "Retrying", secret.state
    assert "not-believed" not in tls.store.names()[0]
    backend = tls.subject.connect({**tls.subject.environ(), **environ}, lambda *_: None)
    with pytest.raises(Unavailable):
        wait(backend.check(Deadline(10)))
