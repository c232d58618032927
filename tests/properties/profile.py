"""How much is tried: HYPOTHESIS_PROFILE is `ci`, the same tries each time, or `long`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FACTORS = {"ci": 1, "long": 25}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
FACTOR = _FACTORS[PROFILE]

settings.register_profile(
    PROFILE,
    # A shared machine is slow at times, which is no finding.
    deadline=None,
    derandomize=FACTOR == 1,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def tries(number: int) -> settings:
    """The profile's settings, with so many tries where each time is the same."""
    return settings(settings.get_profile(PROFILE), max_examples=number * FACTOR)
