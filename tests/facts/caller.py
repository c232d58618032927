"""A real Metacontroller that calls a hook of which every answer is written by a fact."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hooks.commands.processes import LOOPBACK, wait_until
from tests.facts.wire import fresh
from tests.servers.api import Object
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.metacontroller import running_metacontroller
from tests.servers.require import require, require_metacontroller

WAIT = 15.0


@dataclass(frozen=True)
class Reply:
    """What the hook answers."""

    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[Object], Reply]


@dataclass(frozen=True)
class Called:
    """A request to the hook."""

    at: float
    request: Object


class Hook(ThreadingHTTPServer):
    """Answers each path as its script says, and remembers who asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.scripts: dict[str, Script] = {}
        self.calls: dict[str, list[Called]] = defaultdict(list)

    def handle_error(self, request: object, client_address: object) -> None:
        """Metacontroller ends before the hook does, with its connections open."""

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hook

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.strip("/")
        self.server.calls[name].append(Called(time.monotonic(), request))
        reply = self.server.scripts[name](request)
        body = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for header, value in {**reply.headers, "Content-Length": str(len(body))}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nobody reads it."""


class Caller:
    """Metacontroller, its Kubernetes API and the hook; each fact has a namespace of its own."""

    def __init__(self, cluster: Cluster, hook: Hook) -> None:
        self.api = cluster.api
        self._cluster = cluster
        self._hook = hook

    def controller(self, script: Script, **spec: Any) -> str:
        """A DecoratorController whose hook answers by the script; its name.

        It has the Secrets with the annotation `facts.example.org/NAME`.
        """
        name = fresh()
        self._hook.scripts[name] = script
        webhook = {"version": "v2", "webhook": {"url": f"{self._hook.url}/{name}"}}
        resource = {
            "apiVersion": "v1",
            "resource": "secrets",
            "annotationSelector": {"matchAnnotations": {controlled_by(name): "true"}},
        }
        resource |= spec.pop("resource", {})
        hooks = dict.fromkeys(spec.pop("hooks", ["sync"]), webhook)
        self.api.apply(
            {
                "apiVersion": "metacontroller.k8s.io/v1alpha1",
                "kind": "DecoratorController",
                "metadata": {"name": name},
                "spec": {"resources": [resource], "hooks": hooks, **spec},
            }
        )
        return name

    def remove(self, controller: str) -> None:
        kind = "DecoratorController"
        self.api.delete(kind, controller, api_version="metacontroller.k8s.io/v1alpha1")

    def namespace(self) -> str:
        return self._cluster.namespace(fresh())

    def secret(self, namespace: str, controller: str, **metadata: Any) -> str:
        """A Secret that a controller has; its name."""
        annotations = {controlled_by(controller): "true", **metadata.pop("annotations", {})}
        self.api.create(secret(namespace, "observed", annotations=annotations, **metadata))
        return "observed"

    def read(self, namespace: str, name: str = "observed") -> Object | None:
        return self.api.get("Secret", name, namespace)

    def annotations(self, namespace: str) -> dict[str, str]:
        found = self.read(namespace)
        return {} if found is None else dict(found["metadata"].get("annotations") or {})

    def events(self, namespace: str) -> list[str]:
        """The messages of the namespace's warnings."""
        found = self.api.list("Event", namespace)
        return [event["message"] for event in found if event["type"] == "Warning"]

    def calls(self, controller: str) -> list[Called]:
        return list(self._hook.calls[controller])

    def wait_for_calls(self, controller: str, number: int) -> list[Called]:
        wait_until(
            lambda: len(self.calls(controller)) >= number, timeout=WAIT, what=f"call {number}"
        )
        return self.calls(controller)

    def wait_for_event(self, namespace: str) -> str:
        wait_until(lambda: self.events(namespace), timeout=WAIT, what="an Event")
        return self.events(namespace)[0]


def secret(namespace: str, name: str, **rest: Any) -> Object:
    """A Secret's manifest; what isn't metadata is the keyword `data`."""
    data = rest.pop("data", {"key": "dmFsdWU="})
    metadata = {"namespace": namespace, "name": name, **rest}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def controlled_by(controller: str) -> str:
    """The annotation of the Secrets that a controller has."""
    return f"facts.example.org/{controller}"


@contextmanager
def running_caller(folder: Path) -> Iterator[Caller]:
    """All three, ended afterwards."""
    files = require_metacontroller()
    with ExitStack() as stack:
        hook = stack.enter_context(Hook())
        thread = threading.Thread(target=hook.serve_forever, daemon=True)
        thread.start()
        stack.callback(hook.shutdown)
        cluster = stack.enter_context(
            running_cluster(
                folder / "cluster", etcd=require("etcd"), kube_apiserver=require("kube-apiserver")
            )
        )
        stack.enter_context(running_metacontroller(files, cluster, folder / "metacontroller"))
        yield Caller(cluster, hook)
