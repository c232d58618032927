"""A store that is down, hangs or answers nonsense is never read as one that lacks something."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.conformance.subject import RealSubject
from tests.conformance.traits import READY, REAL, cases, having, parameter
from tests.support import Operator, Secret

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"

FAULTS = {
    "500": "BackendError",
    "500-empty": "BackendError",
    "503": "BackendUnavailable",
    "503-html": "BackendUnavailable",
    "429": "BackendUnavailable",
    "garbage": "BackendError",
    "bomb": "BackendError",
    "empty": "BackendError",
    "html-404": "BackendError",
    "html-403": "BackendError",
    "redirect": "OperatorMisconfigured",
    "huge": "BackendError",
    "reset": "BackendUnavailable",
    "truncate": "BackendUnavailable",
    "hang": "Timeout",
    "drip": "Timeout",
}


def _operator(real: RealSubject, fault: str, environ: dict[str, str] | None = None) -> Operator:
    """Only what is waited for to its end needs a short sync."""
    waits = {"SYNC_TIMEOUT_SECONDS": "2"} if fault in {"hang", "drip"} else {}
    return real.operator({**waits, **(environ or {})})


@pytest.fixture(scope="module")
def standing() -> dict[str, Secret]:
    """One Secret for each store that was Ready before anything went wrong."""
    return {}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_fault_is_named_and_nothing_is_lost_or_written(
    real: RealSubject, standing: dict[str, Secret], fault: str, reason: str
) -> None:
    name = "standingclaim"
    operator = _operator(real, fault)
    secret = standing.setdefault(real.backend_name, Secret.claiming(name, name, SECRET))
    real.operator().sync(secret)
    assert secret.state == READY
    before = (real.user(name), real.owner(name))
    ready = dict(secret.annotations)
    real.proxy.always = fault
    started = time.monotonic()
    result = operator.sync(secret)
    assert time.monotonic() - started < 10
    assert secret.state == ("Retrying", reason)
    assert real.proxy.injected
    assert result.response.resync_after is not None
    assert 2 <= result.response.resync_after <= 300
    for kept in ("bucket", "user", "grants", "applied", "endpoint"):
        assert secret.annotations[kept] == ready[kept]
    again = operator.sync(secret)
    assert again.response.annotations == result.response.annotations
    real.proxy.calm()
    assert (real.user(name), real.owner(name)) == before
    operator.sync(secret)
    assert secret.state == READY
    assert secret.annotations["grants"] == ready["grants"]


def _steps() -> list[Any]:
    """Every fault at a step of its own and every step with a fault, not all with all."""
    return [
        parameter(name, number % traits.provisioning, fault, label=fault)
        for name, traits in REAL.items()
        for number, fault in enumerate(FAULTS)
    ]


def test_a_proxy_that_tells_the_store_another_host_is_named(
    real: RealSubject, standing: dict[str, Secret]
) -> None:
    name = "standingclaim"
    secret = standing.setdefault(real.backend_name, Secret.claiming(name, name, SECRET))
    operator = real.operator()
    operator.sync(secret)
    assert secret.state == READY
    real.proxy.always = "another-host"
    operator.sync(secret)
    assert secret.state[0] == "Retrying"
    assert "a proxy in between" in secret.annotations["message"]
    real.proxy.calm()
    assert real.accepts(name, SECRET)
    operator.sync(secret)
    assert secret.state == READY


@pytest.mark.parametrize(("real", "step", "fault"), _steps(), indirect=["real"])
def test_a_fault_at_any_step_of_provisioning_ends_ready_after_it(
    real: RealSubject, name: str, step: int, fault: str
) -> None:
    operator = _operator(real, fault, {"ADOPTION": "never"})
    secret = Secret.claiming(name, name, SECRET)
    # A broken connection is tried once more, so those come twice.
    twice = fault in {"reset", "truncate", "lose"}
    real.proxy.faults.extend([""] * step + [fault] * (2 if twice else 1))
    operator.sync(secret)
    assert fault in real.proxy.injected
    assert secret.annotations["status"] in {"Retrying", "Ready"}
    real.proxy.calm()
    # As the next call would be: with all the time of a sync.
    real.operator({"ADOPTION": "never"}).sync(secret)
    assert secret.state == READY
    assert real.owner(name) == name
    assert real.put(name, "key", b"body", as_user=(name, SECRET)) == ""


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize(
    ("real", "step"),
    cases({name: range(traits.writes) for name, traits in REAL.items()}),
    indirect=["real"],
)
def test_a_lost_answer_to_any_write_of_provisioning_ends_ready(
    real: RealSubject, name: str, step: int, times: int
) -> None:
    operator = real.operator({"ADOPTION": "never"})
    secret = Secret.claiming(name, name, SECRET)
    real.proxy.writes_only = True
    # What is lost once is repeated at once, what is lost twice at the next sync.
    real.proxy.faults.extend([""] * step + ["lose"] * times)
    for _ in range(3):
        operator.sync(secret)
        assert secret.annotations["status"] in {"Retrying", "Ready"}
    assert secret.state == READY
    assert "lose" in real.proxy.injected
    assert real.owner(name) == name
    assert real.put(name, "key", b"body", as_user=(name, SECRET)) == ""


def test_one_broken_connection_is_not_even_noticed(real: RealSubject, name: str) -> None:
    operator = real.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    before = dict(secret.annotations)
    real.proxy.faults.append("reset")
    operator.sync(secret)
    assert real.proxy.injected == ["reset"]
    assert secret.annotations == before


def test_a_store_that_is_down_and_back(real: RealSubject, name: str) -> None:
    operator = real.operator(real.without_proxy())
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    real.store.process.kill()
    operator.sync(secret)
    assert secret.state == ("Retrying", "BackendUnavailable")
    assert "refused" in secret.annotations["message"]
    assert "s3_operator_backend_up 0.0" in operator.metrics.render().decode()
    real.store.restart()
    operator.sync(secret)
    assert secret.state == READY
    assert "s3_operator_backend_up 1.0" in operator.metrics.render().decode()


def test_a_store_that_hangs_takes_no_more_than_the_syncs_time(real: RealSubject, name: str) -> None:
    operator = real.operator({**real.without_proxy(), "SYNC_TIMEOUT_SECONDS": "1"})
    secret = Secret.claiming(name, name, SECRET)
    real.store.process.pause()
    try:
        started = time.monotonic()
        operator.sync(secret)
        assert time.monotonic() - started < 1.5
    finally:
        real.store.process.resume()
    assert secret.state == ("Retrying", "Timeout")
    real.operator().sync(secret)
    assert secret.state == READY


@pytest.mark.parametrize(
    ("real", "wrong"),
    cases({name: traits.wrong_credentials for name, traits in REAL.items()}),
    indirect=["real"],
)
def test_wrong_operator_credentials_are_named(
    real: RealSubject, name: str, wrong: tuple[dict[str, str], str]
) -> None:
    environ, words = wrong
    if real.user("plainuser") is None:
        real.create_user("plainuser", "a-plainusers-own-secret")
    secret = Secret.claiming(name, name, OTHER_SECRET)
    real.operator(environ).sync(secret)
    assert secret.state == ("Retrying", "OperatorCredentialsRejected")
    assert words in secret.annotations["message"]
    assert name not in real.names()[0]


@pytest.mark.parametrize("real", having("regions", real=True), indirect=True)
def test_a_wrong_region_is_named_with_the_right_one(real: RealSubject, name: str) -> None:
    secret = Secret.claiming(name, name, SECRET)
    real.operator({"S3_REGION": "mars-north-1"}).sync(secret)
    assert secret.state == ("Retrying", "OperatorMisconfigured")
    assert real.store.region in secret.annotations["message"]
    assert not re.search("20[0-9]{6}", secret.annotations["message"])


def test_a_clock_that_is_off_is_named(
    real: RealSubject, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime

    import botocore.auth

    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=25)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: now)
    secret = Secret.claiming(name, name, SECRET)
    real.operator().sync(secret)
    assert secret.state == ("Retrying", "ClockSkew")
