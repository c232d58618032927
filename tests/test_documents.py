"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends import REGISTRY
from backends.capabilities import CAPABILITIES
from hooks import secret
from hooks.cli import main
from hooks.metrics import Metrics
from hooks.outcome import Reason, Status
from hooks.settings import Settings
from tests.conformance.traits import TRAITS
from tests.test_manifests import NAME, Recorder, mounted_files

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text()
MINIMAL = {
    "S3_ENDPOINT_URL": "http://127.0.0.1:7070",
    "S3_ACCESS_KEY": "operator",
    "S3_SECRET_KEY": "not-a-real-one",
}


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(title: str, header: str) -> list[list[str]]:
    """The cells of a section's table whose header line begins as given."""
    lines = section(title).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {header} |"))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return table


def names(cell: str) -> list[str]:
    return [name.strip(" `") for name in re.split(r"[,;]", cell) if name.strip()]


def known_variables() -> set[str]:
    """Every variable that the settings ask for, without the `_FILE` form of another."""
    recorder = Recorder(MINIMAL)
    Settings.load(recorder)
    asked = recorder.asked
    return {name for name in asked if name.removesuffix("_FILE") not in asked - {name}}


def test_the_configuration_table_lists_exactly_what_is_read() -> None:
    listed = [name for row in rows("Configuration", "variable") for name in names(row[0])]
    assert len(listed) == len(set(listed))
    described = {"ROOT_ACCESS_KEY", "ROOT_SECRET_KEY"}
    assert set(listed) | described == known_variables()
    assert described <= set(re.findall(r"\w+", section("Configuration")))


def test_the_configuration_table_tells_the_defaults() -> None:
    settings = Settings.load(MINIMAL)
    expected = {
        "S3_REGION": settings.connection.region,
        "S3_TLS_VERIFY": str(settings.connection.tls_verify).lower(),
        "BACKEND_NAME": settings.backend_name,
        "ANNOTATION_KEY": settings.annotation_key,
        "ALLOWED_ROLES": ",".join(settings.rules.roles),
        "ADOPTION": settings.adoption.value,
        "HOOK_HOST": settings.hook_host,
        "HOOK_PORT": str(settings.hook_port),
        "METRICS_HOST": settings.metrics_host,
        "METRICS_PORT": str(settings.metrics_port),
        "SYNC_TIMEOUT_SECONDS": f"{settings.sync_timeout:g}",
        "SYNC_CONCURRENCY": str(settings.sync_concurrency),
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": settings.log_format,
    }
    told: dict[str, str] = {}
    for row in rows("Configuration", "variable"):
        variables, defaults = names(row[0]), names(row[1])
        if len(variables) == len(defaults):
            told |= dict(zip(variables, defaults, strict=True))
    assert {name: told[name] for name in expected} == expected


def test_the_status_table_lists_every_reason_under_its_status() -> None:
    told: dict[str, str] = {}
    status = ""
    for row in rows("What the operator writes onto it", "status"):
        status = row[0] or status
        told |= dict.fromkeys(names(row[1]), status)
    assert told == {reason.value: reason.status.value for reason in Reason}
    assert set(told.values()) == {status.value for status in Status}


def test_the_metrics_table_lists_exactly_what_is_exported() -> None:
    told = {
        name.partition("{")[0]
        for row in rows("Metrics", "metric")
        for name in re.findall(r"`([^`]+)`", row[0])
    }
    exported = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    }
    assert told == exported


def test_the_table_of_the_stores_says_what_the_code_says_of_them() -> None:
    text = (ROOT / "docs" / "backends.md").read_text()
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    names_of, *table = [[cell.strip(" |") for cell in line] for line in lines]
    stores = [name.strip("`") for name in names_of if name]
    assert stores == list(CAPABILITIES) == list(REGISTRY)
    told = {row[0]: dict(zip(stores, row[1:], strict=True)) for row in table}
    for name, can in CAPABILITIES.items():
        assert told["rotation of a user's secret"][name].startswith("yes") == can.rotation
        assert told["user id and group id"][name].startswith("yes") == can.ids
        assert told["the tenant's own request names the owner"][name] == (
            "yes" if can.owner_in_probe else "no"
        )
        assert set(names(told["roles"][name])) == can.roles
        assert told["requests of a new Secret"][name] == str(TRAITS[name].provisioning)


def test_the_fields_table_lists_exactly_the_keys_that_are_read() -> None:
    told = [re.findall(r"`([^`]+)`", row[1]) for row in rows("The Secret", "field")]
    assert told == [
        list(secret.BUCKET),
        list(secret.ACCESS_KEY),
        list(secret.SECRET),
        list(secret.ENDPOINT),
        list(secret.ROLE),
        [*secret.USER_ID, *secret.GROUP_ID],
    ]


def test_the_commands_are_those_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    told = {row[0].strip("`").split()[1] for row in rows("Commands", "command")}
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    found = re.search(r"\{([a-z,]+)\}", capsys.readouterr().out)
    assert found
    assert told == set(found[1].split(","))


def test_the_installation_makes_the_secrets_that_are_mounted() -> None:
    made = {
        (name, key)
        for name, arguments in re.findall(
            rf"kubectl -n {NAME} create secret generic (\S+) \\\n((?:.*\\\n)*.*)",
            section("Install on a cluster"),
        )
        for key in re.findall(r"--from-literal=(\w+)=", arguments)
    }
    assert made == set(mounted_files().values())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        told = set(re.findall(r"`?make ([a-z-]+)\b`?", _code(document.read_text())))
        assert told <= targets, document.name


def _code(text: str) -> str:
    """Only what stands in backticks: prose may make anything."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) <= 350
