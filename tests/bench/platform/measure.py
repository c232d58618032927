"""A platform that grows: what a sync of all its Secrets takes, from whom."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import urllib3

from hooks.commands.processes import wait_until
from tests.bench.figures import Usage, timed
from tests.bench.floor import FLOORS, THREADS
from tests.bench.platform.secrets import new, stranger
from tests.bench.stores import Stores
from tests.e2e.operator import operators_kubeconfig
from tests.e2e.stack import PREFIX, Programs
from tests.servers.api import Object
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.decorator import decorator, install
from tests.servers.hook import Hook, running_hook
from tests.servers.metacontroller import Metacontroller, running_metacontroller
from tests.servers.s3 import S3Store

NAMESPACES = 50
_LIMIT = 1200.0
# More than that are taken over and synced without the guard: what the Kubernetes API does for each
# look-up grows with the Secrets that there are, and a guard that is turned on looks each up once.
GUARDED = 10_000
_QUIET = 1.0
_TRIES = 3
_REQUESTS = "s3_operator_backend_requests_total"
_SYNCS = "s3_operator_secrets_processed_total"


@dataclass(frozen=True)
class Arguments:
    """How Metacontroller is run.

    Args:
        workers: `--workers`.
        qps: `--client-go-qps`.
        burst: `--client-go-burst`.
    """

    workers: int = 10
    qps: int = 500
    burst: int = 1000

    def __str__(self) -> str:
        return f"{self.workers} workers, {self.qps} qps"


@dataclass(frozen=True)
class Spent:
    """What one program took.

    Args:
        cpu: seconds.
        memory: the most bytes that were ever resident.
    """

    cpu: float
    memory: int


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        secrets: on the platform.
        kind: what was done.
        arguments: of Metacontroller.
        count: Secrets that it was done for.
        seconds: until the last was done.
        spent: by each program.
        store_requests: to the store.
        writes: to the Kubernetes API about Secrets.
    """

    secrets: int
    kind: str
    arguments: Arguments
    count: int
    seconds: float
    spent: Mapping[str, Spent]
    store_requests: int
    writes: int

    @property
    def rate(self) -> float:
        """Secrets a second."""
        return self.count / self.seconds


class Platform:
    """One cluster, one store and one hook, to which Secrets are added.

    Args:
        cluster: where the Secrets are.
        store: where their buckets are.
        hook: the operator.
        bare: the same operator without guard and Events, which is called once there are many.
        start: starts a Metacontroller with these arguments.
        guarded: beyond so many Secrets the bare one is called.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: S3Store,
        hook: Hook,
        bare: Hook,
        start: Callable[[Arguments], Metacontroller],
        guarded: int = GUARDED,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._bare = bare
        self._token = hook.token
        self._hook = hook
        self._start = start
        self._guarded = guarded
        self._revisions = itertools.count(1)
        self._count = 0
        self._arguments = Arguments()
        self._metacontroller = start(self._arguments)
        for number in range(NAMESPACES):
            cluster.namespace(_namespace(number))
        self._sync_all()

    def grow(self, count: int) -> Row:
        """More Secrets, whose buckets and users are there already, until all of them are Ready."""
        numbers = range(self._count, self._count + count)
        with contextlib.closing(FLOORS[type(self._store)](self._store)) as floor:
            timed(floor.provision, numbers, callers=THREADS)
        self._metacontroller.stop()
        self._create(numbers)
        self._count += count
        if self._count > self._guarded:
            self._hook = self._bare
            self._sync_all()
        return self._row("taken over", count, self._metacontroller.restart, told=True)

    def add(self, count: int) -> Row:
        """Some new Secrets, as applications bring them, while Metacontroller is at work."""
        numbers = range(self._count, self._count + count)
        self._count += count
        return self._row("new", count, lambda: self._create(numbers), told=True)

    def crowd(self, count: int) -> None:
        """Secrets that are none of the operator's, and of which Metacontroller keeps a copy too."""
        self._make([stranger(_namespace(number), number) for number in range(count)])

    def resync(self) -> Row:
        """Every Secret once more, with nothing to do about any."""
        return self._row("synced again", self._count, self._sync_all)

    def restart(self, arguments: Arguments) -> Row:
        """Another Metacontroller, until it has asked about every Secret."""
        self._metacontroller.stop()
        self._arguments = arguments

        def begin() -> None:
            self._metacontroller = self._start(arguments)

        return self._row("at the start", self._count, begin)

    def _row(
        self, kind: str, count: int, begin: Callable[[], object], *, told: bool = False
    ) -> Row:
        """One row; `told` waits for the statuses on the Secrets, not for answers of the hook."""
        before, asked, writes = self._ready(), int(self._asked(_REQUESTS)), self._writes()
        # Whoever is started meanwhile has taken nothing yet.
        usages = {name: Usage(pid) for name, pid in self._programs().items() if pid is not None}
        started = time.perf_counter()
        begin()
        wait_until(
            lambda: self._told() >= self._count if told else self._ready() >= before + count,
            timeout=max(_LIMIT, self._count / 10),
            what=f"{count:,} Secrets",
            # A list of all of them takes the Kubernetes API a second for 50,000.
            interval=max(0.2, self._count / 10_000) if told else 0.2,
        )
        seconds = time.perf_counter() - started
        self._settle()
        pids = self._programs()
        spent = {
            name: Spent(
                (usages[name].cpu_since_start() if _same(usages.get(name), pid) else None)
                or Usage(pid).cpu_seconds()
                or 0.0,
                peak_memory(pid),
            )
            for name, pid in pids.items()
            if pid is not None
        }
        return Row(
            self._count,
            f"{kind}, no guard" if self._hook is self._bare else kind,
            self._arguments,
            count,
            seconds,
            spent,
            int(self._asked(_REQUESTS)) - asked,
            self._writes() - writes,
        )

    def _programs(self) -> dict[str, int | None]:
        return {
            "hook": self._hook.process.pid,
            "Metacontroller": self._metacontroller.process.pid,
            "store": self._store.process.pid,
            "kube-apiserver": self._cluster.apiserver.pid,
        }

    def _ready(self) -> int:
        return int(self._asked("s3_operator_secrets_processed_total", status="Ready"))

    def _told(self) -> int:
        """Secrets that say that they are Ready."""
        api = self._cluster.api
        selector = quote(f"{PREFIX}status=Ready")
        # None where there is nothing.
        return len(api.metadata(f"{api.path('Secret')}?labelSelector={selector}")["items"] or ())

    def _asked(self, metric: str, **labels: str) -> float:
        """A metric of the hook's, which closes a connection that was idle just when it is used."""
        for _ in range(_TRIES):
            with contextlib.suppress(urllib3.exceptions.ProtocolError):
                return self._hook.total(metric, **labels)
        return self._hook.total(metric, **labels)

    def _writes(self) -> int:
        """Changes of Secrets that the Kubernetes API has been asked for."""
        text = self._cluster.api.text("/metrics")
        return int(
            sum(
                float(line.rpartition(" ")[2])
                for line in text.splitlines()
                if line.startswith("apiserver_request_total{")
                and 'resource="secrets"' in line
                and ('verb="PUT"' in line or 'verb="PATCH"' in line)
            )
        )

    def _settle(self) -> None:
        last, since = -1.0, time.monotonic()
        while time.monotonic() - since < _QUIET:
            if (now := self._asked(_SYNCS)) != last:
                last, since = now, time.monotonic()
            time.sleep(0.2)

    def _create(self, numbers: Sequence[int]) -> None:
        self._make([new(_namespace(number), number) for number in numbers])

    def _make(self, secrets: Sequence[Object]) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for made in [pool.submit(self._cluster.api.create, secret) for secret in secrets]:
                made.result()

    def _sync_all(self) -> None:
        # Nothing shall come by itself while something is measured.
        manifest = decorator(
            self._hook.url, revision=next(self._revisions), resync_seconds=24 * 3600
        )
        install(self._cluster, manifest, self._token)


