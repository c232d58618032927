"""The `status` command: how the Secrets of a cluster are, read from their annotations.

It asks for metadata alone, so no credential reaches it, and it needs no S3 settings but for what
the buckets hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from backends.bucketsettings import SettingName
from hooks.cluster.kube import Kube
from hooks.cluster.kubecall import Object
from hooks.cluster.kubeerrors import Forbidden, KubeError, Rejected
from hooks.commands.shares import Shared
from hooks.contract.applied import STAYS, Applied
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import STORE, Evidence, Grants, store_told
from hooks.contract.outcome import Status
from hooks.contract.status import Keys
from hooks.settings.environment import Reader
from hooks.settings.misspelt import misspelt
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

if TYPE_CHECKING:
    from hooks.commands.usage import BucketsUsage

OK = 0
NOT_READY = 1
NO_ACCESS = 2

_LONGEST = 86_400

_FINE = frozenset({Status.READY.value, Status.SKIPPED.value})
_GENERATED = ("CREDENTIALS", "NEXT ROTATION")
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
    credentials_since: str | None = None
    """Since when generated credentials have been so."""
    next_rotation: str | None = None
    """When they change."""
    settings: str | None = None
    """What of its buckets' settings was written, by the words of the data keys."""
    store: str | None = None
    """The name of the store, where it isn't the one of an operator that has one only."""
    shares: Shared = field(default_factory=Shared)
    """Whose buckets it uses, and who uses its own."""
    usage: BucketsUsage | None = None
    """What its buckets hold, where that was asked for."""

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
            credentials_since=annotations.get(keys["credentials-since"]),
            next_rotation=annotations.get(keys["next-rotation"]),
            settings=_settings(annotations.get(keys["applied"])),
            store=_store(annotations, keys),
            shares=Shared.of(annotations, keys),
        )

    def document(self) -> dict[str, Any]:
        """For programs; generated credentials, a bucket's settings and what is shared only where
        there are some."""
        document = asdict(replace(self, shares=Shared(), usage=None))
        del document["shares"], document["usage"]
        if self.credentials_since is None:
            del document["credentials_since"], document["next_rotation"]
        if self.settings is None:
            del document["settings"]
        if self.store is None:
            del document["store"]
        usage = {} if self.usage is None else {"usage": self.usage.document()}
        return {**document, **self.shares.document(), **usage}

    @property
    def fine(self) -> bool:
        """Whether nobody has to look at it."""
        return self.status in _FINE


