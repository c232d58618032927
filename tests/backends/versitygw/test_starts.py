"""Gateways that were started so that the operator can't do its work there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.subject import RealSubject, versitygw_subject
from tests.support import Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"


@contextmanager
def _started_with(folder: Path, variable: str) -> Iterator[RealSubject]:
    """A gateway that is started once more, with one of its switches on."""
    with versitygw_subject(folder) as gateway:
        assert gateway.store.process.env is not None
        gateway.store.process.env[variable] = "true"
        gateway.store.restart()
        yield gateway


def test_one_that_keeps_no_owners_is_named(tmp_path: Path) -> None:
    with _started_with(tmp_path, "VGW_META_NONE") as gateway:
        secret = Secret.claiming("no-owners", "no-owners", SECRET)
        operator = gateway.operator()
        for _ in range(2):
            operator.sync(secret)
            assert secret.state == ("Retrying", "OperatorMisconfigured")
            assert "--nometa" in secret.annotations["message"]


def test_one_that_is_read_only_is_named(tmp_path: Path) -> None:
    with _started_with(tmp_path, "VGW_READ_ONLY") as gateway:
        secret = Secret.claiming("read-only", "read-only", SECRET)
        gateway.operator().sync(secret)
        assert secret.state == ("Retrying", "OperatorCredentialsRejected")
        assert "--readonly" in secret.annotations["message"]


def test_an_owner_that_is_kept_elsewhere_than_with_the_files_counts(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    with versitygw_subject(tmp_path) as gateway:
        assert gateway.store.process.env is not None
        gateway.store.process.env["VGW_META_SIDECAR"] = str(beside)
        gateway.store.restart()
        gateway.create_bucket("beside")
        secret = Secret.claiming("beside", "beside", SECRET)
        gateway.operator().sync(secret)
        assert secret.state == ("Ready", "Provisioned")
        assert gateway.owner("beside") == "beside"


def test_a_folder_made_by_hand_counts_as_the_root_account_s(tmp_path: Path) -> None:
    with versitygw_subject(tmp_path) as gateway:
        (tmp_path / "files" / "by-hand").mkdir()
        (tmp_path / "files" / "by-hand" / "kept").write_text("what was there before")
        secret = Secret.claiming("by-hand", "by-hand", SECRET)
        gateway.operator({"ADOPTION": "unowned"}).sync(secret)
        assert secret.state == ("Conflict", "BucketOwned")
        assert gateway.user("by-hand") is None
        gateway.operator().sync(secret)
        assert secret.state == ("Ready", "Provisioned")
        tenant = ("by-hand", SECRET)
        assert gateway.get("by-hand", "kept", as_user=tenant) == b"what was there before"
