"""The `detach` command: takes the deletion controller's finalizer off the Secrets.

Metacontroller leaves it there when the controller is deleted, and a Secret with a finalizer that
nobody removes can't be deleted, nor can its namespace.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import Forbidden, KubeError

OK = 0
FAILED = 1
NO_ACCESS = 2

DEFAULT_CONTROLLER = "s3-resource-operator-deletion"

# Metacontroller 4.17 puts the controller's name behind this.
_FINALIZER = "metacontroller.io/decoratorcontroller-"
# What tells a deletion controller's finalizer from any other's: the name that the chart and the
# manifests give it, or what the Secret asks for, under whatever prefix.
_NAME = "-deletion"
_ASKS = "/deletion-policy"
_REQUEST_SECONDS = 10.0
_LIST_SECONDS = 120.0
# A controller that was just deleted may still finish a sync, which sets the finalizer again.
_ROUNDS = 5
_PAUSE = 1.0


def add_parser(commands: Any) -> None:
    """Adds the command to an argument parser's subparsers."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "detach",
        help="take the deletion controller's finalizer off all Secrets, for an uninstall",
        description="Takes the finalizer of the deletion controller off the Secrets, so that "
        "they and their namespaces can be deleted without it; nothing is deleted on the store. "
        "It can be repeated. Exit code 0: none has it any more; 1: some still have it, or will get "
        "it again, or only those of other controllers were found; 2: the cluster can't be asked.",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-n", "--namespace", help="only there")
    where.add_argument("-A", "--all-namespaces", action="store_true", help="everywhere: default")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would be")
    parser.add_argument(
        "--controller",
        default=DEFAULT_CONTROLLER,
        metavar="NAME",
        help=f"the DecoratorController; {DEFAULT_CONTROLLER}",
    )
    parser.add_argument(
        "--delete-controller",
        action="store_true",
        help="delete it first, as Metacontroller sets the finalizer again while it is there",
    )
    parser.add_argument(
        "--allow-none",
        action="store_true",
        help="0 too where no Secret has its finalizer, but some have another's: for scripts that "
        "know the name",
    )
    parser.add_argument("--context", help="of the kubeconfig, instead of its current one")


def run(arguments: argparse.Namespace) -> int:
    """Does it and returns the exit code."""
    try:
        kube = Kube.load(context=arguments.context)
        if kube is None:
            return _say_why("No Kubernetes configuration was found: set KUBECONFIG.", NO_ACCESS)
        try:
            return _detach(kube, arguments)
        finally:
            kube.close()
    except KubeError as error:
        return _say_why(str(error), NO_ACCESS)


@dataclass
class _Found:
    """The Secrets with a deletion controller's finalizer.

    Args:
        holders: namespace and name of those that have the one which is meant.
        others: how many have another's, by the controller's name.
    """

    holders: list[tuple[str, str]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def _detach(kube: Kube, arguments: argparse.Namespace) -> int:
    controller: str = arguments.controller
    found = _find(kube, arguments.namespace, controller)
    wrong = not found.holders and found.others and not arguments.allow_none
    if wrong and not _lives(kube, controller):
        return _say_why(_another(controller, found.others), FAILED)
    if arguments.dry_run:
        for namespace, name in found.holders:
            print(f"would detach {namespace}/{name}")
        print(f"The finalizer would be removed from {_secrets(len(found.holders))}.")
        return OK
    if arguments.delete_controller:
        deleted = kube.delete_decorator(controller, timeout=_REQUEST_SECONDS)
        if deleted:
            print(f"deleted the DecoratorController {controller}")
    finalizer = _FINALIZER + controller
    done: set[tuple[str, str]] = set()
    failed: list[tuple[str, str]] = []
    # Whoever deleted it, an attempt before this one or the uninstallation, it may be just now.
    for turn in range(_ROUNDS if arguments.delete_controller else 1):
        if turn:
            time.sleep(_PAUSE)
        if turn or arguments.delete_controller:
            found = _find(kube, arguments.namespace, controller)
        failed = [holder for holder in found.holders if not _remove(kube, *holder, finalizer)]
        done |= set(found.holders) - set(failed)
        if turn and not found.holders:
            break
    for namespace, name in sorted(done):
        print(f"detached {namespace}/{name}")
    print(f"The finalizer was removed from {_secrets(len(done))}.")
    if failed:
        return _say_why(f"{_secrets(len(failed))} could not be changed: run it again.", FAILED)
    if _lives(kube, controller):
        return _say_why(
            f"The DecoratorController {controller} is still there, and Metacontroller sets the "
            "finalizer again: delete it first, or use --delete-controller.",
            FAILED,
        )
    return OK


def _find(kube: Kube, namespace: str | None, controller: str) -> _Found:
    found = _Found()
    for secret in kube.secrets(namespace, timeout=_LIST_SECONDS, metadata_only=True):
        metadata = secret["metadata"]
        names = {
            finalizer.removeprefix(_FINALIZER)
            for finalizer in metadata.get("finalizers") or []
            if finalizer.startswith(_FINALIZER)
        }
        if controller in names:
            found.holders.append((metadata["namespace"], metadata["name"]))
        asks = any(key.endswith(_ASKS) for key in metadata.get("annotations") or {})
        found.others.update(name for name in names - {controller} if asks or name.endswith(_NAME))
    return found


def _another(controller: str, others: Counter[str]) -> str:
    names = ", ".join(f"{name} ({_secrets(number)})" for name, number in sorted(others.items()))
    return (
        f"No Secret has the finalizer of {controller}, and there is no such DecoratorController. "
        f"Found were the finalizers of: {names}. Name the right one with --controller; if this "
        "one's are gone already, nothing is left to do."
    )


def _remove(kube: Kube, namespace: str, name: str, finalizer: str) -> bool:
    """Whether the Secret is without it now."""
    try:
        kube.remove_finalizer(namespace, name, finalizer, timeout=_REQUEST_SECONDS)
    except KubeError as error:
        print(f"{namespace}/{name}: {error}", file=sys.stderr)
        return False
    return True


def _lives(kube: Kube, controller: str) -> bool:
    """Whether the controller is known to be there."""
    try:
        return kube.has_decorator(controller, timeout=_REQUEST_SECONDS)
    except Forbidden:
        # An account that is made for the finalizers alone can't know, and has done its part.
        return False


def _secrets(number: int) -> str:
    return f"{number} Secret" if number == 1 else f"{number} Secrets"


def _say_why(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
