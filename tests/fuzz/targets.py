"""What is fuzzed, and what to start from.

A target takes any bytes and returns; whatever it raises is a finding.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backends.errors import ServerFault, error_for
from backends.wire import jsonbody, xmlbody
from backends.wire.sensitive import Sensitive
from hooks.attachments.formats import Access
from hooks.attachments.template import LIMIT, TemplateError, expand
from hooks.claim import policyfile
from hooks.claim.policyfile import PolicyError
from hooks.contract.decorator import NotAHookRequest, SyncRequest
from hooks.contract.grant import (
    Evidence,
    Grant,
    Grants,
    Holding,
    Kind,
    shares_told,
    store_told,
)
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.operator import Operator
from tests.properties.contract import check_answer
from tests.properties.stepwise import StepwiseStore
from tests.support import ENVIRON, PREFIX

_FIXTURES = Path(__file__).parents[1] / "fixtures"
_CODE = re.compile(r"[A-Za-z0-9.]{0,64}")
_ANNOTATIONS = (
    "grant",
    "grants",
    "bucket",
    "user",
    "applied",
    "deletion-policy",
    "keys",
    "connection-secret",
    "connection-format",
    "connection-defaults",
)
_STATUSES = (400, 403, 404, 409, 500, 503)
_UID = "ce43fd9e-6870-42f9-9f15-94948d720094"
_GRANTS = Grants(Sensitive("a-key"))
_ACCESS = Access(
    "https://s3.example.com:9000",
    "eu-west-3",
    "user",
    Sensitive("${ca}'\"Kanarienvogel"),
    "bucket",
    "-----BEGIN CERTIFICATE-----\nMIIB\n",
)
_PAYLOAD = json.dumps(
    {
        "store": "default",
        "uid": _UID,
        "signed": 1,
        "user": ["u", 1, "own"],
        "buckets": {"b": [1, "own", "wiped"]},
        "generated": [1, "a", ["former"]],
        "access": {"b": [1, "read-only", 1]},
        "sharing": {"b": ["a", 1]},
        "left": ["former"],
    }
).encode()
_GRANT = Grant("u", Holding(1, Kind.OWN), {"b": Holding(1, Kind.SHARED)})


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fuzz.

    Args:
        run: takes the bytes.
        seeds: what the fuzzer changes, to begin with.
        words: pieces that it puts in.
    """

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    words: Sequence[str] = ()


def hook(body: bytes) -> None:
    """A body to /sync and /finalize, down to the bytes of the answer."""
    try:
        request = SyncRequest.parse(body)
    except NotAHookRequest:
        return
    asyncio.run(_calls(request))


async def _calls(request: SyncRequest) -> None:
    operator = Operator.build(Settings.load(ENVIRON), StepwiseStore(), Metrics())
    for shown in (request, replace(request, deleting=True, finalizing=True)):
        syncs = (await operator.syncer.sync(shown), operator.syncer.timed_out(shown))
        removals = (await operator.finalizer.finalize(shown), operator.finalizer.timed_out(shown))
        for result in syncs:
            check_answer(result.response.encode())
        for result in removals:
            check_answer(result.response.encode(), finalize=True)
        for result in (*syncs, *removals):
            operator.reporter.record(shown, result)


def grants(content: bytes) -> None:
    """An annotation that says what a Secret holds; nobody can make one up."""
    text = content.decode(errors="replace")
    if text in {_GRANTS.issue(_UID, _GRANT, 1), _GRANTS.issue_first(_UID, "b", "u", 1)}:
        return
    for evidence in (Evidence(_UID, text, "", "b", "u"), Evidence(_UID, "", text, "b", "u")):
        assert evidence.held(_GRANTS).last is None
    signed = _GRANTS.signed_by_another(text, _UID)
    assert signed is None or isinstance(signed, int)


def payload(content: bytes) -> None:
    """What stands in a grant that no key verifies: a tenant may write anything there."""
    text = base64.urlsafe_b64encode(content).decode().rstrip("=")
    token = f"v2.{text}.{'A' * 43}"
    found = _GRANTS.unverified(token, _UID)
    assert found is None or found.signed >= 0
    shares_told(token)
    store_told(token)
    assert _GRANTS.read(token, _UID) is None


def xml(content: bytes) -> None:
    """A store's XML answer."""
    _check_error(*xmlbody.error(content))
    try:
        root = xmlbody.parse(content)
    except ServerFault:
        return
    changed = xmlbody.parse(xmlbody.changed(root, "Status", "Enabled"))
    assert changed.findtext("Status") == "Enabled"


def admin_json(content: bytes) -> None:
    """An admin API's JSON answer."""
    document = jsonbody.parse(content)
    assert document is None or isinstance(document, dict)
    for names in (("Code", "Message"), ("code", "message")):
        _check_error(*jsonbody.error(content, *names))


