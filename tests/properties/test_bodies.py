"""The hook over HTTP: any body has an answer, which is the contract's and tells no credential."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from starlette.testclient import TestClient

from hooks.contract.decorator import NotAHookRequest, SyncRequest
from hooks.contract.status import Keys
from hooks.metrics import Metrics
from hooks.serving.app import hook_app
from hooks.serving.places import Places
from hooks.settings.settings import Settings
from hooks.sync.operator import Operator
from hooks.sync.reconcile import WIPED
from tests.model import Account, ModelStore
from tests.properties import documents
from tests.properties.contract import check_answer, told
from tests.properties.process import stop_clocks
from tests.properties.profile import tries
from tests.properties.stepwise import StepwiseStore
from tests.support import ENVIRON, PREFIX

pytestmark = [pytest.mark.long, pytest.mark.no_cover]

NOW = datetime.fromisoformat("2026-11-24T18:32:54.5+00:00")
PATHS = some.sampled_from(["/sync", "/finalize"])


class Noon(datetime):
    """A clock that stands still, since an answer may say when its status became what it is."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Noon:
        return cls.fromisoformat(NOW.isoformat())


@pytest.fixture(scope="module")
def store() -> ModelStore:
    return StepwiseStore()


@pytest.fixture(scope="module")
def client(store: ModelStore) -> Iterator[TestClient]:
    settings = Settings.load({**ENVIRON, "ALLOWED_ROLES": "user,userplus"})
    metrics = Metrics()
    app = hook_app(
        Operator.build(settings, store, metrics), Places(4), metrics, tokens=[], timeout=20
    )
    with pytest.MonkeyPatch.context() as patch:
        stop_clocks(patch, Noon)
        # What isn't caught is a 500 in the answer as well as in the log.
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client


@pytest.fixture(scope="module", autouse=True)
def logged() -> Iterator[list[str]]:
    """What the operator logs, on any level."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{self.format(record)} {vars(record)}")

    handler = Lines()
    logger = logging.getLogger("hooks")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(before[0])
    logger.propagate = before[1]


def begin(store: ModelStore) -> None:
    """A store where somebody has a bucket that is often asked for."""
    fresh = StepwiseStore(accounts={"somebody": Account("anything")})
    fresh.owners["rotkehlchen"] = "somebody"
    vars(store).update(vars(fresh))


def answer(client: TestClient, path: str, content: bytes) -> dict[str, Any] | None:
    """The checked answer; None if the body was refused."""
    response = client.post(path, content=content)
    assert response.status_code in {200, 400}
    if response.status_code == 400:
        assert len(response.text) < 200
        assert documents.CANARY.lower() not in response.text.lower()
        return None
    again = client.post(path, content=content).content
    # What was just done to a bucket is told by its grant from now on, which isn't shown here.
    assert again == response.content or WIPED in response.text
    assert client.post(path, content=content).content == again
    return check_answer(response.content, finalize=path == "/finalize")


@tries(250)
@given(path=PATHS, body=documents.bodies())
def test_almost_what_metacontroller_sends(
    client: TestClient, store: ModelStore, logged: list[str], path: str, body: dict[str, Any]
) -> None:
    begin(store)
    logged.clear()
    found = answer(client, path, documents.encode(body))
    if found is None:
        return
    text = told(found) + "".join(logged)
    for secret in credentials(body["object"].get("data")):
        assert secret not in text


@tries(80)
@given(path=PATHS, body=documents.anything)
def test_any_json(client: TestClient, path: str, body: object) -> None:
    found = answer(client, path, documents.encode(body))
    assert found is None


@tries(100)
@given(path=PATHS, content=some.binary(max_size=200))
@example("/sync", b'{"object":' * 2000)
@example("/sync", b"9" * 5000)
def test_any_bytes(client: TestClient, path: str, content: bytes) -> None:
    assert answer(client, path, content) is None


@tries(100)
@given(body=documents.bodies())
def test_a_settled_secret_stays_as_it_is(
    client: TestClient, store: ModelStore, body: dict[str, Any]
) -> None:
    """What is answered for a Secret that already says so: every change would be another sync."""
    begin(store)
    body = {**body, "finalizing": False}
    try:
        SyncRequest.parse(documents.encode(body))
    except NotAHookRequest:
        return
    found = answer(client, "/sync", documents.encode(body))
    assert found is not None
    if not found.get("annotations"):
        return
    for kind in ("annotations", "labels"):
        values = dict(body["object"]["metadata"].get(kind) or {})
        for name, value in found[kind].items():
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value
        body["object"]["metadata"][kind] = values
    again = answer(client, "/sync", documents.encode(body))
    assert again is not None
    # Another store's operator reports on it from now on, or this one says the same.
    assert again == {} or {**again, "resyncAfterSeconds": None} == {
        **found,
        "resyncAfterSeconds": None,
    }


@tries(100)
@given(
    content=some.one_of(
        some.binary(max_size=100), some.builds(documents.encode, documents.anything)
    )
)
def test_a_body_is_a_request_or_refused(content: bytes) -> None:
    try:
        request = SyncRequest.parse(content)
    except NotAHookRequest:
        return
    assert not Keys(f"{PREFIX}enabled").enables(request)


def credentials(data: object) -> set[str]:
    """What of a Secret's data is nobody else's to read.

    Bucket and user are told, even if somebody takes the secret for a name too.
    """
    secrets: set[str] = set()
    names: set[str] = set()
    for key, value in data.items() if isinstance(data, dict) else ():
        if not isinstance(value, str):
            continue
        try:
            plain = base64.b64decode(value, validate=True).decode().removesuffix("\n")
        except ValueError:
            plain = value
        (names if documents.is_name(key) else secrets).update((plain, value))
    return {
        secret
        for secret in secrets
        if documents.CANARY in secret and not any(secret in name for name in names)
    }
