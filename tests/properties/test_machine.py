"""Any order of edits, drift, faults and calls keeps what is promised."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test

from hooks.takeover import Adoption
from tests.properties.events import SECRETS, SLOTS
from tests.properties.machine import Reconciling
from tests.properties.profile import tries


def test_any_order_of_events_keeps_what_is_promised() -> None:
    run_state_machine_as_test(Reconciling, settings=tries(120))


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
