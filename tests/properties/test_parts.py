"""The parts that read what others wrote, one by one."""

from __future__ import annotations

import json
import string
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree.ElementTree import Element

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from backends.base import Claim, Connection, Credentials
from backends.errors import ServerFault, error_for, own_words
from backends.wire import jsonbody, xmlbody
from backends.wire.sensitive import Sensitive
from backends.wire.signing import SignedClient
from hooks.claim.allowed import ROLES
from hooks.claim.endpoint import normalise
from hooks.claim.policyfile import PolicyError, parse
from hooks.claim.secret import (
    InvalidSecret,
    Mentions,
    Rules,
    read,
    read_endpoint,
    read_mentions,
    read_names,
)
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Evidence, Grant, Grants, Holding, Kind, Mark
from hooks.contract.outcome import Outcome, Reason, Status
from hooks.contract.status import Keys, Scribe
from hooks.settings.settings import Settings
from tests.properties import documents
from tests.properties.contract import check_answer
from tests.properties.profile import tries
from tests.properties.test_bodies import credentials
from tests.support import ENVIRON, PREFIX

pytestmark = [pytest.mark.long, pytest.mark.no_cover]

RULES = Settings.load(ENVIRON).rules
LENIENT = Rules(frozenset(ROLES), [range(2**31)], [range(2**31)])
NOW = datetime(2026, 11, 24, 18, 32, 54, tzinfo=UTC)
KEYS = Keys(f"{PREFIX}enabled")
GRANTS = Grants(Sensitive("a-key"))
CLAIM = Claim("bucket", "user", Sensitive("secret"))
WORDS = some.text(string.printable, max_size=30) | some.text(max_size=30)
# The annotation has several with commas between, which no bucket's name can hold.
BUCKETS = WORDS.map(lambda word: word.replace(",", ""))


@tries(200)
@given(data=documents.data(), rules=some.sampled_from([RULES, LENIENT]))
def test_data_is_a_claim_or_invalid_without_a_word_of_it(
    data: dict[str, Any], rules: Rules
) -> None:
    problem = None
    try:
        claim = read(data, rules, "team/claim", "team").claim
    except InvalidSecret as error:
        problem = error
    if problem is not None:
        assert problem.reason.status is Status.INVALID
        assert documents.CANARY.lower() not in problem.message.lower()
        return
    assert claim.user not in RULES.own_access_keys
    names = read_names(data)
    assert names is not None
    assert (names.bucket, names.user, names.secret) == (claim.bucket, claim.user, claim.secret)
    assert read_mentions(data) == Mentions(
        frozenset({claim.bucket}), frozenset({claim.user}), frozenset({claim.secret})
    )
    told = repr(claim)
    assert not [secret for secret in credentials(data) if secret in told]


@tries(80)
@given(data=some.dictionaries(some.sampled_from(documents.KEYS) | WORDS, documents.anything))
def test_data_of_any_type_is_invalid_or_a_claim(data: dict[str, Any]) -> None:
    read_endpoint(data)
    read_names(data)
    read_mentions(data)
    with suppress(InvalidSecret):
        read(data, LENIENT)


@tries(150)
@given(
    annotations=documents.annotated(),
    reason=some.sampled_from(Reason),
    claim=some.sampled_from([CLAIM, None]),
    uid=some.sampled_from(["uid", ""]),
)
def test_any_annotations_have_an_answer(
    annotations: dict[str, str], reason: Reason, claim: Claim | None, uid: str
) -> None:
    request = SyncRequest("team", "claim", uid, annotations, {})
    # Nobody can make one up.
    held = KEYS.evidence(request).held(GRANTS, {"bucket"}, {"user"})
    assert held.last is None
    scribe = Scribe(KEYS, GRANTS, "http://127.0.0.1:1")
    answer = scribe.answer(request, Outcome(reason, "A sentence."), claim, NOW)
    check_answer(answer.encode())


