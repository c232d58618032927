"""What a tenant's Secret goes through, from its first day to its second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.conftest import ALIAS
from tests.e2e.stack import ENABLED, PREFIX, Stack

pytestmark = pytest.mark.e2e

METACHARACTERS = "a<b>&amp;\"'%2F%00/?#=+;,:@!$()*[]{}|\\^`~ ]]></Secret><Role>admin</Role>"


def test_new_secret_gives_its_tenant_a_bucket_of_its_own(stack: Stack, namespace: str) -> None:
    mine = stack.provision(stack.tenant(namespace, "mine"), timeout=5)
    other = stack.provision(stack.tenant(namespace, "other"))

    assert stack.works(mine)
    assert stack.works(other)
    assert (
        stack.store.put(mine.bucket, "intruder", b"", as_user=other.credentials) == "AccessDenied"
    )
    assert stack.store.get(mine.bucket, "works", as_user=other.credentials) == "AccessDenied"
    assert stack.store.owners()[mine.bucket] == mine.access_key
    assert stack.store.users()[mine.access_key].role == "user"


def test_status_tells_what_was_provisioned(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    status = stack.annotations(tenant)

    assert status["reason"] == "Provisioned"
    assert status["bucket"] == tenant.bucket
    assert status["user"] == tenant.access_key
    assert status["endpoint"] == stack.store.url
    assert stack.observed(tenant)["metadata"]["labels"][PREFIX + "status"] == "Ready"


def test_secrets_that_need_a_look_are_found_by_label(stack: Stack, namespace: str) -> None:
    stack.provision(stack.tenant(namespace, "good"))
    bad = stack.tenant(namespace, "bad")
    stack.put(bad, {**bad.data, "role": "admin"})
    stack.wait_for(bad, "Invalid")

    found = stack.cluster.api.list(
        "Secret", namespace, labels=f"{PREFIX}status,{PREFIX}status!=Ready"
    )

    assert [secret["metadata"]["name"] for secret in found] == ["bad"]


def test_rotation_ends_the_old_secret(stack: Stack, namespace: str) -> None:
    old = stack.provision(stack.tenant(namespace))
    stack.store.put(old.bucket, "kept", b"kept", as_user=old.credentials)

    new = stack.rotate(old)

    assert stack.store.get(new.bucket, "kept", as_user=new.credentials) == b"kept"
    refused = stack.store.get(new.bucket, "kept", as_user=old.credentials)
    assert refused == "SignatureDoesNotMatch"


def test_bucket_and_objects_follow_a_changed_access_key(stack: Stack, namespace: str) -> None:
    old = stack.provision(stack.tenant(namespace))
    stack.store.put(old.bucket, "kept", b"kept", as_user=old.credentials)

    new = replace(old, access_key=f"{old.access_key}-2")
    stack.put(new)
    stack.wait_for(new, "Ready", user=new.access_key)

    assert stack.store.get(new.bucket, "kept", as_user=new.credentials) == b"kept"
    assert stack.works(new)
    assert stack.store.get(old.bucket, "kept", as_user=old.credentials) == "AccessDenied"
    assert stack.store.owners()[new.bucket] == new.access_key


def test_administrators_bucket_is_adopted_with_its_objects(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    with stack.store.s3() as admin:
        admin.create_bucket(Bucket=tenant.bucket)
    stack.store.put(tenant.bucket, "older", b"older than the Secret")

    stack.provision(tenant)

    read = stack.store.get(tenant.bucket, "older", as_user=tenant.credentials)
    assert read == b"older than the Secret"
    assert stack.store.owners()[tenant.bucket] == tenant.access_key


def test_user_deleted_behind_its_back_comes_back_by_itself(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.store.put(tenant.bucket, "kept", b"kept", as_user=tenant.credentials)

    with stack.syncing(every=1):
        stack.store.delete_user(tenant.access_key)
        wait_until(lambda: stack.works(tenant), timeout=10, what="the drift to be repaired")

    assert stack.store.get(tenant.bucket, "kept", as_user=tenant.credentials) == b"kept"
    assert stack.annotations(tenant)["status"] == "Ready"


def test_owner_changed_behind_its_back_is_put_right(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    # The sync that follows the status would put it right before anybody looks.
    stack.settle()
    stack.store.change_owner(tenant.bucket, stack.store.access_key)
    assert not stack.works(tenant)

    stack.settled_sync()

    assert stack.works(tenant)
    assert stack.store.owners()[tenant.bucket] == tenant.access_key


def test_secret_made_again_finds_all_it_had(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.store.put(tenant.bucket, "kept", b"kept", as_user=tenant.credentials)

    stack.delete(tenant)
    stack.settle()
    assert stack.store.get(tenant.bucket, "kept", as_user=tenant.credentials) == b"kept"
    stack.provision(tenant)

    assert stack.store.get(tenant.bucket, "kept", as_user=tenant.credentials) == b"kept"


@pytest.mark.parametrize(
    ("bucket", "access_key", "secret", "endpoint"),
    [
        pytest.param("BUCKET_NAME", "ACCESS_KEY", "ACCESS_SECRET", "ENDPOINT_URL", id="upper-case"),
        pytest.param(
            "AWS_BUCKET_NAME",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ENDPOINT_URL_S3",
            id="aws",
        ),
        pytest.param("bucket-name", "access-key", "secret-key", "endpoint-url", id="original"),
        pytest.param("S3_BUCKET", "accesskey", "secretkey", "AWS_ENDPOINTS", id="lower-case"),
        pytest.param("bucket", "access_key_id", "access_key_secret", "AWS_ENDPOINT_URL", id="loki"),
    ],
)
def test_alias_keys(
    stack: Stack, namespace: str, bucket: str, access_key: str, secret: str, endpoint: str
) -> None:
    tenant = stack.tenant(namespace)
    data = {
        bucket: tenant.bucket,
        access_key: tenant.access_key,
        secret: tenant.secret,
        endpoint: f"{stack.store.url.replace('http', 'HTTP')}/",
    }

    stack.provision(tenant, data)

    assert stack.works(tenant)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(METACHARACTERS, id="xml-and-url"),
        pytest.param("pässwörd-für-größere-Eimer-🪣", id="not-ascii"),
    ],
)
def test_secret_full_of_metacharacters(stack: Stack, namespace: str, secret: str) -> None:
    tenant = stack.provision(stack.tenant(namespace, secret=secret))

    assert stack.works(tenant)
    user = stack.store.users()[tenant.access_key]
    assert (user.secret, user.role) == (secret, "user")

    rotated = replace(tenant, secret=secret[::-1])
    stack.put(rotated)
    wait_until(lambda: stack.works(rotated), timeout=15, what="the reversed secret to work")


def test_ids_reach_the_store(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    stack.provision(tenant, {**tenant.data, "user-id": "1234", "group-id": "5678"})

    user = stack.store.users()[tenant.access_key]

    assert (user.user_id, user.group_id) == (1234, 5678)


def test_an_applications_own_settings_stand_beside(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    settings = {
        "SECRET_KEY": "django-insecure-settings",
        "ACCESS_KEY": "of-another-service",
        "ROLE": "worker",
        "USER_ID": "somebody@example.com",
        "GROUP_ID": "staff",
        "BUCKET": "s3://somewhere/else",
        "ENDPOINT_URL": "https://api.example.com",
        "AWS_ENDPOINT_URL": "https://sqs.example.com",
        "AWS_REGION": "eu-central-1",
    }
    data = {**tenant.data, "AWS_ENDPOINT_URL_S3": stack.store.url}

    stack.provision(tenant, {**data, **settings})

    assert stack.works(tenant)
    stack.settle()
    version = stack.resource_version(tenant)
    stack.settled_sync()
    assert stack.resource_version(tenant) == version
    message = stack.annotations(tenant)["message"]
    assert "Not read: " in message
    assert "AWS_REGION" in message


def test_the_annotation_names_the_keys(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    data = {
        "bucketName": tenant.bucket,
        "aws_access_key_id": tenant.access_key,
        "aws_secret_access_key": tenant.secret,
    }
    stack.put(tenant, data)
    told = stack.wait_for(tenant, "Invalid", "MissingField")["message"]
    assert "bucketName" in told
    keys = "bucket=bucketName,access-key=aws_access_key_id,secret=aws_secret_access_key"
    stack.mark(tenant, {"keys": f"{keys},"})
    stack.wait_for(tenant, "Invalid", "InvalidField")

    stack.mark(tenant, {"keys": keys})

    stack.wait_for(tenant, "Ready")
    assert stack.works(tenant)


@pytest.mark.parametrize("called", [ALIAS, f"https://{ALIAS.upper()}/"])
def test_another_name_of_the_store(stack: Stack, namespace: str, called: str) -> None:
    tenant = stack.tenant(namespace)

    stack.provision(tenant, {**tenant.data, "endpoint-url": called})

    assert stack.works(tenant)
    endpoint = stack.annotations(tenant)["endpoint"]
    assert endpoint in {f"http://{ALIAS}", f"https://{ALIAS}"}


def test_secret_of_another_store_is_left_alone(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    stack.put(tenant, {**tenant.data, "endpoint-url": "https://s3.example.com"})

    stack.wait_for(tenant, "Skipped", "EndpointMismatch")
    told = stack.wait_for_told(tenant, "EndpointMismatch")["EndpointMismatch"]
    assert told["type"] == "Warning"
    assert "endpoint-url" in told["message"]

    assert tenant.bucket not in stack.store.owners()
    assert tenant.access_key not in stack.store.users()


def test_labels_and_annotations_of_others_stay(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    theirs = {"metadata": {"annotations": {"example.com/a": "1"}, "labels": {"example.com/l": "2"}}}
    stack.cluster.api.merge("Secret", tenant.name, namespace, theirs)
    new = stack.rotate(tenant)

    metadata = stack.observed(new)["metadata"]

    assert metadata["annotations"]["example.com/a"] == "1"
    assert metadata["labels"]["example.com/l"] == "2"
    assert ENABLED.items() <= metadata["annotations"].items()
