"""Generated credentials of a Secret in a file, on every store: as the operator of a cluster's."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml

from hooks.commands.cli import main
from tests.attended import Attended, ago
from tests.conformance.subject import RealSubject
from tests.conformance.test_generated import BODY, KEYS, operator_of, users_of, works
from tests.conformance.traits import READY
from tests.support import ENVIRON

pytestmark = pytest.mark.no_cover


class File:
    """A Secret in a file, and the file for its credentials."""

    def __init__(self, folder: Path, bucket: str) -> None:
        self.secret = Attended(bucket)
        self._manifest = folder / "secret.yaml"
        self.connection = folder / "connection.yaml"

    def sync(self, *arguments: str) -> int:
        metadata = dict(self.secret.document["metadata"])
        del metadata["uid"]
        self._manifest.write_text(yaml.safe_dump({**self.secret.document, "metadata": metadata}))
        return main(["sync", "-f", str(self._manifest), *arguments])

    def filed(self, *arguments: str) -> int:
        return self.sync("--connection", str(self.connection), *arguments)

    @property
    def pair(self) -> tuple[str, str]:
        (made,) = yaml.safe_load_all(self.connection.read_text())
        access_key, secret = (
            base64.b64decode(made["data"][key]).decode()
            for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
        return access_key, secret


@pytest.fixture
def file(real: RealSubject, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    settings = {**ENVIRON, **real.environ(), **KEYS, "CONFLICT_GUARD": "off"}
    settings["KUBERNETES_EVENTS"] = "off"
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return File(tmp_path, name)


def test_a_cluster_derives_the_same_pair_as_the_file(
    real: RealSubject, name: str, file: File
) -> None:
    assert file.filed() == 0
    pair, before = file.pair, file.connection.read_bytes()
    assert real.put(name, "key", BODY, as_user=pair) == ""
    assert file.filed() == 0
    assert file.connection.read_bytes() == before
    result = file.secret.settle(operator_of(real, file.secret))
    assert result.outcome is not None
    assert file.secret.state == READY
    assert file.secret.pair == pair
    assert works(real, file.secret, name)
    # And the other way round: what the cluster has rotated is what the file gets.
    file.secret.annotate(rotate=ago(5))
    file.secret.settle(operator_of(real, file.secret))
    assert file.secret.pair != pair
    assert file.filed() == 0
    assert file.pair == file.secret.pair


def test_a_rotation_leaves_no_former_pair_behind(
    real: RealSubject, name: str, file: File, capsys: pytest.CaptureFixture[str]
) -> None:
    before = real.names()[0]
    assert file.filed() == 0
    former = file.pair
    assert real.put(name, "key", BODY, as_user=former) == ""
    file.secret.annotate(rotate=ago(5))
    # A rehearsal changes nothing.
    assert file.sync("--dry-run") == 0
    assert real.get(name, "key", as_user=former) == BODY
    assert users_of(real, before) == {former[0]}
    assert file.filed() == 0
    assert file.pair != former
    assert real.get(name, "key", as_user=file.pair) == BODY
    assert real.get(name, "key", as_user=former) != BODY
    assert users_of(real, before) == {file.pair[0]}
    rotated = file.pair
    capsys.readouterr()
    assert file.filed("-o", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["actions"] == []
    assert file.pair == rotated


def test_one_time_after_the_other_rotates_what_is_there(
    real: RealSubject, name: str, file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADOPTION", "never")
    before = real.names()[0]
    for seconds in (900, 600, 300):
        file.secret.annotate(rotate=ago(seconds))
        assert file.filed() == 0
        assert users_of(real, before) == {file.pair[0]}
        assert real.put(name, "key", BODY, as_user=file.pair) == ""
