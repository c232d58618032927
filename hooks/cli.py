"""The command line: serve, check, sync, status, detach, demo."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from backends import REGISTRY, Backend
from backends.deadline import Deadline
from backends.errors import CredentialsRejected, StoreError, TimedOut, Unavailable
from hooks import __version__, detach, logs, overview
from hooks.settings import Settings, SettingsError

OK = 0
FAILED = 1
MISCONFIGURED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    0: done. 1: it failed, or a Secret is not Ready. 2: the configuration or the command line
    can't be used.
    """
    arguments = _parser().parse_args(argv)
    if arguments.command == "demo":
        return _demo(arguments)
    if arguments.command in {"status", "detach"}:
        logs.configure("ERROR", "text")
        run = overview.run if arguments.command == "status" else detach.run
        return run(arguments)
    try:
        settings = Settings.load(os.environ)
        if arguments.command == "serve":
            return _serve(settings)
        if arguments.command == "check":
            return asyncio.run(_check(settings))
        return asyncio.run(_sync(settings, arguments))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return MISCONFIGURED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="s3-resource-operator",
        description="Turns annotated Kubernetes Secrets into buckets and users on an S3 store.",
        epilog="The configuration is read from the environment; docs/configuration.md lists the "
        "variables.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve Metacontroller's hooks until SIGTERM")
    commands.add_parser("check", help="check configuration, store and admin rights")
    sync = commands.add_parser(
        "sync", help="do for Secret manifests once what the hook does for Secrets"
    )
    sync.add_argument(
        "-f", "--file", action="append", required=True, help="YAML or JSON file, - for stdin"
    )
    sync.add_argument("--dry-run", action="store_true", help="write nothing, say what would be")
    sync.add_argument("-o", "--output", choices=("table", "json"), default="table")
    overview.add_parser(commands)
    detach.add_parser(commands)
    demo = commands.add_parser("demo", help="show it all with a store of its own")
    demo.add_argument("--backend", choices=sorted(REGISTRY), default="versitygw")
    demo.add_argument(
        "--binary", metavar="PATH", help="the store's program; else VERSITYGW_BIN and so on, PATH"
    )
    demo.add_argument("--svg", metavar="FILE", help="also save what was shown as a picture")
    return parser


def _serve(settings: Settings) -> int:
    # The server's libraries take a while to import: only where they are needed.
    from hooks.server import ListenError, serve

    logs.configure(settings.log_level, settings.log_format)
    try:
        serve(settings)
    except ListenError as error:
        print(error, file=sys.stderr)
        return FAILED


async def _check(settings: Settings) -> int:
    endpoint = settings.connection.endpoint
    print(f"ok      configuration: {settings.backend_name} at {endpoint}")
    backend = _backend(settings)
    try:
        await backend.check(Deadline(settings.sync_timeout))
    except (Unavailable, TimedOut) as error:
        print(f"FAILED  connectivity: {error}")
        return FAILED
    except CredentialsRejected as error:
        print("ok      connectivity")
        print(f"FAILED  admin rights: {error}")
        return FAILED
    except StoreError as error:
        print("ok      connectivity")
        print(f"FAILED  admin API: {error}")
        return FAILED
    finally:
        await backend.close()
    print("ok      connectivity")
    print("ok      admin rights")
    return OK


async def _sync(settings: Settings, arguments: argparse.Namespace) -> int:
    from hooks import manifest
    from hooks.decorator import SyncRequest
    from hooks.metrics import Metrics
    from hooks.operator import Operator, connect
    from hooks.outcome import Status
    from hooks.rehearsal import Rehearsal

    logs.configure("ERROR", "text")
    backend = _backend(settings)
    kube = connect(settings)
    operator = Operator.build(
        settings, Rehearsal(backend) if arguments.dry_run else backend, Metrics(), kube
    )
    rows: list[dict[str, Any]] = []
    try:
        # All files are read before anything is done for the first.
        for secret in list(manifest.read(arguments.file)):
            request = SyncRequest.of(secret)
            result = await operator.syncer.sync(request)
            outcome = result.outcome
            rows.append(
                {
                    "secret": request.origin,
                    "status": outcome.status.value if outcome else None,
                    "reason": outcome.reason.value if outcome else None,
                    "message": outcome.message if outcome else "not this operator's",
                    "actions": [action.value for action in outcome.actions] if outcome else [],
                    "dryRun": arguments.dry_run,
                    "response": result.response.document(),
                }
            )
    except manifest.ManifestError as error:
        print(error, file=sys.stderr)
        return FAILED
    finally:
        await backend.close()
        if kube:
            kube.close()
    if arguments.output == "json":
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows, dry_run=arguments.dry_run)
    # Skipped is nobody's: no operator has answered for it, mostly since the endpoint is mistyped.
    fine = {None, Status.READY.value}
    return OK if all(row["status"] in fine for row in rows) else FAILED


def _print_table(rows: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        print("no Secret found")
        return
    table = Table()
    for column in ("Secret", "Status", "Reason"):
        table.add_column(column, no_wrap=True)
    table.add_column("Would do" if dry_run else "Done")
    table.add_column("Message")
    for row in rows:
        table.add_row(
            row["secret"],
            row["status"] or "-",
            row["reason"] or "-",
            ", ".join(row["actions"]) or "nothing",
            row["message"],
        )
    Console(markup=False, highlight=False).print(table)


def _demo(arguments: argparse.Namespace) -> int:
    from hooks.demo import demo

    return demo(arguments.backend, arguments.binary, arguments.svg)


def _backend(settings: Settings) -> Backend:
    return REGISTRY[settings.backend_name](settings.connection, lambda *_: None)
