"""The list of stores read strictly: what it says, and each mistake with its place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from backends.wire.sensitive import Sensitive
from hooks.claim.adoption import Adoption
from hooks.contract.grant import Grants
from hooks.settings.settings import Settings, SettingsError
from hooks.settings.storesfile import StoresFile
from tests.authority import Authority
from tests.documents.test_documents import ROOT
from tests.markdown import Document

EXAMPLE = Document(ROOT / "docs/configuration.md").section("Several stores")


def example() -> str:
    """The list that the documents show."""
    return EXAMPLE.split("```text\n", 1)[1].split("```", 1)[0]


def credentials(folder: Path, *names: str) -> None:
    """Files of credentials for stores of these names."""
    for name in names:
        (folder / name).mkdir()
        for file in ("access-key", "secret-key", "admin-token"):
            (folder / name / file).write_text(f"{file}-of-{name}\n")


def listed(folder: Path, text: str, **variables: str) -> Settings:
    """The settings with a list of stores."""
    path = folder / "stores.yaml"
    path.write_text(textwrap.dedent(text))
    return Settings.load({"STORES_FILE": str(path), "SIGNING_KEY": "a-key", **variables})


def mistakes(folder: Path, text: str, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        listed(folder, text, **variables)
    return caught.value.mistakes


def store(name: str, *lines: str, url: str = "", backend: str = "minio") -> str:
    """One entry, with more lines."""
    shown = [
        f"  - name: {name}",
        f"    backend: {backend}",
        f"    endpoint: {url or f'http://{name}.example:9000'}",
        "    access-key-file: a/access-key",
        "    secret-key-file: a/secret-key",
        *(f"    {line}" for line in lines),
    ]
    return "\n".join(shown) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    credentials(tmp_path, "a")
    return tmp_path


def test_the_example_of_the_documents_is_read(tmp_path: Path) -> None:
    credentials(tmp_path, "fast", "large", "archive")
    (tmp_path / "large/ca.crt").write_bytes(Authority("store").pem())
    settings = listed(tmp_path, example(), ADOPTION="never")
    fast, large, archive = settings.every
    assert [each.backend_name for each in settings.every] == ["versitygw", "minio", "garage"]
    assert settings.store == fast.store
    assert fast.store.names == ("fast", "default")
    assert fast.public_endpoint == "https://s3.example.com"
    assert fast.connection.admin_endpoint == "http://versitygw.storage.svc:7071"
    assert fast.connection.admin.access_key == "access-key-of-fast"
    assert fast.rules.own_access_keys == {"access-key-of-fast"}
    assert large.adoption is Adoption.OWN_NAMES
    assert (fast.adoption, archive.adoption) == (Adoption.NEVER, Adoption.NEVER)
    assert large.rules.is_own("https://minio.storage:9000")
    assert archive.connection.region == "garage"
    assert archive.connection.admin.secret.reveal() == "admin-token-of-archive"
    assert large.store.is_for("team-a")
    assert not large.store.is_for("other")


def test_a_list_of_one_needs_no_more(folder: Path) -> None:
    settings = listed(folder, textwrap.dedent(store("only")))
    assert settings.store.name == "only"


def test_twelve_kinds_of_mistakes_are_told_at_once(folder: Path) -> None:
    (folder / "empty").write_text("\n")
    text = (
        "default: nowhere\n"
        "stores:\n"
        + store("One")
        + store("two", backend="aws")
        + store("three", url="ftp://three.example")
        + store("four", "colour: blue")
        + store("five", "region: eu", "region: us")
        + store("six", "tls-verify: maybe")
        + store("seven", "adoption: all")
        + store("eight", "namespaces: ['Team']")
        + store("nine", "former-names: [four]")
        + store("ten", url="http://four.example:9000")
        + store("eleven", "ca-bundle: nothing.pem")
        + store("twelve", "admin-token-file: a/admin-token")
        + "  - name: thirteen\n    backend: garage\n    endpoint: http://thirteen.example\n"
        + store("fourteen").replace("a/secret-key", "empty").replace("a/access-key", "missing")
    )
    told = mistakes(folder, text)
    for expected in (
        "STORES_FILE: line 3: store 1: name: must be 1 to 63 of a-z 0-9 -",
        "STORES_FILE: line 9: store two: backend: must be one of versitygw, minio, garage",
        "store three: endpoint: expected an http or https URL",
        "store 4: colour is unknown (known: name, backend",
        "store 5: region is there twice",
        "store six: tls-verify: must be true or false",
        "store seven: adoption: must be one of any, own-names, unowned, never",
        "store eight: namespaces: a pattern is made of a-z 0-9 -",
        "store nine: former-names: four is store four's already",
        "store ten: endpoint: http://four.example:9000 is store four's already",
        "store eleven: ca-bundle: can't be read (No such file or directory)",
        "store twelve: admin-token-file: minio has none",
        "store thirteen: admin-endpoint is missing, which garage needs",
        "store thirteen: admin-token-file is missing, which garage needs",
        "store fourteen: access-key-file: can't be read (No such file or directory)",
        "store fourteen: secret-key-file: the file is empty",
        "STORES_FILE: line 1: default: is none of the stores",
    ):
        assert any(expected in line for line in told), expected
    assert not any("key-of" in line for line in told)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("stores: []", "must not be an empty list"),
        ("stores: many", "must be a list"),
        ("- [", "is not valid YAML"),
        ("stores:\n" + store("a") + store("b"), "default is missing"),
        (
            "default: old\nstores:\n" + store("a", "former-names: [old]") + store("b"),
            "default: is a former name",
        ),
        ("stores:\n" + store("a", "former-names: [a]"), "a is store a's already"),
        ("stores:\n" + store("a", "access-key-file: ''"), "is there twice"),
        (
            "default: a\nstores:\n"
            + store("a", "admin-endpoint: http://admin.example:9001")
            + store("b", "admin-endpoint: http://admin.example:9001/"),
            "store b: admin-endpoint: http://admin.example:9001 is store a's already",
        ),
        (
            "default: a\nstores:\n"
            + store("a")
            + store("b", "admin-endpoint: http://a.example:9000"),
            "store b: admin-endpoint: http://a.example:9000 is store a's already",
        ),
    ],
)
def test_what_is_no_list_of_stores(folder: Path, text: str, expected: str) -> None:
    assert any(expected in line for line in mistakes(folder, text)), mistakes(folder, text)


def test_what_the_list_says_is_not_read_from_variables(folder: Path) -> None:
    settings = listed(folder, "stores:\n" + store("a"), S3_ENDPOINT_URL="http://elsewhere")
    assert settings.connection.endpoint == "http://a.example:9000"
    assert settings.warnings == (
        "S3_ENDPOINT_URL: is not read: STORES_FILE says what the stores are",
    )


def test_without_a_signing_key_the_default_stores_credential_stands_in(folder: Path) -> None:
    settings = listed(folder, "stores:\n" + store("a"), SIGNING_KEY="")
    assert settings.signing_key_is_derived
    assert [each.signing_keys for each in settings.every] == [
        (Grants.derived(Sensitive("secret-key-of-a")),)
    ]


def file_of(settings: Settings) -> StoresFile:
    assert settings.stores is not None
    return settings.stores


def test_a_change_is_read_and_a_broken_one_is_not(folder: Path) -> None:
    file = file_of(listed(folder, "stores:\n" + store("a")))
    before = file.value
    seen: list[bool] = []
    file.watch(seen.append)
    file.path.write_text("stores:\n" + store("a") + store("B"))
    file.refresh()
    assert file.value is before
    file.path.write_text("default: a\nstores:\n" + store("a") + store("b"))
    file.refresh()
    assert [entry.store.name for entry in file.value.entries] == ["a", "b"]
    # What did not change is the same to the letter.
    assert file.value.entries[0] == before.entries[0]
    assert seen == [True, False, True]


def test_a_changed_credential_is_a_change(folder: Path) -> None:
    file = file_of(listed(folder, "stores:\n" + store("a")))
    before = file.value
    seen: list[bool] = []
    file.watch(seen.append)
    (folder / "a/secret-key").write_text("another\n")
    file.refresh()
    assert file.value.default.connection.admin.secret.reveal() == "another"
    (folder / "a/secret-key").unlink()
    file.refresh()
    (folder / "a/secret-key").write_text("a third\n")
    file.refresh()
    assert seen == [True, True, False, True]
    assert file.value.default.connection.admin.secret.reveal() == "a third"
    assert before.default.connection.admin.secret.reveal() == "secret-key-of-a"


def test_a_file_that_stays_broken_is_told_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = file_of(listed(folder, "stores:\n" + store("a")))
    (folder / "a/secret-key").unlink()
    for _ in range(3):
        file.refresh()
    file.path.unlink()
    for _ in range(3):
        file.refresh()
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
