"""Variables that are nearly ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.settings.misspelt import misspelt
from hooks.settings.settings import Settings, SettingsError
from tests.markdown import Document, names
from tests.settings.loading import REQUIRED, load, mistakes

CONFIGURATION = Document(Path(__file__).parents[2] / "docs" / "configuration.md")
VARIABLES = {
    name for row in CONFIGURATION.rows("Environment", "variable") for name in names(row[0])
}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ADOPTOIN", "ADOPTION"),
        ("ADOPTON", "ADOPTION"),
        ("DELETOIN", "DELETION"),
        ("S3_ENDPONT_URL", "S3_ENDPOINT_URL"),
        ("S3_ENDPIONT_URL", "S3_ENDPOINT_URL"),
        ("CONFLIKT_GUARD", "CONFLICT_GUARD"),
        ("CONFLICT_GAURD", "CONFLICT_GUARD"),
        ("BUCKET_NAME_PATERN", "BUCKET_NAME_PATTERN"),
        ("SYNC_CONCURENCY", "SYNC_CONCURRENCY"),
        ("SYNC_CONCURENY", "SYNC_CONCURRENCY"),
        ("ALOWED_ROLES", "ALLOWED_ROLES"),
        ("HOOK_TOKNE", "HOOK_TOKEN"),
        ("HOOK_TOKNE_FILE", "HOOK_TOKEN_FILE"),
        ("POLCIY_FILE", "POLICY_FILE"),
    ],
)
def test_a_slip_in_a_word_of_ours_ends_the_start(name: str, meant: str) -> None:
    # Whatever is set under the right name besides.
    for more in ({}, {meant: load_value(meant)}):
        assert mistakes(**{name: "a-secret-value", **more}) == [
            f"{name}: is not read: {meant} seems to be meant"
        ]


def load_value(name: str) -> str:
    """A value that each of the variables above takes."""
    return {
        "ADOPTION": "never",
        "DELETION": "off",
        "S3_ENDPOINT_URL": REQUIRED["S3_ENDPOINT_URL"],
        "CONFLICT_GUARD": "auto",
        "BUCKET_NAME_PATTERN": "a*",
        "SYNC_CONCURRENCY": "8",
        "ALLOWED_ROLES": "user",
        "HOOK_TOKEN": "a-token",
    }.get(name, "")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        # Other programs have these.
        ("ADOPTIONS", "ADOPTION"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("log_level", "LOG_LEVEL"),
        ("S3_REGIONS", "S3_REGION"),
        ("S3_REGION_NAME", "S3_REGION"),
        ("S3_CA_BUNDLES", "S3_CA_BUNDLE"),
        ("SYNC_TIMEOUT", "SYNC_TIMEOUT_SECONDS"),
        ("ALLOWED_ROLE", "ALLOWED_ROLES"),
        ("POLICYFILE", "POLICY_FILE"),
    ],
)
def test_what_may_be_another_program_s_is_a_warning(name: str, meant: str) -> None:
    assert load(**{name: "x"}).warnings == (f"{name}: is not read: {meant} seems to be meant",)
    # Nobody can have meant what is set as well.
    found = misspelt({name: "x", meant: "y"}, [meant])
    assert found == []


def test_what_is_missing_and_what_was_set_instead_are_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"S3_ENDPOINT": "http://a", "S3_ACCESSKEY": "k", "S3_SECRET_KEY": "s"})
    text = str(caught.value)
    assert "S3_ENDPOINT_URL: required" in text
    assert "S3_ENDPOINT: is not read: S3_ENDPOINT_URL seems to be meant" in text
    assert "S3_ACCESSKEY: is not read: S3_ACCESS_KEY seems to be meant" in text


def test_what_kubernetes_sets_for_services_is_nobody_s_slip() -> None:
    links: dict[str, str] = {}
    for service in ("S3", "HOOK", "METRICS", "S3_ENDPOINT", "S3_ADMIN", "BACKEND", "LOG"):
        links |= {
            f"{service}_SERVICE_HOST": "10.0.0.1",
            f"{service}_SERVICE_PORT": "80",
            f"{service}_SERVICE_PORT_HTTP": "80",
            f"{service}_PORT_80_TCP": "tcp://10.0.0.1:80",
            f"{service}_PORT_80_TCP_PROTO": "tcp",
            f"{service}_PORT_80_TCP_PORT": "80",
            f"{service}_PORT_80_TCP_ADDR": "10.0.0.1",
        }
        if service not in {"HOOK", "METRICS"}:
            links[f"{service}_PORT"] = "tcp://10.0.0.1:80"
    assert load(**links).warnings == ()
    # One that is ours by its name is told for what it is.
    (mistake,) = mistakes(HOOK_PORT="tcp://10.0.0.1:80")
    assert "enableServiceLinks" in mistake


def test_what_others_set_is_none_of_our_business() -> None:
    # A pod of ours, a shell, CI, and S3 tools that share the environment.
    # fmt: off
    others = [
        "PATH", "HOME", "HOSTNAME", "LANG",
        "TERM", "SHELL", "USER", "PWD",
        "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "CI", "DEBUG",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE", "BUCKET_NAME", "BUCKET_HOST",
        "BUCKET_PORT", "S3_BUCKET", "S3_FORCE_PATH_STYLE", "S3_USE_SSL",
        "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
        "PYTHONUNBUFFERED", "OTEL_METRICS_EXPORTER", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD",
        "ROOT_PASSWORD", "VGW_IAM_DIR", "GITHUB_TOKEN", "ACCESS_KEY",
        "SECRET_KEY", "TOKEN", "NAMESPACE", "POD_NAME",
        "GOMEMLIMIT", "TZ",
    ]
    # fmt: on
    assert load(**dict.fromkeys(others, "x")).warnings == ()


def test_an_empty_variable_is_none_here_too() -> None:
    assert load(ADOPTOIN="").warnings == ()


def test_no_variable_of_ours_looks_like_a_slip_of_another() -> None:
    for name in VARIABLES:
        others = VARIABLES - {name}
        assert not [found for found in misspelt({name: "x"}, others) if found.certain], name
