"""Each consumer's keys, and what stands under them when a parser of its kind reads it."""

from __future__ import annotations

import json
import re
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as some

from backends.wire.sensitive import Sensitive
from hooks.attachments.formats import FORMATS, Access, Unwritable

ACCESS = Access(
    "https://s3.example.com:9000",
    "eu-west-3",
    "team.user+x",
    Sensitive("a-secret/with+odd=#'\"{}*&!|>%@`characters"),
    "team.bucket",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
)
PLAIN = replace(ACCESS, secret=Sensitive("a-secret/with+odd=characters"))
HTTP = replace(PLAIN, endpoint="http://s3", ca=None)
# What a Secret's value may hold: no control characters.
SECRETS = some.text(
    some.one_of(
        some.sampled_from("ab=:;#'\"`$%()s{}[]\\ \u00a0\u2028\u3000"),
        some.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
    ),
    min_size=1,
    max_size=20,
)


def written(name: str, access: Access = PLAIN) -> dict[str, str]:
    made = {key: writer(access) for key, writer in FORMATS[name].keys.items()}
    return {key: value for key, value in made.items() if value is not None}


# The keys that each consumer's own documents or source name; where it was read is in the table of
# docs/connection-secrets.md.
KEY, SECRET = PLAIN.access_key, PLAIN.secret.reveal()
EXPECTED: dict[str, dict[str, str]] = {
    "restic": {
        "RESTIC_REPOSITORY": "s3:https://s3.example.com:9000/team.bucket",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-west-3",
    },
    "s3fs": {"passwd-s3fs": f"{KEY}:{SECRET}\n"},
    "velero": {"cloud": f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n\n"},
    "cnpg": {"ACCESS_KEY_ID": KEY, "ACCESS_SECRET_KEY": SECRET, "Region": "eu-west-3"},
    "barman": {"ACCESS_KEY_ID": KEY, "ACCESS_SECRET_KEY": SECRET},
    "loki": {
        "bucketnames": "team.bucket",
        "endpoint": "https://s3.example.com:9000",
        "access_key_id": KEY,
        "access_key_secret": SECRET,
        "region": "eu-west-3",
    },
    "tempo": {
        "bucket": "team.bucket",
        "endpoint": "https://s3.example.com:9000",
        "access_key_id": KEY,
        "access_key_secret": SECRET,
    },
    "registry": {
        "REGISTRY_STORAGE_S3_ACCESSKEY": KEY,
        "REGISTRY_STORAGE_S3_SECRETKEY": SECRET,
        "REGISTRY_STORAGE_S3_BUCKET": "team.bucket",
        "REGISTRY_STORAGE_S3_REGION": "eu-west-3",
        "REGISTRY_STORAGE_S3_REGIONENDPOINT": "https://s3.example.com:9000",
        "REGISTRY_STORAGE_S3_FORCEPATHSTYLE": "true",
    },
    "flux": {"accesskey": KEY, "secretkey": SECRET},
    "argo": {"accessKey": KEY, "secretKey": SECRET, "accesskey": KEY, "secretkey": SECRET},
    "k3s": {
        "etcd-s3-access-key": KEY,
        "etcd-s3-secret-key": SECRET,
        "etcd-s3-bucket": "team.bucket",
        "etcd-s3-endpoint": "s3.example.com:9000",
        "etcd-s3-region": "eu-west-3",
        "etcd-s3-insecure": "false",
        "etcd-s3-bucket-lookup-type": "path",
        "etcd-s3-endpoint-ca": PLAIN.ca or "",
    },
    "longhorn": {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINTS": "https://s3.example.com:9000",
        "AWS_CERT": PLAIN.ca or "",
        "VIRTUAL_HOSTED_STYLE": "false",
    },
    "rancher": {"accessKey": KEY, "secretKey": SECRET},
    "pgbackrest": {"s3.conf": f"[global]\nrepo1-s3-key={KEY}\nrepo1-s3-key-secret={SECRET}\n\n"},
    "zalando": {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT": "https://s3.example.com:9000",
        "WAL_S3_BUCKET": "team.bucket",
        "WAL_BUCKET_SCOPE_PREFIX": "",
    },
}
EXPECTED["volsync"] = EXPECTED["restic"]
FILES = {
    "rclone": {"rclone.conf"},
    "s3cmd": {".s3cfg"},
    "aws": {"credentials", "config"},
    "mc": {"config.json", "MC_HOST_s3"},
    "thanos": {"thanos.yaml"},
    "gitlab": {"connection", "config"},
    "cosi": set(written("cosi")),
}


def test_every_format_is_looked_at_here() -> None:
    assert EXPECTED.keys() | FILES.keys() == FORMATS.keys()
    assert not EXPECTED.keys() & FILES.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_consumer_finds_the_keys_that_it_documents(name: str) -> None:
    assert written(name) == EXPECTED[name]


@pytest.mark.parametrize("name", FILES)
def test_a_consumer_finds_its_files(name: str) -> None:
    assert set(written(name)) == FILES[name]


def test_cosi_has_the_variables_of_v1alpha2_and_the_former_ones() -> None:
    found = written("cosi")
    assert found["COSI_PROTOCOL"] == "S3"
    assert found["AWS_S3_ADDRESSING_STYLE"] == found["COSI_S3_ADDRESSING_STYLE"] == "path"
    assert found["COSI_CERTIFICATE_AUTHORITY"] == PLAIN.ca
    pairs = {
        "BUCKET_NAME": "COSI_S3_BUCKET_ID",
        "AWS_ENDPOINT_URL": "COSI_S3_ENDPOINT",
        "AWS_DEFAULT_REGION": "COSI_S3_REGION",
        "AWS_ACCESS_KEY_ID": "COSI_S3_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY": "COSI_S3_ACCESS_SECRET_KEY",
    }
    assert {found[now] for now in pairs} == {
        PLAIN.bucket,
        PLAIN.endpoint,
        PLAIN.region,
        KEY,
        SECRET,
    }
    assert all(found[now] == found[before] for now, before in pairs.items())


def test_plain_http_without_cas_of_its_own() -> None:
    assert written("k3s", HTTP)["etcd-s3-insecure"] == "true"
    assert written("k3s", HTTP)["etcd-s3-endpoint"] == "s3"
    for name, key in (
        ("k3s", "etcd-s3-endpoint-ca"),
        ("longhorn", "AWS_CERT"),
        ("cosi", "COSI_CERTIFICATE_AUTHORITY"),
    ):
        assert key not in written(name, HTTP)
    assert yaml.safe_load(written("thanos", HTTP)["thanos.yaml"])["config"]["insecure"] is True
    assert yaml.safe_load(written("gitlab", HTTP)["config"])["s3"]["secure"] is False


@pytest.mark.parametrize("name", ["s3cmd", "mc", "thanos", "k3s", "loki", "tempo"])
def test_a_consumer_that_takes_no_path_is_given_none(name: str) -> None:
    with pytest.raises(Unwritable, match="path"):
        written(name, replace(PLAIN, endpoint="https://example.com/s3"))
    assert written(name, replace(PLAIN, endpoint="https://example.com/"))


@given(secret=SECRETS)
@settings(deadline=None)
@example(secret="yes")
@example(secret="0o17")
@example(secret="1e3")
@example(secret="- a: b # c")
@example(secret="\U0001f511\u2028")
def test_yaml_and_json_say_the_secret_that_was_meant(secret: str) -> None:
    access = replace(ACCESS, secret=Sensitive(secret))
    thanos = yaml.safe_load(written("thanos", access)["thanos.yaml"])
    assert thanos == {
        "type": "S3",
        "config": {
            "bucket": "team.bucket",
            "endpoint": "s3.example.com:9000",
            "region": "eu-west-3",
            "access_key": KEY,
            "secret_key": secret,
            "insecure": False,
            "bucket_lookup_type": "path",
        },
    }
    gitlab = written("gitlab", access)
    assert yaml.safe_load(gitlab["connection"]) == {
        "provider": "AWS",
        "region": "eu-west-3",
        "aws_access_key_id": KEY,
        "aws_secret_access_key": secret,
        "aws_signature_version": 4,
        "host": "s3.example.com",
        "endpoint": "https://s3.example.com:9000",
        "path_style": True,
    }
    assert yaml.safe_load(gitlab["config"])["s3"] == {
        "bucket": "team.bucket",
        "accesskey": KEY,
        "secretkey": secret,
        "region": "eu-west-3",
        "regionendpoint": "https://s3.example.com:9000",
        "pathstyle": True,
        "secure": True,
        "v4auth": True,
    }
    try:
        document = json.loads(written("mc", access)["config.json"])
    except Unwritable:
        assert ":" in secret
        return
    assert document["version"] == "10"
    assert document["aliases"]["s3"] == {
        "url": "https://s3.example.com:9000",
        "accessKey": KEY,
        "secretKey": secret,
        "api": "S3v4",
        "path": "on",
    }


# Distribution reads each of its variables as YAML.
READ_BY_YAML = (
    *("0123456789", "0x1f00ff00", "1e100000", "12345678901234567890123", "1_000_000", "0o17"),
    *("true", "~", "yes", "[secret]", "{a: b}", "*secret", "&secret x", "!secret", "# abcdefg"),
    *("secret: x", "secret #x", "'secret'", '"secret"', "- secret", "2026-01-01", "190:20:30"),
    *("=", "<<", ".inf", "-.5", "1.10", "secret:", "@secret", "`secret", "|", "%secret", "-"),
)
READ_BY_ALL = ("1234567890", "plain", "a-b_c.d/e+f=", "0123abc", "s3cr$t#'{}", "1e10x", "--x")


@pytest.mark.parametrize("secret", READ_BY_YAML)
def test_distribution_is_given_nothing_that_yaml_reads_otherwise(secret: str) -> None:
    for changed in ({"secret": Sensitive(secret)}, {"access_key": secret}, {"bucket": secret}):
        with pytest.raises(Unwritable, match="YAML"):
            written("registry", replace(PLAIN, **changed))


@pytest.mark.parametrize("secret", READ_BY_ALL)
def test_distribution_is_given_what_yaml_reads_as_it_is(secret: str) -> None:
    found = written("registry", replace(PLAIN, secret=Sensitive(secret)))
    assert found["REGISTRY_STORAGE_S3_SECRETKEY"] == secret


@given(secret=SECRETS)
@settings(deadline=None)
@example(secret="a@b")
def test_mc_reads_the_secret_from_its_variable(secret: str) -> None:
    """By the two patterns of its cmd/config.go, the one with a session token first."""
    try:
        text = written("mc", replace(ACCESS, secret=Sensitive(secret)))["MC_HOST_s3"]
    except Unwritable:
        assert ":" in secret
        return
    assert not re.match("^(https?://)(.*?):(.*?):(.*)@(.*?)$", text)
    found = re.match("^(https?://)(.*?):(.*)@(.*?)$", text)
    assert found
    assert found.groups() == ("https://", KEY, secret, "s3.example.com:9000")


@given(secret=SECRETS)
@settings(deadline=None)
@example(secret="a:b")
@example(secret="a b")
@example(secret="a\u3000b")
@example(secret="#a")
def test_s3fs_reads_the_secret_that_was_written(secret: str) -> None:
    """As its src/s3fs_cred.cpp splits a line."""
    try:
        text = written("s3fs", replace(ACCESS, secret=Sensitive(secret)))["passwd-s3fs"]
    except Unwritable:
        assert re.search(r"[\s:]", secret)
        return
    line = text.strip(" \t\r\n")
    assert line[0] not in "#["
    assert not set(line) & set(" \t")
    assert line.split(":") == [KEY, secret]


@pytest.mark.parametrize("access_key", ["a:b", "#a", "[a"])
def test_s3fs_is_given_no_line_that_means_something_else(access_key: str) -> None:
    with pytest.raises(Unwritable):
        written("s3fs", replace(PLAIN, access_key=access_key))


@given(secret=SECRETS)
@settings(deadline=None)
@example(secret="a #b")
@example(secret="'a'")
@example(secret="[a]")
def test_ini_files_say_the_same_to_every_reader(secret: str) -> None:
    access = replace(ACCESS, secret=Sensitive(secret))
    try:
        texts = [written("velero", access)["cloud"], written("pgbackrest", access)["s3.conf"]]
    except Unwritable:
        assert not re.fullmatch(r"[A-Za-z0-9/+=_.~%($-]*", secret)
        return
    for text in texts:
        for prefixes in ((), ("#", ";")):
            # With and without remarks behind a value.
            parser = RawConfigParser(inline_comment_prefixes=prefixes)
            parser.read_string(text)
            (section,) = parser.sections()
            assert list(parser[section].values()) == [KEY, secret]


def test_botocore_reads_the_aws_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in written("aws").items():
        (tmp_path / key).write_text(value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    client: Any = botocore.session.Session().create_client("s3")
    assert client.meta.endpoint_url == PLAIN.endpoint
    assert client.meta.region_name == PLAIN.region
    assert client.meta.config.s3 == {"addressing_style": "path"}
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key) == (KEY, SECRET)
    url = client.generate_presigned_url("get_object", {"Bucket": "team.bucket", "Key": "a"})
    assert url.startswith(f"{PLAIN.endpoint}/team.bucket/a?")
