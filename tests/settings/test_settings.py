"""The environment read into settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.claim.adoption import Adoption
from hooks.settings.settings import SettingsError
from tests.authority import Authority
from tests.settings.loading import REQUIRED, load, mistakes, named

ALL_IDS = (range(1, 2147483648),)


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("annotation_key", "s3-resource-operator.io/enabled"),
        ("backend_name", "versitygw"),
        ("connection.admin_endpoint", "https://s3.example.com:7070"),
        ("connection.region", "us-east-1"),
        ("connection.ca_bundle", None),
        ("connection.tls_verify", True),
        ("connection.pool_size", 32),
        ("rules.roles", frozenset({"user"})),
        ("rules.user_ids", ALL_IDS),
        ("rules.group_ids", ALL_IDS),
        ("rules.reserved_access_keys", ()),
        ("rules.reserved_buckets", ()),
        ("rules.endpoint", "https://s3.example.com:7070"),
        ("adoption", Adoption.ANY),
        ("hook_host", "127.0.0.1"),
        ("hook_port", 8080),
        ("hook_tokens", ()),
        ("tls", None),
        ("metrics_host", "0.0.0.0"),  # noqa: S104
        ("metrics_port", 8000),
        ("sync_timeout", 8),
        ("sync_concurrency", 32),
        ("log_level", "INFO"),
        ("log_format", "json"),
    ],
)
def test_a_variable_that_is_not_set_has_the_documented_default(
    attribute: str, expected: object
) -> None:
    assert look(load(), attribute) == expected


@pytest.mark.parametrize("name", ["HOOK_PORT", "S3_REGION", "LOG_FORMAT", "ALLOWED_ROLES"])
def test_an_empty_variable_is_as_good_as_none(name: str) -> None:
    assert repr(load(**{name: ""})) == repr(load())


@pytest.mark.parametrize(
    ("variable", "value", "attribute", "expected"),
    [
        ("ANNOTATION_KEY", "example.com/s3", "annotation_key", "example.com/s3"),
        ("BACKEND_NAME", "VersityGW", "backend_name", "versitygw"),
        ("S3_ENDPOINT_URL", "HTTP://S3.Local:80/", "connection.endpoint", "http://s3.local"),
        ("S3_ADMIN_ENDPOINT_URL", "http://a:7071/", "connection.admin_endpoint", "http://a:7071"),
        ("S3_REGION", "eu-west-3", "connection.region", "eu-west-3"),
        ("S3_TLS_VERIFY", "False", "connection.tls_verify", False),
        ("SYNC_CONCURRENCY", "5", "connection.pool_size", 5),
        ("ALLOWED_ROLES", "user, userplus", "rules.roles", frozenset({"user", "userplus"})),
        ("ALLOWED_USER_IDS", "0,5 - 6", "rules.user_ids", (range(1), range(5, 7))),
        ("ALLOWED_GROUP_IDS", "2147483647", "rules.group_ids", (range(2147483647, 2147483648),)),
        ("RESERVED_ACCESS_KEYS", "root, adm*", "rules.reserved_access_keys", ("root", "adm*")),
        ("RESERVED_BUCKETS", "backup-*,", "rules.reserved_buckets", ("backup-*",)),
        ("ENFORCE_ENDPOINT_CHECK", "false", "rules.endpoint", None),
        ("ALLOW_PUBLIC_ACCESS", "true", "rules.public_access", True),
        ("ADOPTION", "unowned", "adoption", Adoption.UNOWNED),
        ("ADOPTION", "never", "adoption", Adoption.NEVER),
        ("HOOK_HOST", "::1", "hook_host", "::1"),
        ("HOOK_PORT", "0", "hook_port", 0),
        ("METRICS_HOST", "127.0.0.1", "metrics_host", "127.0.0.1"),
        ("METRICS_PORT", "65535", "metrics_port", 65535),
        ("SYNC_TIMEOUT_SECONDS", "2.5", "sync_timeout", 2.5),
        ("SYNC_CONCURRENCY", "1024", "sync_concurrency", 1024),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("LOG_FORMAT", "text", "log_format", "text"),
    ],
)
def test_a_valid_value_is_taken(
    variable: str, value: str, attribute: str, expected: object
) -> None:
    assert look(load(**{variable: value}), attribute) == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANNOTATION_KEY", "enabled"),
        ("ANNOTATION_KEY", "/enabled"),
        ("ANNOTATION_KEY", "example.com/"),
        ("ANNOTATION_KEY", "Example.com/enabled"),
        ("ANNOTATION_KEY", "example.com/status"),
        ("ANNOTATION_KEY", "example.com/grant"),
        ("ANNOTATION_KEY", "example.com/a b"),
        # Kubernetes takes neither of these two.
        ("ANNOTATION_KEY", "example.com/enabl\u00e9"),
        ("ANNOTATION_KEY", "example.com/enabled_"),
        ("BACKEND_NAME", "swift"),
        ("S3_ENDPOINT_URL", "s3.example.com"),
        ("S3_ENDPOINT_URL", "ftp://s3.example.com"),
        ("S3_ENDPOINT_URL", "https://s3.example.com:port"),
        ("S3_ENDPOINT_URL", "https://s3.example.com?region=x"),
        ("S3_ENDPOINT_URL", "https://s3 .example.com"),
        ("S3_ADMIN_ENDPOINT_URL", "admin:7071"),
        ("S3_REGION", "eu west"),
        ("S3_CA_BUNDLE", "/nonexistent/ca.pem"),
        ("S3_TLS_VERIFY", "maybe"),
        ("ENFORCE_ENDPOINT_CHECK", "1"),
        ("ALLOWED_ROLES", "user,root"),
        ("ALLOWED_USER_IDS", "10-5"),
        ("ALLOWED_USER_IDS", "1-2147483648"),
        ("ALLOWED_GROUP_IDS", "-1"),
        ("ALLOWED_GROUP_IDS", "1-2-3"),
        ("ALLOWED_GROUP_IDS", "all"),
        ("ADOPTION", "all"),
        ("HOOK_PORT", "65536"),
        ("HOOK_PORT", "-1"),
        ("HOOK_PORT", "8080.0"),
        ("METRICS_PORT", "http"),
        ("METRICS_PORT", "8080"),
        ("SYNC_TIMEOUT_SECONDS", "0"),
        ("SYNC_TIMEOUT_SECONDS", "601"),
        ("SYNC_TIMEOUT_SECONDS", "nan"),
        ("SYNC_TIMEOUT_SECONDS", "inf"),
        ("SYNC_TIMEOUT_SECONDS", "soon"),
        ("SYNC_CONCURRENCY", "0"),
        ("SYNC_CONCURRENCY", "1025"),
        ("LOG_LEVEL", "TRACE"),
        ("LOG_FORMAT", "xml"),
        ("HOOK_TLS_CERT_FILE", "/nonexistent/tls.crt"),
    ],
)
def test_an_invalid_value_is_a_mistake_that_names_the_variable(variable: str, value: str) -> None:
    assert variable in named(mistakes(**{variable: value}))


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_required_variable_that_is_missing_is_named(name: str) -> None:
    assert named(mistakes(**{name: ""})) == [name]


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {
        "S3_ENDPOINT_URL": "",
        "S3_SECRET_KEY": "",
        "BACKEND_NAME": "swift",
        "ALLOWED_ROLES": "root",
        "ALLOWED_USER_IDS": "many",
        "HOOK_HOST": "0.0.0.0",  # noqa: S104
        "METRICS_PORT": "x",
        "SYNC_TIMEOUT_SECONDS": "x",
        "SYNC_CONCURRENCY": "x",
        "LOG_LEVEL": "x",
        "S3_TLS_VERIFY": "x",
    }
    with pytest.raises(SettingsError) as caught:
        load(**wrong)
    expected = wrong.keys() - {"HOOK_HOST"} | {"HOOK_TOKEN"}
    assert set(named(caught.value.mistakes)) == expected
    assert str(caught.value).splitlines()[1:] == caught.value.mistakes


def test_an_unknown_backend_is_answered_with_the_valid_names() -> None:
    assert any("versitygw" in mistake for mistake in mistakes(BACKEND_NAME="swift"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "hook.example.com"])  # noqa: S104
def test_a_host_that_others_reach_needs_a_token(host: str) -> None:
    assert named(mistakes(HOOK_HOST=host)) == ["HOOK_TOKEN"]
    assert load(HOOK_HOST=host, HOOK_TOKEN="t").hook_host == host
    assert load(HOOK_HOST=host, HOOK_ALLOW_ANONYMOUS="true").hook_tokens == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_host_needs_no_token(host: str) -> None:
    assert load(HOOK_HOST=host).hook_tokens == ()


def test_the_tls_files_are_taken_together(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("CERT", "KEY", "CLIENT_CA")}
    for file in files.values():
        file.write_text("PEM")
    variables = {f"HOOK_TLS_{name}_FILE": str(file) for name, file in files.items()}
    tls = load(**variables).tls
    assert tls is not None
    assert (tls.certificate, tls.key, tls.client_ca) == tuple(files.values())
    del variables["HOOK_TLS_CLIENT_CA_FILE"]
    tls = load(**variables).tls
    assert tls is not None
    assert tls.client_ca is None


@pytest.mark.parametrize("given", [("CERT",), ("KEY",), ("CLIENT_CA",), ("CERT", "CLIENT_CA")])
def test_tls_files_that_are_no_whole_are_a_mistake(tmp_path: Path, given: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("PEM")
    variables = {f"HOOK_TLS_{name}_FILE": str(tmp_path / "file") for name in given}
    assert named(mistakes(**variables)) == ["HOOK_TLS_CERT_FILE"]


def test_the_ca_bundle_is_a_file_of_certificates(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(Authority("one").pem() + Authority("two").pem())
    loaded = load(S3_CA_BUNDLE=str(bundle)).connection.ca_bundle
    assert loaded is not None
    assert loaded.value == bundle.read_bytes()
    assert named(mistakes(S3_CA_BUNDLE=str(tmp_path))) == ["S3_CA_BUNDLE"]


@pytest.mark.parametrize("content", ["", "no PEM"])
def test_a_ca_bundle_without_certificates_is_a_mistake(tmp_path: Path, content: str) -> None:
    (tmp_path / "ca.pem").write_text(content)
    assert named(mistakes(S3_CA_BUNDLE=str(tmp_path / "ca.pem"))) == ["S3_CA_BUNDLE"]


def look(value: object, path: str) -> object:
    for name in path.split("."):
        value = getattr(value, name)
    return value
