"""What the documents say is what the code does."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from backends import REGISTRY
from backends.base import Claim
from backends.capabilities import CAPABILITIES
from backends.wire.sensitive import Sensitive
from backends.wire.trust import ca_bundle
from hooks.attachments.connection import Connections
from hooks.claim import fieldkeys
from hooks.claim.adoption import Adoption
from hooks.claim.fields import InvalidSecret, Value
from hooks.claim.names import check_access_key
from hooks.claim.policyfile import Deletion
from hooks.cluster.events import event_for
from hooks.commands.cli import main
from hooks.commands.demostore import DEMO_STORES
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Action, Outcome, Reason, Status
from hooks.contract.status import ANNOTATIONS, Keys
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from tests.attended import SIGNING_KEY, Attended, cluster_of
from tests.authority import Authority
from tests.conformance.traits import TRAITS
from tests.manifests import NAME, Recorder, mounted_files
from tests.markdown import Document, coded, names
from tests.model import ModelStore
from tests.support import PREFIX, Operator, Secret
from tests.sync.test_removal_matrix import Cell

ROOT = Path(__file__).parents[2]
README, OPERATIONS, CONFIGURATION, INSTALL, TENANCY, BACKENDS, SECURITY, HOWTO = (
    Document(ROOT / path)
    for path in (
        "README.md",
        "docs/operations.md",
        "docs/configuration.md",
        "docs/install.md",
        "docs/tenancy.md",
        "docs/backends.md",
        "docs/security.md",
        "docs/howto.md",
    )
)
CREDENTIALS = Document(ROOT / "docs/credentials.md")
MINIMAL = {
    "S3_ENDPOINT_URL": "http://127.0.0.1:7070",
    "S3_ACCESS_KEY": "operator",
    "S3_SECRET_KEY": "not-a-real-one",
}
CLAIM = Claim("bucket", "user", Sensitive("a-secret"))
FIELDS = (
    fieldkeys.BUCKET,
    fieldkeys.ACCESS_KEY,
    fieldkeys.SECRET,
    fieldkeys.ENDPOINT,
    fieldkeys.ROLE,
    (*fieldkeys.USER_ID, *fieldkeys.GROUP_ID),
    (*fieldkeys.QUOTA_BYTES, *fieldkeys.QUOTA_OBJECTS),
    fieldkeys.VERSIONING,
)


def known_variables() -> set[str]:
    """Every variable that the settings ask for.

    Without the `_FILE` form of another, and without the lower-case names that proxies have too.
    """
    recorder = Recorder(MINIMAL)
    Settings.load(recorder)
    upper = {name for name in recorder.asked if name.isupper()}
    return {name for name in upper if name.removesuffix("_FILE") not in upper - {name}}


def alerts() -> set[str]:
    groups = yaml.safe_load((ROOT / "helm" / "files" / "alerts.yaml").read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def test_the_configuration_table_lists_exactly_what_is_read() -> None:
    rows = CONFIGURATION.rows("Environment", "variable")
    listed = [name for row in rows for name in names(row[0])]
    assert len(listed) == len(set(listed))
    described = {"ROOT_ACCESS_KEY", "ROOT_SECRET_KEY"}
    assert set(listed) | described == known_variables()
    assert described <= set(re.findall(r"\w+", CONFIGURATION.section("Environment")))


def test_the_configuration_table_tells_the_defaults() -> None:
    settings = Settings.load(MINIMAL)
    ids = [f"{found.start}-{found.stop - 1}" for found in settings.rules.user_ids]
    expected = {
        "S3_REGION": settings.connection.region,
        "S3_TLS_VERIFY": str(settings.connection.tls_verify).lower(),
        "BACKEND_NAME": settings.backend_name,
        "ANNOTATION_KEY": settings.annotation_key,
        "ENFORCE_ENDPOINT_CHECK": str(settings.rules.endpoint is not None).lower(),
        "ALLOW_PUBLIC_ACCESS": str(settings.rules.public_access).lower(),
        "ALLOWED_ROLES": ",".join(settings.rules.roles),
        "ALLOWED_USER_IDS": ",".join(ids),
        "ALLOWED_GROUP_IDS": ",".join(ids),
        "ADOPTION": settings.adoption.value,
        "CONFLICT_GUARD": settings.conflict_guard.value,
        "KUBERNETES_EVENTS": settings.events.value,
        "DELETION": "on" if settings.deletion else "off",
        "HOOK_HOST": settings.hook_host,
        "HOOK_PORT": str(settings.hook_port),
        "HOOK_ALLOW_ANONYMOUS": "false",
        "METRICS_HOST": settings.metrics_host,
        "METRICS_PORT": str(settings.metrics_port),
        "SYNC_TIMEOUT_SECONDS": f"{settings.sync_timeout:g}",
        "SYNC_CONCURRENCY": str(settings.sync_concurrency),
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": settings.log_format,
    }
    told: dict[str, str] = {}
    for row in CONFIGURATION.rows("Environment", "variable"):
        variables, defaults = names(row[0]), names(row[1])
        if len(defaults) == 1:
            defaults *= len(variables)
        if len(variables) == len(defaults):
            told |= dict(zip(variables, defaults, strict=True))
    assert {name: told[name] for name in expected} == expected


def test_documents_name_no_variable_that_is_not_read() -> None:
    known = known_variables() | {f"{name}_FILE" for name in known_variables()}
    keys = {key for keys in FIELDS for key in keys}
    # What else is written like one.
    prefixes = {name.partition("_")[0] for name in known_variables()} - {"BACKEND", "LOG"}
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(prefixes)})_[A-Z_]*[A-Z](?![\w-])")
    for document in (README, OPERATIONS, CONFIGURATION, INSTALL, TENANCY, SECURITY, HOWTO):
        told = set(pattern.findall(document.prose)) - {"BUCKET_HOST", "BUCKET_PORT", "NO_COLOR"}
        assert told <= known | keys, document.path.name


def test_the_readme_tells_every_status() -> None:
    told = [row[0] for row in README.rows("What the operator writes onto it", "status")]
    assert told == [status.value for status in Status]


def test_operations_has_every_reason_under_its_status() -> None:
    told: dict[str, str] = {}
    for row in OPERATIONS.rows("Reasons", "reason"):
        told |= dict.fromkeys(re.findall(r"\[(\w+)\]\(#", row[0]), row[1])
    assert told == {reason.value: reason.status.value for reason in Reason}
    headings = re.findall(r"^### (\w+)$", OPERATIONS.section("Reasons"), re.MULTILINE)
    assert headings == [reason.value for reason in Reason if reason.value in headings]
    assert set(headings) == set(told)
    for reason in set(Reason) - {Reason.PROVISIONED}:
        text = OPERATIONS.section(reason.value)
        assert "**Cause:**" in text, reason
        assert "**Do:**" in text, reason


def test_operations_has_a_runbook_for_every_alert() -> None:
    headings = re.findall(r"^### Alert (\w+)$", OPERATIONS.section("Alerts"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) == alerts()
    assert {f"alert-{alert.lower()}" for alert in alerts()} <= OPERATIONS.anchors
    for alert in alerts():
        text = OPERATIONS.section(f"Alert {alert}")
        assert re.search(r"\*\*Means:\*\*.*\*\*Look.*\*\*", text, re.DOTALL), alert


def test_the_metrics_table_lists_exactly_what_is_exported() -> None:
    told = {
        name.partition("{")[0]
        for row in CONFIGURATION.rows("Metrics", "metric")
        for name in coded(row[0])
    }
    metrics = Metrics()
    metrics.policy_observer()
    metrics.ca_bundle_observer()
    exported = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.registry.collect()
    }
    assert told == exported


def test_the_annotations_and_labels_are_those_that_are_set() -> None:
    # One for which the operator generates credentials gets all that any other gets, and more.
    secret = Attended("app", rotate_after="30d")
    asked = set(secret.document["metadata"]["annotations"])
    secret.settle(Operator(ModelStore(), {"SIGNING_KEY": SIGNING_KEY}, kube=cluster_of(secret)))
    assert secret.state == ("Ready", "Provisioned")
    metadata = secret.document["metadata"]
    annotations = set(metadata["annotations"]) - asked
    for header, found in (("set on the Secret", annotations), ("label", metadata["labels"])):
        rows = CONFIGURATION.rows("Annotations and labels", header)
        told = {name for row in rows for name in coded(row[0])}
        assert {PREFIX + name for name in told} == set(found)
    rows = CONFIGURATION.rows("Annotations and labels", "read from the Secret")
    read = {name for row in rows for name in coded(row[0])} - {"enabled"}
    # The first version's grant is read too, and told nobody.
    assert read | {"grant"} | {key.removeprefix(PREFIX) for key in annotations} == ANNOTATIONS
    explained = TENANCY.text + CREDENTIALS.text
    assert [row for row in rows if coded(row[0])[0] not in explained] == []


def test_the_events_are_those_that_are_written() -> None:
    rows = CONFIGURATION.rows("Events", "type")
    outcomes = [Outcome(Reason.PROVISIONED, "", (action,)) for action in Action]
    written = {event.reason for outcome in outcomes if (event := event_for("", "", outcome))}
    assert {row[1] for row in rows if row[0] == "Normal"} == written
    (failing,) = [row[2] for row in rows if row[0] == "Warning"]
    assert failing.split(", ") == [status for status in Status if status is not Status.READY]


def test_the_fields_table_lists_exactly_the_keys_that_are_read() -> None:
    told = [(coded(row[1]), coded(row[2])) for row in CONFIGURATION.rows("The Secret", "field")]
    assert told == [
        (
            [key for key in keys if key not in fieldkeys.GENERIC],
            [key for key in keys if key in fieldkeys.GENERIC],
        )
        for keys in FIELDS
    ]
    section = CONFIGURATION.section("The Secret")
    assert set(fieldkeys.WORDS) | set(fieldkeys.REGIONS) <= set(re.findall(r"`([\w-]+)`", section))


def test_a_connection_secret_has_the_keys_that_are_told(tmp_path: Path) -> None:
    told = {key for row in TENANCY.rows("Connection Secrets", "key") for key in coded(row[0])}
    keys = Keys(f"{PREFIX}enabled")
    bundle = tmp_path / "ca.crt"
    bundle.write_bytes(Authority("a CA").pem())
    connections = Connections(keys, "https://s3.example.com", "us-east-1", ca_bundle(bundle))
    tenant = Secret("app")
    tenant.document["metadata"]["annotations"][keys["connection-secret"]] = "app-s3"
    request = replace(SyncRequest.of(tenant.document), attached_secrets={})
    answer = connections.make(request, CLAIM)
    assert answer is not None
    assert told == set(answer["data"])


def test_the_adoption_table_has_every_setting() -> None:
    told = [coded(row[0])[0] for row in TENANCY.rows("Adoption", "ADOPTION")]
    assert told == list(Adoption)


def test_the_deletion_table_says_what_the_matrix_of_test_removal_proves() -> None:
    checked: list[Cell] = []
    for row in TENANCY.rows("Deletion", "policy"):
        policy, bucket, user_named, bucket_named, becomes, user = row
        if "the user's alone" not in bucket:
            continue
        for content, others in itertools.product(
            [content for content in ("empty", "full") if content in contents(bucket)],
            ["none", "same", "user", "bucket"],
        ):
            if user_named not in {"either", "yes" if others in {"same", "user"} else "no"}:
                continue
            # Who names the bucket for another user is a contender, and doesn't count.
            if bucket_named not in {"either", "yes" if others == "same" else "no"}:
                continue
            cell = Cell(coded(policy)[0], content, "holder", others, "on")
            assert (becomes == "deleted") == (cell.wants_bucket and not cell.waits), cell
            assert (user == "deleted") == cell.user_goes, cell
            assert ("waits" in becomes) == cell.waits, cell
            checked.append(cell)
    # 2 policies, 2 contents, 4 others: none is left out, and none told twice.
    assert len(checked) == len(set(checked)) == 16


def contents(bucket: str) -> set[str]:
    """What a row of the deletion table says of the bucket's content."""
    if "not empty" in bucket:
        return {"full"}
    return {"empty"} if "empty" in bucket else {"empty", "full"}


