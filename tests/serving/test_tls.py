"""The hook listener's certificate: taken anew with the handshake after its files changed."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hooks.serving.tls import Certificates
from hooks.settings.settings import TLS
from tests.authority import Authority

HOST = "s3-resource-operator.s3-resource-operator"


@dataclass
class Files:
    """A certificate as it is mounted, and who issues it and the callers'."""

    folder: Path
    servers: Authority
    callers: Authority

    @property
    def tls(self) -> TLS:
        return TLS(self.folder / "tls.crt", self.folder / "tls.key", None)

    @property
    def mutual(self) -> TLS:
        return TLS(self.folder / "tls.crt", self.folder / "tls.key", self.folder / "callers.crt")

    def renew(self, name: str = HOST) -> None:
        self.servers.write(self.folder / "tls.crt", self.folder / "tls.key", name)

    def caller(
        self, authority: Authority | None = None, version: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """A caller that trusts the servers' CA, with a certificate if an authority is given."""
        context = ssl.create_default_context(cadata=self.servers.pem().decode())
        if version:
            context.minimum_version = context.maximum_version = version
        if authority:
            certificate, key = self.folder / "caller.crt", self.folder / "caller.key"
            authority.write(certificate, key, "metacontroller")
            context.load_cert_chain(certificate, key)
        return context


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path, Authority("servers"), Authority("callers"))
    files.renew()
    (tmp_path / "callers.crt").write_bytes(files.callers.pem())
    return files


def connect(
    server: Certificates,
    caller: ssl.SSLContext,
    name: str | None = HOST,
    session: ssl.SSLSession | None = None,
) -> ssl.SSLObject:
    """A connection over which the server said hello and goodbye, or the error of either side."""
    to_caller, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = caller.wrap_bio(to_caller, to_server, server_hostname=name, session=session)
    listener = server.context.wrap_bio(to_server, to_caller, server_side=True)
    take_turns(client.do_handshake, listener.do_handshake)
    listener.write(b"hello")
    assert client.read() == b"hello"
    take_turns(client.unwrap, listener.unwrap)
    return client


def take_turns(*sides: Callable[[], object]) -> None:
    """Lets both sides go on until each is through; no handshake takes more than three turns."""
    waiting = list(sides)
    for _ in range(6):
        for side in waiting[:]:
            with contextlib.suppress(ssl.SSLWantReadError):
                side()
                waiting.remove(side)
    assert waiting == []


def serial(connection: ssl.SSLObject) -> str:
    certificate = connection.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


def test_a_caller_gets_the_certificate(files: Files) -> None:
    client = connect(Certificates(files.tls), files.caller())
    assert client.version() == "TLSv1.3"


def test_a_caller_that_names_no_host_gets_it_too(files: Files) -> None:
    caller = files.caller()
    caller.check_hostname = False
    assert connect(Certificates(files.tls), caller, None).version()


def test_old_tls_is_refused(files: Files) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        caller = files.caller(version=ssl.TLSVersion.TLSv1_1)
    caller.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        connect(Certificates(files.tls), caller)


@pytest.mark.parametrize("named", [True, False])
def test_the_next_handshake_uses_a_replaced_certificate(files: Files, named: bool) -> None:
    certificates = Certificates(files.tls)
    caller = files.caller()
    caller.check_hostname = named
    host = HOST if named else None
    first = connect(certificates, caller, host)
    assert serial(connect(certificates, caller, host)) == serial(first)
    files.renew()
    second = connect(certificates, caller, host)
    assert serial(second) != serial(first)
    assert serial(connect(certificates, caller, host)) == serial(second)


