"""What can be no bucket, access key or secret on RustFS; nobody is asked about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from backends.base import Claim, Connection, Credentials, Gap
from backends.errors import Unsupported
from backends.rustfs.backend import RustFS
from backends.rustfs.names import is_usable_key, is_usable_secret
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.support import wait

SECRET = "a-very-strong-and-long-password"
CLAIM = Claim("a-bucket", "a-user", Sensitive(SECRET))
# Nothing listens there: whoever asks fails.
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def backend() -> Iterator[RustFS]:
    administrator = Credentials("operator", Sensitive("the-operators-own-secret"))
    connection = Connection(NOWHERE, NOWHERE, "us-east-1", administrator)

    def observe(operation: str, *_: object) -> None:
        raise AssertionError(f"asked: {operation}")

    made = RustFS(connection, observe)
    yield made
    wait(made.close())


@pytest.mark.parametrize(
    "name", ["abc", "_xy", "a.b", "team-a.reader", "A" * 128, "-a-", "..a", "a.json5", "json"]
)
def test_an_access_key_of_letters_digits_and_three_signs_is_one(name: str) -> None:
    assert is_usable_key(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a=b",
        "a,b",
        "a+b",
        "a@b.c",
        "a:b",
        "a/b",
        "a b",
        "ä-b",
        "A" * 129,
        "...",
        "-._",
    ],
)
def test_any_other_is_refused_before_anything_is_asked(backend: RustFS, name: str) -> None:
    claim = replace(CLAIM, user=name)
    assert not is_usable_key(name)
    assert wait(backend.probe(claim, Deadline(5))).gap is Gap.NO_USER
    assert wait(backend.find_user(name, Deadline(5))) is None
    for call in (backend.create_user, backend.update_user, backend.create_bucket):
        with pytest.raises(Unsupported, match="access key"):
            wait(call(claim, Deadline(5)))


def test_one_that_rustfs_forgets_is_refused_and_yet_may_be_an_owner(backend: RustFS) -> None:
    claim = replace(CLAIM, user="app.json")
    assert wait(backend.probe(claim, Deadline(5))).gap is Gap.NO_USER
    for call in (backend.create_user, backend.update_user, backend.create_bucket):
        with pytest.raises(Unsupported, match=r"\.json"):
            wait(call(claim, Deadline(5)))
    with pytest.raises(AssertionError, match="asked: user-info"):
        wait(backend.find_user("app.json", Deadline(5)))


def test_a_groups_name_is_not_taken_for_a_users(backend: RustFS) -> None:
    with pytest.raises(AssertionError, match="asked: group"):
        wait(backend.find_user("(group) team", Deadline(5)))


@pytest.mark.parametrize(
    ("secret", "usable"),
    [("x" * 7, False), ("x" * 8, True), ("é" * 4, True), ("x" * 2000, True), ("x" * 2001, False)],
)
def test_a_secret_has_eight_to_two_thousand_bytes(
    backend: RustFS, secret: str, usable: bool
) -> None:
    claim = replace(CLAIM, secret=Sensitive(secret))
    assert is_usable_secret(claim) is usable
    if usable:
        return
    assert wait(backend.probe(claim, Deadline(5))).gap is Gap.WRONG_SECRET
    for call in (backend.create_user, backend.update_user, backend.create_bucket):
        with pytest.raises(Unsupported, match="secret") as caught:
            wait(call(claim, Deadline(5)))
        assert secret not in str(caught.value)


@pytest.mark.parametrize("name", ["rustfs", "health", "favicon.ico", "xn--a-bucket"])
def test_a_bucket_that_the_store_keeps_for_itself_is_refused_before_anything_is_asked(
    backend: RustFS, name: str
) -> None:
    claim = replace(CLAIM, bucket=name)
    for call in (backend.probe, backend.create_bucket):
        with pytest.raises(Unsupported, match=name):
            wait(call(claim, Deadline(5)))
    for look in (backend.find_bucket, backend.delete_bucket):
        with pytest.raises(Unsupported, match=name):
            wait(look(name, Deadline(5)))
