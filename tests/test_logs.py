"""Log lines for machines and for people, without what must not stand in them."""

from __future__ import annotations

import json
import logging
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from hooks.logs import configure, request_id
from tests.loggers import TALKATIVE

LOG = logging.getLogger("hooks.test")


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("char", ["\x1b", "\x7f", "\x9b", "\u202e", "\u2066"])
def test_nobody_writes_to_the_terminal_of_whoever_reads_the_log(
    capsys: pytest.CaptureFixture[str], style: str, char: str
) -> None:
    configure("INFO", style)
    LOG.info("a%sb", char, extra={"fields": {"secret": f"c{char}d"}})
    err = capsys.readouterr().err
    assert "secret" in err
    assert char not in err


def test_a_json_line_has_time_level_logger_message_and_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("INFO", "json")
    LOG.info("done with %s", "it", extra={"fields": {"secret": "ns/name", "duration_ms": 1.5}})
    out, err = capsys.readouterr()
    (line,) = json_lines(err)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "INFO",
        "logger": "hooks.test",
        "message": "done with it",
        "secret": "ns/name",
        "duration_ms": 1.5,
    }
    assert out == ""


def test_a_text_line_reads_like_one(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "text")
    LOG.warning("careful", extra={"fields": {"secret": "ns/name"}})
    assert re.fullmatch(r"\S+Z WARNING careful secret=ns/name\n", capsys.readouterr().err)


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("value", ["new\nline", "\u00fc\u4e16\U0001f511", '"quoted"', "\x1b[31m"])
def test_whatever_a_message_holds_a_json_line_stays_one(
    capsys: pytest.CaptureFixture[str], style: str, value: str
) -> None:
    configure("INFO", style)
    LOG.info("%s", value, extra={"fields": {"field": value}})
    error = capsys.readouterr().err
    assert "Logging error" not in error
    if style == "json":
        (line,) = json_lines(error)
        assert line.keys() >= {"message", "field"}


def test_what_json_does_not_know_is_still_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    LOG.info("x", extra={"fields": {"odd": {1, 2}}})
    assert json_lines(capsys.readouterr().err)[0]["odd"] == "{1, 2}"


@pytest.mark.parametrize("style", ["json", "text"])
def test_the_text_of_an_exception_is_never_logged(
    capsys: pytest.CaptureFixture[str], style: str
) -> None:
    configure("DEBUG", style)
    try:
        try:
            raise KeyError("hunter2-cause")
        except KeyError as cause:
            raise ValueError("hunter2") from cause
    except ValueError:
        LOG.exception("a bug", stack_info=True)
    error = capsys.readouterr().err
    assert "hunter2" not in error
    assert "a bug" in error
    # What finds the bug is there.
    assert "ValueError" in error
    assert "test_logs.py" in error


def test_exc_info_without_an_exception_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    LOG.error("nothing is wrong", exc_info=sys.exc_info())
    assert json_lines(capsys.readouterr().err)[0]["message"] == "nothing is wrong"


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_the_level_decides_what_is_logged(capsys: pytest.CaptureFixture[str], level: str) -> None:
    configure(level, "json")
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        LOG.log(number, "line")
    levels = [line["level"] for line in json_lines(capsys.readouterr().err)]
    everything = ["DEBUG", "INFO", "WARNING", "ERROR"]
    assert levels == everything[everything.index(level) :]


@pytest.mark.parametrize("name", TALKATIVE)
def test_debug_does_not_make_libraries_talk_of_credentials(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    configure("DEBUG", "json")
    LOG.debug("ours")
    logging.getLogger(name).debug("CanonicalRequest: hunter2")
    logging.getLogger(name).info("Authorization: hunter2")
    assert [line["message"] for line in json_lines(capsys.readouterr().err)] == ["ours"]


def test_configuring_twice_does_not_write_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "text")
    configure("INFO", "json")
    LOG.info("once")
    assert len(json_lines(capsys.readouterr().err)) == 1


def test_a_request_id_is_on_every_line_within_and_on_none_outside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("INFO", "json")
    LOG.info("before")
    with request_id("abc"):
        logging.getLogger("backends.anything").info("within")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, LOG.info, "in a thread").result()
    LOG.info("after")
    ids = [line.get("request_id") for line in json_lines(capsys.readouterr().err)]
    assert ids == [None, "abc", "abc", None]


def test_a_request_id_is_gone_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "text")
    with pytest.raises(RuntimeError), request_id("abc"):
        raise RuntimeError
    LOG.info("after")
    assert "abc" not in capsys.readouterr().err
