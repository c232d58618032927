"""What happens to whole servers: killed, paused, started again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.chaos.world import World

STORE_KILLED = "store killed"
STORE_PAUSED = "store paused"
HOOK_KILLED = "hook killed"
ALL_HOOKS_KILLED = "all hooks killed"
METACONTROLLER_RESTARTED = "Metacontroller restarted"
APISERVER_RESTARTED = "kube-apiserver restarted"
CLASSES = (
    STORE_KILLED,
    STORE_PAUSED,
    HOOK_KILLED,
    ALL_HOOKS_KILLED,
    METACONTROLLER_RESTARTED,
    APISERVER_RESTARTED,
)

# A pause longer than a sync's 8 s is what `HELD` of the proxy is for.
_OUTAGE = (0.3, 2.5)
_GAP = (0.2, 1.2)


class Disruptions:
    """Makes them happen, and counts them.

    Args:
        world: to what.
        dice: in which order, when, and for how long.

    Attributes:
        seen: how often each has happened.
    """

    def __init__(self, world: World, dice: random.Random) -> None:
        self.seen: Counter[str] = Counter()
        self._world = world
        self._dice = dice

    def all(self) -> None:
        """Each once, hooks killed twice, in a random order; all is up again afterwards."""
        world = self._world
        ways: list[tuple[str, Callable[[], None]]] = [
            (STORE_KILLED, self._kill_store),
            (STORE_PAUSED, self._pause_store),
            (HOOK_KILLED, self._kill_hook),
            (HOOK_KILLED, self._kill_hook),
            (ALL_HOOKS_KILLED, self._kill_hooks),
            (METACONTROLLER_RESTARTED, self._restart_metacontroller),
            (APISERVER_RESTARTED, self._restart_apiserver),
        ]
        self._dice.shuffle(ways)
        for kind, disrupt in ways:
            self._wait(_GAP)
            disrupt()
            self.seen[kind] += 1
            if not world.metacontroller.process.running:
                # As the kubelet does, when it gave up because the API was away.
                world.metacontroller.process.start()

    def _kill_store(self) -> None:
        self._world.store.process.kill()
        self._wait(_OUTAGE)
        self._world.store.restart()

    def _pause_store(self) -> None:
        self._world.store.process.pause()
        self._wait(_OUTAGE)
        self._world.store.process.resume()

    def _kill_hook(self) -> None:
        process = self._dice.choice(self._world.hooks).process
        process.kill()
        self._wait(_OUTAGE)
        process.start()

    def _kill_hooks(self) -> None:
        for hook in self._world.hooks:
            hook.process.kill()
        self._wait(_OUTAGE)
        for hook in self._world.hooks:
            hook.process.start()

    def _restart_metacontroller(self) -> None:
        metacontroller = self._world.metacontroller
        if self._dice.random() < 0.5:
            metacontroller.process.kill()
        metacontroller.restart()

    def _restart_apiserver(self) -> None:
        apiserver = self._world.cluster.apiserver
        # Asked to end, it would wait for those that watch.
        apiserver.kill()
        self._wait(_OUTAGE)
        apiserver.start()
        apiserver.wait_for(self._world.cluster.api.ready, timeout=60, what="the Kubernetes API")

    def _wait(self, between: tuple[float, float]) -> None:
        time.sleep(self._dice.uniform(*between))
