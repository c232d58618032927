"""The parts of a run, in the order in which the cluster fills."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from statistics import median

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.figures import timed
from tests.bench.guard import crowd
from tests.bench.guard.builds import THIS, Build
from tests.bench.guard.calls import Caller, Rhythm, reason
from tests.bench.guard.crowd import Size
from tests.e2e.operator import operators_kubeconfig
from tests.e2e.stack import PREFIX, Programs
from tests.servers.api import Object
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.hook import Hook, running_hook
from tests.servers.store import Store, running_store

SIGNING_KEY = "the-key-of-all-hooks-of-this-benchmark"
_SETTINGS = {
    "ADOPTION": "any",
    "CONFLICT_GUARD": "on",
    "KUBERNETES_EVENTS": "off",
    "LOG_LEVEL": "WARNING",
    "SIGNING_KEY": SIGNING_KEY,
}
# So that what takes long is measured to its end.
_PATIENT = 170
# Seconds between one new Secret and the next.
_BETWEEN = 1.0


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        what: was measured.
        unit: of both values.
        names: of the columns that the values belong to.
        before: the earlier build's value, or the one with little; None if it never came to an end.
        after: this build's, or the one with much.
        target: what `after` may be, as a share of `before`; None has none.
        limit: what it may be in itself.
    """

    what: str
    unit: str
    names: tuple[str, str]
    before: float | None
    after: float | None
    _: KW_ONLY
    target: float | None = None
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.after / self.before if self.before and self.after is not None else None

    @property
    def met(self) -> bool | None:
        """Whether the target is; None without one."""
        if self.limit is not None:
            return self.after is not None and self.after < self.limit
        if self.target is None:
            return None
        if self.before is None:
            return self.after is not None
        return self.ratio is not None and self.ratio <= self.target


