"""What can happen: the few names there are, and how often which fault comes."""

from __future__ import annotations

from hypothesis import strategies as some

from tests.model import ADMINISTRATOR
from tests.properties.cluster import ENDPOINT, Slot
from tests.properties.process import FAULTS

# Few of each, so that they meet.
SLOTS: list[Slot] = [("mine", "one"), ("mine", "two"), ("theirs", "one")]
BUCKETS = ["bucket-a", "bucket-b"]
TENANTS = ["user-a", "user-b", "user-c"]
# The first is an administrator of the store, the other the operator's own.
ADMINISTRATORS = ["root-too", ADMINISTRATOR]
SECRETS = ["first-long-secret", "second-long-secret"]

slots = some.sampled_from(SLOTS)
buckets = some.sampled_from(BUCKETS)
tenants = some.sampled_from(TENANTS)
users = some.sampled_from(TENANTS * 4 + ADMINISTRATORS)
secrets = some.sampled_from(SECRETS)
# At which step of the store, before or after it is done; most calls have none.
faults = some.one_of(
    some.none(),
    some.none(),
    some.tuples(
        some.integers(1, 8), some.sampled_from(["before", "after"]), some.sampled_from(FAULTS)
    ),
)
calls = some.sampled_from(["answered", "answered", "answered", "deaf", "later"])
policies = some.sampled_from(["delete", "delete", "delete-user", "retain", "none"])
Fields = dict[str, str]
extras = some.sampled_from(
    [
        *([{}] * 20),
        {"role": "userplus"},
        {"role": "admin"},
        {"quota-bytes": "1000"},
        {"user-id": "5"},
        {"user-id": "five"},
        {"endpoint-url": ENDPOINT},
        {"endpoint-url": "https://other.example"},
        {"access-secret": ""},
    ]
)
