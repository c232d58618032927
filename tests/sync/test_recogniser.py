"""A store that is not the one of BACKEND_NAME, each by each, on the real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from backends import REGISTRY
from backends.recognise import TITLES, recognise
from backends.wire.deadline import Deadline
from hooks.commands.cli import main
from hooks.contract.outcome import Outcome, Reason
from hooks.settings.settings import Settings
from hooks.sync.recogniser import Recogniser
from tests.conformance.subject import SUBJECTS, RealSubject
from tests.support import ENVIRON, Operator, Secret, wait

NAMES = ["versitygw", "minio", "garage", "ceph-rgw", "seaweedfs", "rustfs"]
# What every store takes, so that nothing but the wrong name is at fault.
USER, SECRET = f"GK{'0123456789ab' * 2}", "0123456789abcdef" * 4


Stores = Callable[[str], RealSubject]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Starts a store when it is first asked for, and keeps it; one that isn't built skips."""
    with ExitStack() as stack:
        started: dict[str, RealSubject] = {}

        def of(name: str) -> RealSubject:
            if name not in started:
                folder = tmp_path_factory.mktemp(name)
                started[name] = stack.enter_context(SUBJECTS[name](folder))
            return started[name]

        yield of


def environ(store: RealSubject, backend: str, *, hidden: bool) -> dict[str, str]:
    """The settings for a store under another's name.

    Args:
        hidden: behind a proxy that puts its own Server header in the place of the store's.
    """
    own = store.environ() if hidden else store.without_proxy()
    if backend == "garage":
        own = {"S3_ADMIN_ENDPOINT_URL": own["S3_ENDPOINT_URL"], "S3_ADMIN_TOKEN": "token", **own}
    return {
        "S3_ACCESS_KEY": "operator",
        "S3_SECRET_KEY": "operator-secret",
        "SYNC_TIMEOUT_SECONDS": "30",
        **own,
        "BACKEND_NAME": backend,
    }


@pytest.mark.server
@pytest.mark.parametrize("hidden", [False, True], ids=["direct", "behind a proxy"])
@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("store", NAMES)
def test_check_tells_a_store_that_is_another(
    stores: Stores,
    store: str,
    backend: str,
    hidden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environ(stores(store), backend, hidden=hidden).items():
        monkeypatch.setenv(name, value)
    code = main(["check"])
    out = capsys.readouterr().out
    if store == backend:
        assert code == 0, out
        assert "looks like" not in out
    else:
        assert code == 1
        last = out.splitlines()[-1]
        assert last.startswith("FAILED  store: What answers at S3_ENDPOINT_URL looks like ")
        assert f"looks like {TITLES[store]}, but BACKEND_NAME is {backend}" in last
        assert f"set BACKEND_NAME={store}" in last


@pytest.mark.server
@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("store", NAMES)
def test_a_secret_says_so_at_the_first_failure_and_does_so_again(
    stores: Stores, store: str, backend: str
) -> None:
    variables = {"S3_REGION": "garage" if store == "garage" else "us-east-1"}
    variables = {**environ(stores(store), backend, hidden=True), **variables}
    settings = Settings.load({**ENVIRON, **variables})
    connected = REGISTRY[backend](settings.connection, lambda *_: None)
    operator = Operator(connected, variables)
    secret = Secret.claiming(f"bucket-{backend}", USER, SECRET)
    try:
        first = operator.sync(secret).outcome
        second = operator.sync(secret).outcome
    finally:
        wait(connected.close())
    assert first is not None
    if store == backend:
        assert first.reason is Reason.PROVISIONED, first
        return
    assert first.reason is Reason.OPERATOR_MISCONFIGURED
    assert f"set BACKEND_NAME={store}" in first.message
    assert first == second


@pytest.mark.server
def test_the_admin_api_of_another_store_is_told_by_its_variable(
    stores: Stores,
) -> None:
    settings = Settings.load(
        {
            **environ(stores("garage"), "garage", hidden=False),
            "S3_ADMIN_ENDPOINT_URL": stores("minio").without_proxy()["S3_ENDPOINT_URL"],
        }
    )
    recogniser = Recogniser("garage", settings.connection)
    mistake = wait(recogniser.mistake(Deadline(10)))
    assert mistake
    assert mistake.startswith("What answers at S3_ADMIN_ENDPOINT_URL looks like MinIO")


def test_nobody_is_asked_about_what_is_the_secret_s_own_doing() -> None:
    settings = Settings.load(ENVIRON)
    recogniser = Recogniser("versitygw", settings.connection)
    for reason in Reason:
        outcome = Outcome(reason, "A sentence.")
        # Nothing answers there, so nothing is known.
        assert wait(recogniser.explained(outcome, Deadline(10))) == outcome


def test_a_store_that_answers_nothing_is_not_recognised() -> None:
    connection = Settings.load(ENVIRON).connection
    assert wait(recognise(connection.endpoint, connection, Deadline(5))) is None


def test_every_store_can_be_recognised() -> None:
    assert TITLES.keys() == REGISTRY.keys()
