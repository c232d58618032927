"""The command line: serve, check, sync, status, grant, detach, demo, completion."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from backends import REGISTRY, Backend
from hooks import __version__, logs
from hooks.settings.settings import Settings, SettingsError
from hooks.terminal import say, say_why

# What the commands do is imported where they are run: the server goes on for months without it.
if TYPE_CHECKING:
    import argparse

FAILED = 1
MISCONFIGURED = 2
# What a shell says of a program that a closed pipe ended.
_CLOSED_PIPE = 141

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    0: done. 1: it failed, or a Secret is not Ready. 2: the configuration or the command line
    can't be used.
    """
    try:
        code = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head` does. Nothing more is written at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
    return code


def _run(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else [*argv]
    try:
        if words == ["serve"]:
            # Nor does it need what reads all that the others take: a megabyte.
            return _serve(Settings.load(os.environ))
        program = parser()
        return _command(program, program.parse_args(words))
    except SettingsError as error:
        for line in str(error).splitlines():
            say(line, file=sys.stderr)
        return MISCONFIGURED


def _command(program: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Runs the command that was read, and returns its exit code.

    Raises:
        SettingsError: it needs the configuration, and that can't be used.
    """
    from hooks.commands import check, completion, detach, give, once, overview

    if arguments.command == "completion":
        return completion.run(program, arguments.shell)
    if arguments.command == "demo":
        return _demo(arguments)
    if arguments.command in {"status", "detach"}:
        logs.configure("ERROR", "text")
        run = overview.run if arguments.command == "status" else detach.run
        return run(arguments)
    settings = Settings.load(os.environ)
    if arguments.command == "serve":
        return _serve(settings)
    for warning in settings.warnings:
        say(f"warning: {warning}", file=sys.stderr)
    backend = None if settings.stores else _backend(settings)
    if arguments.command == "check":
        done = check.run_each(settings) if backend is None else check.run(settings, backend)
        return asyncio.run(done)
    run_once = give.run if arguments.command == "grant" else once.run
    return asyncio.run(run_once(settings, backend, arguments))


def complete() -> int:
    """What kubectl 1.26 and newer starts at a press of the tab key; its answer is for kubectl."""
    from hooks.commands import completion

    print("\n".join(completion.candidates(parser(), sys.argv[1:])))
    return 0


def parser() -> argparse.ArgumentParser:
    """The program's own, under the name that it was called by."""
    import argparse

    from hooks.commands import completion, detach, give, once, overview

    found = argparse.ArgumentParser(
        prog=_name(),
        description="Turns annotated Kubernetes Secrets into buckets and users on an S3 store.",
        epilog="The configuration is read from the environment; docs/configuration.md lists the "
        "variables.",
    )
    found.add_argument("--version", action="version", version=__version__)
    commands = found.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "serve",
        help="serve Metacontroller's hooks until SIGTERM",
        description="Answers Metacontroller on HOOK_PORT, and /healthz, /readyz and /metrics on "
        "METRICS_PORT, until SIGTERM or SIGINT.",
    )
    commands.add_parser(
        "check",
        help="check configuration, store and admin rights",
        description="Asks the store with the operator's own settings and prints one line a step: "
        "the configuration, the connection, the administrator's rights. Nothing is changed. Exit "
        "code 0: all is well; 1: a step failed; 2: the configuration can't be used.",
    )
    once.add_parser(commands)
    overview.add_parser(commands)
    give.add_parser(commands)
    detach.add_parser(commands)
    demo = commands.add_parser(
        "demo",
        help="show it all with a store of its own",
        description="Starts a store and the hook server on this machine, and has a Secret become a "
        "bucket and a user there. Both are stopped and removed at the end. No cluster is needed.",
    )
    demo.add_argument("--backend", choices=sorted(REGISTRY), default="versitygw", help="the store")
    demo.add_argument(
        "--binary", metavar="PATH", help="the store's program; else VERSITYGW_BIN and so on, PATH"
    )
    demo.add_argument(
        "--several",
        action="store_true",
        help="VersityGW, MinIO and Garage in one operator: an outage of one, and a move; --backend "
        "and --binary mean nothing then",
    )
    demo.add_argument("--svg", metavar="FILE", help="also save what was shown as a picture")
    completion.add_parser(commands)
    return found


def _name() -> str:
    """As kubectl's users type it, where kubectl called."""
    from hooks.commands import completion

    called = PurePath(sys.argv[0]).name
    return "kubectl s3_resource_operator" if called == completion.PLUGIN else completion.PROGRAM


def _serve(settings: Settings) -> int:
    # The server's libraries take a while to import: only where they are needed.
    from hooks.serving.server import ListenError, serve

    logs.configure(settings.log_level, settings.log_format)
    for warning in settings.warnings:
        log.warning(warning)
    try:
        serve(settings)
    except ListenError as error:
        return say_why(str(error), FAILED)


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from hooks.commands.demo import demo, demo_several
    except ModuleNotFoundError as error:
        return say_why(
            f"The demo needs the package {error.name}: install s3-resource-operator[demo].",
            MISCONFIGURED,
        )
    if arguments.several:
        return demo_several(arguments.svg)
    return demo(arguments.backend, arguments.binary, arguments.svg)


def _backend(settings: Settings) -> Backend:
    return REGISTRY[settings.backend_name](settings.connection, lambda *_: None)
