"""Any order of edits, drift, faults and calls keeps what is promised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis.stateful import run_state_machine_as_test

from hooks.claim.adoption import Adoption
from tests.properties.events import SECRETS, SLOTS
from tests.properties.machine import KEYS, Reconciling
from tests.properties.profile import tries

pytestmark = [pytest.mark.long, pytest.mark.no_cover]


def test_any_order_of_events_keeps_what_is_promised() -> None:
    run_state_machine_as_test(Reconciling, settings=tries(120))


@contextmanager
def machine_of(
    *, guarded: bool = True, adoption: Adoption = Adoption.NEVER, names_owners: bool = True
) -> Iterator[Reconciling]:
    machine = Reconciling()
    machine.begin(guarded=guarded, adoption=adoption, names_owners=names_owners)
    try:
        yield machine
        machine.settle()
    finally:
        machine.teardown()


def test_a_holder_gets_back_what_vanished_through_every_change_of_keys_and_versions() -> None:
    holder, contender = SLOTS[0], SLOTS[2]
    with machine_of() as machine:
        machine.make(holder, "bucket-a", "user-a", SECRETS[0], {})
        machine.make(contender, "bucket-a", "user-b", SECRETS[0], {})
        for _ in range(2 * len(KEYS)):
            machine.rotate_key()
            machine.wait()
            machine.drift_bucket("delete", "bucket-a", None)
            machine.sync(contender, None, deaf=False)
            machine.sync(holder, None, deaf=False, replica=1)
            assert machine.state(holder) == ("Ready", "Provisioned")
            assert machine.state(contender) == ("Conflict", "BucketClaimed")
            machine.wait()
            machine.sync(holder, None, deaf=False)
        # The first key is gone from both replicas by now.
        assert min(machine.stages) >= KEYS.index(("b",))
        for keep in (True, False):
            machine.roll_back(holder, keep=keep)
            machine.settle()
            assert machine.state(holder) == ("Ready", "Provisioned")


def test_of_two_replicas_that_give_away_one_thing_one_wins() -> None:
    for step, names_owners in itertools.product(range(1, 9), [True, False]):
        for adoption in (Adoption.ANY, Adoption.NEVER):
            with machine_of(adoption=adoption, names_owners=names_owners) as machine:
                one, other = SLOTS[0], SLOTS[2]
                machine.make(one, "bucket-a", "user-a", SECRETS[0], {}, call="later")
                machine.make(other, "bucket-a", "user-a", SECRETS[1], {}, call="later")
                machine.race(one, other, step, lost=step % 2 == 0)
                machine.settle()
                states = [machine.state(slot)[0] for slot in (one, other)]
                assert states.count("Ready") == 1


def test_a_holder_keeps_its_bucket_from_a_former_one_while_it_is_invalid() -> None:
    former, holder, other = SLOTS[0], SLOTS[2], SLOTS[1]
    machine = Reconciling()
    machine.begin(guarded=True, adoption=Adoption.ANY, names_owners=True)
    try:
        machine.make(other, "bucket-b", "user-c", SECRETS[0], {})
        machine.make(former, "bucket-a", "user-a", SECRETS[0], {})
        machine.edit(former, ("bucket-name", "bucket-b"))
        machine.make(holder, "bucket-a", "user-b", SECRETS[0], {})
        machine.edit(holder, ("role", "admin"))
        assert machine.state(holder) == ("Invalid", "RoleNotAllowed")
        machine.edit(former, ("bucket-name", "bucket-a"))
        assert machine.state(former) == ("Conflict", "BucketClaimed")
        assert machine.store.owners["bucket-a"] == "user-b"
    finally:
        machine.teardown()
