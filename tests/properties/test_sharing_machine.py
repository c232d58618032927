"""Several buckets and shared ones: any order of events lets nobody in whom no holder names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.conformance.subject import ModelSubject, versitygw_subject
from tests.properties.profile import tries
from tests.properties.sharing import machine_on

pytestmark = [pytest.mark.long, pytest.mark.no_cover]


def test_any_order_of_events_on_the_model() -> None:
    run_state_machine_as_test(machine_on(ModelSubject()), settings=tries(20))


@pytest.mark.server
def test_any_order_of_events_on_versitygw(tmp_path: Path) -> None:
    # With its cache of accounts it mixes them up once secrets are rotated.
    with versitygw_subject(tmp_path) as subject:
        run_state_machine_as_test(machine_on(subject), settings=tries(6))