def test_the_deletion_policies_are_those_of_the_annotation() -> None:
    rows = TENANCY.rows("Deletion", r"`s3-resource-operator.io/deletion-policy`")
    assert [coded(row[0])[0] for row in rows] == list(Deletion)


@pytest.mark.parametrize("path", ["README.md", "helm/README.md", "helm/Chart.yaml"])
def test_who_comes_to_install_reads_of_every_store(path: str) -> None:
    # Before the first heading but one: where it is decided whether to read on.
    beginning = (ROOT / path).read_text().split("\n## ")[0]
    titles = [store.title for store in DEMO_STORES.values()]
    assert [title for title in titles if title not in beginning] == []


def test_the_table_of_the_stores_says_what_the_code_says_of_them() -> None:
    lines = [
        line.strip("| ").split(" | ")
        for line in BACKENDS.text.splitlines()
        if line.startswith("| ")
    ]
    names_of, *table = [[cell.strip(" |") for cell in line] for line in lines]
    stores = [name.strip("`") for name in names_of if name]
    assert stores == list(CAPABILITIES) == list(REGISTRY)
    told: dict[str, dict[str, str]] = {}
    for row in table:
        if len(row) == len(stores) + 1:
            told.setdefault(row[0], dict(zip(stores, row[1:], strict=True)))
    for name, can in CAPABILITIES.items():
        assert told["rotation of a user's secret"][name].startswith("yes") == can.rotation
        assert told["user id and group id"][name].startswith("yes") == can.ids
        assert told["quota of a bucket's size"][name].startswith("yes") == can.quota_bytes
        assert told["quota of a bucket's objects"][name].startswith("yes") == can.quota_objects
        assert told["versioning"][name].startswith("yes") == can.versioning
        assert told["the tenant's own request names the owner"][name] == (
            "yes" if can.owner_in_probe else "no"
        )
        assert set(names(told["roles"][name])) == can.roles
        assert told["requests of a new Secret"][name] == str(TRAITS[name].provisioning)


