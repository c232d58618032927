"""What a sync has done whose answer never reached its Secret: the next one puts it right."""

from __future__ import annotations

from copy import deepcopy

import pytest

from backends.bucketsettings import SettingName
from hooks.contract.outcome import Action
from tests.conformance.bucketsettings import PUBLIC, seen, settled, with_setting
from tests.conformance.subject import RealSubject
from tests.conformance.test_bucket_policies import filled, unsigned
from tests.conformance.traits import READY
from tests.support import Secret

CLOSED = {401, 403}


def changed(secret: Secret, version: int) -> None:
    """As Kubernetes counts each change of an object."""
    secret.document["metadata"]["resourceVersion"] = str(version)


@pytest.mark.parametrize("real", with_setting(SettingName.PUBLIC), indirect=True)
@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "the-same"])
def test_a_bucket_is_closed_again_though_the_answer_that_told_of_it_was_lost(
    real: RealSubject, name: str, restarted: bool
) -> None:
    operator = real.operator(PUBLIC)
    secret = settled(operator, name)
    filled(real, name)
    changed(secret, 2)
    operator.sync(secret)
    before, noted = operator.requests(), dict(secret.annotations)
    operator.sync(secret)
    assert operator.requests() == before + 1, "an unchanged Secret costs one request"
    lost = deepcopy(secret)
    lost.set(public_access="read")
    changed(lost, 3)
    operator.sync(lost)
    assert lost.state == READY
    assert unsigned(real, name, "private") == 200
    # Nothing on the Secret tells of it, and nobody asks for it any more.
    changed(secret, 4)
    after = real.operator(PUBLIC) if restarted else operator
    result = after.sync(secret)
    assert unsigned(real, name, "private") in CLOSED
    assert result.outcome is not None
    assert result.outcome.actions == (Action.REMOVE_PUBLIC_ACCESS,)
    assert secret.state == READY
    assert secret.annotations == noted
    assert seen(real, name, SettingName.POLICY) is None
    before = after.requests()
    after.sync(secret)
    assert after.requests() == before + 1
