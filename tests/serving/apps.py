"""The hook's application on a store in memory, and what is sent to it."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from backends.wire.sensitive import Sensitive
from hooks.metrics import Metrics
from hooks.serving.app import hook_app
from hooks.serving.places import Places
from hooks.settings.settings import Settings
from hooks.sync.operator import Operator
from tests.model import ModelStore
from tests.support import ENVIRON, Secret

LONG = 20.0


def hook(
    store: ModelStore,
    *,
    metrics: Metrics | None = None,
    token: str = "",
    concurrency: int = 2,
    timeout: float = LONG,
) -> ASGIApp:
    metrics = metrics or Metrics()
    tokens = [Sensitive(token)] if token else []
    operator = Operator.build(Settings.load(ENVIRON), store, metrics)
    return hook_app(operator, Places(concurrency), metrics, tokens=tokens, timeout=timeout)


def body(secret: Secret) -> dict[str, Any]:
    return {
        "controller": {"kind": "DecoratorController"},
        "object": secret.document,
        "attachments": {},
        "related": {},
        "finalizing": False,
    }
