"""The single tasks of docs/howto.md, run as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.markdown import Document
from tests.servers.api import Object
from tests.servers.cluster import Cluster
from tests.servers.require import require
from tests.servers.store import running_store
from tests.support import PREFIX, encode

ROOT = Path(__file__).parents[2]
HOWTO = Document(ROOT / "docs" / "howto.md")
# Nodes, a store, or another program are needed for these.
ELSEWHERE = re.compile(r"\b(?:exec|aws|versitygw admin|mc|rclone|diff|detach|grant|sync)\b")
WAITS = re.compile(r"^.*rollout status.*\n", re.MULTILINE)
# A Deployment is restarted once a second at most.
PAUSE = "sleep 1.1\n"
FINALIZER = "metacontroller.io/decoratorcontroller-s3-resource-operator-deletion"
BLOCKS = [block for block in HOWTO.blocks("sh") if not ELSEWHERE.search(WAITS.sub("", block))]

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def cluster(api_cluster: Cluster) -> Iterator[Cluster]:
    """With the namespaces and objects that the page speaks of."""
    api = api_cluster.api
    for namespace in ("team-a", "team-b", "s3-resource-operator", "versitygw"):
        api_cluster.namespace(namespace)
        # Another file may have made one of the same name, whose selector can't be changed.
        api.request("DELETE", api.path("Deployment", namespace, api_version="apps/v1"))
    yield api_cluster
    for namespace in ("team-a", "team-b", "s3-resource-operator"):
        for found in api.list("Secret", namespace):
            change = {"metadata": {"finalizers": None}}
            api.merge("Secret", found["metadata"]["name"], namespace, change)
        api.delete_all("Secret", namespace)


@pytest.fixture
def objects(cluster: Cluster) -> None:
    tenants = {"bucket-name": "team-a.uploads", "access-key": "team-a.my-app", "access-secret": "x"}
    for secret in (
        secret_of("team-a", "my-app-s3-credentials", tenants),
        secret_of("team-a", "my-app-s3", {"BUCKET_NAME": "team-a.uploads"}),
        secret_of("s3-resource-operator", "s3-resource-operator-signing-key", {"SIGNING_KEY": "a"}),
        secret_of("s3-resource-operator", "store-administrator", {"S3_SECRET_KEY": "a"}),
    ):
        cluster.api.apply(secret)
    for name in ("s3-resource-operator", "versitygw"):
        cluster.api.apply(deployment(name))


def secret_of(namespace: str, name: str, data: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {f"{PREFIX}enabled": "true"},
        },
        "data": {key: encode(value) for key, value in data.items()},
    }


def deployment(name: str) -> Object:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": name, "image": "example.com/none"}]},
            },
        },
    }


def run(
    cluster: Cluster,
    script: str,
    *,
    settings: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """What a block prints; `settings` are the operator's own, `folder` where it is run."""
    programs = (str(require("kubectl").parent), str(Path(sys.executable).parent))
    environment = {
        **os.environ,
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBECACHEDIR": str(cluster.directory / "kubectl"),
        "PATH": os.pathsep.join((*programs, os.environ["PATH"])),
        "BUCKET": "team-a.uploads",
        **(settings or {}),
    }
    ran = subprocess.run(  # noqa: S603 - the page is the repository's own
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, (script, ran.stderr)
    return ran.stdout


def test_most_of_the_page_is_tried() -> None:
    assert len(BLOCKS) >= 10


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_runs_as_it_is_written(cluster: Cluster, block: str) -> None:
    # What comes before it on the page, where it goes on with that.
    first = next(each for each in BLOCKS if "key() {" in each)
    before = first + PAUSE if "| key" in block and block != first else ""
    # Another block may just have restarted the same.
    pause = PAUSE if "rollout" in block else ""
    run(cluster, pause + WAITS.sub(PAUSE, before + block))


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.usefixtures("objects")
def test_a_signing_key_is_rolled_as_it_is_written(cluster: Cluster) -> None:
    """First the new key is the second, then the first, then alone."""
    first, last = (block for block in BLOCKS if "| key" in block)
    steps = [step for step in WAITS.sub(PAUSE, first + PAUSE + last).split("\n") if step.strip()]
    look = (
        "kubectl -n s3-resource-operator get secret s3-resource-operator-signing-key "
        "-o jsonpath='{.data.SIGNING_KEY}' | base64 -d | tr '\\n' ' '; echo"
    )
    script = "\n".join(f"{step}\n{look}" if "| key" in step else step for step in steps)
    out = run(cluster, PAUSE + script)
    told = [line.split() for line in out.splitlines() if re.fullmatch(r"[0-9a-f ]+", line)]
    assert [len(keys) for keys in told] == [2, 2, 1]
    old, new = told[0]
    assert old == "a"
    assert told[1:] == [[new, old], [new]]


@pytest.mark.usefixtures("objects")
def test_what_would_be_is_told(cluster: Cluster, tmp_path: Path) -> None:
    shutil.copy(ROOT / "manifests" / "examples" / "secret.yaml", tmp_path)
    with running_store(require("versitygw"), tmp_path / "store") as store:
        settings = {**store.environ(), "CONFLICT_GUARD": "off"}
        section = HOWTO.section("Dry run: see what the operator would do")
        one, all_of_them = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        told = run(cluster, one, settings=settings, folder=tmp_path)
        assert "would be Ready" in told
        # The operator's own Secrets name no bucket here, and that is no success.
        told = run(cluster, f"{all_of_them.rstrip()} || true", settings=settings, folder=tmp_path)
        assert "s3-resource-operator/store-administrator" in told
        assert "Invalid" in told
        assert "team-a/my-app-s3-credentials" not in told
        users, buckets = store.names()
        assert "team-a.uploads" not in buckets
        assert "team-a.my-app" not in users


@pytest.mark.usefixtures("objects")
def test_what_holds_a_namespace_is_shown_and_taken_off(cluster: Cluster) -> None:
    shown = next(block for block in BLOCKS if "FINALIZERS" in block)
    change = {"metadata": {"finalizers": [FINALIZER]}}
    cluster.api.merge("Secret", "my-app-s3-credentials", "team-a", change)
    assert FINALIZER in run(cluster, shown)
    assert FINALIZER in HOWTO.section("A namespace is stuck in Terminating")
    run(cluster, next(block for block in BLOCKS if "finalizers" in block and "patch" in block))
    assert FINALIZER not in run(cluster, shown)
