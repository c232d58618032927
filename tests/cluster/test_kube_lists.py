"""Lists of Secrets, page by page, from a real kube-apiserver."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooks.cluster import kubecall
from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import (
    Rejected,
    TimedOut,
)
from tests.servers.accounts import secret
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.server

SECONDS = 10.0


def names(kube: Kube, *arguments: str, **options: Any) -> list[str]:
    return [found["metadata"]["name"] for found in kube.secrets(*arguments, timeout=60, **options)]


# Listing and reading


@pytest.mark.usefixtures("small_pages")
def test_more_than_a_page_is_listed_once_each(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    made = [f"many-{number:03d}" for number in range(110)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: api_cluster.api.create(secret(namespace, name)), made))
    assert names(kube, namespace) == made
    assert names(kube, namespace, metadata_only=True) == made
    assert set(made) <= set(names(kube))


def test_a_listed_secret_says_its_kind_and_has_its_data(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    api_cluster.api.create(secret(namespace, "whole", data={"key": "value"}))
    (found,) = kube.secrets(namespace, timeout=SECONDS)
    assert (found["apiVersion"], found["kind"]) == ("v1", "Secret")
    assert found["data"] == {"key": base64.b64encode(b"value").decode()}
    assert found == kube.secret(namespace, "whole", timeout=SECONDS)


def test_metadata_alone_is_without_data(api_cluster: Cluster, kube: Kube, namespace: str) -> None:
    manifest = secret(namespace, "bare", labels={"team": "a"}, data={"key": "value"})
    api_cluster.api.create(manifest)
    (found,) = kube.secrets(namespace, timeout=SECONDS, metadata_only=True)
    assert (found["apiVersion"], found["kind"]) == ("v1", "Secret")
    assert found["metadata"]["labels"] == {"team": "a"}
    assert "data" not in found
    # Whatever the list calls its items: what it is told from others by.
    assert (found["apiVersion"], found["kind"]) == ("v1", "Secret")


def test_pages_that_mention_nothing_wanted_are_passed_over(
    api_cluster: Cluster, kube: Kube, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooks.cluster.kube.METADATA_PAGE", 2)
    marked = {"example.com/wanted": "true"}
    for name in "abcdef":
        manifest = secret(namespace, name, annotations=marked if name == "d" else {})
        api_cluster.api.create(manifest)
    everything = names(kube, namespace, metadata_only=True)
    found = names(kube, namespace, metadata_only=True, mentioning="example.com/wanted")
    assert everything == list("abcdef")
    assert found == ["c", "d"]
    assert names(kube, namespace, mentioning="example.com/nowhere") == []


@pytest.mark.parametrize(
    ("content", "read"),
    [
        pytest.param('{"metadata":{"continue":"x"},"items":[{"a":"b"}]}', False, id="nothing"),
        pytest.param('{"metadata":{"continue":"x"},"items":[]}\n', False, id="empty"),
        pytest.param('{"metadata":{},"items":[{"a":"the/key"}]}', True, id="mentioned"),
        pytest.param('{"metadata":{},"items":[{"a":"the\\/key"}]}', True, id="escaped"),
        pytest.param('{"metadata":{},"items":[{"a":"b"},{"a', True, id="cut short"),
        pytest.param('{"items":[{"a":"b"}],"metadata":{"c":[{}]}}', True, id="in another order"),
        pytest.param('{"items": [{"a":"b"}]}', True, id="spelt otherwise"),
        pytest.param('{"message":"no list"}', True, id="something else"),
    ],
)
def test_only_a_whole_list_that_mentions_nothing_is_left_unread(content: str, read: bool) -> None:
    frame = kubecall._frame(content.encode(), "the/key")
    assert frame == (None if read else {"metadata": {"continue": "x"}, "items": []})


def test_a_selector_selects(api_cluster: Cluster, kube: Kube, namespace: str) -> None:
    api_cluster.api.create(secret(namespace, "one", labels={"colour": "red"}))
    api_cluster.api.create(secret(namespace, "other", labels={"colour": "blue"}))
    assert names(kube, namespace, "colour=red") == ["one"]
    assert names(kube, namespace, "colour") == ["one", "other"]
    with pytest.raises(Rejected):
        names(kube, namespace, "no selector at all")


def test_secrets_of_a_mebibyte_come_in_smaller_portions(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    made = [f"large-{number:02d}" for number in range(20)]
    for name in made:
        api_cluster.api.create(secret(namespace, name, data={"blob": "x" * 1_000_000}))
    listing = kube.secrets(namespace, timeout=60)
    assert [found["metadata"]["name"] for found in listing] == made


def test_portions_grow_again_after_large_secrets(
    api_cluster: Cluster, kube: Kube, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooks.cluster.kube.PAGE", 16)
    monkeypatch.setattr("hooks.cluster.kube.ANSWER_LIMIT", 200_000)
    large = [f"a-large-{number}" for number in range(4)]
    small = [f"small-{number:02d}" for number in range(60)]
    for name in large:
        api_cluster.api.create(secret(namespace, name, data={"blob": "x" * 90_000}))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: api_cluster.api.create(secret(namespace, name)), small))
    limits: list[int] = []
    dated = kube._caller.dated

    def seen(*arguments: Any, query: dict[str, str], **more: Any) -> Any:
        limits.append(int(query["limit"]))
        return dated(*arguments, query=query, **more)

    monkeypatch.setattr(kube._caller, "dated", seen)
    assert names(kube, namespace) == [*large, *small]
    assert min(limits) == 1
    assert limits[-1] == 16
    # One by one it would be as many as there are Secrets.
    assert len(limits) < 25


def test_a_field_selector_leaves_out_what_is_of_another_type(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    api_cluster.api.create({**secret(namespace, "release"), "type": "helm.sh/release.v1"})
    api_cluster.api.create(secret(namespace, "opaque"))
    found = kube.secrets(
        namespace, timeout=SECONDS, metadata_only=True, fields="type!=helm.sh/release.v1"
    )
    assert [each["metadata"]["name"] for each in found] == ["opaque"]
    assert names(kube, namespace) == ["opaque", "release"]


def test_a_list_tells_when_the_api_gave_it(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    api_cluster.api.create(secret(namespace, "one"))
    listing = kube.secrets(namespace, timeout=SECONDS, metadata_only=True)
    assert listing.second == 0
    assert len(list(listing)) == 1
    assert abs(listing.second - time.time()) < 60


@pytest.mark.usefixtures("small_pages")
def test_the_time_of_a_list_includes_the_callers(
    api_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    for number in range(51):
        api_cluster.api.create(secret(namespace, f"slow-{number:03d}"))
    listing = kube.secrets(namespace, timeout=1.0)
    next(listing)
    time.sleep(1.1)
    with pytest.raises(TimedOut):
        list(listing)
