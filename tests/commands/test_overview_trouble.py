"""What `status` says where it can not be answered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hooks.commands.processes import LOOPBACK, free_port
from tests.commands.overviews import call, put
from tests.servers.accounts import account, kubeconfig, rule
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.usefixtures("unconfigured")


def test_no_configuration_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("No Kubernetes configuration was found")


def test_a_broken_configuration_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("{")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert call("-A") == 2
    assert capsys.readouterr().err == "The kubeconfig can't be read: it is not YAML.\n"


def test_a_misspelt_annotation_key_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNOTATIONKEY", "example.com/enabled")
    assert call() == 2
    assert "warning: ANNOTATIONKEY: is not read: ANNOTATION_KEY" in capsys.readouterr().err
    monkeypatch.delenv("ANNOTATIONKEY")
    monkeypatch.setenv("ANNOTATOIN_KEY", "example.com/enabled")
    assert call() == 2
    assert capsys.readouterr().err == (
        "ANNOTATOIN_KEY: is not read: ANNOTATION_KEY seems to be meant\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["-n", "a", "-A"],
        ["-o", "xml"],
        *(["--timeout", seconds] for seconds in ("soon", "0", "inf", "nan", "1e10")),
    ],
)
def test_a_wrong_command_line_is_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        call(*words)
    assert caught.value.code == 2


@pytest.mark.server
def test_an_account_that_may_not_list_is_2(
    api_cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited = account(api_cluster, rule("list", "secrets"), namespace=namespace)
    monkeypatch.setenv("KUBECONFIG", str(limited))
    put(api_cluster, namespace, "app", "Ready")
    assert call("-n", namespace) == 0
    capsys.readouterr()
    assert call("-A") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "The Kubernetes API does not allow this account to list Secrets. "
        "Try one namespace with -n.\n"
    )


@pytest.mark.server
def test_an_api_that_is_not_there_is_2(
    api_cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    server = f"https://{LOOPBACK}:{free_port()}"
    path = kubeconfig(api_cluster, tmp_path / "config", user={}, server=server)
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert call("-A") == 2
    assert "can't be reached: the connection was refused" in capsys.readouterr().err


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_an_api_that_hangs_is_2_within_the_time(
    api_cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    api_cluster.apiserver.pause()
    try:
        started = time.monotonic()
        assert call("-A", "--timeout", "1") == 2
        assert time.monotonic() - started < 3
    finally:
        api_cluster.apiserver.resume()
    assert capsys.readouterr().err == "The Kubernetes API did not answer in time.\n"
