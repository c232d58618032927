"""Where a Secret says that its store is: endpoint and region."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.claim.endpoint import Endpoint
from hooks.contract.outcome import Reason
from tests.claim.reading import (
    ENDPOINT,
    FIELDS,
    RULES,
    claimed,
    refused,
    refused_fields,
    whole,
    with_field,
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://S3.Example.com:7070/", ENDPOINT),
        ("http://other:80", "http://other"),
        ("https://[::1]:443//", "https://[::1]"),
    ],
)
def test_the_endpoint_is_normalised(url: str, expected: str) -> None:
    assert claimed({**FIELDS, "endpoint-url": url})[1] == {expected}


def test_two_spellings_of_one_endpoint_agree() -> None:
    fields = {**FIELDS, "endpoint-url": ENDPOINT, "AWS_ENDPOINTS": f"{ENDPOINT.upper()}/"}
    assert claimed(fields)[1] == {ENDPOINT}
    assert claimed({**fields, "AWS_ENDPOINT_URL_S3": "s3.example.com:7070"})[1] == {ENDPOINT}


def test_an_endpoint_without_a_scheme_is_of_either() -> None:
    urls = {"http://s3.example.com:7070", ENDPOINT}
    assert claimed({**FIELDS, "endpoint-url": "S3.example.com:7070/"})[1] == urls
    assert claimed({**FIELDS, "AWS_ENDPOINTS": "s3.example.com:7070"})[1] == urls
    reading = whole({**FIELDS, "AWS_ENDPOINTS": "s3.example.com:7070"})
    assert reading.endpoint is not None
    assert (reading.endpoint.key, reading.endpoint.generic) == ("AWS_ENDPOINTS", False)
    assert RULES.own_name(reading.endpoint.endpoint) == ENDPOINT
    other = {**FIELDS, "endpoint-url": "http://s3.example.com", "AWS_ENDPOINTS": "s3.example.com:1"}
    assert refused_fields(other).reason is Reason.AMBIGUOUS_FIELD


def test_the_store_has_several_names() -> None:
    rules = replace(RULES, aliases=frozenset({"http://public.example.com", "http://a.svc"}))
    for text, name in {
        ENDPOINT: ENDPOINT,
        "public.example.com": "http://public.example.com",
        "http://a.svc:80/": "http://a.svc",
        "https://public.example.com": None,
        "http://elsewhere.example.com": None,
    }.items():
        assert rules.own_name(Endpoint.of(text)) == name


@pytest.mark.parametrize("key", ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_S3_REGION_NAME"])
def test_another_region_is_told_of(key: str) -> None:
    rules = replace(RULES, region="us-east-1")
    assert whole({**FIELDS, key: "us-east-1\n"}, rules).notes == ()
    assert whole({**FIELDS, key: ""}, rules).notes == ()
    (note,) = whole({**FIELDS, key: "hunter-9"}, rules).notes
    assert note.startswith(f"{key} isn't us-east-1")
    assert "hunter" not in note
    assert whole({**FIELDS, key: "hunter-9"}).notes == ()


@pytest.mark.parametrize(
    "url",
    [
        "s3",
        "s3:",
        "ftp://s3",
        "u:hunter2@s3:80",
        "s3:80?hunter2",
        "https://u:hunter2@s3",
        "http://s3?a=hunter2",
        "http://",
    ],
)
def test_an_endpoint_that_is_no_url_is_an_invalid_field(url: str) -> None:
    error = refused(with_field("AWS_ENDPOINTS", url))
    assert error.reason is Reason.INVALID_FIELD
    assert error.message.startswith("AWS_ENDPOINTS")
    assert "hunter2" not in error.message


def test_the_endpoint_is_not_looked_at_where_it_is_not_compared() -> None:
    rules = replace(RULES, endpoint=None)
    assert claimed({**FIELDS, "endpoint-url": "anything"}, rules) == claimed(FIELDS, rules)
    assert whole({**FIELDS, "ENDPOINT_URL": "anything"}, rules).notes == ()