def test_operations_tells_the_same_requests_of_a_new_secret() -> None:
    told = re.findall(r"(\d+) (?:requests )?on (Ceph RGW|\w+)", OPERATIONS.section("Sizing"))
    requests = {store.lower().replace(" ", "-"): int(number) for number, store in told}
    assert requests == {name: TRAITS[name].provisioning for name in REGISTRY}


def test_operations_tells_what_the_chart_requests() -> None:
    resources = yaml.safe_load((ROOT / "helm" / "values.yaml").read_text())["resources"]
    requests, limits = resources["requests"], resources["limits"]
    memory = requests["memory"].replace("Mi", " MiB"), limits["memory"].replace("Mi", " MiB")
    told = f"({requests['cpu']} CPU and {memory[0]} requested, {memory[1]} limit, no CPU limit)"
    assert told in " ".join(OPERATIONS.section("Sizing").split())
    rows = HOWTO.section("Know how much memory a replica needs")
    assert f"| {requests['memory']}, the chart's default | {limits['memory']}, " in rows


def test_the_configuration_tells_what_an_access_key_begins_with() -> None:
    section = " ".join(CONFIGURATION.section("The Secret").split())
    found = re.search(
        r"characters of `([^`]+)`, of which the first is a letter, a digit or `_`", section
    )
    assert found
    for character in "aZ5" + "".join(found[1].split()[3:]):
        value = Value("access-key", character + "x")
        if character.isalnum() or character == "_":
            assert check_access_key(value) == value.text
        else:
            assert check_access_key(Value("access-key", "x" + character))
            with pytest.raises(InvalidSecret):
                check_access_key(value)


