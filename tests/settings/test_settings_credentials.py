"""Credentials of the environment: where they may stand, and that they show nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hooks.settings.settings import Settings, SettingsError
from tests.authority import Authority
from tests.settings.loading import load, mistakes, named


@pytest.mark.parametrize("name", ["S3_ACCESS_KEY", "S3_SECRET_KEY"])
def test_a_credential_of_nothing_but_a_newline_is_missing(name: str) -> None:
    assert name in named(mistakes(**{name: "\n"}))


@pytest.mark.parametrize("name", ["S3_ACCESS_KEY", "S3_SECRET_KEY", "SIGNING_KEY", "HOOK_TOKEN"])
def test_a_credential_that_is_no_text_is_a_mistake_among_the_others(name: str) -> None:
    # As os.environ has bytes that are no UTF-8.
    broken = b"credential-\xff".decode(errors="surrogateescape")
    found = mistakes(**{name: broken, "HOOK_PORT": "none"})
    assert f"{name}: is not UTF-8 text" in found
    assert named(found).count(name) == 1
    assert "HOOK_PORT" in named(found)


def test_no_credential_stands_in_an_error(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("credential-in-token-file\n")
    with pytest.raises(SettingsError) as caught:
        load(
            S3_ENDPOINT_URL="https://admin:credential-in-url@s3.example.com",
            S3_ADMIN_ENDPOINT_URL="credential-in-admin-url",
            S3_ACCESS_KEY="credential-one",
            ROOT_ACCESS_KEY="credential-two",
            S3_SECRET_KEY="credential-three",
            ROOT_SECRET_KEY="credential-four",
            SIGNING_KEY="credential-five",
            SIGNING_KEY_FILE="/nonexistent/credential",
            HOOK_TOKEN="credential-six",
            HOOK_TOKEN_FILE=str(tmp_path / "token"),
        )
    assert len(caught.value.mistakes) >= 6
    assert "credential-" not in str(caught.value)


def test_settings_show_no_credential(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("credential-in-file")
    settings = Settings.load(
        {
            "S3_ENDPOINT_URL": "http://s3.local",
            "S3_ACCESS_KEY": "operator-key",
            "S3_SECRET_KEY_FILE": str(tmp_path / "secret"),
            "SIGNING_KEY": "credential-for-signing",
            "HOOK_TOKEN": "credential-one\ncredential-two",
        }
    )
    assert settings.connection.admin.secret.reveal() == "credential-in-file"
    assert "credential" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("content", "expected"),
    [("s", "s"), ("s\n", "s"), ("s\r\n", "s"), ("s\n\n", "s\n"), (" s ", " s ")],
)
def test_a_credential_may_come_from_a_file_less_its_last_newline(
    tmp_path: Path, content: str, expected: str
) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    settings = load(S3_SECRET_KEY="", S3_SECRET_KEY_FILE=str(tmp_path / "secret"))
    assert settings.connection.admin.secret.reveal() == expected


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda s: s.connection.admin.access_key, id="S3_ACCESS_KEY"),
        pytest.param(lambda s: s.connection.admin.secret.reveal(), id="S3_SECRET_KEY"),
        pytest.param(lambda s: s.signing_keys[0].reveal(), id="SIGNING_KEY"),
        pytest.param(lambda s: s.hook_tokens[0].reveal(), id="HOOK_TOKEN"),
    ],
)
def test_every_credential_has_a_file_variant(
    tmp_path: Path, request: pytest.FixtureRequest, read: Callable[[Settings], str]
) -> None:
    name = request.node.callspec.id
    (tmp_path / "file").write_text("from-the-file\n")
    settings = load(**{name: "", f"{name}_FILE": str(tmp_path / "file")})
    assert read(settings) == "from-the-file"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_credential_file_that_holds_nothing_usable_is_named(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    assert named(mistakes(S3_SECRET_KEY="", S3_SECRET_KEY_FILE=str(file))) == ["S3_SECRET_KEY_FILE"]


def test_a_credential_and_its_file_together_are_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("operator-secret")
    found = mistakes(S3_SECRET_KEY_FILE=str(tmp_path / "secret"))
    assert named(found) == ["S3_SECRET_KEY"]
    assert "S3_SECRET_KEY_FILE" in found[0]


def test_the_root_names_are_accepted_too() -> None:
    settings = Settings.load(
        {
            "S3_ENDPOINT_URL": "http://s3.local",
            "ROOT_ACCESS_KEY": "root-key",
            "ROOT_SECRET_KEY": "root-secret",
        }
    )
    assert settings.connection.admin.access_key == "root-key"
    assert settings.connection.admin.secret.reveal() == "root-secret"


def test_both_names_with_one_value_agree() -> None:
    settings = load(ROOT_ACCESS_KEY="operator-key", ROOT_SECRET_KEY="operator-secret\n")
    assert settings.connection.admin.secret.reveal() == "operator-secret"


@pytest.mark.parametrize("field", ["ACCESS_KEY", "SECRET_KEY"])
def test_both_names_with_different_values_are_a_mistake_that_names_both(field: str) -> None:
    found = mistakes(**{f"ROOT_{field}": "another"})
    assert named(found) == [f"S3_{field}"]
    assert f"ROOT_{field}" in found[0]


def test_the_operators_own_access_key_is_no_tenants() -> None:
    assert "operator-key" in load().rules.own_access_keys


def test_every_line_of_the_token_is_accepted() -> None:
    settings = load(HOOK_TOKEN="new\n\n  old \n")
    assert [token.reveal() for token in settings.hook_tokens] == ["new", "old"]


@pytest.mark.parametrize("value", ["\n\n", " ", " \n \n"])
def test_a_token_of_blanks_does_not_open_the_hook_to_everybody(tmp_path: Path, value: str) -> None:
    (tmp_path / "token").write_text(value)
    found = mistakes(HOOK_TOKEN_FILE=str(tmp_path / "token"))
    assert found[0].startswith("HOOK_TOKEN")


def test_a_signing_key_of_its_own_outlives_the_admin_secret() -> None:
    first = load(SIGNING_KEY="own").signing_keys
    assert load(SIGNING_KEY="own", S3_SECRET_KEY="rotated").signing_keys == first
    assert [key.reveal() for key in first] == ["own"]


def test_every_line_of_the_signing_key_is_one_in_their_order() -> None:
    keys = load(SIGNING_KEY="new\n\n  old \n").signing_keys
    assert [key.reveal() for key in keys] == ["new", "old"]


@pytest.mark.parametrize("value", ["\n\n", " ", " \n \n"])
def test_a_signing_key_of_blanks_is_a_mistake_and_no_derived_one(
    tmp_path: Path, value: str
) -> None:
    (tmp_path / "key").write_text(value)
    found = mistakes(SIGNING_KEY_FILE=str(tmp_path / "key"))
    assert found[0].startswith("SIGNING_KEY")


def test_the_derived_signing_key_changes_with_the_admin_secret_and_is_not_it() -> None:
    (derived,) = load().signing_keys
    assert load().signing_keys == (derived,)
    assert load(S3_SECRET_KEY="rotated").signing_keys != (derived,)
    assert "operator-secret" not in derived.reveal()


MARK = "\ufeff"


@pytest.mark.parametrize("name", ["S3_ACCESS_KEY", "S3_SECRET_KEY", "SIGNING_KEY", "HOOK_TOKEN"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_in_a_credential_s_file_is_told(
    tmp_path: Path, name: str, encoding: str
) -> None:
    path = tmp_path / "credential"
    mark = MARK if encoding == "utf-16-be" else ""
    path.write_bytes(f"{mark}a-long-credential\n".encode(encoding))
    (mistake,) = mistakes(**{name: "", f"{name}_FILE": str(path)})
    assert mistake.startswith(f"{name}_FILE: the file ")
    assert "byte order mark" in mistake if "8" in encoding else "UTF-16" in mistake
    assert "a-long" not in mistake


def test_a_byte_order_mark_before_a_later_token_is_told(tmp_path: Path) -> None:
    # What `cat old new` makes of two such files.
    path = tmp_path / "tokens"
    path.write_text(f"first-token\n{MARK}second-token\n")
    (mistake,) = mistakes(HOOK_TOKEN_FILE=str(path))
    assert "byte order mark" in mistake


@pytest.mark.parametrize("name", ["S3_SECRET_KEY", "S3_ENDPOINT_URL", "ADOPTION", "HOOK_TOKEN"])
def test_a_byte_order_mark_in_a_variable_is_told(name: str) -> None:
    # `kubectl create secret --from-file` keeps it.
    value = {"S3_ENDPOINT_URL": "https://s3.example.com", "ADOPTION": "any"}.get(name, "credential")
    assert f"{name}: holds a byte order mark (BOM): remove it" in mistakes(**{name: MARK + value})


@pytest.mark.parametrize("name", ["S3_CA_BUNDLE", "HOOK_TLS_CERT_FILE"])
def test_a_byte_order_mark_before_a_certificate_is_told(tmp_path: Path, name: str) -> None:
    # OpenSSL passes the first certificate over and takes the second.
    authority = Authority("CA").pem().decode()
    path = tmp_path / "with-mark.pem"
    path.write_text(f"{MARK}{authority}{authority}")
    more = {"HOOK_TLS_KEY_FILE": str(path)} if name == "HOOK_TLS_CERT_FILE" else {}
    found = mistakes(**{name: str(path), **more})
    assert [mistake for mistake in found if mistake.startswith(f"{name}: the file has a byte")]


def test_a_byte_order_mark_in_a_policy_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(f"{MARK}rules: [{{name: all, namespaces: ['*']}}]\n")
    assert mistakes(POLICY_FILE=str(path)) == [
        "POLICY_FILE: begins with a byte order mark (BOM): save it as UTF-8 without"
    ]
