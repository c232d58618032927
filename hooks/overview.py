"""The `status` command: how the Secrets of a cluster are, read from their annotations.

It asks for metadata alone, so no credential reaches it, and it needs no S3 settings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from hooks.kube import Kube
from hooks.kubecall import Object
from hooks.kubeerrors import Forbidden, KubeError, Rejected
from hooks.outcome import Status
from hooks.status import Keys

OK = 0
NOT_READY = 1
NO_ACCESS = 2

_LONGEST = 86_400

_FINE = frozenset({Status.READY.value, Status.SKIPPED.value})
_COLOURS = {
    Status.READY.value: "green",
    Status.RETRYING.value: "yellow",
    Status.INVALID.value: "red",
    Status.CONFLICT.value: "red",
    Status.SKIPPED.value: "dim",
}
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


@dataclass(frozen=True, slots=True)
class Row:
    """One Secret; None where it has no such annotation."""

    namespace: str
    name: str
    status: str | None
    reason: str | None
    message: str | None
    bucket: str | None
    user: str | None
    endpoint: str | None
    since: str | None
    """When the status became what it is, as the annotation says it."""

    @classmethod
    def of(cls, secret: Object, keys: Keys) -> Self:
        """What a Secret's metadata says."""
        metadata = secret["metadata"]
        annotations: Mapping[str, str] = metadata.get("annotations") or {}
        labels: Mapping[str, str] = metadata.get("labels") or {}
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            status=annotations.get(keys["status"]) or labels.get(keys["status"]),
            reason=annotations.get(keys["reason"]),
            message=annotations.get(keys["message"]),
            bucket=annotations.get(keys["bucket"]),
            user=annotations.get(keys["user"]),
            endpoint=annotations.get(keys["endpoint"]),
            since=annotations.get(keys["last-transition-time"]),
        )

    @property
    def fine(self) -> bool:
        """Whether nobody has to look at it."""
        return self.status in _FINE


def add_parser(commands: Any) -> None:
    """Adds the command to an argument parser's subparsers."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "status",
        help="show how the Secrets of a cluster are",
        description="Shows the Secrets that the operator has answered for. Exit code 0: all are "
        "Ready or another operator's; 1: some are not; 2: the cluster can't be asked.",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-n", "--namespace", help="instead of the kubeconfig context's")
    where.add_argument("-A", "--all-namespaces", action="store_true")
    parser.add_argument("-l", "--selector", default="", help="only Secrets with these labels")
    parser.add_argument(
        "-o", "--output", choices=("table", "wide", "json", "yaml"), default="table"
    )
    parser.add_argument("--context", help="of the kubeconfig, instead of its current one")
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="for all of it; 60"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"must be seconds, above 0 and at most {_LONGEST}")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Prints the Secrets and returns the exit code."""
    keys = Keys(os.environ.get("ANNOTATION_KEY") or "s3-resource-operator.io/enabled")
    label = keys["status"]
    selector = ",".join(part for part in (label, arguments.selector) if part)
    try:
        kube = Kube.load(context=arguments.context)
        if kube is None:
            return _no_access(
                "No Kubernetes configuration was found: set KUBECONFIG, or run it in a pod with a "
                "service account."
            )
        namespace = None if arguments.all_namespaces else arguments.namespace or kube.namespace
        try:
            secrets = kube.secrets(
                namespace, selector, timeout=arguments.timeout, metadata_only=True
            )
            rows = [Row.of(secret, keys) for secret in secrets]
        finally:
            kube.close()
    except Forbidden as error:
        hint = " Try one namespace with -n." if arguments.all_namespaces else ""
        return _no_access(f"{error}{hint}")
    except Rejected as error:
        hint = " Is the label selector valid?" if arguments.selector else ""
        return _no_access(f"{error}{hint}")
    except KubeError as error:
        return _no_access(str(error))
    if arguments.output == "json":
        print(json.dumps([asdict(row) for row in rows], indent=2))
    elif arguments.output == "yaml":
        _print_yaml(rows)
    elif rows:
        _print_table(rows, wide=arguments.output == "wide", now=datetime.now(UTC))
    else:
        where = "in any namespace" if namespace is None else f"in namespace {namespace}"
        print(f"No Secret with the label {label} {where}.", file=sys.stderr)
    return OK if all(row.fine for row in rows) else NOT_READY


def _no_access(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return NO_ACCESS


def _print_yaml(rows: Sequence[Row]) -> None:
    import yaml

    print(yaml.safe_dump([asdict(row) for row in rows], sort_keys=False), end="")


def _print_table(rows: Sequence[Row], *, wide: bool, now: datetime) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = ["NAMESPACE", "NAME", "STATUS", "REASON", "AGE"]
    if wide:
        columns += ["BUCKET", "USER", "ENDPOINT", "MESSAGE"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        if column == "MESSAGE":
            table.add_column(column, overflow="fold", min_width=30)
        else:
            table.add_column(column, no_wrap=True, overflow="fold")
    for row in rows:
        cells = [row.namespace, row.name, row.status, row.reason, age(row.since, now)]
        if wide:
            cells += [row.bucket, row.user, row.endpoint, row.message]
        texts = [Text(_printable(cell)) for cell in cells]
        texts[2].stylize(_COLOURS.get(row.status or "", "red"))
        table.add_row(*texts)
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        # Nobody looks at the width of a pipe or a file, and grep wants whole lines.
        console.width = 10_000
    console.print(table)
    counts = Counter(row.status or "without a status" for row in rows)
    summary = ", ".join(f"{number} {_printable(status)}" for status, number in counts.items())
    print(f"{len(rows)} Secret{'s' if len(rows) > 1 else ''}: {summary}", file=sys.stderr)


def _printable(text: str | None) -> str:
    """Whoever may write an annotation must not be able to write to the reader's terminal."""
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text or "-"
    )


def age(since: str | None, now: datetime) -> str:
    """How long ago that was, in its largest unit; empty if it isn't a time.

    Args:
        since: a time as the annotation has it.
        now: the time, with a zone.
    """
    try:
        moment = datetime.fromisoformat(since or "")
    except ValueError:
        return ""
    if moment.tzinfo is None:
        return ""
    seconds = max(int((now - moment).total_seconds()), 0)
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
