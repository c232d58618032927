"""One running store of each kind for this folder; names are unique to each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.conformance.subject import SUBJECTS, ModelSubject, RealSubject, Subject
from tests.conformance.traits import having
from tests.servers.sealing import cheap_bodies

_numbers = itertools.count(1)


@pytest.fixture(scope="package", autouse=True)
def _cheap_bodies() -> Iterator[None]:
    """What is asked here is not how MinIO's admin API encrypts."""
    with cheap_bodies():
        yield


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], RealSubject]]:
    """Starts a real store on its first use, and ends all of them with the last file here."""
    subjects: dict[str, RealSubject] = {}
    with ExitStack() as stack:

        def start(name: str) -> RealSubject:
            if name not in subjects:
                folder = tmp_path_factory.mktemp(name)
                subjects[name] = stack.enter_context(SUBJECTS[name](folder))
            subjects[name].proxy.calm()
            return subjects[name]

        yield start


@pytest.fixture(params=having(real=True))
def real(
    request: pytest.FixtureRequest, started: Callable[[str], RealSubject]
) -> Iterator[RealSubject]:
    """A real store, for what only a server can show; a test may name the stores it is for."""
    subject = started(request.param)
    yield subject
    subject.proxy.calm()


@pytest.fixture(params=having())
def subject(request: pytest.FixtureRequest, started: Callable[[str], RealSubject]) -> Subject:
    """A store, the model in memory among them; a test may name the stores it is for."""
    return ModelSubject() if request.param == "model" else started(request.param)


@pytest.fixture
def name() -> str:
    """A bucket's and user's name that no other test has; no store takes less in one."""
    return f"n{next(_numbers):04}team"