def test_what_is_not_published_yet_is_told_until_it_is() -> None:
    heading = re.search(r"^## \[(\S+)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading
    told = f"{heading[1]} is not published yet"
    pages = README, INSTALL, Document(ROOT / "docs/image.md")
    assert {told in page.text for page in pages} == {heading[2] == "Unreleased"}


def test_the_installation_makes_the_secrets_that_are_mounted() -> None:
    made = {
        (name, key)
        for name, arguments in re.findall(
            rf"kubectl -n {NAME} create secret generic (\S+) \\\n((?:.*\\\n)*.*)",
            INSTALL.section("Plain manifests"),
        )
        for key in re.findall(r"--from-literal=(\w+)=", arguments)
    }
    assert made == set(mounted_files().values())


def options_of(command: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", capsys.readouterr().out)) - {"-h", "--help"}


def test_the_commands_and_their_options_are_those_of_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [row[0] for row in CONFIGURATION.rows("Commands", "command")]
    told = {row.strip("`").split()[1]: row for row in rows}
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    found = re.search(r"\{([a-z,]+)\}", capsys.readouterr().out)
    assert found
    assert set(told) == set(found[1].split(","))
    short = {"-f": "--file", "-o": "--output", "-n": "--namespace", "-A": "--all-namespaces"}
    short["-l"] = "--selector"
    for command, row in told.items():
        named = set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", row))
        named = {short.get(option, option) for option in named}
        known = {option for option in options_of(command, capsys) if option.startswith("--")}
        assert named == known, command
