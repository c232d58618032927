"""Metacontroller's requests as recorded, and answers in the terms that its hook API v2 allows."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import pytest

from hooks.contract.decorator import NotAHookRequest, SyncRequest, SyncResponse

RECORDED = Path(__file__).parents[1] / "fixtures" / "metacontroller"
ENABLED = "s3-resource-operator.io/enabled"
# What hook API v2 unmarshals; it refuses an answer with any other field.
ALLOWED = {"labels", "annotations", "status", "attachments", "resyncAfterSeconds", "finalized"}


def recorded(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())["body"]
    return body


def encode(document: object) -> bytes:
    return json.dumps(document).encode()


def secret(**replaced: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "default", "name": "a", "uid": "u"},
        "data": {"access-secret": "aHVudGVyMg=="},
        **replaced,
    }


@pytest.mark.parametrize(
    ("name", "secret_name", "bucket", "status", "deleting"),
    [
        ("sync-new", "my-app-s3-credentials", "my-app-backups", None, False),
        ("sync-settled", "my-app-s3-credentials", "my-app-backups", "Ready", False),
        ("sync-attachments", "conn-a", "conn-buck", "Ready", False),
        ("finalize", "conn-a", "conn-buck", "Ready", True),
    ],
)
def test_a_recorded_request_is_read(
    name: str, secret_name: str, bucket: str, status: str | None, deleting: bool
) -> None:
    request = SyncRequest.parse(encode(recorded(name)))
    assert (request.namespace, request.name) == ("default", secret_name)
    assert request.uid == recorded(name)["object"]["metadata"]["uid"]
    assert request.annotations[ENABLED] == "true"
    assert request.annotations.get("s3-resource-operator.io/status") == status
    assert base64.b64decode(str(request.data["bucket-name"])).decode() == bucket
    assert request.deleting is deleting


def test_attachments_as_version_1_keys_them_make_no_difference() -> None:
    body = recorded("sync-attachments")
    assert list(body["attachments"]["Secret.v1"]) == ["default/conn-a-s3"]
    expected = SyncRequest.parse(encode(body))
    assert expected.attached_secrets is not None
    assert list(expected.attached_secrets) == ["conn-a-s3"]
    assert expected.attached_secrets["conn-a-s3"]["data"] == {"A": "Yg=="}
    child = body["attachments"]["Secret.v1"]["default/conn-a-s3"]
    body["attachments"] = {"Secret.v1": {"conn-a-s3": child}}
    body["related"] = {}
    assert SyncRequest.parse(encode(body)) == expected


@pytest.mark.parametrize("field", ["controller", "attachments", "related", "finalizing"])
def test_what_the_hook_does_not_look_at_may_be_missing(field: str) -> None:
    body = recorded("sync-new")
    del body[field]
    assert SyncRequest.parse(encode(body)).name == "my-app-s3-credentials"


@pytest.mark.parametrize(
    ("attachments", "expected"),
    [
        (None, None),
        ({}, None),
        ({"ConfigMap.v1": {"default/a": secret()}}, None),
        ({"Secret.v1": None}, None),
        ({"Secret.v1": {}}, {}),
        ({"Secret.v1": {}, "ConfigMap.v1": {}}, {}),
    ],
)
def test_a_controller_without_attachments_of_secrets_is_told_from_one_without_any_yet(
    attachments: object, expected: object
) -> None:
    body = {**recorded("sync-new"), "attachments": attachments}
    assert SyncRequest.parse(encode(body)).attached_secrets == expected


@pytest.mark.parametrize(
    "attachments",
    [
        ["hunter2"],
        "hunter2",
        {"Secret.v1": ["hunter2"]},
        {"Secret.v1": {"a": "hunter2"}},
        {"Secret.v1": {"a": {"metadata": "hunter2"}}},
        # Answered as it is shown, it would be no JSON.
        {"Secret.v1": {"a": {"metadata": {}, "data": {"hunter2": math.nan}}}},
        {"Secret.v1": {"a": {"metadata": {}, "data": {"hunter2": math.inf}}}},
        {"Secret.v1": {"a": {"metadata": {}, "data": ["hunter2"]}}},
        {"Secret.v1": {"a": {"metadata": {}, "type": math.nan}}},
        {"Secret.v1": {"a": {"metadata": {"name": math.nan}}}},
        {"Secret.v1": {"a": {"metadata": {"labels": {"hunter2": math.nan}}}}},
        {"Secret.v1": {"a": {"metadata": {"annotations": {"hunter2": []}}}}},
    ],
)
def test_attachments_of_another_form_are_refused(attachments: object) -> None:
    with pytest.raises(NotAHookRequest, match="attachments") as caught:
        SyncRequest.parse(encode({"object": secret(), "attachments": attachments}))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["sync-new", "sync-settled", "sync-attachments", "finalize"])
def test_a_request_tells_whether_it_finalizes(name: str) -> None:
    assert SyncRequest.parse(encode(recorded(name))).finalizing is (name == "finalize")


def test_finalizing_is_true_or_false() -> None:
    with pytest.raises(NotAHookRequest, match="finalizing"):
        SyncRequest.parse(encode({"object": secret(), "finalizing": "no"}))


@pytest.mark.parametrize("data", [None, {}])
def test_a_secret_without_data_is_one(data: object) -> None:
    assert SyncRequest.parse(encode({"object": secret(data=data)})).data == {}


def test_a_secret_without_annotations_is_one() -> None:
    metadata = {"namespace": "default", "name": "a", "uid": "u", "annotations": None}
    assert SyncRequest.parse(encode({"object": secret(metadata=metadata)})).annotations == {}


def test_a_request_shows_no_data() -> None:
    body = {"object": secret(), "attachments": {"Secret.v1": {"default/b": secret()}}}
    assert "aHVudGVyMg==" not in repr(SyncRequest.parse(encode(body)))
    assert "aHVudGVyMg==" not in repr(SyncResponse(attachments=[secret()]))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hunter2", id="a word"),
        pytest.param(b"\xff\xfehunter2", id="not UTF-8"),
        pytest.param(b'{"object": {"hunter2"', id="cut off"),
        pytest.param(b'{"hunter2": 1} {}', id="two documents"),
        pytest.param(b"[" * 100_000, id="deep lists"),
        pytest.param(b'{"object":' * 100_000, id="deep objects"),
        pytest.param(b"9" * 10_000, id="a huge number"),
        pytest.param(b"null", id="null"),
        pytest.param(b'["hunter2"]', id="a list"),
        pytest.param(b'"hunter2"', id="a string"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(encode({"object": None}), id="no object"),
        pytest.param(encode({"object": ["hunter2"]}), id="object a list"),
        pytest.param(encode({"object": "hunter2"}), id="object a string"),
        pytest.param(encode({"parent": secret()}), id="a CompositeController's request"),
        pytest.param(encode({"object": secret(kind="ConfigMap")}), id="another kind"),
        pytest.param(encode({"object": secret(apiVersion="v2")}), id="another version"),
        pytest.param(encode({"object": secret(kind=["hunter2"])}), id="kind a list"),
        pytest.param(encode({"object": secret(metadata=None)}), id="no metadata"),
        pytest.param(encode({"object": secret(metadata=["hunter2"])}), id="metadata a list"),
        pytest.param(encode({"object": secret(data=["hunter2"])}), id="data a list"),
        pytest.param(encode({"object": secret(data="hunter2")}), id="data a string"),
    ],
)
def test_what_is_no_hook_request_is_refused_and_not_quoted(body: bytes) -> None:
    with pytest.raises(NotAHookRequest) as caught:
        SyncRequest.parse(body)
    assert str(caught.value)
    assert "hunter2" not in str(caught.value)
    # Nor in what a logged traceback would show.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ["hunter2"]),
        ("name", None),
        ("namespace", 1),
        ("uid", {"hunter2": 1}),
        ("annotations", ["hunter2"]),
        ("annotations", "hunter2"),
        ("annotations", {ENABLED: True}),
        ("annotations", {ENABLED: None}),
        ("annotations", {"a": {"hunter2": "b"}}),
    ],
)
def test_metadata_of_another_type_is_refused_by_its_name(field: str, value: object) -> None:
    metadata = {"namespace": "default", "name": "a", "uid": "u", field: value}
    with pytest.raises(NotAHookRequest, match=rf"metadata\.{field} ") as caught:
        SyncRequest.parse(encode({"object": secret(metadata=metadata)}))
    assert "hunter2" not in str(caught.value)


def test_an_answer_of_nothing_is_an_empty_object() -> None:
    assert SyncResponse().encode() == b"{}"


def test_an_answer_has_only_what_version_2_allows_and_no_status() -> None:
    answer = SyncResponse({"p/status": "Ready", "p/bucket": None}, {"p/status": "Ready"}, 2.5)
    document = json.loads(answer.encode())
    assert document.keys() <= ALLOWED - {"status"}
    assert document == {
        "annotations": {"p/status": "Ready", "p/bucket": None},
        "labels": {"p/status": "Ready"},
        "resyncAfterSeconds": 2.5,
    }


def test_attachments_and_the_end_of_a_finalizer_are_answered_where_there_are_any() -> None:
    answer = SyncResponse(attachments=[secret()], finalized=False)
    assert json.loads(answer.encode()) == {"attachments": [secret()], "finalized": False}
    assert json.loads(SyncResponse(finalized=True).encode()) == {"finalized": True}
    assert json.loads(SyncResponse(attachments=[]).encode()) == {}


def test_a_retry_at_once_is_not_left_out() -> None:
    assert json.loads(SyncResponse(resync_after=0.0).encode()) == {"resyncAfterSeconds": 0}


def test_the_same_answer_is_the_same_bytes_in_whatever_order_it_was_made() -> None:
    one = SyncResponse({"a": "1", "b": None}, {"c": "\u00e9"})
    other = SyncResponse({"b": None, "a": "1"}, {"c": "\u00e9"})
    assert one.encode() == other.encode()
