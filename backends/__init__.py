"""The stores. Each knows only its own admin API: nothing of Kubernetes, nothing of HTTP serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backends.base import Backend, Connection, Observer
from backends.versitygw import VersityGW

REGISTRY: Mapping[str, Callable[[Connection, Observer], Backend]] = {
    VersityGW.name: VersityGW,
}
"""Every store by the name that BACKEND_NAME takes."""

__all__ = ["REGISTRY", "Backend", "Connection", "Observer"]