class Run:
    """One run.

    Args:
        programs: the servers.
        directory: for all that they write.
        size: how much of everything.
        base: the earlier build.
        say: told what is being done.
    """

    def __init__(
        self,
        programs: Programs,
        directory: Path,
        size: Size,
        base: Build,
        say: Callable[[str], None],
    ) -> None:
        self._programs = programs
        self._directory = directory
        self._size = size
        self._builds = (base, THIS)
        self._say = say
        self._numbers = itertools.count()

    def rows(self) -> list[Row]:
        """Everything that is measured."""
        with ExitStack() as stack:
            self._store: Store = stack.enter_context(
                running_store(self._programs.versitygw, self._directory / "store", cache=True)
            )
            self._cluster = self._started(stack, "cluster")
            self._tenants = crowd.make(self._cluster, crowd.tenants(self._size))
            for build in self._builds:
                self._provision(build, self._cluster, self._tenants)
            self._fill(self._cluster, 0, self._size.crowd)
            crowd.make(self._cluster, crowd.releases(self._size))
            alone = self._strangers_alone()
            made = crowd.make(self._cluster, crowd.contenders(self._size))
            # Who contends has been told so before the take-overs.
            beside = list(self._beside(made, alone))
            rows = [*self._take_overs(), *beside]
            self._say("the contenders go")
            self._cluster.api.delete_all("Secret", crowd.ATTACKER)
            rows += self._by_number(stack)
        return rows

    def _started(self, stack: ExitStack, name: str) -> Cluster:
        cluster = stack.enter_context(
            running_cluster(
                self._directory / name,
                etcd=self._programs.etcd,
                kube_apiserver=self._programs.kube_apiserver,
            )
        )
        for namespace in (crowd.BYSTANDERS, crowd.TENANTS, crowd.ATTACKER):
            cluster.namespace(namespace)
        return cluster

    def _fill(self, cluster: Cluster, first: int, end: int) -> None:
        self._say(f"{end:,} Secrets that are none of the operator's")
        crowd.make(cluster, crowd.bystanders(first, end))

    @contextmanager
    def _hook(
        self, build: Build, cluster: Cluster, *, patient: bool = False
    ) -> Iterator[tuple[Hook, Caller]]:
        directory = self._directory / f"hook-{next(self._numbers)}"
        directory.mkdir()
        settings = {
            **_SETTINGS,
            "KUBECONFIG": str(operators_kubeconfig(cluster)),
            **({"SYNC_TIMEOUT_SECONDS": str(_PATIENT)} if patient else {}),
        }
        with (
            running_hook(self._store, directory, settings=settings, root=build.root) as hook,
            closing(Caller(hook, timeout=_PATIENT + 5 if patient else 10)) as caller,
        ):
            yield hook, caller

    def _provision(self, build: Build, cluster: Cluster, secrets: Sequence[Object]) -> None:
        """Makes Secrets Ready, in the cluster too."""
        with self._hook(build, cluster, patient=True) as (_, caller):
            for secret in secrets:
                for _ in range(3):
                    _write(cluster, secret, caller.sync(secret)[0])
                if reason(secret) != "Provisioned":
                    raise RuntimeError(f"a tenant is {reason(secret)} with {build.name}")

    def _stranger(self) -> Object:
        """A new Secret, whose names nobody has."""
        number = next(self._numbers)
        return self._shown(f"stranger-{number}", f"new-bucket-{number}", number)

    def _shown(self, name: str, bucket: str, number: int) -> Object:
        made = crowd.annotated(crowd.TENANTS, name, bucket, f"{name}-user", number)
        made["metadata"]["uid"] = f"uid-of-{name}"
        return made

    def _strangers_alone(self) -> list[float]:
        """Median seconds for each build while nobody else wants anything."""
        self._say("new Secrets, without contenders")
        times: list[list[float]] = [[], []]
        with ExitStack() as stack:
            rhythms = []
            for build in self._builds:
                _, caller = stack.enter_context(self._hook(build, self._cluster))
                rhythms.append(Rhythm(caller, self._cluster))
                stack.enter_context(rhythms[-1].running())
            for _ in range(self._size.tries + 1):
                for rhythm, found in zip(rhythms, times, strict=True):
                    seconds = rhythm.until_ready(self._stranger(), self._size.patience)
                    found.append(self._size.patience if seconds is None else seconds)
        # The first of each opens the connections.
        return [median(found[1:]) for found in times]

    def _take_overs(self) -> Iterator[Row]:
        """A bucket of a user that no Secret names: what is looked at before it is taken over."""
        self._say("take-overs, one build after the other")
        seconds: list[list[float]] = [[], []]
        sizes: list[list[float]] = [[], []]
        with ExitStack() as stack:
            callers = [
                stack.enter_context(self._hook(build, self._cluster, patient=True))[1]
                for build in self._builds
            ]
            for caller in callers:
                # The first opens the connections.
                caller.sync(self._stranger())
            for _ in range(self._size.slow_tries):
                for place, caller in enumerate(callers):
                    spent, received = self._take_over(caller, self._cluster)
                    self._say(f"  {self._builds[place].name}: {spent:.2f} s, {received:,} bytes")
                    seconds[place].append(spent)
                    sizes[place].append(received)
        names = self._names
        yield Row("a take-over", "s", names, median(seconds[0]), median(seconds[1]), target=0.1)
        before, after = (median(size) / 1e6 for size in sizes)
        yield Row("bytes of its look-up", "MB", names, before, after, target=0.1)

    def _take_over(self, caller: Caller, cluster: Cluster) -> tuple[float, int]:
        """Seconds of one, and bytes that the API answered for it."""
        number = next(self._numbers)
        bucket, former = f"old-bucket-{number}", f"former-{number}"
        self._store.create_user(former, f"the-secret-of-{former}")
        self._store.create_bucket(bucket)
        self._store.change_owner(bucket, former)
        secret = self._shown(f"successor-{number}", bucket, number)
        before = _answered(cluster)
        spent, _ = timed(caller.sync, [secret], callers=1)
        received = _answered(cluster) - before
        if reason(secret) != "Provisioned":
            raise RuntimeError(f"a take-over came to {reason(secret)}")
        return spent, received

    def _beside(self, contenders: Sequence[Object], alone: Sequence[float]) -> Iterator[Row]:
        """New Secrets while the contenders come back as often as they are told to."""
        medians: list[float | None] = []
        longest: list[float | None] = []
        memory = []
        for build in self._builds:
            for secret in contenders:
                _forget(self._cluster, secret)
            with self._hook(build, self._cluster) as (hook, caller):
                rhythm = Rhythm(caller, self._cluster, contenders)
                with rhythm.running():
                    times = self._strangers(rhythm)
                memory.append(hook.peak_memory() / 1e6)
            served = [seconds for seconds in times if seconds is not None]
            done = len(served) == len(times)
            medians.append(median(served) if 2 * len(served) > len(times) else None)
            longest.append(max(served) if done else None)
            told = ", ".join(f"{count} {why}" for why, count in rhythm.answers.most_common())
            self._say(f"  {build.name}: {len(served)} of {len(times)} served; contenders: {told}")
        names = self._names
        yield Row("a new Secret, no contenders", "s", names, *alone)
        yield Row("a new Secret beside them", "s", names, *medians)
        yield Row("the slowest of those", "s", names, *longest)
        for build, without, beside in zip(self._builds, alone, medians, strict=True):
            target = 1.5 if build is THIS else None
            columns = ("without", "beside them")
            yield Row(f"contenders, {build.name}", "s", columns, without, beside, target=target)
        yield Row("peak memory of the hook", "MB", names, memory[0], memory[1], limit=110)

    def _strangers(self, rhythm: Rhythm) -> list[float | None]:
        """One new Secret after the other, from the moment when all contenders are new."""
        self._say("new Secrets beside the contenders")
        times: list[float | None] = []
        while (
            sum(self._size.patience if t is None else t + _BETWEEN for t in times)
            < self._size.seconds
        ):
            times.append(rhythm.until_ready(self._stranger(), self._size.patience))
            time.sleep(_BETWEEN)
        return times

    def _by_number(self, stack: ExitStack) -> Iterator[Row]:
        """The same with few other Secrets and with many, in two clusters."""
        few = self._started(stack, "few")
        self._fill(few, 0, self._size.few)
        tenants = crowd.make(few, crowd.tenants(self._size))
        self._provision(THIS, few, tenants)
        self._fill(self._cluster, self._size.crowd, self._size.many)
        self._say("new Secrets and take-overs, by the number of other Secrets")
        clusters = (few, self._cluster)
        callers = [
            stack.enter_context(self._hook(THIS, cluster, patient=True))[1] for cluster in clusters
        ]
        new: list[list[float]] = [[], []]
        taken: list[list[float]] = [[], []]
        for _ in range(self._size.tries + 1):
            for place, caller in enumerate(callers):
                new[place].append(timed(caller.sync, [self._stranger()], callers=1)[0])
                taken[place].append(self._take_over(caller, clusters[place])[0])
        columns = (f"{self._size.few:,}", f"{self._size.many:,}")
        for what, found in (("a new Secret", new), ("a take-over", taken)):
            little, much = (median(times[1:]) for times in found)
            yield Row(f"{what}, by other Secrets", "s", columns, little, much, target=1.2)

    @property
    def _names(self) -> tuple[str, str]:
        return self._builds[0].name, self._builds[1].name


