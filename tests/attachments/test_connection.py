"""Connection Secrets: what is in them, what can't be asked for, and that they settle."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from hooks.attachments.connection import Connections, as_observed
from hooks.claim.secret import InvalidSecret
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Reason
from hooks.contract.status import Keys
from hooks.settings.settings import Settings
from tests.authority import Authority
from tests.support import ENVIRON, PREFIX, Secret

CLAIM = Claim("bucket", "user", Sensitive("a-secret/with+odd=%(characters)"))
KEYS = Keys(f"{PREFIX}enabled")
CONNECTIONS = Connections(KEYS, "https://S3.example.com/", "eu-west-3")
LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"
DECORATOR = "metacontroller.k8s.io/decorator-controller"


def request(attached: dict[str, Any] | None = None, **annotations: str) -> SyncRequest:
    secret = Secret("app")
    for name, value in annotations.items():
        secret.document["metadata"]["annotations"][PREFIX + name.replace("_", "-")] = value
    return replace(SyncRequest.of(secret.document), attached_secrets=attached)


def made(connections: Connections = CONNECTIONS, /, **annotations: str) -> dict[str, Any]:
    secret = connections.make(request({}, connection_secret="app-s3", **annotations), CLAIM)
    assert secret is not None
    return secret


def plain(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_a_connection_secret_has_what_applications_look_for() -> None:
    secret = made()
    assert plain(secret) == {
        "AWS_ACCESS_KEY_ID": "user",
        "AWS_SECRET_ACCESS_KEY": "a-secret/with+odd=%(characters)",
        "AWS_ENDPOINT_URL_S3": "https://S3.example.com/",
        "AWS_ENDPOINT_URL": "https://S3.example.com/",
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "BUCKET_NAME": "bucket",
        "BUCKET_HOST": "s3.example.com",
        "BUCKET_PORT": "443",
    }
    del secret["data"]
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": "app-s3",
            "namespace": "team",
            "labels": {"app.kubernetes.io/managed-by": "s3-resource-operator"},
        },
    }


@pytest.mark.parametrize(
    ("endpoint", "host", "port"),
    [
        ("http://s3", "s3", "80"),
        ("http://s3:7070", "s3", "7070"),
        ("https://[::1]", "::1", "443"),
        ("https://10.0.0.1:9000/store", "10.0.0.1", "9000"),
    ],
)
def test_host_and_port_are_those_of_the_endpoint(endpoint: str, host: str, port: str) -> None:
    data = plain(made(replace(CONNECTIONS, endpoint=endpoint)))
    assert (data["BUCKET_HOST"], data["BUCKET_PORT"]) == (host, port)


def test_the_stores_own_cas_come_along(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(Authority("one").pem())
    environ = {
        **ENVIRON,
        "S3_CA_BUNDLE": str(bundle),
        "S3_PUBLIC_ENDPOINT_URL": "https://public.example.com",
    }
    data = plain(made(Connections.of(KEYS, Settings.load(environ))))
    assert data["ca.crt"] == bundle.read_text()
    assert data["AWS_ENDPOINT_URL"] == "https://public.example.com"
    assert "ca.crt" not in plain(made(Connections.of(KEYS, Settings.load(ENVIRON))))


def test_cas_that_no_annotation_could_hold_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"# a comment\n" * 12_000 + Authority("one").pem())
    settings = Settings.load({**ENVIRON, "S3_CA_BUNDLE": str(bundle)})
    connections = Connections.of(KEYS, settings)
    assert settings.connection.ca_bundle is not None
    settings.connection.ca_bundle.watch(connections.watched)
    assert connections.ca_bundle is None
    assert "S3_CA_BUNDLE" in caplog.text


@pytest.mark.parametrize(
    ("form", "file", "section", "key"),
    [
        ("rclone", "rclone.conf", "s3", "secret_access_key"),
        ("s3cmd", ".s3cfg", "default", "secret_key"),
    ],
)
def test_a_format_adds_a_configuration_file(form: str, file: str, section: str, key: str) -> None:
    secret = made(connection_format=form)
    parser = RawConfigParser()
    parser.read_string(plain(secret)[file])
    assert parser[section][key] == CLAIM.secret.reveal()
    del secret["data"][file]
    assert secret == made()


def test_the_same_claim_makes_the_same_bytes() -> None:
    one, other = (json.dumps(made(connection_format="rclone")) for _ in range(2))
    assert one == other


def test_none_is_made_where_none_is_asked_for() -> None:
    assert CONNECTIONS.make(request({}), CLAIM) is None
    assert CONNECTIONS.wanted(request({})) is None


def test_none_is_made_by_a_controller_without_attachments_of_secrets() -> None:
    assert CONNECTIONS.make(request(None, connection_secret="app-s3"), CLAIM) is None


@pytest.mark.parametrize(
    "name",
    ["", "App", "-a", "a-", "a..b", ".a", "a_b", "a/b", "../a", "a b", "a\n", "\u00e4", "a" * 254],
)
def test_a_name_that_no_secret_can_have_is_invalid(name: str) -> None:
    with pytest.raises(InvalidSecret) as caught:
        CONNECTIONS.make(request({}, connection_secret=name), CLAIM)
    assert caught.value.reason is Reason.INVALID_FIELD
    assert f"{PREFIX}connection-secret" in caught.value.message


@pytest.mark.parametrize("name", ["a", "a.b-c.d", "1", "a" * 253])
def test_a_name_that_a_secret_can_have_is_taken(name: str) -> None:
    assert CONNECTIONS.wanted(request({}, connection_secret=name)) == name


def test_the_secrets_own_name_is_invalid() -> None:
    with pytest.raises(InvalidSecret, match="another Secret") as caught:
        CONNECTIONS.wanted(request(None, connection_secret="app"))
    assert f"{PREFIX}connection-secret" in caught.value.message


@pytest.mark.parametrize("annotations", [{}, {"connection_secret": "app-s3"}])
@pytest.mark.parametrize("form", ["", "Rclone", "all", "rclone,", "rclone s3cmd"])
def test_an_unknown_format_is_invalid(form: str, annotations: dict[str, str]) -> None:
    with pytest.raises(InvalidSecret, match="rclone, s3cmd") as caught:
        CONNECTIONS.wanted(request({}, connection_format=form, **annotations))
    assert caught.value.reason is Reason.INVALID_FIELD
    assert f"{PREFIX}connection-format" in caught.value.message


@pytest.mark.parametrize(("form", "secret"), [("rclone", "%(hunter2)s"), ("s3cmd", "$hunter2")])
def test_a_secret_that_a_format_can_not_hold_is_invalid_and_not_quoted(
    form: str, secret: str
) -> None:
    asked = request({}, connection_secret="app-s3", connection_format=form)
    with pytest.raises(InvalidSecret) as caught:
        CONNECTIONS.make(asked, replace(CLAIM, secret=Sensitive(secret)))
    assert f"{PREFIX}connection-format" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_labels_and_annotations_are_set_on_it() -> None:
    secret = made(
        connection_labels="team=payments, example.com/tier=gold",
        connection_annotations="example.com/owner=Ünal & söhne",
    )
    assert secret["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "s3-resource-operator",
        "team": "payments",
        "example.com/tier": "gold",
    }
    assert secret["metadata"]["annotations"] == {"example.com/owner": "Ünal & söhne"}
    assert secret["data"] == made()["data"]


@pytest.mark.parametrize("word", ["connection_labels", "connection_annotations"])
@pytest.mark.parametrize(
    "pair",
    [
        "hunter2",
        "",
        "team=a,team=b",
        "app.kubernetes.io/managed-by=hunter2",
        f"{PREFIX}enabled=true",
        f"{PREFIX}connection-secret=hunter2",
        f"{LAST_APPLIED}=hunter2",
        "metacontroller.io/x=y",
    ],
)
def test_what_can_not_be_set_on_it_is_invalid(word: str, pair: str) -> None:
    annotation = PREFIX + word.replace("_", "-")
    for asks in ({}, {"connection_secret": "app-s3"}):
        with pytest.raises(InvalidSecret) as caught:
            CONNECTIONS.make(request({}, **{word: pair}, **asks), CLAIM)
        assert caught.value.reason is Reason.INVALID_FIELD
        assert annotation in caught.value.message
        assert "hunter2" not in caught.value.message


def test_keys_under_another_prefix_of_ours_are_refused() -> None:
    connections = replace(CONNECTIONS, keys=Keys("example.com/s3"))
    asking = replace(
        request({}), annotations={"example.com/connection-labels": "example.com/enabled=true"}
    )
    with pytest.raises(InvalidSecret, match=r"example\.com/"):
        connections.make(asking, CLAIM)


# What Metacontroller 4.17 does with an answered attachment: dynamic apply is a three-way merge,
# server-side apply sends what is answered.


def with_decorator(answered: dict[str, Any]) -> dict[str, Any]:
    answered = copy.deepcopy(answered)
    answered["metadata"].setdefault("annotations", {})[DECORATOR] = "s3-resource-operator"
    return answered


def merge(observed: dict[str, Any], before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in observed.items() if key in now or key not in before}
    for key, value in now.items():
        if isinstance(value, dict):
            value = merge(observed.get(key, {}), before.get(key, {}), value)
        merged[key] = value
    return merged


def created(answered: dict[str, Any], *, dynamic: bool) -> dict[str, Any]:
    answered = with_decorator(answered)
    observed = copy.deepcopy(answered)
    observed["metadata"] |= {
        "uid": "0e725a75",
        "resourceVersion": "7",
        "creationTimestamp": "2026-11-24T18:32:51Z",
        "managedFields": [{"manager": "metacontroller"}],
        "ownerReferences": [{"kind": "Secret", "name": "app", "uid": "u", "controller": True}],
    }
    if dynamic:
        applied = json.dumps(answered, sort_keys=True)
        observed["metadata"]["annotations"][LAST_APPLIED] = applied
    return observed


def dynamic_apply(observed: dict[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
    answered = with_decorator(answered)
    before = json.loads(observed["metadata"]["annotations"][LAST_APPLIED])
    merged = merge(observed, before, answered)
    merged["metadata"]["annotations"][LAST_APPLIED] = json.dumps(answered, sort_keys=True)
    return merged


@pytest.mark.parametrize("form", [{}, {"connection_format": "s3cmd"}])
def test_the_same_answer_changes_nothing(form: dict[str, str]) -> None:
    observed = created(made(**form), dynamic=True)
    assert dynamic_apply(observed, made(**form)) == observed


def test_an_attachment_answered_as_observed_stays_as_it_is() -> None:
    observed = created(made(connection_format="rclone"), dynamic=True)
    before = copy.deepcopy(observed)
    assert as_observed(observed) == made(connection_format="rclone")
    assert dynamic_apply(observed, as_observed(observed)) == observed == before


def test_with_server_side_apply_the_same_is_sent_as_when_ready() -> None:
    observed = created(made(), dynamic=False)
    observed["metadata"]["labels"]["team"] = "payments"
    observed["metadata"]["annotations"]["note"] = "theirs"
    assert as_observed(observed) == made()


def test_with_server_side_apply_labels_and_annotations_stay_as_they_are() -> None:
    asked = made(connection_labels="team=a", connection_annotations="example.com/owner=b")
    observed = created(asked, dynamic=False)
    observed["metadata"]["labels"]["others"] = "x"
    observed["metadata"]["annotations"]["others"] = "x"
    label: Any = {"f:others": {}}
    applied: Any = {
        "f:labels": {"f:app.kubernetes.io/managed-by": {}, "f:team": {}},
        "f:annotations": {f"f:{DECORATOR}": {}, "f:example.com/owner": {}},
    }
    observed["metadata"]["managedFields"] = [
        {"operation": "Apply", "fieldsV1": {"f:metadata": applied}},
        {"operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": label}}},
        {"operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": label}}},
    ]
    assert as_observed(observed) == asked


def test_what_others_added_stays_and_is_not_taken_over() -> None:
    observed = created(made(), dynamic=True)
    observed["metadata"]["labels"]["team"] = "payments"
    observed["metadata"]["annotations"]["note"] = "theirs"
    observed["data"]["EXTRA"] = "eA=="
    observed["immutable"] = False
    assert as_observed(observed) == made()
    assert dynamic_apply(observed, as_observed(observed)) == observed


def test_what_an_earlier_version_wrote_is_not_taken_away() -> None:
    earlier = made()
    earlier["data"]["FORMER_KEY"] = "eA=="
    earlier["metadata"]["annotations"] = {"example.com/former": "x"}
    del earlier["metadata"]["labels"]
    observed = created(earlier, dynamic=True)
    assert as_observed(observed) == earlier
    assert dynamic_apply(observed, as_observed(observed)) == observed


def test_a_value_that_was_changed_by_hand_is_answered_as_it_is_now() -> None:
    observed = created(made(), dynamic=True)
    observed["data"]["AWS_REGION"] = "eA=="
    del observed["data"]["BUCKET_PORT"]
    settled = dynamic_apply(observed, as_observed(observed))
    assert settled["data"] == observed["data"]
    assert dynamic_apply(settled, as_observed(settled)) == settled


def test_an_attachment_as_recorded_is_answered_without_what_the_server_set() -> None:
    path = Path(__file__).parents[1] / "fixtures" / "metacontroller" / "sync-attachments.json"
    body = json.loads(path.read_text())["body"]
    attached = SyncRequest.parse(json.dumps(body).encode()).attached_secrets
    assert attached is not None
    # Its last-applied annotation has stringData, which an observed Secret never shows.
    assert as_observed(attached["conn-a-s3"]) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "conn-a-s3", "namespace": "default"},
    }


def _labels(applied: dict[str, Any]) -> object:
    return {**applied, "metadata": {"labels": ["x"]}}


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda _: "hunter2", id="a word"),
        pytest.param(lambda _: [1], id="a list"),
        pytest.param(lambda applied: {**applied, "metadata": "x"}, id="metadata a word"),
        pytest.param(lambda applied: {**applied, "data": "AWS_REGION"}, id="data a word"),
        pytest.param(_labels, id="labels a list"),
        pytest.param(lambda _: {}, id="nothing"),
    ],
)
def test_a_tampered_annotation_breaks_nothing(tamper: Callable[[dict[str, Any]], object]) -> None:
    observed = created(made(), dynamic=True)
    annotations = observed["metadata"]["annotations"]
    annotations[LAST_APPLIED] = json.dumps(tamper(json.loads(annotations[LAST_APPLIED])))
    answered = as_observed(observed)
    assert answered["metadata"]["name"] == "app-s3"
    annotations[LAST_APPLIED] = "{"
    assert as_observed(observed) == made()


def test_no_secret_is_shown_by_what_holds_one() -> None:
    assert "a-secret" not in repr(CONNECTIONS)
    assert base64.b64encode(b"hunter2").decode() not in repr(
        request({"app-s3": {"metadata": {}, "data": {"a": "aHVudGVyMg=="}}})
    )