def _store(annotations: Mapping[str, str], keys: Keys) -> str | None:
    """By what the Secret was given last, else by what it asks for; shown only."""
    name = store_told(annotations.get(keys["grants"], "")) or annotations.get(keys["store"])
    return None if name == STORE else name


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
    where.add_argument("-A", "--all-namespaces", action="store_true", help="in all")
    parser.add_argument("-l", "--selector", default="", help="only Secrets with these labels")
    parser.add_argument(
        "--problems", action="store_true", help="show only the Secrets that need a look"
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "wide", "json", "yaml"),
        default="table",
        help="for people, with all columns, or for programs",
    )
    parser.add_argument(
        "--usage",
        action="store_true",
        help="also ask the stores, with the settings of check, what the buckets hold",
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
    for found in misspelt(os.environ, ["ANNOTATION_KEY"]):
        if found.certain:
            return _no_access(str(found))
        say(f"warning: {found}", file=sys.stderr)
    settings = None
    if arguments.usage:
        # The stores' libraries take a while to import: only where they are needed.
        from hooks.commands import usage

        try:
            settings = usage.load(os.environ)
        except usage.NotConfigured as error:
            return _no_access(str(error))
    signed = _Signed.of(os.environ, keys)
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
            listed = kube.secrets(
                namespace, selector, timeout=arguments.timeout, metadata_only=True
            )
            rows, left = _rows(listed, keys, signed)
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
    shown = [row for row in rows if not row.fine] if arguments.problems else rows
    if settings is not None:
        places = [place for row in shown for place in usage.places_of(row.endpoint, row.bucket)]
        told = asyncio.run(usage.ask(settings, places, arguments.timeout))
        shown = [replace(row, usage=told.of(row.endpoint, row.bucket)) for row in shown]
        for note in told.notes:
            say(note, file=sys.stderr)
    if arguments.output == "json":
        print(json.dumps([row.document() for row in shown], indent=2))
    elif arguments.output == "yaml":
        _print_yaml(shown)
    else:
        if shown:
            _print_table(shown, wide=arguments.output == "wide", now=datetime.now(UTC))
        where = "in any namespace" if namespace is None else f"in namespace {namespace}"
        none = f"No Secret with the label {label} {where}."
        say(_summary(rows, left, keys, signed) if rows or left else none, file=sys.stderr)
    return OK if all(row.fine for row in rows) else NOT_READY


class _Signed:
    """Counts the grants that still wait for the first of the signing keys.

    Args:
        keys: names of the annotations.
        first: the key that signs; None counts nothing.
        every: all that verify.
    """

    def __init__(self, keys: Keys, first: Grants | None, every: Grants) -> None:
        self._keys = keys
        self._first = first
        self._every = every
        self.left = 0
        self.void = 0

    @classmethod
    def of(cls, environ: Mapping[str, str], keys: Keys) -> Self:
        """For SIGNING_KEY, where it is set; what is wrong with it is told."""
        read = Reader(environ)
        signing_keys = read.tokens("SIGNING_KEY")
        for mistake in read.mistakes:
            say(f"warning: {mistake}: grants aren't looked at", file=sys.stderr)
        usable = bool(signing_keys) and not read.mistakes
        first = Grants(signing_keys[0]) if usable else None
        return cls(keys, first, Grants(*signing_keys))

    def count(self, secret: Object) -> None:
        """Looks at one Secret's grant."""
        if self._first is None:
            return
        evidence = self._keys.evidence(SyncRequest.of(secret))
        # One of the former version is left as it is, beside one of this version.
        if evidence.token:
            evidence = replace(evidence, first="")
        elif not evidence.first:
            return
        if not _verifies(self._first, evidence):
            self.left += 1
            self.void += not _verifies(self._every, evidence)


def _verifies(grants: Grants, evidence: Evidence) -> bool:
    """Whether the keys verify a grant, on whichever store."""
    if evidence.token:
        return bool(grants.document(evidence.token, evidence.uid)[0])
    return evidence.held(grants).last is not None


def _rows(found: Iterable[Object], keys: Keys, signed: _Signed) -> tuple[list[Row], int]:
    """The Secrets that ask for something, and how many don't any more.

    The label stays where the annotation is taken off: then nobody looks after it.
    """
    rows: list[Row] = []
    left = 0
    progress = Progress(None, "read")
    try:
        for secret in found:
            annotations = secret["metadata"].get("annotations") or {}
            if annotations.get(keys.enabled) == "true":
                rows.append(Row.of(secret, keys))
                signed.count(secret)
            else:
                left += 1
            progress.step()
    finally:
        progress.clear()
    return rows, left


def _summary(rows: Sequence[Row], left: int, keys: Keys, signed: _Signed) -> str:
    sentence = counted(row.status or "without a status" for row in rows)
    if left:
        sentence += f'; {secrets(left)} with a status, but without {keys.enabled}: "true", left out'
    if signed.left:
        unsigned = secrets(signed.left)
        sentence += f"; {unsigned} with a grant that is not signed with SIGNING_KEY's first key"
    if signed.void:
        sentence += f", {signed.void} of them with none of its keys"
    return sentence


def _no_access(sentence: str) -> int:
    return say_why(sentence, NO_ACCESS)


def _print_yaml(rows: Sequence[Row]) -> None:
    import yaml

    print(yaml.safe_dump([row.document() for row in rows], sort_keys=False), end="")


def _print_table(rows: Sequence[Row], *, wide: bool, now: datetime) -> None:
    # Columns that nobody there has use for are left out.
    generated = any(row.credentials_since for row in rows)
    several = any(row.store for row in rows)
    settings = any(row.settings for row in rows)
    shares = any(row.shares for row in rows)
    usage = any(row.usage for row in rows)
    header = ["NAMESPACE", "NAME", "STATUS", "REASON", "AGE", *(["USAGE"] if usage else ())]
    if wide:
        header += ["BUCKET", "USER", *(_GENERATED if generated else ())]
        header += [*(["SETTINGS"] if settings else ()), *(["SHARES"] if shares else ())]
        header += [*(["STORE"] if several else ())]
        header += ["ENDPOINT", "MESSAGE"]
    lines: list[list[str | Cell | None]] = []
    for row in rows:
        status = Cell(row.status or "", STATUS_COLOURS.get(row.status or "", "red"))
        lines.append([row.namespace, row.name, status, row.reason, age(row.since, now)])
        if usage:
            lines[-1].append(row.usage.text() if row.usage else None)
        if wide:
            lines[-1] += [row.bucket, row.user]
            if generated:
                lines[-1] += [age(row.credentials_since, now), row.next_rotation]
            if settings:
                lines[-1].append(row.settings)
            if shares:
                lines[-1].append(row.shares.text())
            if several:
                lines[-1].append(row.store or STORE)
            lines[-1] += [row.endpoint, row.message]
    print_table(header, lines)


def _settings(applied: str | None) -> str | None:
    """The words of what was written, once each, whichever of the buckets has it."""
    entries = Applied.of(applied or "").entries
    written = {name for (_, name), mark in entries.items() if mark != STAYS}
    return ", ".join(name.value for name in SettingName if name in written) or None


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
