"""Templates: what they may name, how values are escaped, and that they stay within bounds."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as some

from backends.wire.sensitive import Sensitive
from hooks.attachments import escapes
from hooks.attachments.connection import Connections
from hooks.attachments.formats import Access, Unwritable
from hooks.attachments.template import LIMIT, VALUES, TemplateError, expand
from hooks.claim.secret import InvalidSecret
from hooks.contract.outcome import Reason
from tests.attachments.test_connection import CLAIM, KEYS, request
from tests.attachments.test_formats import ACCESS, SECRETS
from tests.support import encode

NAMED = {
    "bucket": "team.bucket",
    "access-key": "team.user+x",
    "access-secret": ACCESS.secret.reveal(),
    "endpoint": "https://s3.example.com:9000",
    "host": "s3.example.com",
    "port": "9000",
    "region": "eu-west-3",
    "ca": ACCESS.ca,
}


def filled(text: str, access: Access = ACCESS) -> str:
    return expand({"file": text}, access)["file"].decode()


def problem(text: str, access: Access = ACCESS) -> str:
    with pytest.raises(TemplateError) as caught:
        filled(text, access)
    return str(caught.value)


def test_each_value_has_its_name() -> None:
    assert VALUES.keys() == NAMED.keys()
    for name, value in NAMED.items():
        assert filled(f"<${{{name}}}>") == f"<{value}>"


def test_where_there_are_no_cas_there_is_nothing() -> None:
    assert filled("${ca}", replace(ACCESS, ca=None)) == ""


def test_a_port_that_is_left_out_is_the_usual_one() -> None:
    for endpoint, port in (("http://h", "80"), ("https://h/", "443"), ("http://[::1]:1", "1")):
        assert filled("${port}", replace(ACCESS, endpoint=endpoint)) == port


def test_all_else_is_as_it_was() -> None:
    text = "a $HOME $1 $$ {bucket} $ {bucket}\r\n\tü \U0001f511 }}\n"
    assert filled(text) == text
    assert filled("$${bucket}") == "${bucket}"
    assert filled("$$${bucket}") == "$${bucket}"
    assert filled("") == ""


def test_values_are_not_looked_at_again() -> None:
    access = replace(ACCESS, secret=Sensitive("${ca}$${host}"))
    assert filled("${access-secret}${port}", access) == "${ca}$${host}9000"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("${}", "line 1, character 1,"),
        ("a${hunter2}", "line 1, character 2,"),
        ("a\nb ${user", "line 2, character 3,"),
        ("${bucket}\r\n\n  ${Bucket}", "line 3, character 3,"),
        ("${ bucket}", "line 1, character 1,"),
        ("${json:}", "line 1, character 1,"),
        ("${json: bucket}", "line 1, character 1,"),
        ("${bucket:json}", "line 1, character 1,"),
        ("${json:yaml:bucket}", "line 1, character 1,"),
        ("${toml:bucket}", "line 1, character 1,"),
        ("${" + "b" * 100 + "}", "line 1, character 1,"),
    ],
)
def test_what_is_no_placeholder_is_told_with_its_place(text: str, where: str) -> None:
    told = problem(text)
    assert told.startswith(f"file, {where} must")
    assert "hunter2" not in told


@given(secret=SECRETS)
@settings(deadline=None)
@example(secret="\U0001f511")
@example(secret="\u2028\u0041'\"")
@example(secret="$(id)`id`${HOME}!'\"\\")
@example(secret="yes")
def test_what_is_escaped_is_read_as_it_was(secret: str) -> None:
    access = replace(ACCESS, secret=Sensitive(secret))
    for text in (
        '{"a": ${json:access-secret}, "b": "x ${json:access-secret} y"}',
        "{'a': ${yaml:access-secret}, 'b': \"x ${yaml:access-secret} y\"}",
        'a: ${yaml:access-secret}\nb: "x ${yaml:access-secret} y"\n',
        "# don't, it's \" said\na: ${yaml:access-secret}\nb: 'x ${yaml:access-secret} y'\n",
    ):
        try:
            found = filled(text, access)
        except TemplateError:
            assert not secret.isprintable()
            continue
        document = json.loads(found) if "json" in text else yaml.safe_load(found)
        assert document == {"a": secret, "b": f"x {secret} y"}
    assert unquote(filled("${url:access-secret}", access)) == secret
    assert base64.b64decode(filled("${base64:access-secret}", access)).decode() == secret


SHELL_SECRETS = (
    "plain",
    "a b",
    "it's",
    '"$(id)`id`${HOME}\\',
    "\\'\"",
    "!x*?[a]~",
    "#;&|<>",
    "ü\U0001f511",
)


def run(script: str) -> str:
    return subprocess.run(  # noqa: S603 - the script is what is looked at
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=True
    ).stdout


def test_a_shell_reads_what_was_meant() -> None:
    text = (
        "# don't\n"
        "one=${shell:access-secret}\n"
        'two="<${shell:access-secret}>"\n'
        "three='<${shell:access-secret}>'\n"
        'four="it'
        "'"
        's ${shell:access-secret}"\n'
        "five=it\\'s${shell:access-secret}\n"
        'printf "%s\\n" "$one" "$two" "$three" "$four" "$five"\n'
    )
    for secret in SHELL_SECRETS:
        ran = run(filled(text, replace(ACCESS, secret=Sensitive(secret))))
        assert ran.splitlines() == [
            secret,
            f"<{secret}>",
            f"<{secret}>",
            f"it's {secret}",
            f"it's{secret}",
        ]


def test_a_file_of_several_lines_is_escaped_too() -> None:
    assert json.loads(filled("${json:ca}")) == ACCESS.ca
    assert yaml.safe_load(filled("ca: ${yaml:ca}\nb: 1")) == {"ca": ACCESS.ca, "b": 1}
    assert run(filled("printf %s ${shell:ca}")) == ACCESS.ca


@pytest.mark.parametrize(
    ("text", "name", "secret"),
    [
        ("a=1\nb = ${ini:ca}", "ca", "x"),
        ("a=1\nb = ${ini:access-secret}", "access-secret", " hunter2"),
        ("a=1\nb = ${ini:access-secret}", "access-secret", "hunter2 ;b"),
        ("a=1\nb = ${ini:access-secret}", "access-secret", "#hunter2"),
        ("a=1\nb = ${ini:access-secret}", "access-secret", "%(hunter2)s"),
        ("a: 1\nb: '${yaml:ca}'", "ca", "x"),
        ("a=1\n#b ${shell:ca}", "ca", "x"),
    ],
)
def test_a_value_that_the_form_can_not_hold_is_told(text: str, name: str, secret: str) -> None:
    told = problem(text, replace(ACCESS, secret=Sensitive(secret)))
    assert told.startswith("file, line 2, character ")
    assert f"asks for {name} in a form, " in told
    assert "hunter2" not in told
    assert filled("b = ${ini:region}") == "b = eu-west-3"


@pytest.mark.parametrize(
    "text",
    [
        "url: https://${yaml:host}/x",
        "a: ${yaml:host}x",
        "a: ${yaml:host}${yaml:port}",
        '{"a": x${json:host}}',
        "b: '${json:bucket}x'",
        # Within a plain scalar a quote is a character like another, and a blank no end.
        'a: say "${yaml:host}"',
        "a: the host ${yaml:host}",
        "a: ${yaml:host} is the host",
        "a: x- '${yaml:host}'",
    ],
)
def test_a_value_with_quotes_of_its_own_is_no_part_of_a_word(text: str) -> None:
    assert "must stand alone or between double quotes" in problem(text)


def test_the_limit_is_counted_before_anything_is_built() -> None:
    many = "${ca}" * (LIMIT // 5)
    big = replace(ACCESS, ca="x" * LIMIT)
    started = time.monotonic()
    assert "128 KiB" in problem(many, big)
    assert time.monotonic() - started < 5
    assert filled("${ca}" * ((LIMIT - 4) // 5), replace(ACCESS, ca="")) == ""
    assert "128 KiB" in problem("x" * LIMIT)
    assert len(filled("x" * (LIMIT - len("file")))) == LIMIT - len("file")
    # A character is as many bytes as it has.
    assert "128 KiB" in problem("ü" * (LIMIT // 2))
    with pytest.raises(TemplateError, match=r"^b is too long"):
        expand({"a": "x" * (LIMIT // 2), "b": "y" * (LIMIT // 2)}, ACCESS)


@given(text=some.text(some.sampled_from("${}:jsonyamlcabucket\"'\\\n x")) | some.text())
@settings(deadline=None)
def test_any_text_is_a_template_or_a_sentence(text: str) -> None:
    try:
        found = filled(text)
    except TemplateError:
        return
    assert ACCESS.secret.reveal() not in found or "access-secret" in text


@pytest.mark.parametrize("form", escapes.FORMS)
def test_every_form_holds_a_plain_value(form: str) -> None:
    assert escapes.escaped(form, "plain", '"').strip("\"'") in {"plain", encode("plain")}


def test_a_form_that_can_not_hold_a_value_does_not_say_it() -> None:
    with pytest.raises(Unwritable) as caught:
        escapes.escaped("ini", "hunter2\n")
    assert "hunter2" not in str(caught.value)


# As the annotated Secret has them.

CONNECTIONS = Connections(KEYS, "https://s3.example.com", "eu-west-3")


def made(templates: dict[str, Any], **annotations: str) -> dict[str, str]:
    asked = request({}, connection_secret="app-s3", **annotations)
    asked = replace(asked, data={**asked.data, **templates})
    secret = CONNECTIONS.make(asked, CLAIM)
    assert secret is not None
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_a_data_key_makes_a_key() -> None:
    found = made(
        {"connection.a.yml": encode("k: ${bucket}\n"), "connection.B_c": encode("x")},
        connection_defaults="false",
    )
    assert found == {"a.yml": "k: bucket\n", "B_c": "x"}
    assert {"AWS_REGION", "a.yml"} <= made({"connection.a.yml": encode("k")}).keys()


def test_without_a_connection_secret_nobody_reads_them() -> None:
    asked = replace(request({}), data={"connection.a": encode("${hunter2}")})
    assert CONNECTIONS.make(asked, CLAIM) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("connection.", encode("x")),
        ("connection..", encode("x")),
        ("connection...", encode("x")),
        ("connection...a", encode("x")),
        ("connection.a/b", encode("x")),
        ("connection." + "a" * 243, encode("x")),
        ("connection.a", "hunter2!"),
        ("connection.a", base64.b64encode(b"\xff").decode()),
        ("connection.a", encode("hunter2\x00")),
        ("connection.a", encode("hunter2\x1b[0m")),
        ("connection.a", encode("${hunter2}")),
        ("connection.a", encode("x" * LIMIT)),
        ("connection.a", "eA==" * LIMIT),
        ("connection.a", 7),
        ("connection.a", None),
    ],
    ids=range(15),
)
def test_a_template_that_is_none_is_invalid(key: str, value: object) -> None:
    with pytest.raises(InvalidSecret) as caught:
        made({key: value})
    assert caught.value.reason is Reason.INVALID_FIELD
    assert "connection." in caught.value.message
    assert "hunter2" not in caught.value.message


def test_a_template_says_nothing_else_of_a_key_than_a_format_or_the_defaults() -> None:
    with pytest.raises(InvalidSecret, match=r"The key cloud .* velero and the template"):
        made({"connection.cloud": encode("x")}, connection_format="velero")
    with pytest.raises(InvalidSecret, match="connection-defaults: false"):
        made({"connection.AWS_REGION": encode("x")})
    assert made({"connection.AWS_REGION": encode("${region}")})["AWS_REGION"] == "eu-west-3"
    found = made({"connection.AWS_REGION": encode("x")}, connection_format="zalando")
    assert found["AWS_REGION"] == "x"


def test_what_metacontroller_could_not_keep_is_invalid() -> None:
    # Controls are six bytes in its annotation, and base64 takes a third more.
    with pytest.raises(InvalidSecret, match="KiB"):
        made(
            {"connection.a": encode("x" * (LIMIT - 1))},
            connection_annotations=f"a={'<' * 20000}",
        )
    assert len(made({"connection.a": encode("x" * (LIMIT - 1))})["a"]) == LIMIT - 1
