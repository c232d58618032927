"""What can't become what is asked stays whose it is, as it was; the user stays, too."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest

from backends.bucketsettings import SettingName
from hooks.contract.grant import Grant, Grants, Holding, Kind, Mark
from hooks.settings.settings import Settings
from tests.conformance.bucketsettings import PUBLIC, SECRET, seen, with_setting
from tests.conformance.subject import RealSubject, Subject
from tests.conformance.traits import NOT_SUPPORTED, OWNED, READY, having, parameter
from tests.servers.s3 import code_of
from tests.support import PREFIX, Secret

OTHER_SECRET = "another-strong-and-long-password"
ANY = {"ADOPTION": "any", **PUBLIC}
REJECTED = ("Invalid", "RejectedByBackend")
CORS = {"AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["GET"]}


def anothers(real: RealSubject, name: str, **fields: str) -> str:
    """Makes a bucket with something in it, and answers its owner's name."""
    owner = f"{name}owner"
    secret = Secret.claiming(name, owner, SECRET, **fields)
    real.operator().sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert real.put(name, "key", b"body", as_user=(owner, SECRET)) == ""
    return owner


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def everybody(effect: str, action: str, *resources: str) -> dict[str, Any]:
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": list(resources)}


@pytest.mark.parametrize("subject", having("rotation"), indirect=True)
def test_no_user_is_taken_over_for_a_bucket_that_adoption_forbids(
    subject: Subject, name: str
) -> None:
    subject.create_user(name, OTHER_SECRET)
    subject.create_user(f"{name}owner", OTHER_SECRET)
    subject.create_bucket(f"{name}s", f"{name}owner")
    beginning = name.removesuffix("team")
    operator = subject.operator(
        {"ADOPTION": "own-names", "ACCESS_KEY_PATTERN": f"{beginning}{{namespace}}"}
    )
    secret = Secret.claiming(f"{name}s", name, SECRET)
    operator.sync(secret)
    assert secret.state == OWNED
    assert subject.accepts(name, OTHER_SECRET)
    # Nobody's bucket is in its way.
    secret.set(bucket_name=f"{name}new")
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert subject.accepts(name, SECRET)


@pytest.mark.parametrize("real", with_setting(SettingName.LOCK), indirect=True)
def test_no_user_is_taken_over_for_a_bucket_without_its_lock(real: RealSubject, name: str) -> None:
    owner = anothers(real, name)
    real.create_user(name, OTHER_SECRET)
    secret = Secret.claiming(name, name, SECRET, object_lock="enabled")
    real.operator(ANY).sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert real.owner(name) == owner
    assert real.accepts(name, OTHER_SECRET)


@pytest.mark.parametrize("real", with_setting(SettingName.LOCK), indirect=True)
def test_a_gift_that_has_no_lock_is_not_taken_either(real: RealSubject, name: str) -> None:
    owner = anothers(real, name)
    operator = real.operator({"ADOPTION": "never"})
    secret = Secret.claiming(name, name, SECRET, object_lock="enabled")
    given = Holding(1, Kind.OWN, Mark.GIVEN)
    grants = Grants(*Settings.load(operator.environ).signing_keys)
    metadata = secret.document["metadata"]
    metadata["annotations"][f"{PREFIX}grants"] = grants.issue(
        metadata["uid"], Grant(name, given, {name: given}), int(time.time())
    )
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert real.owner(name) == owner
    assert real.user(name) is None
    del secret.document["data"]["object-lock"]
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert real.owner(name) == name


@pytest.mark.parametrize("real", [parameter("ceph-rgw"), parameter("seaweedfs")], indirect=True)
def test_a_lock_that_nobody_may_read_is_taken_over(real: RealSubject, name: str) -> None:
    owner = anothers(real, name, object_lock="enabled")
    denied = everybody("Deny", "s3:GetBucketObjectLockConfiguration", f"arn:aws:s3:::{name}")
    with real.store.s3(owner, SECRET) as client:
        client.put_bucket_policy(Bucket=name, Policy=policy(denied))
        assert code_of(lambda: client.get_object_lock_configuration(Bucket=name)) == "AccessDenied"
    secret = Secret.claiming(name, f"{name}next", SECRET, object_lock="enabled")
    real.operator(ANY).sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert seen(real, name, SettingName.RETENTION, f"{name}next")["ObjectLockEnabled"] == "Enabled"


