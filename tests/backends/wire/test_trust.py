"""Whose certificates of the store are believed: old ones, and CAs that are replaced."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends import errors
from backends.base import Connection, Credentials
from backends.wire.deadline import Deadline
from backends.wire.pool import HttpPool
from backends.wire.sensitive import Sensitive
from backends.wire.trust import CaBundle, ca_bundle
from hooks.attachments.connection import Connections
from hooks.contract.status import Keys
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.operator import Operator
from tests.authority import Authority
from tests.faults import FaultProxy
from tests.support import ENVIRON, PREFIX, wait

NAME = "127.0.0.1"
KEYS = Keys(f"{PREFIX}enabled")


@pytest.fixture(params=["as it is", "as from 3.13 on"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This Python's own strictness, and that of the image's."""
    if request.param == "as it is":
        return
    make = ssl.create_default_context

    def strict(*arguments: object, **named: object) -> ssl.SSLContext:
        context = make(*arguments, **named)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)


class Store:
    """One that answers everything, over TLS, with a certificate of the authority."""

    def __init__(
        self, proxy: FaultProxy, folder: Path, authority: Authority, name: str = NAME
    ) -> None:
        self._name = name
        self._folder = folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certify(authority)
        proxy.always = "empty"
        proxy.serve_tls(self._context)
        self.url = proxy.url

    def certify(self, authority: Authority) -> None:
        """Shows a certificate of this authority from the next connection on."""
        certificate, key = self._folder / "tls.crt", self._folder / "tls.key"
        authority.write(certificate, key, self._name)
        self._context.load_cert_chain(certificate, key)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy(1) as proxy:
        yield proxy


def pool_of(url: str, bundle: CaBundle | None, *, strict: bool = False) -> HttpPool:
    connection = Connection(
        url,
        url,
        "us-east-1",
        Credentials("a", Sensitive("b")),
        ca_bundle=bundle,
        tls_strict=strict,
    )
    return HttpPool(url, connection, lambda *_: None, lambda _: ("", ""))


def ask(pool: HttpPool) -> int:
    return wait(pool.send("GET", "/", dict, operation="test", deadline=Deadline(10))).status


def asked(url: str, bundle: CaBundle, *, strict: bool = False) -> int:
    pool = pool_of(url, bundle, strict=strict)
    try:
        return ask(pool)
    finally:
        wait(pool.close())


def written(path: Path, authority: Authority) -> CaBundle:
    path.write_bytes(authority.pem())
    return ca_bundle(path)


@pytest.mark.parametrize("plain", [True, False])
def test_a_certificate_is_taken_as_go_and_curl_take_it(
    proxy: FaultProxy, tmp_path: Path, python: None, plain: bool
) -> None:
    authority = Authority("authority", plain=plain)
    store = Store(proxy, tmp_path, authority)
    assert asked(store.url, written(tmp_path / "ca.crt", authority)) == 200


@pytest.mark.parametrize("plain", [True, False])
def test_strictly_an_old_one_is_refused(
    proxy: FaultProxy, tmp_path: Path, python: None, plain: bool
) -> None:
    authority = Authority("authority", plain=plain)
    store = Store(proxy, tmp_path, authority)
    bundle = written(tmp_path / "ca.crt", authority)
    if not plain:
        assert asked(store.url, bundle, strict=True) == 200
        return
    with pytest.raises(errors.Unavailable, match="its TLS certificate is not trusted"):
        asked(store.url, bundle, strict=True)


def test_another_authority_and_another_name_stay_refused(
    proxy: FaultProxy, tmp_path: Path, python: None
) -> None:
    authority = Authority("authority", plain=True)
    store = Store(proxy, tmp_path, authority)
    with pytest.raises(errors.Unavailable, match="not trusted"):
        asked(store.url, written(tmp_path / "other.crt", Authority("other", plain=True)))
    bundle = written(tmp_path / "ca.crt", authority)
    with pytest.raises(errors.Unavailable, match="not trusted"):
        asked(store.url.replace(NAME, "localhost"), bundle)


def test_a_replaced_authority_is_believed_from_then_on(proxy: FaultProxy, tmp_path: Path) -> None:
    former, latter = Authority("former"), Authority("latter")
    store = Store(proxy, tmp_path, former)
    bundle = written(tmp_path / "ca.crt", former)
    pool = pool_of(store.url, bundle)
    try:
        assert ask(pool) == 200
        (tmp_path / "ca.crt").write_bytes(latter.pem())
        store.certify(latter)
        bundle.refresh()
        assert ask(pool) == 200
        # And the former not any more, once the connection has to be made anew.
        store.certify(former)
        proxy.faults.extend(["reset", "reset"])
        with pytest.raises(errors.Unavailable, match="not trusted"):
            ask(pool)
    finally:
        wait(pool.close())


def test_a_broken_bundle_leaves_the_former_in_use(proxy: FaultProxy, tmp_path: Path) -> None:
    authority = Authority("authority")
    store = Store(proxy, tmp_path, authority)
    bundle = written(tmp_path / "ca.crt", authority)
    for content in (b"", b"no PEM"):
        (tmp_path / "ca.crt").write_bytes(content)
        bundle.refresh()
        assert asked(store.url, bundle) == 200


def test_remarks_in_any_script_may_stand_in_a_bundle(proxy: FaultProxy, tmp_path: Path) -> None:
    authority = Authority("authority")
    store = Store(proxy, tmp_path, authority)
    (tmp_path / "ca.crt").write_bytes("# Prüfstelle\n".encode() + authority.pem())
    assert asked(store.url, ca_bundle(tmp_path / "ca.crt")) == 200


def test_connection_secrets_get_the_replaced_authority(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(Authority("former").pem())
    settings = Settings.load({**ENVIRON, "S3_CA_BUNDLE": str(tmp_path / "ca.crt")})
    connections = Connections.of(KEYS, settings)
    latter = Authority("latter").pem()
    (tmp_path / "ca.crt").write_bytes(latter)
    assert settings.connection.ca_bundle is not None
    settings.connection.ca_bundle.refresh()
    assert connections.ca_bundle == latter


def test_an_authority_that_grows_too_large_for_them_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pem = Authority("authority").pem()
    (tmp_path / "ca.crt").write_bytes(pem)
    settings = Settings.load({**ENVIRON, "S3_CA_BUNDLE": str(tmp_path / "ca.crt")})
    connections = Connections.of(KEYS, settings)
    assert settings.connection.ca_bundle is not None
    settings.connection.ca_bundle.watch(connections.watched)
    (tmp_path / "ca.crt").write_bytes(pem + b"#" * 150_000)
    settings.connection.ca_bundle.refresh()
    assert connections.ca_bundle is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_metric_says_whether_the_bundle_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(Authority("authority").pem())
    settings = Settings.load({**ENVIRON, "S3_CA_BUNDLE": str(tmp_path / "ca.crt")})
    bundle = settings.connection.ca_bundle
    assert bundle is not None
    metrics = Metrics()
    Operator.build(settings, None, metrics)  # type: ignore[arg-type]
    name = "s3_operator_ca_bundle_valid"
    assert metrics.registry.get_sample_value(name) == 1
    (tmp_path / "ca.crt").write_bytes(b"no PEM")
    bundle.refresh()
    assert metrics.registry.get_sample_value(name) == 0
