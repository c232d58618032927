"""What only VersityGW does; the rest is in the conformance suite."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from backends import REGISTRY
from backends.base import Claim, User
from backends.errors import ServerFault, StoreError, Unavailable, Unsupported
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.commands.processes import Process, answers, free_port, wait_until
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from tests.conformance.subject import RealSubject, keep_versions, versitygw_subject
from tests.servers.require import require
from tests.servers.store import Store
from tests.support import ENVIRON, Operator, Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with versitygw_subject(tmp_path_factory.mktemp("versitygw")) as subject:
        yield subject


def _deny_everything(bucket: str, user: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": {"AWS": [user]},
                    "Action": "s3:GetBucketAcl",
                    "Resource": f"arn:aws:s3:::{bucket}",
                }
            ],
        }
    )


def test_a_tenants_policy_that_denies_the_probe_stays_and_is_ready(gateway: RealSubject) -> None:
    operator = gateway.operator()
    secret = Secret.claiming("policy", "policy", SECRET)
    operator.sync(secret)
    policy = _deny_everything("policy", "policy")
    with gateway.store.s3("policy", SECRET) as client:
        client.put_bucket_policy(Bucket="policy", Policy=policy)
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == ()
    with gateway.store.s3() as client:
        kept = client.get_bucket_policy(Bucket="policy")["Policy"]
    assert json.loads(kept) == json.loads(policy)


def test_a_policy_outlives_rotation_and_role_changes(gateway: RealSubject) -> None:
    operator = gateway.operator({"ALLOWED_ROLES": "user,userplus"})
    secret = Secret.claiming("policy-2", "policy-2", SECRET)
    operator.sync(secret)
    policy = _deny_everything("policy-2", "nobody").replace('"nobody"', '"policy-2"')
    with gateway.store.s3("policy-2", SECRET) as client:
        client.put_bucket_policy(Bucket="policy-2", Policy=policy)
    secret.set(access_secret=OTHER_SECRET, role="userplus")
    operator.sync(secret)
    assert secret.state == READY
    with gateway.store.s3() as client:
        assert client.get_bucket_policy(Bucket="policy-2")["Policy"]


def test_a_stranger_whom_a_policy_lets_in_is_not_taken_for_the_owner(
    gateway: RealSubject,
) -> None:
    operator = gateway.operator({"ADOPTION": "never"})
    owner = Secret.claiming("shared", "shared-owner", SECRET)
    stranger = Secret.claiming("shared", "shared-guest", OTHER_SECRET)
    gateway.create_user("shared-guest", OTHER_SECRET)
    operator.sync(owner)
    policy = _deny_everything("shared", "shared-guest").replace("Deny", "Allow")
    with gateway.store.s3("shared-owner", SECRET) as client:
        client.put_bucket_policy(Bucket="shared", Policy=policy)
    operator.sync(stranger)
    assert stranger.state == ("Conflict", "BucketOwned")
    assert gateway.owner("shared") == "shared-owner"


def test_ids_are_there_at_once_for_the_gateway_too(tmp_path: Path) -> None:
    # Where others were changed before, its cache may take this user for one of them, whose name
    # is as long: see the pitfalls in docs/backends.md. The bucket would then be changed once more.
    with versitygw_subject(tmp_path, cache=True) as alone:
        operator = alone.operator()
        secret = Secret.claiming("with-ids", "with-ids", SECRET, user_id="1001", group_id="2002")
        operator.sync(secret)
        assert secret.state == READY
        user = alone.user("with-ids")
        assert (user.user_id, user.group_id) == (1001, 2002)
        assert operator.requests() == alone.traits.provisioning + 1


def test_the_root_account_is_an_administrator_though_no_list_names_it(
    gateway: RealSubject,
) -> None:
    gateway.create_user("second-admin", SECRET, "admin")
    operator = gateway.operator({"S3_ACCESS_KEY": "second-admin", "S3_SECRET_KEY": SECRET})
    secret = Secret.claiming("of-root", gateway.store.access_key, OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == ("Conflict", "AdminUser")
    unowned = gateway.operator(
        {"S3_ACCESS_KEY": "second-admin", "S3_SECRET_KEY": SECRET, "ADOPTION": "unowned"}
    )
    gateway.create_bucket("of-root")
    other = Secret.claiming("of-root", "of-root", OTHER_SECRET)
    unowned.sync(other)
    assert other.state == ("Conflict", "BucketOwned")


def test_an_admin_api_on_a_port_of_its_own(tmp_path: Path) -> None:
    port = free_port()
    with versitygw_subject(tmp_path, extra_args=["--admin-port", f"127.0.0.1:{port}"]) as gateway:
        wrong = Secret.claiming("two-ports", "two-ports", SECRET)
        gateway.operator().sync(wrong)
        assert wrong.state == ("Retrying", "OperatorMisconfigured")
        assert "S3_ADMIN_ENDPOINT_URL" in wrong.annotations["message"]
        right = gateway.operator({"S3_ADMIN_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
        right.sync(wrong)
        assert wrong.state == READY


def test_single_account_mode_is_named(tmp_path: Path) -> None:
    port = free_port()
    process = Process(
        [str(require("versitygw")), "--port", f"127.0.0.1:{port}", "posix", str(tmp_path)],
        log=tmp_path.with_suffix(".log"),
        env={"ROOT_ACCESS_KEY": "operator-admin", "ROOT_SECRET_KEY": SECRET},
    )
    with process:
        process.wait_for(lambda: answers(port), timeout=20, what="VersityGW to answer")
        environ = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "S3_SECRET_KEY": SECRET}
        metrics = Metrics()
        connection = Settings.load({**ENVIRON, **environ}).connection
        backend = REGISTRY["versitygw"](connection, metrics.observer("versitygw"))
        secret = Secret.claiming("single", "single", SECRET)
        Operator(backend, environ, metrics).sync(secret)
        wait(backend.close())
        assert secret.state == ("Retrying", "OperatorMisconfigured")
        assert "single-account" in secret.annotations["message"]


def test_another_answer_is_not_taken_for_a_list_without_users(gateway: RealSubject) -> None:
    gateway.operator().sync(Secret.claiming("listed", "listed", SECRET))
    backend = gateway.backend()
    gateway.proxy.faults.append("other-xml")
    with pytest.raises(ServerFault):
        wait(backend.find_user("listed", Deadline(10)))
    # It would have been called the root account's, which no list names.
    assert wait(backend.find_user("listed", Deadline(10))) == User(admin=False)


def test_many_rotations_at_once_share_the_list_of_users(gateway: RealSubject) -> None:
    operator = gateway.operator({"SYNC_TIMEOUT_SECONDS": "20"})
    secrets = [Secret.claiming(f"turn-{n}", f"turn-{n}", SECRET) for n in range(30)]
    for secret in secrets:
        operator.sync(secret)
        secret.set(access_secret=OTHER_SECRET)
    with ThreadPoolExecutor(30) as pool:
        list(pool.map(operator.sync, secrets))
    assert {secret.state for secret in secrets} == {READY}
    stored = {gateway.user(f"turn-{number}").secret for number in range(30)}
    assert stored == {OTHER_SECRET}
    listings = operator.metrics.registry.get_sample_value(
        "s3_operator_backend_requests_total",
        {"backend": "versitygw", "operation": "list_users", "code": "200"},
    )
    assert listings is not None
    assert listings < 30


def test_account_writes_do_not_get_lost_when_many_come_at_once(gateway: RealSubject) -> None:
    operator = gateway.operator({"SYNC_TIMEOUT_SECONDS": "20"})
    secrets = [Secret.claiming(f"many-{n}", f"many-{n}", SECRET) for n in range(40)]
    threads = [threading.Thread(target=operator.sync, args=(secret,)) for secret in secrets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [secret.state for secret in secrets] == [READY] * 40
    assert {f"many-{n}" for n in range(40)} <= gateway.names()[0]


def _versioned(bucket: str) -> Claim:
    return Claim(bucket, bucket, Sensitive(SECRET), versioning="enabled")


def test_a_gateway_without_a_place_for_versions_is_asked_before_anything_is_made(
    tmp_path: Path,
) -> None:
    with versitygw_subject(tmp_path) as gateway:
        sent: list[str] = []
        backend = gateway.connect(gateway.environ(), lambda operation, *_: sent.append(operation))
        claim = _versioned("to-be-versioned")
        # With no bucket at all in the store, then with another one, then with its own.
        wait(backend.prepare(claim, Deadline(10), dry_run=True))
        assert "make_empty_bucket" not in sent
        with pytest.raises(Unsupported, match="start it with --versioning-dir"):
            wait(backend.prepare(claim, Deadline(10)))
        assert sent.count("make_empty_bucket") == sent.count("delete_empty_bucket") == 1
        secret = Secret.claiming("to-be-versioned", "a-user", SECRET, versioning="enabled")
        gateway.operator().sync(secret)
        assert secret.state == ("Invalid", "NotSupported")
        assert gateway.names() == (set(), set())
        for bucket in ("another", "to-be-versioned"):
            gateway.create_bucket(bucket)
            for dry_run in (True, False):
                with pytest.raises(Unsupported):
                    wait(backend.prepare(claim, Deadline(10), dry_run=dry_run))
        assert sent.count("make_empty_bucket") == 1
        with pytest.raises(Unsupported, match="start it with --versioning-dir"):
            wait(backend.set_versioning(claim, Deadline(10)))
        # Once the administrator did what the message says.
        assert isinstance(gateway.store, Store)
        keep_versions(gateway.store, tmp_path / "versions")
        wait(backend.prepare(claim, Deadline(10)))
        assert wait(backend.set_versioning(claim, Deadline(10)))


def test_a_store_without_any_bucket_is_asked_and_left_as_it_was(tmp_path: Path) -> None:
    with versitygw_subject(tmp_path, versions=True) as gateway:
        wait(gateway.backend().prepare(_versioned("the-first"), Deadline(10)))
        assert gateway.names() == (set(), set())
        gateway.proxy.always = "500"
        with pytest.raises(StoreError) as raised:
            wait(gateway.backend().prepare(_versioned("the-first"), Deadline(10)))
        assert not isinstance(raised.value, Unsupported)


def test_an_administrator_that_is_not_root_can_do_all_of_it(tmp_path: Path) -> None:
    with versitygw_subject(tmp_path, versions=True) as gateway:
        gateway.create_user("not-root", SECRET, "admin")
        environ = {**gateway.environ(), "S3_ACCESS_KEY": "not-root", "S3_SECRET_KEY": SECRET}
        backend = gateway.connect(environ, lambda *_: None)
        claim = _versioned("of-a-tenant")
        wait(backend.prepare(claim, Deadline(10)))
        assert wait(backend.create_user(claim, Deadline(10)))
        assert wait(backend.create_bucket(claim, Deadline(10)))
        wait(backend.prepare(claim, Deadline(10)))
        assert wait(backend.set_versioning(claim, Deadline(10)))
        # A policy that shuts everybody out goes with the change of owner at the latest.
        policy = json.loads(_deny_everything("of-a-tenant", "of-a-tenant"))
        policy["Statement"][0].update({"Principal": "*", "Action": "s3:DeleteBucket"})
        with gateway.store.s3("of-a-tenant", SECRET) as client:
            client.put_bucket_policy(Bucket="of-a-tenant", Policy=json.dumps(policy))
        assert wait(backend.release("of-a-tenant", "of-a-tenant", Deadline(10)))
        assert gateway.owner("of-a-tenant") == "not-root"
        assert wait(backend.delete_user("of-a-tenant", Deadline(10)))
        assert wait(backend.delete_bucket("of-a-tenant", Deadline(10)))
        assert gateway.names() == ({"not-root"}, set())


def test_a_quota_is_refused(gateway: RealSubject) -> None:
    claim = Claim("a-bucket", "a-user", Sensitive(SECRET), quota_bytes=0)
    with pytest.raises(Unsupported, match="quota"):
        wait(gateway.backend().set_quota(claim, Deadline(10)))


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (["", "", "lose"], Unavailable),
        (["", "", "", "lose"], None),
        (["", "", "", "reset", "reset"], Unavailable),
        (["", "", "", "", "503"], None),
        (["", "", "", "", "reset"], None),
    ],
)
def test_the_bucket_of_a_moment_goes_whatever_becomes_of_the_question(
    tmp_path: Path, faults: list[str], error: type[StoreError] | None
) -> None:
    with versitygw_subject(tmp_path, versions=True) as gateway:
        backend = gateway.backend()
        gateway.proxy.faults.extend(faults)
        # Asked in order: the bucket that it is for, any bucket, then one is made, asked, deleted.
        with pytest.raises(error) if error else nullcontext():
            wait(backend.prepare(_versioned("the-first"), Deadline(10)))
        assert not gateway.proxy.faults
        # What nobody answered for is deleted after the error was raised.
        wait_until(lambda: gateway.names() == (set(), set()), timeout=20, what="it to be gone")
        wait(backend.prepare(_versioned("the-first"), Deadline(10)))


def test_a_bucket_of_a_moment_that_stays_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with versitygw_subject(tmp_path, versions=True) as gateway:
        gateway.proxy.faults.extend(["", "", "", "", "503", "503"])
        with caplog.at_level(logging.WARNING, "backends"):
            wait(gateway.backend().prepare(_versioned("the-first"), Deadline(10)))
        (left,) = gateway.names()[1]
        assert left.startswith("s3-resource-operator-")
        assert left in caplog.text
