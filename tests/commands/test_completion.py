"""Completion, as the shells themselves do it."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hooks.commands import completion
from hooks.commands.cli import complete, main, parser

ROOT = Path(__file__).parents[2]
COMMANDS = {"serve", "check", "sync", "status", "grant", "detach", "demo", "completion"}
# What is typed, and what is offered; the first are words before the one that is completed.
CASES: list[tuple[list[str], set[str]]] = [
    (["s"], {"serve", "sync", "status"}),
    (["completion", ""], {"bash", "fish", "zsh"}),
    (["status", "-o", ""], {"table", "wide", "json", "yaml"}),
    (["status", "--output", "w"], {"wide"}),
    (["sync", "--output", ""], {"table", "json", "yaml"}),
    (["sync", "--d"], {"--dry-run"}),
    (["sync", "--dry-run", "--p"], {"--problems"}),
    (["detach", "--d"], {"--dry-run", "--delete-controller"}),
    (["demo", "--backend", "m"], {"minio"}),
]
every_case = pytest.mark.parametrize(
    ("words", "expected"),
    CASES,
    ids=lambda case: ",".join(sorted(case) if isinstance(case, set) else case),
)


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def run(shell: str, code: str, folder: Path) -> str:
    """What a shell without anybody's own settings prints."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not there")
    plain = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(  # noqa: S603
        [found, *plain, "-c", code],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def bash_offers(text: str, words: list[str], folder: Path, program: str) -> set[str]:
    (folder / "completion.bash").write_text(text)
    line = json.dumps([program, *words])[1:-1].replace(",", "")
    code = f"""
source ./completion.bash
COMP_WORDS=({line}) COMP_CWORD={len(words)}
# As bash does it: what the function is called is what `complete` was told.
function=$(complete -p {program} | sed -E 's/.*-F ([^ ]+) .*/\\1/')
"$function" {program}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return set(run("bash", code, folder).split())


@pytest.mark.parametrize("program", [completion.PROGRAM, completion.PLUGIN])
@every_case
def test_bash_offers_what_the_parser_takes(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: list[str],
    expected: set[str],
    program: str,
) -> None:
    assert bash_offers(script("bash", capsys), words, tmp_path, program) == expected


@pytest.mark.long
def test_bash_offers_files_where_the_parser_takes_one(tmp_path: Path) -> None:
    # The whole way, with a terminal and the tab key: it knows what `compopt` does.
    (tmp_path / "secrets-of-mine.yaml").touch()
    program = Path(sys.executable).parent / completion.PROGRAM
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["/bin/bash", "--norc", "-i"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"PATH": f"{program.parent}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "$ "},
        start_new_session=True,
    ) as shell:
        os.close(theirs)
        os.write(ours, f"source <({program.name} completion bash)\n".encode())
        os.write(ours, f"{program.name} sync -f secr\t\n".encode())
        os.write(ours, b"exit\n")
        shown = b""
        end = time.monotonic() + 60
        while time.monotonic() < end and select.select([ours], [], [], 60)[0]:
            try:
                part = os.read(ours, 4096)
            except OSError:
                break
            if not part:
                break
            shown += part
        shell.wait(60)
    os.close(ours)
    assert b"sync -f secrets-of-mine.yaml" in shown


@every_case
def test_fish_offers_what_the_parser_takes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], expected: set[str]
) -> None:
    (tmp_path / "completion.fish").write_text(script("fish", capsys))
    line = " ".join([completion.PROGRAM, *words])
    code = f"source ./completion.fish; complete -C '{line}'"
    offered = {each.split("\t")[0] for each in run("fish", code, tmp_path).splitlines()}
    assert offered == expected


@every_case
def test_zsh_offers_what_the_parser_takes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], expected: set[str]
) -> None:
    (tmp_path / f"_{completion.PROGRAM}").write_text(script("zsh", capsys))
    line = " ".join([completion.PROGRAM, *words])
    # In a terminal of zsh's own, since its completion takes an editor; each match is told.
    code = f"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1= PROMPT2= RPS1='
zpty -w z 'fpath=({tmp_path} $fpath)'
zpty -w z 'autoload -Uz compinit && compinit -u -d {tmp_path}/dump'
zpty -w z 'compadd() {{
    local -a found; builtin compadd -O found "$@"
    print -rl -- "@"$^found >>{tmp_path}/found; builtin compadd "$@"
}}'
zpty -w z 'bindkey "^I" complete-word; zstyle ":completion:*" list-prompt ""'
zpty -n -w z '{line}'$'\\t'
repeat 100; do
    sleep 0.05; zpty -r -t z >/dev/null; [[ -s {tmp_path}/found ]] && break
done
sleep 0.2
zpty -d z
"""
    run("zsh", code, tmp_path)
    found = tmp_path / "found"
    offered = set(found.read_text().split()) if found.exists() else set()
    assert {each.removeprefix("@") for each in offered} == expected


@every_case
def test_kubectl_is_answered_as_it_asks(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: set[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-s3_resource_operator", *words])
    assert complete() == 0
    *lines, directive = capsys.readouterr().out.splitlines()
    assert {line.split("\t")[0] for line in lines} == expected
    # cobra's for "no file names".
    assert directive == ":4"


def test_kubectl_is_told_where_a_file_is_wanted() -> None:
    assert completion.candidates(parser(), ["sync", "-f", ""]) == [":0"]
    assert completion.candidates(parser(), ["demo", "--svg", "x"]) == [":0"]
    assert completion.candidates(parser(), ["status", "-n", ""]) == [":4"]


def test_every_command_is_offered() -> None:
    offered = {line.split("\t")[0] for line in completion.candidates(parser(), [""])}
    assert offered - {":4"} == COMMANDS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_option_of_every_command_is_in_the_script(
    capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    text = script(shell, capsys)
    options = {
        line.split("\t")[0]
        for command in COMMANDS
        for line in completion.candidates(parser(), [command, "-"])
    } - {":4"}
    assert len(options) > 20
    for option in options:
        written = option if shell != "fish" else f"'{option.lstrip('-')}'"
        assert written in text, option


def test_the_program_is_called_as_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{completion.PLUGIN}"])
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "usage: kubectl s3_resource_operator" in capsys.readouterr().out
