"""``python -m tests.e2e.demo_cluster``: the demo, through a real Kubernetes API and Metacontroller.

It applies the shipped example Secret and the shipped DecoratorController, and shows the Secret as
``kubectl get secret -o yaml`` does.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import yaml

from hooks.commands.processes import ProcessError, wait_until
from tests.e2e.stack import Programs, Stack, Tenant, running_stack
from tests.servers.api import Object
from tests.servers.build import build
from tests.servers.recipes import BuildError
from tests.servers.require import NotInstalledError, find_metacontroller

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "secret.yaml"


class NotAsExpectedError(Exception):
    """Something was not as it should have been."""


def main() -> int:
    started = time.monotonic()
    try:
        metacontroller = find_metacontroller()
        programs = Programs(
            etcd=build("etcd"),
            kube_apiserver=build("kube-apiserver"),
            versitygw=build("versitygw"),
            metacontroller=metacontroller,
        )
        with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
            say("Starting etcd, kube-apiserver, VersityGW, the hook server and Metacontroller")
            with running_stack(programs, Path(folder)) as stack:
                say(f"The shipped DecoratorController leads to the hook at {stack.hook.url}")
                show(stack)
    except NotInstalledError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (NotAsExpectedError, BuildError, ProcessError, TimeoutError, AssertionError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    say(f"Done in {time.monotonic() - started:.1f} s; everything is cleaned up.")
    return 0


def show(stack: Stack) -> None:
    tenant = apply_example(stack)
    say(f"Applied {EXAMPLE.name}; waiting for Metacontroller and the hook")
    started = time.monotonic()
    stack.wait_for(tenant, "Ready")
    say(f"Ready after {time.monotonic() - started:.1f} s:")
    print_secret(stack, tenant)

    expect(stack.works(tenant), "the Secret's own credentials write and read an object")
    owner = stack.store.owners()[tenant.bucket]
    expect(owner == tenant.access_key, f"the store names {owner} as the owner of {tenant.bucket}")

    stack.settle()
    version, asked, syncs = (
        stack.resource_version(tenant),
        stack.hook.store_requests(),
        stack.hook.syncs(),
    )
    stack.settled_sync()
    rounds, cost = stack.hook.syncs() - syncs, stack.hook.store_requests() - asked
    expect(cost == rounds, f"synced again {rounds} time(s): {cost} request(s) to the store")
    expect(stack.resource_version(tenant) == version, "its resourceVersion stands still")

    say("Rotating: the Secret gets another access-secret")
    rotated = replace(tenant, secret="another-example-secret")
    stack.cluster.api.merge(
        "Secret",
        tenant.name,
        tenant.namespace,
        {"stringData": {"access-secret": rotated.secret}},
    )
    wait_until(lambda: stack.works(rotated), timeout=15, what="the new secret to work")
    expect(True, "the new secret is accepted")
    refused = stack.store.get(tenant.bucket, "works", as_user=tenant.credentials)
    expect(refused == "SignatureDoesNotMatch", f"the old secret is refused: {refused!r}")
    stack.wait_for(rotated, "Ready")
    stack.settle()
    print_secret(stack, rotated)


def apply_example(stack: Stack) -> Tenant:
    manifest: Object = yaml.safe_load(EXAMPLE.read_text())
    manifest["metadata"].setdefault("namespace", "default")
    applied = stack.cluster.api.apply(manifest)
    data = {key: base64.b64decode(text).decode() for key, text in applied["data"].items()}
    metadata = applied["metadata"]
    return Tenant(
        metadata["namespace"],
        metadata["name"],
        data["bucket-name"],
        data["access-key"],
        data["access-secret"],
    )


def print_secret(stack: Stack, tenant: Tenant) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        secret = stack.observed(tenant)
        del secret["metadata"]["managedFields"]
        print("# kubectl is not on PATH; it would show:")
        print(yaml.safe_dump(secret))
        return
    command = ["get", "secret", tenant.name, f"--namespace={tenant.namespace}", "--output=yaml"]
    print(f"$ kubectl {' '.join(command)}", flush=True)
    folder = stack.cluster.directory
    ran = subprocess.run(  # noqa: S603 - no shell, and nothing in it comes from outside
        [kubectl, f"--kubeconfig={stack.cluster.kubeconfig}", f"--cache-dir={folder}", *command],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    if ran.returncode != 0:
        raise NotAsExpectedError(f"kubectl ended with {ran.returncode}: {ran.stderr.strip()}")
    print(ran.stdout, flush=True)


def expect(true: bool, what: str) -> None:
    if not true:
        raise NotAsExpectedError(f"it should be so that {what}")
    say(f"  ok: {what}")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
