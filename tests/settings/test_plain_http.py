"""A store whose admin API takes users' secrets as they are is not spoken to in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.capabilities import CAPABILITIES
from hooks.settings.settings import Settings, SettingsError

KEYS = {"S3_ACCESS_KEY": "operator", "S3_SECRET_KEY": "the-operators-own"}
ELSEWHERE = "http://store.example:9000"


def load(backend: str, url: str, **variables: str) -> Settings:
    return Settings.load({"BACKEND_NAME": backend, "S3_ENDPOINT_URL": url, **KEYS, **variables})


def mistakes(backend: str, url: str, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(backend, url, **variables)
    return caught.value.mistakes


def test_it_is_rustfs_alone() -> None:
    assert {name for name, store in CAPABILITIES.items() if store.needs_tls} == {"rustfs"}
    for name in CAPABILITIES.keys() - {"rustfs", "garage"}:
        assert load(name, ELSEWHERE).connection.endpoint == ELSEWHERE


def test_plain_http_to_another_machine_is_a_mistake_that_names_the_way_out() -> None:
    (mistake,) = mistakes("rustfs", ELSEWHERE)
    assert mistake.startswith("S3_ENDPOINT_URL: must be https for rustfs")
    assert "S3_ALLOW_PLAIN_HTTP=true" in mistake
    loaded = load("rustfs", ELSEWHERE, S3_ALLOW_PLAIN_HTTP="true")
    assert loaded.connection.admin_endpoint == ELSEWHERE


@pytest.mark.parametrize(
    "url",
    [
        "https://store.example:9000",
        "http://127.0.0.1:9000",
        "http://127.8.8.8:9000",
        "http://[::1]:9000",
        "http://localhost:9000",
    ],
)
def test_tls_and_this_machine_itself_are_none(url: str) -> None:
    assert load("rustfs", url).connection.admin_endpoint == url


def test_what_counts_is_the_admin_endpoint() -> None:
    safe = "https://admin.example:9000"
    assert load("rustfs", ELSEWHERE, S3_ADMIN_ENDPOINT_URL=safe).connection.admin_endpoint == safe
    (mistake,) = mistakes("rustfs", "https://s3.example", S3_ADMIN_ENDPOINT_URL=ELSEWHERE)
    assert mistake.startswith("S3_ADMIN_ENDPOINT_URL: must be https")


def test_a_name_that_begins_like_this_machine_is_another() -> None:
    assert mistakes("rustfs", "http://127.0.0.1.example:9000")
    assert mistakes("rustfs", "http://localhost.example:9000")


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        ("", "store it: endpoint: must be https for rustfs"),
        ("    allow-plain-http: false\n", "store it: endpoint: must be https for rustfs"),
        ("    allow-plain-http: maybe\n", "store it: allow-plain-http: must be true or false"),
        ("    allow-plain-http: true\n", ""),
    ],
)
def test_a_list_of_stores_says_it_by_a_key(tmp_path: Path, lines: str, mistake: str) -> None:
    (tmp_path / "key").write_text("a-key")
    file = tmp_path / "stores.yaml"
    file.write_text(
        f"stores:\n  - name: it\n    backend: rustfs\n    endpoint: {ELSEWHERE}\n{lines}"
        "    access-key-file: key\n    secret-key-file: key\n"
    )
    environ = {"STORES_FILE": str(file), "SIGNING_KEY": "a-key"}
    if not mistake:
        assert Settings.load(environ).backend_name == "rustfs"
        return
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ)
    assert any(mistake in line for line in caught.value.mistakes)
