"""The whole story in a few seconds: a real store, the hook server, one Secret."""

from __future__ import annotations

import base64
import json
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import urllib3
from botocore.config import Config
from rich.console import Console
from rich.table import Table

from backends.capabilities import CAPABILITIES
from hooks.commands.demogenerated import BUCKET, GeneratedSecret
from hooks.commands.demohook import Hook, environ_of, hook_server
from hooks.commands.demoseveral import SeveralStores, programs, several_running
from hooks.commands.demostore import DEMO_STORES, USER, DemoStore
from hooks.commands.processes import LOOPBACK, ProcessError, free_port

PREFIX = "s3-resource-operator.io/"
_BUCKET = "my-app-backups"
_KEY = "hello.txt"
_BODY = b"hello from the Secret's own user"
# As wide as a terminal is at least.
_WIDTH = 80


class DemoError(Exception):
    """Something was not as it should have been."""


def demo(backend: str, binary: str | None, picture: str | None) -> int:
    """Runs the demo on free loopback ports in a folder of its own, and cleans up.

    Args:
        backend: the store's name.
        binary: path of the store's program; None looks at its variable and PATH.
        picture: where to save what was shown, as SVG.

    Returns:
        The exit code.
    """
    console = Console(record=True, width=_WIDTH, highlight=False, emoji=False)
    store = DEMO_STORES[backend]
    found = store.find(binary)
    if found is None:
        console.print(
            f"{store.title} is missing: set {store.variable}, or run `make demo "
            f"BACKEND={backend}`, which builds it."
        )
        return 1
    return _told(console, picture, lambda folder: _run(console, store, found, folder))


def demo_several(picture: str | None) -> int:
    """Runs the demo of several stores in one operator; the rest as :func:`demo` has it.

    Each store's program is its variable's, else one on PATH.
    """
    console = Console(record=True, width=_WIDTH, highlight=False, emoji=False)
    try:
        binaries = programs()
    except ProcessError as error:
        console.print(str(error))
        return 1
    shown = _Shown(console)

    def story(folder: Path) -> None:
        with several_running(binaries, folder) as (running, hook):
            SeveralStores(shown, hook, running, PREFIX, _Application, apply_answer).tell()

    return _told(console, picture, story)


def _told(console: Console, picture: str | None, story: Callable[[Path], None]) -> int:
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
            story(Path(folder))
    except (DemoError, ProcessError, OSError, urllib3.exceptions.HTTPError) as error:
        console.print(f"[red]failed:[/] {error}")
        return 1
    except botocore.exceptions.BotoCoreError as error:
        console.print(f"[red]failed:[/] the store: {error}")
        return 1
    console.print(f"Done in {time.monotonic() - started:.1f} s; everything is cleaned up.")
    if picture:
        Path(picture).parent.mkdir(parents=True, exist_ok=True)
        Path(picture).write_text(_svg(console), encoding="utf-8")
    return 0


def example_secret(access_secret: str, user: str = USER) -> dict[str, Any]:
    """The README's Secret as Kubernetes has it once it is applied."""
    data = {"bucket-name": _BUCKET, "access-key": user, "access-secret": access_secret}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "my-app-s3-credentials",
            "namespace": "default",
            "uid": "ce43fd9e-6870-42f9-9f15-94948d720094",
            "annotations": {f"{PREFIX}enabled": "true"},
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def apply_answer(secret: dict[str, Any], answer: Mapping[str, Any]) -> bool:
    """Writes a hook's answer on a Secret as Metacontroller does; whether that changed it."""
    before = json.dumps(secret, sort_keys=True)
    for kind in ("annotations", "labels"):
        values = secret["metadata"].setdefault(kind, {})
        for key, value in answer.get(kind, {}).items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        if not values:
            del secret["metadata"][kind]
    return json.dumps(secret, sort_keys=True) != before


