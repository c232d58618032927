"""Configuration files, read back the way that each tool reads them.

The readers here follow rclone 1.74 (with goconfig 1.0) and s3cmd 2.4 line by line, for files of
one section.
"""

from __future__ import annotations

import re
from configparser import RawConfigParser

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as some

from backends.wire.sensitive import Sensitive
from hooks.attachments.formats import Access, Unwritable
from hooks.attachments.formats.inifile import rclone, s3cmd

ENDPOINT = "https://s3.example.com:7070"
# What a Secret's value may hold: no control characters.
SECRETS = some.text(
    some.one_of(
        some.sampled_from("ab=:;#'\"`$%()s{}[]\\ \u00a0\u2028\u3000"),
        some.characters(exclude_categories=["Cc", "Cs"]),
    ),
    min_size=1,
    max_size=20,
)


def access(secret: str, endpoint: str = ENDPOINT) -> Access:
    return Access(endpoint, "eu-west-3", "team.user+x@example:1", Sensitive(secret))


def as_rclone(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in (line.strip() for line in text.split("\n")):
        if not line or line[0] in "#;" or (line[0] == "[" and line[-1] == "]"):
            continue
        end = min(index for index in (line.find("="), line.find(":")) if index >= 0)
        value = line[end + 1 :].strip()
        quote = ""
        if len(value) >= 2 and value[0] == "`":
            quote = "`"
        elif len(value) >= 6 and value.startswith('"""'):
            quote = '"""'
        if quote:
            value = value[len(quote) : value.rindex(quote, len(quote))]
        values[line[:end].strip()] = value
    for key, value in values.items():
        values[key] = re.sub(r"%\([^)]+\)s", "", value)
    return values


def as_s3cmd(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in text.split("\n"):
        if re.match(r"\s*#", line) or re.match(r"\[[^\]]+\]", line):
            continue
        match = re.match(r"\s*(\w+)\s*=\s*(.*)", line)
        if match:
            key, value = match.groups()
            if re.match(r'"(.*)"\s*$', value):
                value = value[1:-1]
            value = value.strip()
            values[key] = "" if value.startswith("$") else value
    return values


@given(SECRETS)
@example("`")
@example("``a`")
@example('"""a"""')
@example('"""')
@example(" a ")
@example("#a;b=c:d")
@example("%(access_key_id)")
@example("%%(a)")
def test_rclone_reads_the_secret_that_was_written(secret: str) -> None:
    try:
        text = rclone(access(secret))
    except Unwritable:
        assert re.search(r"%\([^)]+\)s", secret)
        return
    assert as_rclone(text) == {
        "type": "s3",
        "provider": "Other",
        "access_key_id": "team.user+x@example:1",
        "secret_access_key": secret,
        "region": "eu-west-3",
        "endpoint": ENDPOINT,
        "force_path_style": "true",
        "no_check_bucket": "true",
    }


@given(SECRETS)
@example('"')
@example('""')
@example('"a"')
@example('a"')
@example("#a;b=c%(d)s")
@example("a$b")
def test_s3cmd_reads_the_secret_that_was_written(secret: str) -> None:
    try:
        text = s3cmd(access(secret))
    except Unwritable:
        assert secret.startswith("$") or secret != secret.strip()
        return
    assert as_s3cmd(text) == {
        "access_key": "team.user+x@example:1",
        "secret_key": secret,
        "host_base": "s3.example.com:7070",
        "host_bucket": "s3.example.com:7070",
        "use_https": "True",
        "bucket_location": "eu-west-3",
    }


@given(SECRETS)
def test_another_reader_of_ini_files_finds_the_same(secret: str) -> None:
    assume(secret == secret.strip() and secret[0] not in '"`$')
    assume(not re.search(r"%\([^)]+\)s", secret))
    for text, section, key in (
        (rclone(access(secret)), "s3", "secret_access_key"),
        (s3cmd(access(secret)), "default", "secret_key"),
    ):
        parser = RawConfigParser()
        parser.read_string(text)
        assert parser.sections() == [section]
        assert parser[section][key] == secret


@pytest.mark.parametrize("secret", ["a%(b)sc", "%(secret_access_key)s", "%(=)s", "%(%(a)s)s"])
def test_rclone_can_not_be_given_a_reference(secret: str) -> None:
    with pytest.raises(Unwritable) as caught:
        rclone(access(secret))
    assert secret not in str(caught.value)


@pytest.mark.parametrize("secret", ["$HOME", "$", " hunter2", "hunter2\u00a0"])
def test_s3cmd_can_not_be_given_a_variable_or_blanks(secret: str) -> None:
    with pytest.raises(Unwritable) as caught:
        s3cmd(access(secret))
    assert "hunter2" not in str(caught.value)


def test_s3cmd_can_not_be_given_an_endpoint_with_a_path() -> None:
    with pytest.raises(Unwritable, match="path"):
        s3cmd(access("s", "https://example.com/s3"))
    assert as_s3cmd(s3cmd(access("s", "http://[::1]:9000/")))["host_base"] == "[::1]:9000"
    assert as_s3cmd(s3cmd(access("s", "http://h/")))["use_https"] == "False"
