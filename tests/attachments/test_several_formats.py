"""Several formats in one connection Secret, with the defaults and without."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from backends.wire.sensitive import Sensitive
from hooks.attachments.connection import Connections
from hooks.attachments.formats import FORMATS, Access
from hooks.claim.secret import InvalidSecret
from hooks.contract.outcome import Reason
from tests.attachments.test_connection import CLAIM, KEYS, request
from tests.attachments.test_formats import written
from tests.support import PREFIX

CONNECTIONS = Connections(KEYS, "https://s3.example.com", "eu-west-3")
DEFAULTS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "BUCKET_NAME",
    "BUCKET_HOST",
    "BUCKET_PORT",
}


def data(**annotations: str) -> dict[str, str]:
    asked = request({}, connection_secret="app-s3", **annotations)
    claim = replace(CLAIM, secret=Sensitive("plain"))
    made = CONNECTIONS.make(asked, claim)
    assert made is not None
    return {key: base64.b64decode(value).decode() for key, value in made["data"].items()}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_what_is_left_without_the_defaults(name: str) -> None:
    access = Access(CONNECTIONS.endpoint, "eu-west-3", CLAIM.user, Sensitive("plain"), "bucket")
    expected = written(name, access)
    assert data(connection_format=name, connection_defaults="false") == expected
    both = data(connection_format=name)
    assert expected.items() <= both.items()
    assert both.keys() | FORMATS[name].without >= DEFAULTS


def test_several_formats_stand_in_one_secret() -> None:
    found = data(connection_format="rclone, velero,flux", connection_defaults="false")
    assert found.keys() == {"rclone.conf", "cloud", "accesskey", "secretkey"}
    # What two want alike is there once.
    assert data(connection_format="restic,volsync,longhorn,zalando")


def test_zalando_gets_no_region_with_the_defaults_either() -> None:
    found = data(connection_format="zalando")
    assert found.keys() & DEFAULTS == DEFAULTS - {"AWS_REGION"}


@pytest.mark.parametrize(
    ("formats", "key"),
    [("aws,gitlab", "config"), ("loki,tempo", "region"), ("tempo,loki", "region")],
)
def test_two_that_want_one_key_differently_are_invalid(formats: str, key: str) -> None:
    with pytest.raises(InvalidSecret) as caught:
        data(connection_format=formats)
    assert caught.value.reason is Reason.INVALID_FIELD
    assert f"The key {key} " in caught.value.message
    assert all(name in caught.value.message for name in formats.split(","))


@pytest.mark.parametrize("word", ["", "no", "False", "0"])
def test_the_defaults_are_wanted_or_not(word: str) -> None:
    with pytest.raises(InvalidSecret, match=f"{PREFIX}connection-defaults"):
        data(connection_defaults=word)
    assert data(connection_defaults="true") == data()


def test_an_empty_secret_is_none() -> None:
    with pytest.raises(InvalidSecret, match="nothing to write"):
        data(connection_defaults="false")
