"""`hooks.commands.processes`, on real child processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from hooks.commands.processes import (
    LOOPBACK,
    Process,
    ProcessError,
    answers,
    free_port,
    wait_until,
)

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS


def python(code: str, folder: Path, env: Mapping[str, str] | None = None) -> Process:
    log = folder / "child.log"
    return Process([sys.executable, "-c", code], log=log, env=env, name="child")


def up(process: Process) -> None:
    process.wait_for(lambda: "up" in process.log_text(), timeout=10, what="the child to be up")


def test_wait_until_names_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match=r"waited 0\.1 s for the impossible"):
        wait_until(lambda: False, timeout=0.1, what="the impossible")


def test_free_port_has_no_listener() -> None:
    assert not answers(free_port())


def test_a_free_port_is_given_once_and_can_be_listened_on() -> None:
    # As many as would all but surely meet again, in two programs at once.
    code = f"import {free_port.__module__} as it; print(*(it.free_port() for _ in range(500)))"
    programs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)  # noqa: S603
        for _ in range(2)
    ]
    ports = [int(port) for each in programs for port in each.communicate()[0].split()]
    assert len(ports) == len(set(ports)) == 1000
    with socket.create_server((LOOPBACK, ports[0])):
        assert ports[0] not in {free_port() for _ in range(100)}


def test_context_ends_the_program(tmp_path: Path) -> None:
    with python(SLEEPS, tmp_path) as process:
        up(process)
        pid = process.pid
    assert process.returncode == -15
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_exit_code_is_kept(tmp_path: Path) -> None:
    process = python("raise SystemExit(3)", tmp_path)
    process.start()
    wait_until(lambda: not process.running, timeout=10, what="the child to end")
    assert process.stop() == 3


def test_stubborn_program_is_killed(tmp_path: Path) -> None:
    with python(STUBBORN, tmp_path) as process:
        up(process)
        assert process.stop(grace=0.2) == -9


def test_death_during_the_wait_shows_the_log(tmp_path: Path) -> None:
    process = python("raise SystemExit('the disk is on fire')", tmp_path)
    process.start()
    with pytest.raises(ProcessError, match=r"child ended with 1 before .*\n.*on fire"):
        process.wait_for(lambda: False, timeout=10, what="the child to be ready")


def test_timeout_of_the_wait_shows_the_log(tmp_path: Path) -> None:
    with python(SLEEPS, tmp_path) as process:
        up(process)
        with pytest.raises(ProcessError, match=r"child: waited 0\.1 s for a miracle:\nup"):
            process.wait_for(lambda: False, timeout=0.1, what="a miracle")


def test_paused_program_does_nothing_until_it_goes_on(tmp_path: Path) -> None:
    ticks = "import time\nfor tick in range(6000): print('up', flush=True); time.sleep(0.01)"
    with python(ticks, tmp_path) as process:
        up(process)
        process.pause()
        time.sleep(0.05)
        before = process.log_text()
        time.sleep(0.1)
        assert process.log_text() == before
        process.resume()
        wait_until(lambda: process.log_text() != before, timeout=10, what="the next tick")


def test_paused_program_can_be_stopped(tmp_path: Path) -> None:
    with python(SLEEPS, tmp_path) as process:
        up(process)
        process.pause()
        assert process.stop(grace=10) == -15


def test_environment_is_the_whole_environment(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "ONLY": "this"}
    with python("import os; print(sorted(os.environ), 'up')", tmp_path, env=env) as process:
        wait_until(lambda: "up" in process.log_text(), timeout=10, what="the child's output")
    assert "ONLY" in process.log_text()
    assert "HOME" not in process.log_text()


def test_starting_twice_is_refused(tmp_path: Path) -> None:
    with python(SLEEPS, tmp_path) as process, pytest.raises(ProcessError, match="already running"):
        process.start()


def test_a_program_that_never_ran_has_no_pid(tmp_path: Path) -> None:
    process = python(SLEEPS, tmp_path)
    with pytest.raises(ProcessError, match="never started"):
        process.pause()
    assert process.kill() is None
    assert process.stop() is None
    assert process.log_tail() == "(it wrote nothing)"
