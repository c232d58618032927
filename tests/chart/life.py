"""Half a minute in the life of three operators on a real store, as a real Prometheus saw it.

The first goes through what happens in a good year: Secrets come, rotate, fail, a bucket is opened,
the store goes away, and at last nobody calls it any more. The other two are set up wrong.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from hooks.commands.demo import apply_answer
from hooks.commands.processes import LOOPBACK, wait_until
from tests.servers.certificates import serving_certificate
from tests.servers.hook import Hook, running_hook
from tests.servers.prometheus import Prometheus, Series, running_prometheus
from tests.servers.require import require
from tests.servers.several import List
from tests.servers.store import Store, running_store
from tests.support import Secret

NAMESPACE, OTHER, THIRD = "s3-resource-operator", "wrong-key", "wrong-region"
"""Where the three operators run."""

QUIET_SECONDS = 6
"""For how long nobody calls the first operator with its token, before it ends."""

_RECORDED = Path(__file__).parents[1] / "fixtures" / "metacontroller" / "sync-new.json"
_POLICY = "rules: [{name: all, namespaces: ['*'], settings: [public-access]}]\n"
_ALONE = {
    # There is no Kubernetes API here: no question to the other Secrets, no Events.
    "CONFLICT_GUARD": "off",
    "EVENTS": "false",
    "SYNC_TIMEOUT_SECONDS": "5",
}


@dataclass(frozen=True)
class Life:
    """What is over, and who remembers it.

    Attributes:
        prometheus: it runs.
        start: before anything happened, but all were seen; in seconds since 1970.
        end: after the operators had ended.
    """

    prometheus: Prometheus
    start: float
    end: float

    def asked(self, expression: str) -> list[Series]:
        """The series that have a number at any time."""
        found = self.prometheus.range(expression, self.start, self.end)
        return [series for series in found if series.values]


class Caller:
    """Plays Metacontroller's part for Secrets that are in no cluster."""

    def __init__(self, hook: Hook, pause: float = 0) -> None:
        self._hook, self._pause = hook, pause
        self._pool = urllib3.PoolManager(retries=False, timeout=30)
        self._recorded = json.loads(_RECORDED.read_text())["body"]

    def sync(self, secret: Secret, *expected: str) -> None:
        """One call whose answer is written on the Secret: of this status and reason."""
        answer = self._post(secret, self._hook.token)
        assert answer.status == 200, answer.data
        apply_answer(secret.document, answer.json())
        assert secret.state == expected, secret.annotations["message"]
        time.sleep(self._pause)

    def intrude(self) -> None:
        """A call with a token that isn't the hook's."""
        assert self._post(Secret("nobody"), "another").status == 401

    def close(self) -> None:
        self._pool.clear()

    def _post(self, secret: Secret, token: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            "POST",
            f"{self._hook.url}/sync",
            body=json.dumps({**self._recorded, "object": secret.document}),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )


@contextmanager
def lived(directory: Path, *, pause: float = 0) -> Iterator[Life]:
    """Has it all happen; what Prometheus knows can be asked within.

    Args:
        directory: for all that is written.
        pause: after each call of the good year, in seconds.
    """
    with ExitStack() as stack:
        store = stack.enter_context(running_store(require("versitygw"), directory / "store"))
        policies = {name: directory / f"{name}.yaml" for name in (NAMESPACE, OTHER)}
        for path in policies.values():
            path.write_text(_POLICY)
        (directory / "stores").mkdir()
        stores = List(directory / "stores", {"main": store}, kind="versitygw")
        stores.entries["main"]["region"] = "elsewhere"
        stores.write()
        settings = {
            NAMESPACE: {
                "POLICY_FILE": str(policies[NAMESPACE]),
                "ALLOW_PUBLIC_ACCESS": "true",
                "S3_CA_BUNDLE": str(serving_certificate(directory, LOOPBACK).authority),
            },
            OTHER: {"POLICY_FILE": str(policies[OTHER]), "S3_SECRET_KEY": "not-the-store-s"},
            THIRD: {"STORES_FILE": str(stores.path)},
        }
        hooks = {
            name: stack.enter_context(
                running_hook(store, directory / name, settings={**_ALONE, **own})
            )
            for name, own in settings.items()
        }
        # As a ServiceMonitor labels them; an address would be another each time.
        targets = {
            hook.ops_port: {"namespace": name, "service": "metrics", "instance": name}
            for name, hook in hooks.items()
        }
        prometheus = stack.enter_context(
            running_prometheus(require("prometheus"), directory / "prometheus", targets)
        )
        callers = {name: Caller(hook, pause) for name, hook in hooks.items()}
        for caller in callers.values():
            stack.callback(caller.close)
        # What is counted before the first look has no rate.
        _seen(prometheus, "min_over_time(sum(up)[2s:1s]) == 3")
        start = time.time()
        _good_year(callers[NAMESPACE], store, prometheus)
        policies[OTHER].write_text("rules: nonsense\n")
        stores.path.write_text("stores: nonsense\n")
        for name, reason in (
            (OTHER, "OperatorCredentialsRejected"),
            (THIRD, "OperatorMisconfigured"),
        ):
            callers[name].sync(Secret.claiming(name, name, "a-secret-of-mine"), "Retrying", reason)
        for _ in range(QUIET_SECONDS):
            callers[NAMESPACE].intrude()
            time.sleep(1)
        for hook in hooks.values():
            hook.stop()
        _seen(prometheus, "sum(up) == 0")
        # The last step may be a second before the end.
        yield Life(prometheus, start, time.time() + 1)


def _good_year(caller: Caller, store: Store, prometheus: Prometheus) -> None:
    secrets = [
        Secret.claiming(f"bucket-{number}", f"user-{number}", "a-first-secret") for number in "abc"
    ]
    for secret in secrets:
        caller.sync(secret, "Ready", "Provisioned")
        caller.sync(secret, "Ready", "Provisioned")
    caller.sync(Secret("nothing-in-it"), "Invalid", "MissingField")
    first, second, third = secrets
    first.set(access_secret="a-second-secret")
    caller.sync(first, "Ready", "Provisioned")
    second.set(public_access="read")
    caller.sync(second, "Ready", "Provisioned")
    store.change_owner("bucket-c", "user-a")
    caller.sync(third, "Ready", "Provisioned")
    store.process.stop()
    caller.sync(first, "Retrying", "BackendUnavailable")
    _seen(prometheus, f's3_operator_backend_up{{namespace="{NAMESPACE}"}} == 0')
    store.restart()
    for secret in secrets:
        caller.sync(secret, "Ready", "Provisioned")


def _seen(prometheus: Prometheus, expression: str) -> None:
    """Waits until Prometheus has something to answer."""

    def there() -> bool:
        now = time.time()
        return bool(prometheus.range(expression, now, now))

    wait_until(there, timeout=30, what=expression, interval=0.2)