@pytest.mark.parametrize("fields", [{}, {"public_access": "read"}, {"bucket_policy": "${open}"}])
@pytest.mark.parametrize("real", [parameter("ceph-rgw")], indirect=True)
def test_a_bucket_behind_a_public_access_block_is_not_taken(
    real: RealSubject, name: str, fields: dict[str, str]
) -> None:
    owner = anothers(real, name, cors=CORS["AllowedOrigins"][0])
    block = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    with real.store.s3(owner, SECRET) as client:
        client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    opened = policy(everybody("Allow", "s3:GetObject", f"arn:aws:s3:::{name}/*"))
    secret = Secret.claiming(name, f"{name}next", SECRET)
    secret.set(**{key: value.replace("${open}", opened) for key, value in fields.items()})
    operator = real.operator(ANY)
    operator.sync(secret)
    assert secret.state == OWNED
    assert "public access block" in secret.annotations["message"]
    assert (real.owner(name), real.user(f"{name}next")) == (owner, None)
    assert seen(real, name, SettingName.CORS, owner)
    # One that keeps no policy out.
    block["BlockPublicPolicy"] = block["RestrictPublicBuckets"] = False
    with real.store.s3(owner, SECRET) as client:
        client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert real.owner(name) == f"{name}next"


@pytest.mark.parametrize("real", [parameter("versitygw")], indirect=True)
def test_a_policy_that_names_nobody_takes_no_bucket(real: RealSubject, name: str) -> None:
    owner = anothers(real, name, cors=CORS["AllowedOrigins"][0])
    reader = f"{name}reader"
    allowed = everybody("Allow", "s3:GetObject", f"arn:aws:s3:::{name}/*")
    users = {"AWS": [reader, f"{name}next"]}
    secret = Secret.claiming(
        name, f"{name}next", SECRET, bucket_policy=policy({**allowed, "Principal": users})
    )
    operator = real.operator(ANY)
    operator.sync(secret)
    assert secret.state == REJECTED
    assert "a user who isn't there" in secret.annotations["message"]
    assert (real.owner(name), real.user(f"{name}next")) == (owner, None)
    assert seen(real, name, SettingName.CORS, owner)
    real.create_user(reader, SECRET)
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert real.get(name, "key", as_user=(reader, SECRET)) == b"body"


@pytest.mark.parametrize("real", with_setting(SettingName.POLICY), indirect=True)
def test_a_policy_that_is_too_long_with_the_buckets_name_takes_no_bucket(
    real: RealSubject, name: str
) -> None:
    owner = anothers(real, name)
    # In the Secret `${bucket}` stands for it, which is shorter.
    long = f"{name}{'x' * 40}"
    real.create_bucket(long, owner)
    allowed = everybody("Allow", "s3:GetObject", "arn:aws:s3:::${bucket}/*")
    paths = [f"arn:aws:s3:::${{bucket}}/{number}/{'x' * 150}" for number in range(95)]
    secret = Secret.claiming(
        long, f"{name}next", SECRET, bucket_policy=policy({**allowed, "Resource": paths})
    )
    real.operator(ANY).sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert "shorten bucket-policy" in secret.annotations["message"]
    assert (real.owner(long), real.user(f"{name}next")) == (owner, None)


@pytest.mark.parametrize("real", with_setting(SettingName.TAGS), indirect=True)
def test_tags_that_the_store_has_no_letters_for_take_no_bucket(
    real: RealSubject, name: str
) -> None:
    owner = anothers(real, name)
    secret = Secret.claiming(name, f"{name}next", SECRET, tags="größe=日本, team=ä")
    real.operator(ANY).sync(secret)
    if real.backend_name != "minio":
        assert secret.state == READY, secret.annotations["message"]
        return
    assert secret.state == NOT_SUPPORTED
    assert "ASCII" in secret.annotations["message"]
    assert real.owner(name) == owner
    with real.store.s3(owner, SECRET) as client:
        for key, value in (("größe", "x"), ("x", "日本")):
            tags = {"TagSet": [{"Key": key, "Value": value}]}
            put = partial(client.put_bucket_tagging, Bucket=name, Tagging=tags)
            assert code_of(put) == "MalformedXML"
