"""What the server doesn't load: every megabyte of it is kept by each replica."""

from __future__ import annotations

import subprocess
import sys

_COMMANDS = "hooks.commands."
# Each brings megabytes, and a call needs none of it.
_ELSEWHERE = {"boto3", "botocore.credentials", "botocore.session", "kubernetes", "pydantic", "rich"}


def test_the_server_loads_no_other_command_and_none_of_what_only_those_need() -> None:
    program = "import sys, hooks.commands.cli, hooks.serving.server; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith(_COMMANDS)} == {"hooks.commands.cli"}
    assert loaded.isdisjoint(_ELSEWHERE)
