"""What `grant` does not give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from backends.wire.sensitive import Sensitive
from hooks.commands.cli import main
from hooks.commands.processes import LOOPBACK, free_port
from hooks.contract.grant import Grants
from tests.commands.giving import KEY, NEVER, call, given
from tests.live import Live
from tests.model import Account
from tests.rivals import World
from tests.servers.accounts import account, kubeconfig
from tests.servers.cluster import Cluster
from tests.support import ENVIRON, PREFIX, encode

pytestmark = pytest.mark.server


def _gone(world: World, live: Live) -> None:
    live.delete()


def _not_annotated(world: World, live: Live) -> None:
    live.mark({"enabled": "yes"})


def _invalid(world: World, live: Live) -> None:
    live.cluster.api.merge(
        "Secret", live.name, live.namespace, {"data": {"bucket-name": encode("A")}}
    )


def _of_another_store(world: World, live: Live) -> None:
    live.changed(data={"endpoint-url": "https://elsewhere.example.com"})


def _wrong_connection(world: World, live: Live) -> None:
    live.mark({"connection-secret": "No/Name"})


def _administrator(world: World, live: Live) -> None:
    world.store.accounts[live.user] = Account("a-secret", role="admin")


def _disabled(world: World, live: Live) -> None:
    world.store.accounts[live.user] = Account("a-secret", disabled=True)


def _nothing(world: World, live: Live) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "environ", "why"),
    [
        (_gone, {}, "There is no Secret"),
        (_not_annotated, {}, f'has no annotation {PREFIX}enabled: "true"'),
        (_invalid, {}, "InvalidField:"),
        (_wrong_connection, {}, "InvalidField:"),
        (_of_another_store, {}, "EndpointMismatch:"),
        (_administrator, {}, "AdminUser:"),
        (_disabled, {}, "UserDisabled:"),
        (_nothing, {"RESERVED_BUCKETS": "holder-*"}, "ReservedBucket:"),
        (_nothing, {"BUCKET_NAME_PATTERN": "{namespace}.*"}, "NotAllowed:"),
    ],
)
def test_what_the_operator_would_refuse_is_not_given(
    world: World,
    capsys: pytest.CaptureFixture[str],
    spoil: object,
    environ: Mapping[str, str],
    why: str,
) -> None:
    live = world.secret()
    assert callable(spoil)
    spoil(world, live)
    assert call(world, live, "--yes", environ=environ) == 1
    assert why in capsys.readouterr().err
    assert not live.exists() or "grants" not in live.annotations


def test_one_of_a_store_that_does_not_answer_is_not_given(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = world.secret()
    for name, value in {**ENVIRON, **NEVER}.items():
        monkeypatch.setenv(name, value)
    assert main(["grant", f"{live.namespace}/{live.name}"]) == 1
    assert "The store can't be asked" in capsys.readouterr().err
    assert "grants" not in live.annotations


def test_another_signing_key_than_the_operators_gives_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for live in (world.holder(), world.holder()):
        assert given(live) is not None
    wanting = world.secret()
    assert call(world, wanting, environ={"SIGNING_KEY": "another"}) == 2
    assert "it has to be the operator's" in capsys.readouterr().err
    assert "grants" not in wanting.annotations
    # One of several verifies, as in the operator.
    assert call(world, wanting, environ={"SIGNING_KEY": f"another\n{KEY}"}) == 0


def test_a_derived_signing_key_is_warned_about(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    live = world.secret()
    assert call(world, live, environ={"SIGNING_KEY": ""}) == 0
    assert "warning: SIGNING_KEY is not set" in capsys.readouterr().err
    assert given(live) is None
    derived = Grants.derived(Sensitive(ENVIRON["S3_SECRET_KEY"])).reveal()
    assert given(live, derived) is not None


def test_a_cluster_that_can_not_be_asked_is_2(
    world: World,
    api_cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    live = world.secret()
    nowhere = kubeconfig(
        api_cluster,
        tmp_path / "config",
        user={"token": "none"},
        server=f"https://{LOOPBACK}:{free_port()}",
    )
    for path in (nowhere, account(api_cluster), tmp_path / "missing"):
        monkeypatch.setenv("KUBECONFIG", str(path))
        assert call(world, live) == 2
        assert capsys.readouterr().err
    assert "grants" not in live.annotations


@pytest.mark.parametrize("slot", ["team", "/app", "team/", "team/app/x"])
def test_a_secret_is_named_with_its_namespace(slot: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["grant", slot])
    assert caught.value.code == 2
