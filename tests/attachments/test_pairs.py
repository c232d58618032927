"""Labels and annotations in one line: what Kubernetes takes, and nothing else."""

from __future__ import annotations

import pytest

from hooks.attachments.pairs import LIMIT, Malformed, read_annotations, read_labels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", {"a": "b"}),
        ("a=b,c=d", {"a": "b", "c": "d"}),
        (" a = b , example.com/c.d_e-f = G.h_i-9 ", {"a": "b", "example.com/c.d_e-f": "G.h_i-9"}),
        ("a=", {"a": ""}),
        ("x" * 63 + "=" + "y" * 63, {"x" * 63: "y" * 63}),
        (f"{'a' * 253}/k=v", {f"{'a' * 253}/k": "v"}),
    ],
)
def test_labels_are_read(text: str, expected: dict[str, str]) -> None:
    assert read_labels(text) == expected
    assert read_annotations(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b c", {"a": "b c"}),
        ("a=b=c", {"a": "b=c"}),
        ('a={"x": "ü"}', {"a": '{"x": "ü"}'}),
        ("a=" + "y" * 1000, {"a": "y" * 1000}),
    ],
)
def test_annotations_may_hold_more_than_labels(text: str, expected: dict[str, str]) -> None:
    assert read_annotations(text) == expected
    with pytest.raises(Malformed, match="a value is at most 63"):
        read_labels(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "key=value"),
        ("a", "key=value"),
        ("a=b,", "key=value"),
        ("a=b,,c=d", "key=value"),
        ("hunter2=,b", "key=value"),
        ("=b", "a key is"),
        ("-a=b", "a key is"),
        ("a-=b", "a key is"),
        ("ä=b", "a key is"),
        ("a b=c", "a key is"),
        ("x" * 64 + "=b", "a key is"),
        ("/a=b", "a key is"),
        ("example.com/=b", "a key is"),
        ("Example.com/a=b", "a key is"),
        ("a/b/c=d", "a key is"),
        ("a..b/c=d", "a key is"),
        (f"{'a' * 254}/k=v", "a key is"),
        ("a=b,a=c", "twice"),
        ("a=b\nc", "control characters"),
        ("a=b\x00", "control characters"),
        ("a=\ud800", "control characters"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_and_not_quoted(text: str, problem: str) -> None:
    for read in (read_labels, read_annotations):
        with pytest.raises(Malformed, match=problem) as caught:
            read(text)
        assert "hunter2" not in str(caught.value)


def test_their_number_is_bounded() -> None:
    pairs = [f"k{number}=v" for number in range(LIMIT + 1)]
    assert len(read_labels(",".join(pairs[:LIMIT]))) == LIMIT
    for text in (",".join(pairs), "," * 200_000):
        with pytest.raises(Malformed, match=f"more than {LIMIT}"):
            read_labels(text)


@pytest.mark.parametrize("value", ["-a", "a-", ".a", "a_", "a/b", "y" * 64])
def test_values_that_no_label_has_are_refused(value: str) -> None:
    with pytest.raises(Malformed, match="a value is"):
        read_labels(f"a={value}")