class _Application:
    """Writes and reads one object.

    Args:
        endpoint: the store's.
        region: of the signatures.
        bucket: with the object.
        access_key: its own.
        access_secret: its own.
    """

    def __init__(
        self, endpoint: str, region: str, bucket: str, access_key: str, access_secret: str
    ) -> None:
        self._bucket = bucket
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=access_secret,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @property
    def place(self) -> str:
        """Where the object is, for people."""
        return f"s3://{self._bucket}/{_KEY}"

    def write(self) -> None:
        """Writes it."""
        self._s3.put_object(Bucket=self._bucket, Key=_KEY, Body=_BODY)

    def read(self) -> bytes:
        """Its content."""
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=_KEY)["Body"].read()
        return body

    def refusal(self) -> str:
        """The S3 error code of a read, empty if it went well."""
        try:
            self.read()
        except botocore.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""


def _run(console: Console, store: DemoStore, binary: Path, folder: Path) -> None:
    running = store.start(binary, folder)
    hook = Hook(free_port(), free_port(), secrets.token_urlsafe(24))
    with running.process:
        _step(console, 1, f"{store.title} starts on {running.endpoint}")
        with hook_server(folder, running.environ, hook):
            _step(console, 2, f"the hook server starts on {LOOPBACK}:{hook.port}")
            before = hook.metrics()
            last = _tell(console, hook, store, running.endpoint)
            generated = GeneratedSecret(
                folder,
                {**environ_of(running.environ), "SIGNING_KEY": secrets.token_urlsafe(48)},
                PREFIX,
            )
            _tell_generated(console, last + 1, generated, store, running.endpoint)
            _show_metrics(console, before, hook.metrics())