@tries(100)
@given(names=some.tuples(WORDS, BUCKETS, WORDS), other=some.tuples(WORDS, WORDS, WORDS))
def test_a_former_grant_is_for_one_secret_one_bucket_and_one_user(
    names: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    uid, bucket, user = names
    token = GRANTS.issue_first(uid, bucket, user, 1_700_000_000)
    assert GRANTS.issued_at(token, *names) == (1_700_000_000 if uid else None)
    assert (GRANTS.issued_at(token, *other) is None) or other == names
    held = Evidence(uid, "", token, bucket, user).held(GRANTS).last
    assert (held and (held.user, set(held.buckets))) == ((user, {bucket}) if uid else None)
    assert Grants(Sensitive("another-key")).issued_at(token, *names) is None


SECONDS = some.integers(0, 10**12 - 1)
HOLDINGS = some.builds(Holding, SECONDS, some.sampled_from(Kind), some.sampled_from(Mark))
GIVEN = some.builds(
    Grant, WORDS, HOLDINGS, some.dictionaries(WORDS, HOLDINGS, min_size=1, max_size=16)
)


@tries(150)
@given(uid=WORDS, other=WORDS, given=GIVEN, now=SECONDS)
def test_a_grant_says_to_one_secret_what_was_given(
    uid: str, other: str, given: Grant, now: int
) -> None:
    token = GRANTS.issue(uid, given, now)
    # What is longer is no grant at all; no name of a store's comes near.
    fits = len(token) < 8192
    assert GRANTS.read(token, uid) == (given if uid and fits else None)
    assert other == uid or GRANTS.read(token, other) is None
    both = Grants(Sensitive("another-key"), Sensitive("a-key"))
    assert both.read(token, uid) == (given if uid and fits else None)
    assert Grants(Sensitive("another-key")).read(token, uid) is None
    assert GRANTS.issue(uid, given, now) == token


@tries(150)
@given(given=GIVEN, at=some.integers(0, 8192), letter=some.characters())
def test_a_grant_with_another_letter_is_none(given: Grant, at: int, letter: str) -> None:
    token = GRANTS.issue("uid", given, 1)
    at %= len(token)
    assume(token[at] != letter)
    assert GRANTS.read(token[:at] + letter + token[at + 1 :], "uid") is None


hosts = some.sampled_from(["s3.example", "S3.EXAMPLE", "127.0.0.1", "[::1]", "[FE80::1%eth0]", "k"])
urls = some.builds(
    "{}://{}{}{}".format,
    some.sampled_from(["http", "https", "HTTP", "ftp"]),
    hosts | WORDS,
    some.sampled_from(["", ":80", ":443", ":", ":0", ":7070", ":65536", ":x"]),
    some.sampled_from(["", "/", "//", "/a/", "/%2e", "?", "#", " ", "/a\tb"]) | WORDS,
)


@tries(250)
@given(url=urls | WORDS)
def test_an_endpoint_normalised_again_is_the_same(url: str) -> None:
    try:
        once = normalise(url)
    except ValueError:
        return
    assert normalise(once) == once
    assert normalise(once + "/") == once
    parts = urlsplit(once)
    assert parts.scheme in {"http", "https"}
    assert parts.hostname
    assert "@" not in parts.netloc


@tries(200)
@given(text=WORDS | some.text(max_size=600), limit=some.integers(1, 200))
def test_a_stores_own_words_are_one_line_of_so_many_characters(text: str, limit: int) -> None:
    words = own_words(text, limit)
    assert len(words) <= limit
    assert words.isprintable()
    assert words.removesuffix("…").isascii()
    assert own_words(words.removesuffix("…"), limit) == words.removesuffix("…").rstrip(" .")


@tries(100)
@given(
    status=some.integers(300, 599),
    code=some.text(string.ascii_letters, max_size=20)
    | some.sampled_from(["SlowDown", "AccessDenied", "RequestTimeTooSkewed", "NotImplemented"]),
    message=WORDS,
    admin=some.booleans(),
)
def test_every_error_is_a_sentence(status: int, code: str, message: str, admin: bool) -> None:
    error = error_for(status, code, message, admin=admin)
    assert Outcome.of(error).message == str(error)
    assert str(error).isprintable()
    assert len(str(error)) <= 512
    assert str(error).endswith(".")


# What a URL can hold at all: a bucket and a user are ASCII, a query is our own.
@tries(200)
@given(
    path=some.lists(some.text(max_size=12), min_size=1, max_size=3),
    query=some.dictionaries(some.text(min_size=1, max_size=8), some.text(max_size=12), max_size=3),
)
def test_a_requests_target_says_what_was_asked(path: list[str], query: dict[str, str]) -> None:
    client = SignedClient("http://127.0.0.1:1/base", connection(), lambda *_: None)
    assume(all(encodes(text) for text in (*path, *query, *query.values())))
    target = client._target(path, query)
    assert target.isascii()
    assert not set(target) & set(" \r\n#\\")
    there, _, asked = target.partition("?")
    assert [unquote(part) for part in there.split("/")] == ["", "base", *path]
    assert dict(parse_qsl(asked, keep_blank_values=True, strict_parsing=bool(query))) == query
    # A bucket can't be a way out of the path, nor a name another parameter.
    assert there.count("/") == len(path) + 1
    assert asked.count("&") == max(len(query) - 1, 0)


def encodes(text: str) -> bool:
    try:
        return bool(text.encode()) or True
    except UnicodeEncodeError:
        return False


def connection() -> Connection:
    admin = Credentials("admin", Sensitive("secret"))
    return Connection("http://127.0.0.1:1", "http://127.0.0.1:1", "us-east-1", admin)


fields = some.dictionaries(
    some.text(string.ascii_letters, min_size=1, max_size=8),
    some.integers() | some.text(some.characters(exclude_categories=["Cc", "Cs"]), max_size=20),
    max_size=4,
)


@tries(100)
@given(fields=fields)
def test_xml_is_read_as_it_was_written(fields: dict[str, str | int]) -> None:
    assume(not any(set(str(text)) & {"\ufffe", "\uffff"} for text in fields.values()))
    root = xmlbody.parse(xmlbody.document("Root", fields))
    assert {child.tag: child.text or "" for child in root} == {
        name: str(value) for name, value in fields.items()
    }
    again = xmlbody.parse(xmlbody.changed(root, "Status", "<&>"))
    assert again.findtext("Status") == "<&>"


@tries(200)
@given(
    content=some.binary(max_size=100)
    | some.text(max_size=100).map(lambda text: text.encode(errors="replace"))
)
def test_no_answer_is_worse_than_a_fault(content: bytes) -> None:
    code, message = xmlbody.error(content)
    assert not code or code.replace(".", "").isalnum()
    assert isinstance(message, str)
    with suppress(ServerFault):
        assert isinstance(xmlbody.parse(content), Element)
    assert jsonbody.error(content, "Code", "Message")[0].isascii()


rules = some.fixed_dictionaries(
    {"name": some.sampled_from(["a", "b", "a b", " a", ""]), "namespaces": some.just(["team-*"])},
    optional={
        "buckets": some.lists(
            some.sampled_from(["{namespace}.*", "{namespace}0", "[a-z]", "[z-a]", "ä"])
        ),
        "access-keys": some.lists(some.sampled_from(["{namespace}.*", "a?", ""])),
        "roles": some.lists(some.sampled_from([*ROLES, "root"])) | documents.anything,
        "user-ids": some.lists(some.sampled_from(["1-2", 3, "2-1", "9" * 11, True])),
        "adoption": some.sampled_from(["any", "unowned", "never", "ever", None]),
        "deletion": some.lists(some.sampled_from(["retain", "delete", "burn"])),
        "more": documents.scalars,
    },
)


@tries(80)
@given(document=some.fixed_dictionaries({"rules": some.lists(rules, max_size=3)}))
def test_a_policy_is_rules_or_a_list_of_mistakes(document: dict[str, Any]) -> None:
    # JSON is YAML, but for the numbers that it hasn't.
    check_policy(json.dumps(document))


@tries(200)
@given(text=WORDS | some.text("[]{}:,-&*!|>'\"%@`#? \nrules01\\Ux", max_size=40))
def test_any_text_is_a_policy_or_has_mistakes(text: str) -> None:
    check_policy(text)
    check_policy(f'rules: "{text}"')
    check_policy(f"rules:\n- namespaces: [a]\n  name: {text}")


def check_policy(text: str) -> None:
    mistakes: list[str] | None = None
    try:
        found = parse(text)
    except PolicyError as error:
        mistakes = error.mistakes
    if mistakes is not None:
        assert mistakes
        assert all(mistakes)
        return
    assert all(rule.name and rule.namespaces for rule in found)
    assert len({rule.name for rule in found}) == len(found)
