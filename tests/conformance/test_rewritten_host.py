"""The S3 API behind a proxy that changes the host, the admin API past it: no user is written anew.

Every signature is a wrong one then, and each tenant's request is answered as if the user had
another secret.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.errors import ClockSkew, CredentialsRejected, SignaturesRefused
from backends.wire.deadline import Deadline
from hooks.commands import check
from hooks.contract.decorator import SyncRequest
from hooks.settings.settings import Settings
from tests.attended import SIGNING_KEY, cluster_of
from tests.conformance.subject import RealSubject
from tests.conformance.test_shared_buckets import Ground
from tests.conformance.traits import READY, having
from tests.support import ENVIRON, PREFIX, Operator, Secret, wait
from tests.tenancy.ground import STRANGER

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
MISCONFIGURED = ("Retrying", "OperatorMisconfigured")
REWRITTEN = "another-host"
# On Garage the admin API tells what a tenant is refused for, and no signature of the operator's.
SIGNING = having("rotation", real=True)


def two_ways(real: RealSubject) -> dict[str, str]:
    """The settings that lead to the S3 API through the proxy, and to the admin API past it."""
    direct = real.without_proxy()
    admin = direct.get("S3_ADMIN_ENDPOINT_URL", direct["S3_ENDPOINT_URL"])
    return {"S3_ENDPOINT_URL": real.proxy.url, "S3_ADMIN_ENDPOINT_URL": admin}


def asked(operator: Operator) -> dict[str, int]:
    """How many requests of each name the store has got."""
    counted: dict[str, int] = {}
    for family in operator.metrics.registry.collect():
        for sample in family.samples:
            if sample.name == "s3_operator_backend_requests_total":
                name = sample.labels["operation"]
                counted[name] = counted.get(name, 0) + round(sample.value)
    return counted


def writes(real: RealSubject, operator: Operator) -> int:
    """How many of them may have changed something."""
    return sum(number for name, number in asked(operator).items() if name not in real.traits.reads)


def ready(real: RealSubject, operator: Operator, name: str) -> Secret:
    secret = Secret.claiming(name, name, SECRET)
    operator.settle(secret)
    assert secret.state == READY
    return secret


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_a_proxy_that_begins_to_change_the_host_costs_one_write_at_most(
    real: RealSubject, name: str
) -> None:
    operator = real.operator(two_ways(real))
    secret = ready(real, operator, name)
    other = ready(real, operator, f"{name}other")
    real.proxy.always = REWRITTEN
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == MISCONFIGURED
    told = secret.annotations["message"]
    assert "S3_ENDPOINT_URL" in told
    assert "host or path" in told
    before = writes(real, operator)
    for _ in range(3):
        operator.sync(secret)
        # Nor is anybody else's, whether it was rotated or is as it was.
        operator.sync(other)
        assert (secret.state, other.state) == (MISCONFIGURED, MISCONFIGURED)
        assert secret.annotations["message"] == other.annotations["message"] == told
    assert writes(real, operator) == before
    real.proxy.calm()
    for each in (secret, other):
        operator.sync(each)
        assert each.state == READY
    assert real.accepts(name, OTHER_SECRET)
    assert real.accepts(f"{name}other", SECRET)


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_one_that_did_from_the_start_has_nothing_written(real: RealSubject, name: str) -> None:
    secret = ready(real, real.operator(two_ways(real)), name)
    secret.set(access_secret=OTHER_SECRET)
    real.proxy.always = REWRITTEN
    operator = real.operator(two_ways(real))
    for _ in range(3):
        operator.sync(secret)
        assert secret.state == MISCONFIGURED
    assert writes(real, operator) == 0
    assert real.accepts(name, SECRET)
    real.proxy.calm()
    operator.sync(secret)
    assert secret.state == READY
    assert real.accepts(name, OTHER_SECRET)


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_a_new_secret_is_told_the_same(real: RealSubject, name: str) -> None:
    real.proxy.always = REWRITTEN
    operator = real.operator(two_ways(real))
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    # Ceph RGW's admin API makes a user before it comes to the bucket; all others make nothing.
    before = writes(real, operator)
    assert before == (2 if real.backend_name == "ceph-rgw" else 0)
    for _ in range(2):
        operator.sync(secret)
        assert secret.state == MISCONFIGURED
        assert "S3_ENDPOINT_URL" in secret.annotations["message"]
    assert writes(real, operator) == before
    real.proxy.calm()
    operator.sync(secret)
    assert secret.state == READY


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_it_costs_nothing_where_signatures_are_accepted(real: RealSubject, name: str) -> None:
    operator = real.operator(two_ways(real))
    secret = ready(real, operator, name)
    before = operator.requests()
    operator.sync(secret)
    assert operator.requests() == before + 1
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_secret=SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert "prove_signature" not in asked(operator)


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_a_secret_that_is_wrong_alone_is_still_written(real: RealSubject, name: str) -> None:
    secret = ready(real, real.operator(two_ways(real)), name)
    real.set_secret(name, OTHER_SECRET)
    # By an operator that has seen no signature accepted yet.
    operator = real.operator(two_ways(real))
    operator.sync(secret)
    assert secret.state == READY
    assert asked(operator)["prove_signature"] == 1
    assert real.accepts(name, SECRET)


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_the_operators_own_wrong_secret_is_told_as_such(real: RealSubject, name: str) -> None:
    secret = ready(real, real.operator(two_ways(real)), name)
    secret.set(access_secret=OTHER_SECRET)
    operator = real.operator({**two_ways(real), "S3_SECRET_KEY": "not-the-secret"})
    operator.sync(secret)
    assert secret.state == ("Retrying", "OperatorCredentialsRejected")
    backend = real.connect(operator.environ, lambda *_: None)
    with pytest.raises(CredentialsRejected):
        wait(backend.check(Deadline(20)))


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_clocks_that_differ_are_told_as_such(real: RealSubject, name: str) -> None:
    secret = ready(real, real.operator(two_ways(real)), name)
    secret.set(access_secret=OTHER_SECRET)
    operator = real.operator(two_ways(real))
    # The tenant is refused for its secret, the operator for the time.
    real.proxy.faults.extend(["", "skewed"])
    operator.sync(secret)
    assert "skewed" in real.proxy.injected
    assert secret.state == ("Retrying", "ClockSkew")
    assert writes(real, operator) == 0
    real.proxy.faults.append("skewed")
    with pytest.raises(ClockSkew):
        wait(real.connect(operator.environ, lambda *_: None).prove_signatures(Deadline(20)))


@pytest.mark.parametrize("fault", ["503", "500", "reset", "html-403"])
@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_no_answer_is_not_a_wrong_secret(real: RealSubject, name: str, fault: str) -> None:
    secret = ready(real, real.operator(two_ways(real)), name)
    secret.set(access_secret=OTHER_SECRET)
    operator = real.operator(two_ways(real))
    real.proxy.faults.extend(["", fault, fault])
    operator.sync(secret)
    assert fault in real.proxy.injected
    assert secret.annotations["status"] == "Retrying"
    assert secret.state != MISCONFIGURED
    assert writes(real, operator) == 0


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_check_tells_it(real: RealSubject, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings.load({**ENVIRON, **real.environ(), **two_ways(real)})
    assert wait(check.run(settings, real.connect(real.environ() | two_ways(real), _ignore))) == 0
    assert "FAILED" not in capsys.readouterr().out
    real.proxy.always = REWRITTEN
    backend = real.connect(real.environ() | two_ways(real), _ignore)
    assert wait(check.run(settings, backend)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "ok      admin rights" in lines
    (failed,) = [line for line in lines if line.startswith("FAILED")]
    assert failed.startswith("FAILED  signatures: At S3_ENDPOINT_URL")


def _ignore(operation: str, code: str, seconds: float) -> None:
    pass


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_what_is_deleted_meanwhile_waits_and_goes_afterwards(real: RealSubject, name: str) -> None:
    secret = Secret.claiming(name, name, SECRET)
    secret.document["metadata"]["annotations"][f"{PREFIX}deletion-policy"] = "delete"
    environ = {**two_ways(real), "DELETION": "on", "SIGNING_KEY": SIGNING_KEY}
    operator = real.operator(environ, kube=cluster_of(secret))
    operator.settle(secret)
    assert secret.state == READY
    long_ago = datetime.now(UTC) - timedelta(days=1)
    secret.document["metadata"]["deletionTimestamp"] = long_ago.strftime("%Y-%m-%dT%H:%M:%SZ")
    request = replace(SyncRequest.of(secret.document), finalizing=True)
    real.proxy.always = REWRITTEN
    result = wait(operator.parts.finalizer.finalize(request))
    assert result.response.finalized is False
    assert result.outcome is not None
    assert (result.outcome.status, result.outcome.reason) == MISCONFIGURED
    assert name in real.names()[0]
    real.proxy.calm()
    assert wait(operator.parts.finalizer.finalize(request)).response.finalized
    assert name not in real.names()[0]
    assert name not in real.names()[1]


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_a_user_is_not_taken_from_who_looks_like_none(real: RealSubject, name: str) -> None:
    """A Secret without a grant is known by what the store says of its secret alone."""
    operator = real.operator(two_ways(real))
    ready(real, operator, f"{name}first")
    real.create_user(name, SECRET)
    holder = Secret.claiming(name, name, SECRET)
    stranger = Secret.claiming(f"{name}strange", name, OTHER_SECRET)
    environ = {**two_ways(real), "SIGNING_KEY": SIGNING_KEY}
    guarded = real.operator(environ, kube=cluster_of(holder, stranger))
    ready(real, guarded, f"{name}second")
    stranger.document["metadata"]["annotations"][f"{PREFIX}status"] = "Retrying"
    real.proxy.always = REWRITTEN
    before = writes(real, guarded)
    guarded.sync(stranger)
    assert stranger.state == MISCONFIGURED
    assert writes(real, guarded) == before
    real.proxy.calm()
    assert real.accepts(name, SECRET)
    guarded.sync(stranger)
    assert stranger.annotations["status"] == "Conflict"


@pytest.mark.parametrize(
    "real", [each for each in having(real=True) if each.id == "garage"], indirect=True
)
def test_garages_admin_api_tells_whose_secret_is_right(real: RealSubject, name: str) -> None:
    operator = real.operator(two_ways(real))
    secret = ready(real, operator, name)
    real.proxy.always = REWRITTEN
    before = writes(real, operator)
    for _ in range(3):
        operator.sync(secret)
        assert secret.state == ("Retrying", "NotYetVisible")
        assert "a proxy in between" in secret.annotations["message"]
    assert writes(real, operator) == before
    real.proxy.calm()
    operator.sync(secret)
    assert secret.state == READY


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_a_user_that_shares_a_bucket_is_not_written_anew_either(
    real: RealSubject, name: str
) -> None:
    ground = Ground(subject=real, prefix=name)
    ground.start(**two_ways(real))
    ground.both()
    ground.sync(STRANGER)
    ground.make(STRANGER, "guest", OTHER_SECRET)
    ground.annotate(STRANGER, access="read-only")
    real.proxy.always = REWRITTEN
    assert ground.sync(STRANGER).state == MISCONFIGURED
    before = writes(real, ground.operator)
    for _ in range(2):
        assert ground.sync(STRANGER).state == MISCONFIGURED
    assert writes(real, ground.operator) == before
    real.proxy.calm()
    assert ground.sync(STRANGER).state == READY
    assert ground.read("guest", OTHER_SECRET) == b"body"


@pytest.mark.parametrize("real", SIGNING, indirect=True)
def test_by_one_way_the_operator_is_refused_first(real: RealSubject, name: str) -> None:
    secret = ready(real, real.operator(), name)
    secret.set(access_secret=OTHER_SECRET)
    operator = real.operator()
    real.proxy.always = REWRITTEN
    operator.sync(secret)
    assert secret.state == ("Retrying", "OperatorCredentialsRejected")
    assert "prove_signature" not in asked(operator)
    backend = real.backend()
    with pytest.raises(CredentialsRejected) as caught:
        wait(backend.prove_signatures(Deadline(20)))
    assert not isinstance(caught.value, SignaturesRefused)