class _Shown:
    """Tells of several stores, on a console; see :class:`hooks.commands.demoseveral.Shown`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._number = 0

    def step(self, text: str) -> None:
        """One numbered step."""
        self._number += 1
        _step(self._console, self._number, text)

    def lines(self, rows: Mapping[str, str]) -> None:
        """What belongs to it."""
        wide = max(map(len, rows))
        for word, text in rows.items():
            _indented(self._console, " " * 5 + word.ljust(wide) + " ", text)

    def require(self, condition: bool, problem: str) -> None:
        """Ends the demo unless the condition holds."""
        _require(condition, problem)


def _tell(console: Console, hook: Hook, store: DemoStore, endpoint: str) -> int:
    """Tells of one Secret; the number of the last step."""
    first = secrets.token_urlsafe(24)
    secret = example_secret(first, store.user)
    _step(
        console,
        3,
        f"a Secret asks for bucket [cyan]{_BUCKET}[/] and user [cyan]{store.user}[/]; "
        "after the hook call it says:",
    )
    apply_answer(secret, hook.sync(secret))
    _require_state(secret, "Ready", "Provisioned")
    _show_annotations(console, secret)

    reach = endpoint, store.region
    application = _Application(*reach, _BUCKET, store.user, first)
    application.write()
    _require(application.read() == _BODY, "the object is another")
    _step(console, 4, f"the Secret's own credentials wrote and read [cyan]{application.place}[/]")

    before = hook.metrics()
    changed = apply_answer(secret, hook.sync(secret))
    requests = _moved(before, hook.metrics(), "s3_operator_backend_requests_total")
    _require(not changed, "the second sync changed the Secret")
    _require(requests == 1, f"the second sync cost {requests:g} requests")
    _step(
        console,
        5,
        "the same Secret again: 1 request to the store, nothing written, no annotation changed",
    )

    second = secrets.token_urlsafe(24)
    _edit(secret, "access-secret", second)
    apply_answer(secret, hook.sync(secret))
    if CAPABILITIES[store.name].rotation:
        _require_state(secret, "Ready", "Provisioned")
        refused = application.refusal()
        body = _Application(*reach, _BUCKET, store.user, second).read()
        _require(refused == "SignatureDoesNotMatch", f"the former secret got {refused or 'in'}")
        _step(
            console,
            6,
            "access-secret rotated: the former one is refused "
            f"([red]{refused}[/]), the new one reads {len(body)} bytes",
        )
        return 6
    _require_state(secret, "Invalid", "NotSupported")
    _require(application.read() == _BODY, "the former secret reads another object")
    _step(
        console,
        6,
        "access-secret changed: [red]Invalid/NotSupported[/], and the former one works "
        f"on. The Secret says: {secret['metadata']['annotations'][PREFIX + 'message']}",
    )
    other = f"{store.user}-2"
    _edit(secret, "access-key", other)
    apply_answer(secret, hook.sync(secret))
    _require_state(secret, "Ready", "Provisioned")
    refused = application.refusal()
    body = _Application(*reach, _BUCKET, other, second).read()
    _require(refused == "AccessDenied", f"the former access key got {refused or 'in'}")
    _step(
        console,
        7,
        f"access-key changed as well: the former one is refused ([red]{refused}[/]), "
        f"the new one reads {len(body)} bytes",
    )
    return 7


def _tell_generated(
    console: Console, number: int, secret: GeneratedSecret, store: DemoStore, endpoint: str
) -> None:
    """Tells of a Secret that has no credentials of its own, without showing those it gets."""
    handed = secret.sync()
    first = _Application(endpoint, store.region, BUCKET, handed.access_key, handed.access_secret)
    first.write()
    _require(handed.mode == "0600", f"the file's mode is {handed.mode}")
    handed = secret.sync(rotate=_now())
    second = _Application(endpoint, store.region, BUCKET, handed.access_key, handed.access_secret)
    refused, body = first.refusal(), second.read()
    _require(bool(refused), "the former pair got in")
    _require(body == _BODY, "the new pair reads another object")
    _step(
        console,
        number,
        "a Secret without credentials ([cyan]credentials: generated[/]): [cyan]sync "
        f"--connection[/] makes them, and writes {', '.join(handed.keys)} into a file that only "
        f"its owner can read ({handed.mode}). They wrote [cyan]{first.place}[/]. After the "
        f"annotation [cyan]rotate[/] the former ones are refused ([red]{refused}[/]), the new "
        f"ones read {len(body)} bytes",
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _edit(secret: dict[str, Any], key: str, value: str) -> None:
    secret["data"][key] = base64.b64encode(value.encode()).decode()


def _require_state(secret: Mapping[str, Any], status: str, reason: str) -> None:
    annotations = secret["metadata"]["annotations"]
    found = (annotations.get(f"{PREFIX}status"), annotations.get(f"{PREFIX}reason"))
    _require(found == (status, reason), f"the Secret is {found[0]}/{found[1]}")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise DemoError(problem)


def _moved(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float:
    return sum(
        value - before.get(sample, 0) for sample, value in after.items() if sample.startswith(name)
    )


def _show_annotations(console: Console, secret: Mapping[str, Any]) -> None:
    for key, value in sorted(secret["metadata"]["annotations"].items()):
        # A grant is long, and nobody reads it.
        room = _WIDTH - len(f"     {key}: ")
        notes = key.removeprefix(PREFIX) in ("grants", "applied") and len(value) > room
        shown = value[: room - 1] + "…" if notes else value
        _indented(
            console, " " * 5, f"[dim]{PREFIX}[/]{key.removeprefix(PREFIX)}: [green]{shown}[/]"
        )


def _show_metrics(
    console: Console, before: Mapping[str, float], after: Mapping[str, float]
) -> None:
    # Names and labels on lines of their own: a table of them is wider than most terminals.
    console.print("Metrics that moved")
    last = ""
    for sample, value in after.items():
        name, _, labels = sample.partition("{")
        own = name.startswith("s3_operator_") and name.endswith("_total")
        if not own or value == before.get(sample, 0):
            continue
        if not labels:
            console.print(f"     {name}: [green]{value:g}[/]")
        else:
            if name != last:
                console.print(f"     {name}")
            console.print(f"       {labels.removesuffix('}')}: [green]{value:g}[/]")
        last = name


def _step(console: Console, number: int, text: str) -> None:
    """One numbered line of the story, or several where it is longer than the terminal is wide."""
    _indented(console, f"[bold]{number}[/]  ", text)


def _indented(console: Console, lead: str, text: str) -> None:
    """Prints a text of which no line stands left of its first."""
    row = Table.grid()
    row.add_row(lead, text)
    console.print(row)


def _svg(console: Console) -> str:
    picture = console.export_svg(title="s3-resource-operator demo", clear=False)
    # Without the web fonts that rich names: a picture loads nothing from elsewhere.
    return re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL)