def _answered(cluster: Cluster) -> int:
    """Bytes of all answers about Secrets so far, as the API counts them."""
    lines = [
        line
        for line in cluster.api.text("/metrics").splitlines()
        if line.startswith("apiserver_response_sizes_sum{")
    ]
    return int(
        sum(
            sample.value
            for family in text_string_to_metric_families("\n".join(lines) + "\n")
            for sample in family.samples
            if sample.labels.get("resource") == "secrets"
            and sample.labels.get("verb") in {"GET", "LIST"}
        )
    )


def _write(cluster: Cluster, secret: Object, change: Object) -> None:
    if change:
        metadata = secret["metadata"]
        cluster.api.merge("Secret", metadata["name"], metadata["namespace"], change)


def _forget(cluster: Cluster, secret: Object) -> None:
    """Takes off a Secret whatever a hook answered."""
    metadata, change = secret["metadata"], {}
    for kind in ("annotations", "labels"):
        marks = metadata.get(kind, {})
        ours = [key for key in marks if key.startswith(PREFIX) and key != f"{PREFIX}enabled"]
        if ours:
            change[kind] = dict.fromkeys(ours)
            metadata[kind] = {key: value for key, value in marks.items() if key not in ours}
    _write(cluster, secret, {"metadata": change} if change else {})