def policy(content: bytes) -> None:
    """A policy file."""
    try:
        rules = policyfile.parse(content.decode())
    except (UnicodeDecodeError, PolicyError):
        return
    for rule in rules:
        assert rule.name
        assert rule.namespaces
        for pattern in (*rule.namespaces, *(rule.buckets or ()), *(rule.access_keys or ())):
            pattern.allows("team.bucket-a", "team")
            assert not pattern.allows("team.bucket-a", "")


def template(content: bytes) -> None:
    """A tenant's template for a key of its connection Secret."""
    text = content.decode(errors="replace")
    try:
        (made,) = expand({"key": text}, _ACCESS).values()
    except TemplateError as error:
        told = str(error)
        assert told.startswith("key")
        assert "Kanarienvogel" not in told or "Kanarienvogel" in text
        return
    assert len(made) <= LIMIT
    # Nothing gets in that isn't named, and nothing is put into what was put in.
    if "${" not in text:
        assert made == text.encode()
    if "access-secret}" not in text:
        assert b"Kanarienvogel" not in made or "Kanarienvogel" in text


def control(content: bytes) -> None:
    """Fails for some inputs: whoever finds nothing here wouldn't find anything."""
    assert len(content) <= 3, "this one is there to be found"


def _check_error(code: str, message: str) -> None:
    assert _CODE.fullmatch(code), "an error code that is none"
    for status in _STATUSES:
        for admin in (True, False):
            sentence = str(error_for(status, code, message, admin=admin))
            assert sentence.isprintable()
            assert len(sentence) <= 512


def _recorded(path: Path) -> bytes:
    """What Metacontroller sent, without what the hook doesn't read."""
    body = json.loads(path.read_text())["body"]
    return json.dumps({key: body[key] for key in sorted(body.keys() - {"controller"})}).encode()


_S3_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Code>NoSuchBucket</Code><Message>It does not exist</Message><Resource>/b</Resource></Error>"
)
_POLICY = b"""\
rules:
  - name: teams
    namespaces: ["team-*"]
    buckets: &names ["{namespace}.*", "{namespace}0", "shared-[a-z!]*"]
    access-keys: *names
    roles: [user]
    user-ids: [1000-1999, 3000]
    adoption: never
    deletion: [retain, "delete-user"]
"""
TARGETS: dict[str, Target] = {
    "hook": Target(
        hook,
        [_recorded(path) for path in sorted(_FIXTURES.glob("metacontroller/*.json"))],
        [json.dumps(PREFIX + word) for word in _ANNOTATIONS]
        + [json.dumps(word) for word in ("data", "secret-key", "Secret.v1", "attachments")]
        + ["1e999", "NaN", '"\\ud800"', "true", "null", "[[[["],
    ),
    "grants": Target(
        grants,
        [_GRANTS.issue(_UID, _GRANT, 1).encode(), _GRANTS.issue_first(_UID, "b", "u", 1).encode()],
        ["v1.", "v2.", "v3.", "e30", "W1tbW1tb", "=", "-_", "A" * 43],
    ),
    "payload": Target(
        payload,
        [_PAYLOAD],
        [
            "1e999",
            "-1",
            "NaN",
            "null",
            "[]",
            "{}",
            '"own"',
            '"\\ud800"',
            '"access":',
            '"read-only"',
        ],
    ),
    "xml": Target(
        xml,
        [
            _S3_ERROR,
            b"<LocationConstraint/>",
            b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
            '<?xml version="1.0" encoding="UTF-16"?><Error><Code>A</Code></Error>'.encode("utf-16"),
        ],
        ["<!DOCTYPE ", "<!ENTITY ", "&#x0;", "<![CDATA[", "xmlns=", "encoding=", "<?pi?>", "<!--"],
    ),
    "json": Target(
        admin_json,
        [
            b'{"Code":"XMinioAdminNoSuchUser","Message":"The user does not exist.","Resource":"/"}',
            b'{"code":"InvalidRequest","message":"Bad","region":"garage","path":"/v2/GetKey"}',
            b'{"code":5,"message":null}',
        ],
        ["1e999", "NaN", '"\\ud800"', '"Code":', '"message":', "[[[["],
    ),
    "policy": Target(
        policy,
        [_POLICY, b"rules:\n- {name: a, namespaces: ['*']}\n"],
        ["!!int", "!!binary", "%YAML 1.1", "<<: *names", '"\\Uffffffff"', "? ", "|+1", "&a [*a]"],
    ),
}
TARGETS["template"] = Target(
    template,
    [
        b'{"key": ${json:access-secret}, "url": "${endpoint}/${url:bucket}"}\n',
        b"ca: ${yaml:ca}\nname: '${yaml:access-key}'\n",
        (
            b'export A="${shell:access-secret}" # don\'t\n'
            b"[s3]\nb = ${ini:region}${base64:ca}$${host}\n"
        ),
    ],
    ["${", "}", "$${", "${json:", "${shell:access-secret}", "${ca}", "'", '"', "\\"],
)
CONTROL = "control"
ALL = {**TARGETS, CONTROL: Target(control, [b"a"], ["ab"])}