def test_a_mounted_secrets_switched_link_is_a_change(files: Files) -> None:
    # The kubelet makes a new folder and switches one link; the paths stay.
    versions = [files.folder / "one", files.folder / "two"]
    for folder in versions:
        folder.mkdir()
        files.servers.write(folder / "tls.crt", folder / "tls.key", HOST)
    link = files.folder / "..data"
    link.symlink_to(versions[0])
    certificates = Certificates(TLS(link / "tls.crt", link / "tls.key", None))
    first = connect(certificates, files.caller())
    (files.folder / "new").symlink_to(versions[1])
    (files.folder / "new").replace(link)
    assert serial(connect(certificates, files.caller())) != serial(first)


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key", "callers.crt"])
@pytest.mark.parametrize("content", [b"", b"no PEM", None], ids=["empty", "no PEM", "missing"])
def test_a_broken_new_file_leaves_the_former_version_in_use(
    files: Files, broken: str, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(files.mutual)
    caller = files.caller(files.callers)
    first = connect(certificates, caller)
    file = files.folder / broken
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    for _ in range(2):
        assert serial(connect(certificates, caller)) == serial(first)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    # And a good one is taken afterwards.
    files.renew()
    (files.folder / "callers.crt").write_bytes(files.callers.pem())
    assert serial(connect(certificates, caller)) != serial(first)


def test_files_that_can_not_be_opened_for_a_moment_are_used_afterwards(
    files: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(files.tls)
    first = connect(certificates, files.caller())
    files.renew()

    def refuse() -> ssl.SSLContext:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(certificates, "_load", refuse)
        for _ in range(2):
            assert serial(connect(certificates, files.caller())) == serial(first)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert serial(connect(certificates, files.caller())) != serial(first)


def test_a_certificate_whose_key_comes_later_is_used_when_both_are_there(files: Files) -> None:
    certificates = Certificates(files.tls)
    first = connect(certificates, files.caller())
    former = files.tls.key.read_bytes()
    files.renew()
    key = files.tls.key.read_bytes()
    files.tls.key.write_bytes(former)
    assert serial(connect(certificates, files.caller())) == serial(first)
    files.tls.key.write_bytes(key)
    assert serial(connect(certificates, files.caller())) != serial(first)


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key", "callers.crt"])
@pytest.mark.parametrize("content", [b"", b"no PEM", None], ids=["empty", "no PEM", "missing"])
def test_broken_files_at_the_start_are_an_error(
    files: Files, broken: str, content: bytes | None
) -> None:
    file = files.folder / broken
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises((OSError, ssl.SSLError)):
        Certificates(files.mutual)


def test_mutual_tls_takes_a_caller_of_the_right_authority(files: Files) -> None:
    assert connect(Certificates(files.mutual), files.caller(files.callers)).version()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_mutual_tls_refuses_everybody_else(files: Files, version: ssl.TLSVersion) -> None:
    certificates = Certificates(files.mutual)
    # The server's own CA is no authority for callers.
    for authority in (None, Authority("strangers"), Authority("callers"), files.servers):
        with pytest.raises(ssl.SSLError):
            connect(certificates, files.caller(authority, version))


def test_mutual_tls_is_not_spoken_where_sessions_outlive_their_authority(files: Files) -> None:
    certificates = Certificates(files.mutual)
    assert not accepts(certificates, files.caller(files.callers, ssl.TLSVersion.TLSv1_2))
    assert accepts(certificates, files.caller(files.callers, ssl.TLSVersion.TLSv1_3))


def test_a_replaced_authority_refuses_its_former_callers(files: Files) -> None:
    certificates = Certificates(files.mutual)
    former = files.caller(files.callers)
    assert accepts(certificates, former)
    successor = Authority("callers-2")
    (files.folder / "callers.crt").write_bytes(successor.pem())
    assert not accepts(certificates, former)
    assert accepts(certificates, files.caller(successor))


def test_a_former_caller_does_not_get_in_by_resuming_its_session(files: Files) -> None:
    certificates = Certificates(files.mutual)
    former = files.caller(files.callers)
    session = connect(certificates, former).session
    (files.folder / "callers.crt").write_bytes(Authority("callers-2").pem())
    with pytest.raises(ssl.SSLError):
        connect(certificates, former, session=session)


def accepts(certificates: Certificates, caller: ssl.SSLContext) -> bool:
    try:
        connect(certificates, caller)
    except ssl.SSLError:
        return False
    return True