def peak_memory(pid: int) -> int:
    """The most bytes of a process that have ever been resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _same(usage: Usage | None, pid: int) -> bool:
    return usage is not None and usage.pid == pid


def _namespace(number: int) -> str:
    return f"team-{number % NAMESPACES}"


@contextlib.contextmanager
def platform(
    programs: Programs, stores: Stores, directory: Path, guarded: int = GUARDED
) -> Iterator[Platform]:
    """An empty platform, with the guard and Events on."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(
            running_cluster(
                directory / "cluster", etcd=programs.etcd, kube_apiserver=programs.kube_apiserver
            )
        )
        store = stack.enter_context(stores.running(directory / "store"))
        settings = {
            "BACKEND_NAME": stores.kind,
            "KUBECONFIG": str(operators_kubeconfig(cluster)),
            "CONFLICT_GUARD": "on",
            "KUBERNETES_EVENTS": "on",
            "LOG_LEVEL": "WARNING",
        }
        hook = stack.enter_context(running_hook(store, directory / "hook", settings=settings))
        same = {"HOOK_TOKEN": hook.token, "SIGNING_KEY": hook.signing_key}
        off = {"CONFLICT_GUARD": "off", "KUBERNETES_EVENTS": "off"}
        bare = stack.enter_context(
            running_hook(store, directory / "bare", settings={**settings, **same, **off})
        )
        numbers = itertools.count()

        def start(arguments: Arguments) -> Metacontroller:
            return stack.enter_context(
                running_metacontroller(
                    programs.metacontroller,
                    cluster,
                    directory / f"metacontroller-{next(numbers)}",
                    workers=arguments.workers,
                    qps=arguments.qps,
                    burst=arguments.burst,
                )
            )

        yield Platform(cluster, store, hook, bare, start, guarded)


def rows(
    made: Platform, sizes: Sequence[int], fresh: int, others: int, say: Callable[[Row], None]
) -> Iterator[Row]:
    """The platform at each size; at the first one Metacontroller's arguments too.

    The last row is of a cluster with other Secrets besides.

    Args:
        made: an empty platform.
        sizes: how many Secrets, growing.
        fresh: how many new ones show what a number of requests a second is good for.
        others: how many Secrets that are none of the operator's.
        say: told each row.
    """

    def told(row: Row) -> Row:
        say(row)
        return row

    usual = Arguments()
    reached = 0
    for size in sizes:
        yield told(made.grow(size - reached))
        reached = size
        yield told(made.resync())
        yield told(made.restart(usual))
        if size != sizes[0]:
            continue
        for arguments in (
            Arguments(workers=5, qps=5, burst=10),
            Arguments(workers=5, qps=50, burst=100),
            Arguments(workers=50),
        ):
            yield told(made.restart(arguments))
            yield told(made.resync())
            yield told(made.add(fresh))
            reached += fresh
        yield told(made.restart(usual))
    made.crowd(others)
    yield told(replace(made.restart(usual), kind=f"start, {others:,} others"))
