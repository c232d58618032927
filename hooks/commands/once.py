"""The `sync` command: does for the Secrets of manifests once what the hook does for a cluster's."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from backends import Backend
from hooks import logs
from hooks.attachments.attachments import NOT_BY_HAND
from hooks.commands import connectionfile, manifest
from hooks.commands.handover import Former, handed_over
from hooks.commands.rehearsal import Rehearsal
from hooks.commands.storewise import Target, target
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Status
from hooks.contract.status import Keys
from hooks.settings.settings import Settings
from hooks.sync.operator import connect
from hooks.sync.syncer import Result
from hooks.terminal import (
    STATUS_COLOURS,
    Cell,
    Progress,
    counted,
    print_table,
    say,
    say_why,
    secrets,
)

OK = 0
FAILED = 1

# Skipped is nobody's: no operator has answered for it, mostly since the endpoint is mistyped.
_FINE = frozenset({None, Status.READY.value})


def add_parser(commands: Any) -> None:
    """Adds the command to an argument parser's subparsers."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "sync",
        help="do for Secret manifests once what the hook does for Secrets",
        description="Does for the annotated Secrets in files once what the hook does for a "
        "cluster's. Secrets without the annotation are passed over. Exit code 0: every Secret is "
        "Ready, or another operator reports on it; 1: some are not, or a file can't be used; 2: "
        "the configuration can't be used.",
    )
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        required=True,
        metavar="FILE",
        help="YAML or JSON file, - for stdin",
    )
    parser.add_argument("--dry-run", action="store_true", help="write nothing, say what would be")
    parser.add_argument(
        "--problems", action="store_true", help="show only the Secrets that need a look"
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "yaml"),
        default="table",
        help="for people or programs",
    )
    parser.add_argument(
        "--connection",
        nargs="?",
        const=connectionfile.STDOUT,
        metavar="CONNECTION_FILE",
        help="write the connection Secrets there as YAML, for the owner alone to read (0600); "
        "without a file to standard output, which must be no terminal, and instead of the rest",
    )


async def run(settings: Settings, backend: Backend | None, arguments: argparse.Namespace) -> int:
    """Does it, prints what came of it, and returns the exit code.

    Args:
        settings: the environment's.
        backend: the store, None where the settings have a list of stores; closed at the end.
        arguments: the command's.
    """
    logs.configure("ERROR", "text")
    kube = None
    file: str | None = arguments.connection
    connections: list[Mapping[str, Any]] = []
    keys = Keys(settings.annotation_key)
    at: Target | None = None
    trial: Target | None = None
    former: Former | None = None
    rows: list[dict[str, Any]] = []
    try:
        if file is not None:
            if arguments.dry_run:
                raise connectionfile.NotWritten("with --dry-run there are no credentials to write")
            connectionfile.check(file)
        kube = connect(settings)
        at = target(settings, backend, kube, dry_run=arguments.dry_run)
        operator = at.operator
        # All files are read before anything is done for the first.
        read = [SyncRequest.of(secret) for secret in manifest.read(arguments.file)]
        if file is not None and (secrets_before := connectionfile.read(file)):
            trial = target(settings, backend, kube, dry_run=True)
            former = Former(secrets_before, trial.operator.syncer)
        asked = [request for request in read if keys.enabled in request.annotations]
        progress = Progress(len(asked), "looked at" if arguments.dry_run else "done")
        try:
            for request in asked:
                rehearsal = at.rehearsal(request)
                if rehearsal:
                    rehearsal.begin()
                done = await handed_over(
                    operator.syncer,
                    keys,
                    request,
                    former=former,
                    to_file=file is not None,
                    dry_run=arguments.dry_run,
                )
                row = _row(request, done.result, keys, rehearsal)
                rows.append(row)
                if file is not None and done.connection is not None:
                    connections.append(done.connection)
                    row["message"] = row["message"].removesuffix(f" {NOT_BY_HAND}")
                progress.step()
        finally:
            progress.clear()
        if file is not None:
            connectionfile.write(file, connections)
    except (manifest.ManifestError, connectionfile.NotWritten) as error:
        return say_why(str(error), FAILED)
    finally:
        if trial is not None and backend is None:
            await trial.close()
        if at is not None:
            await at.close()
        elif backend is not None:
            await backend.close()
        if kube:
            kube.close()
    shown = [row for row in rows if row["status"] not in _FINE] if arguments.problems else rows
    if file == connectionfile.STDOUT:
        passed = len(read) - len(asked)
        say(_summary(rows, passed, keys, dry_run=False), file=sys.stderr)
    elif arguments.output == "json":
        print(json.dumps(shown, indent=2))
    elif arguments.output == "yaml":
        print(yaml.safe_dump(shown, sort_keys=False), end="")
    else:
        if shown:
            _print_table(shown, dry_run=arguments.dry_run)
        passed = len(read) - len(asked)
        say(_summary(rows, passed, keys, dry_run=arguments.dry_run), file=sys.stderr)
    return OK if all(row["status"] in _FINE for row in rows) else FAILED


def _row(
    request: SyncRequest, result: Result, keys: Keys, rehearsal: Rehearsal | None
) -> dict[str, Any]:
    outcome = result.outcome
    row: dict[str, Any] = {
        "secret": request.origin,
        "status": outcome.status.value if outcome else None,
        "reason": outcome.reason.value if outcome else None,
        "message": outcome.message if outcome else _why_not(request, keys),
        "actions": [action.value for action in outcome.actions] if outcome else [],
        "dryRun": rehearsal is not None,
    }
    if result.store:
        nobodys = outcome is None or outcome.status is Status.SKIPPED
        row["store"] = None if nobodys else result.store
    if rehearsal is None:
        return {**row, "response": result.response.document()}
    # An answer would say what isn't so, under a grant for what was never given.
    if outcome is None:
        return {**row, "wouldBe": False}
    return {
        **row,
        "message": rehearsal.told(outcome),
        "wouldBe": rehearsal.foretells(outcome),
        "settings": [change.document() for change in rehearsal.bucket_settings.changes],
    }


def _why_not(request: SyncRequest, keys: Keys) -> str:
    """Why nothing was done for a Secret."""
    if request.deleting:
        return "is being deleted"
    if not keys.enables(request):
        return f'{keys.enabled} is not exactly "true": left alone'
    return "not this operator's"


def _print_table(rows: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    several = any("store" in row for row in rows)
    store = ["STORE"] if several else []
    print_table(
        ["SECRET", *store, "STATUS", "REASON", "WOULD DO" if dry_run else "DONE", "MESSAGE"],
        [
            (
                row["secret"],
                *([row.get("store")] if several else []),
                Cell(_status(row), STATUS_COLOURS.get(row["status"], "")),
                row["reason"],
                ", ".join(row["actions"]) or "nothing",
                row["message"],
            )
            for row in rows
        ],
    )


def _status(row: dict[str, Any]) -> str:
    if row["status"] is None:
        return "-"
    return f"would be {row['status']}" if row.get("wouldBe") else str(row["status"])


def _summary(rows: Sequence[dict[str, Any]], passed: int, keys: Keys, *, dry_run: bool) -> str:
    alone = "left alone"
    sentence = counted(alone if row["status"] is None else _status(row) for row in rows)
    if not rows:
        sentence = f"No Secret with the annotation {keys.enabled}"
    if passed:
        sentence += f"; {secrets(passed)} without it passed over"
    return f"Dry run, nothing was written. {sentence}" if dry_run else sentence
