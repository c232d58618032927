"""Which quotes are open where a template's value goes, and that nothing gets out of them."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as some

from backends.wire.sensitive import Sensitive
from hooks.attachments.template import LIMIT, TemplateError
from tests.attachments.test_formats import ACCESS, SECRETS
from tests.attachments.test_template import filled, problem

# Where only a parser could tell what a value goes into, one that is none has no business.
HOSTILE = ("$(:>ran)`:>ran`", "'$(:>ran)'", '"$(:>ran)"', "\\$(:>ran)\\", "'\"$(:>ran)")
AMBIGUOUS = (
    'A="\nkey=${shell:access-secret}\n"',
    "A='\nkey=${shell:access-secret}\n'",
    "MSG=it's\nA=${shell:access-secret}",
    "cat <<EOF\n'${shell:access-secret}'\nEOF",
    'A="$(echo "${shell:access-secret}")"',
    'A="`echo ${shell:access-secret}`"',
    "A=`echo ${shell:access-secret}`",
    'A="$${B:-"${shell:access-secret}"}"',
    "A=$'${shell:access-secret}'",
    'A="\\${shell:access-secret}"',
    "A=\\${shell:access-secret}",
    'a: "x\n  ${yaml:access-secret}"',
    "a: 'x\n  ${yaml:access-secret}'",
    'a: "\\${yaml:access-secret}"',
    '{"a": "\\${json:access-secret}"}',
)
CLEAR = (
    "# it's\nA=${shell:access-secret} # don't\nB=${shell:access-secret}",
    "A='x\ny'\nB=${shell:access-secret}",
    'A="$${HOME}/${shell:access-secret}" B=1',
    'A="\\\\${shell:access-secret}" B=$(echo ${shell:access-secret})',
    "a: it's\nb: ${yaml:access-secret} # don't\nc: 5\" \nd: '${yaml:access-secret}'",
    '{"a":${yaml:access-secret},"b": !t ${yaml:access-secret}}',
    "- ${yaml:access-secret}\n- [${yaml:access-secret} , &x ${yaml:access-secret}]\n",
    '// don\'t\n["\\\\${json:access-secret}", ${json:access-secret}]',
)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_takes_no_value(text: str) -> None:
    assert "more than one way" in problem(text)


@pytest.mark.parametrize("text", CLEAR)
def test_what_can_be_read_in_one_way_takes_one(text: str) -> None:
    assert "${" not in filled(text, replace(ACCESS, secret=Sensitive("x"))).replace("${HOME}", "")


SHELL_PIECES = some.lists(
    some.sampled_from(
        [
            *('"', "'", "\n", "$(", ")", "`", "#", " ", "x", "\\", "<<E\n", "\nE\n", "=", "$${"),
            *("}", ";", "a=", "$", "$'", *["${shell:access-secret}"] * 4),
        ]
    ),
    max_size=9,
)


@given(pieces=SHELL_PIECES, secret=some.sampled_from(HOSTILE))
@settings(deadline=None)
@example(pieces=['"', "\n", "${shell:access-secret}", '"'], secret=HOSTILE[0])
@example(pieces=["\\", "${shell:access-secret}"], secret=HOSTILE[2])
@example(pieces=["<<E\n", "${shell:access-secret}"], secret=HOSTILE[2])
def test_no_shell_runs_what_stands_in_a_value(pieces: list[str], secret: str) -> None:
    try:
        script = filled("".join(pieces), replace(ACCESS, secret=Sensitive(secret)))
    except TemplateError:
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 - the script is what is looked at; it finds no program
            ["/bin/sh", "-c", script],
            cwd=folder,
            env={},
            capture_output=True,
            timeout=10,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert not (Path(folder) / "ran").exists()


YAML_PIECES = some.lists(
    some.sampled_from(
        ['"', "'", "\n", " ", "k: ", "- ", "[", "]", "{", "}", ", ", " # ", "\\", "5"]
        + ["${yaml:access-secret}"] * 4
    ),
    max_size=8,
)


def put_in(document: Any, mark: str, secret: str) -> Any:
    if isinstance(document, dict):
        return {put_in(k, mark, secret): put_in(v, mark, secret) for k, v in document.items()}
    if isinstance(document, list):
        return [put_in(each, mark, secret) for each in document]
    return document.replace(mark, secret) if isinstance(document, str) else document


@given(pieces=YAML_PIECES, secret=SECRETS)
@settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_a_value_makes_no_other_document_of_yaml(pieces: list[str], secret: str) -> None:
    text, mark = "".join(pieces), "QQQ"
    try:
        plain = filled(text, replace(ACCESS, secret=Sensitive(mark)))
        meant = yaml.safe_load(plain)
        nodes = yaml.compose(plain)
        found = filled(text, replace(ACCESS, secret=Sensitive(secret)))
    except (TemplateError, yaml.YAMLError, TypeError):
        return
    # A plain scalar that goes on over lines has no way to hold any value.
    assume(not any(mark in each.value and each.style is None for each in scalars(nodes)))
    assert yaml.safe_load(found) == put_in(meant, mark, secret)


def scalars(node: Any) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif node is not None:
        for each in node.value:
            for one in each if isinstance(each, tuple) else (each,):
                yield from scalars(one)


@pytest.mark.parametrize("unit", ["'\"", "\\'\"\n", "<<", "${yaml:bucket}\n", '"${json:bucket}",'])
def test_reading_a_file_takes_a_moment(unit: str) -> None:
    """On the event loop, for everybody: so in proportion to the file, however odd it is."""
    text = "${shell:bucket}\n" + unit * (LIMIT // len(unit) // 2)
    took = []
    for each in (text[: len(text) // 8], text):
        started = time.process_time()
        with contextlib.suppress(TemplateError):
            filled(each)
        took.append(time.process_time() - started)
    assert took[1] < 24 * took[0] + 0.1
