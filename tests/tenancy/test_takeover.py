"""What each kind of holding lets a Secret do, and what it never does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.base import Claim
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import Pattern
from hooks.claim.policy import Policy
from hooks.claim.policyfile import parse
from hooks.cluster.kubeerrors import Unavailable
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grant, Grants, Held, Holding, Kind
from hooks.contract.status import Keys
from hooks.tenancy.guard import ConflictGuard
from hooks.tenancy.holdings import Rights
from hooks.tenancy.others import Others
from hooks.tenancy.takeover import Takeover
from tests.model import ADMINISTRATOR, Account, ModelStore
from tests.properties.cluster import Secrets
from tests.support import PREFIX, encode, wait
from tests.tenancy.ground import (
    BESIDE,
    BUCKET_CLAIMED,
    HOLDER,
    KEY_CLAIMED,
    OTHER_SECRET,
    READY,
    SECRET,
    STRANGER,
    Ground,
)

# Own


def test_the_first_holds_what_it_was_given_by_the_apis_clock() -> None:
    ground = Ground(now=1_700_000_000)
    assert ground.put(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")
    assert ground.told(HOLDER)["user"][1] == 1_700_000_001


@pytest.mark.parametrize("adoption", ["any", "unowned", "never"])
@pytest.mark.parametrize("vanished", ["bucket", "user", "both"])
def test_what_vanishes_goes_to_nobody_who_waits_for_it(adoption: str, vanished: str) -> None:
    ground = Ground(adoption)
    ground.put(HOLDER)
    assert ground.put(STRANGER, user="stranger").state == BUCKET_CLAIMED
    ground.put(("theirs", "other"), bucket="other", secret=OTHER_SECRET)
    if vanished in {"bucket", "both"}:
        ground.store.owners.clear()
    if vanished in {"user", "both"}:
        ground.store.accounts.clear()
    assert ground.sync(STRANGER).state == BUCKET_CLAIMED
    assert ground.sync(("theirs", "other")).state == KEY_CLAIMED
    assert ground.sync(HOLDER).state == READY
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.accounts == {"user": Account(SECRET)}


def test_it_is_free_when_its_holder_names_something_else() -> None:
    ground = Ground("any")
    ground.put(HOLDER)
    assert ground.put(STRANGER, user="stranger").state == BUCKET_CLAIMED
    ground.put(HOLDER, bucket="another")
    assert ground.sync(STRANGER).state == READY
    assert ground.kinds(STRANGER) == ("own", "own")


@pytest.mark.parametrize("how", ["deleted", "disabled", "another store's"])
def test_it_is_free_when_its_holder_is_gone(how: str) -> None:
    ground = Ground("any")
    ground.put(HOLDER)
    if how == "deleted":
        del ground.kube.documents[HOLDER]
    elif how == "disabled":
        ground.annotate(HOLDER, enabled=None)
    else:
        ground.kube.documents[HOLDER]["data"]["endpoint-url"] = encode("https://other.example")
    assert ground.put(STRANGER, user="stranger", secret=OTHER_SECRET).state == READY


# Unguarded


def test_without_the_guard_what_is_given_says_so_and_counts_for_little() -> None:
    ground = Ground("any")
    ground.unguarded()
    assert ground.put(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("unguarded", "unguarded")
    assert ground.put(HOLDER, secret=OTHER_SECRET).state == READY
    # With the guard on again it is asked for, and becomes its own.
    ground.start()
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")


def test_what_was_taken_without_the_guard_goes_back_to_its_holder() -> None:
    ground = Ground("any")
    ground.put(HOLDER)
    ground.unguarded()
    assert ground.put(STRANGER, user="stranger").state == READY
    assert ground.store.owners["bucket"] == "stranger"
    ground.start()
    ground.sync(STRANGER)
    assert ground.kinds(STRANGER) == ("own", "shared")
    assert ground.sync(HOLDER).state == READY
    assert ground.store.owners["bucket"] == "user"
    for _ in range(2):
        assert ground.sync(STRANGER).state == BUCKET_CLAIMED
        assert ground.sync(HOLDER).state == READY


# Kubernetes doesn't answer


@pytest.mark.parametrize("adoption", ["any", "never"])
def test_without_an_answer_an_accepted_probe_is_ready_and_nothing_is_gained(adoption: str) -> None:
    ground = Ground(adoption)
    ground.put(HOLDER)
    ground.strip(HOLDER)
    ground.kube.fault = Unavailable("The API has a fault.")
    assert ground.sync(HOLDER).state == READY
    assert "grants" not in ground.seen(HOLDER).annotations
    for change in ({"secret": OTHER_SECRET}, {"bucket": "another"}, {"user": "another"}):
        assert ground.put(HOLDER, **change).state == ("Retrying", "GuardUnavailable")
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.accounts == {"user": Account(SECRET)}
    # Without a grant nothing that no probe sees is written either.
    ground.store.calls.clear()
    assert ground.put(HOLDER, quota_bytes="1000").state == READY
    assert "set_quota" not in ground.store.calls
    ground.kube.fault = None
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")
    assert ground.store.quotas["bucket"][0] == 1000


def test_no_time_left_to_ask_gives_no_grant_and_is_no_fault() -> None:
    kube, store = Secrets(), ModelStore()
    keys, grants = Keys(f"{PREFIX}enabled"), Grants(Sensitive("a-key"))
    guard = ConflictGuard(Others(kube, keys, grants, None))
    claim = Claim("bucket", "user", Sensitive(SECRET), origin="mine/holder")
    rights = Rights(Adoption.NEVER)
    takeover = Takeover(claim, "uid", Held(), store, rights, Deadline(0), guard)
    assert wait(takeover.grant()) is None
    takeover = Takeover(claim, "uid", Held(), store, rights, Deadline(5), guard)
    assert wait(takeover.grant()) == Grant(
        "user", Holding(0, Kind.OWN), {"bucket": Holding(0, Kind.OWN)}
    )


def test_an_unchanged_secret_asks_the_store_once_and_kubernetes_never() -> None:
    for names_owners in (True, False):
        ground = Ground(store=ModelStore(names_owners=names_owners))
        ground.put(HOLDER, quota_bytes="1000")
        ground.kube.fault = Unavailable("Nobody may ask.")
        before = repr(ground.kube.documents)
        ground.store.calls.clear()
        result = ground.call(HOLDER)
        assert ground.store.calls == ["probe"]
        assert result.outcome is not None
        assert result.outcome.actions == ()
        assert repr(ground.kube.documents) == before


# Own names


@pytest.mark.parametrize("adoption", ["own-names", "unowned"])
@pytest.mark.parametrize(
    ("pattern", "name", "kept"),
    [
        ("{namespace}.*", "mine.data", True),
        ("{namespace}", "mine", True),
        ("app-{namespace}.*", "app-mine.data", True),
        ("{namespace}-*", "mine-data", False),
        ("{namespace}*", "mine.data", False),
        ("*.{namespace}", "data.mine", False),
        ("[a-z]*{namespace}.*", "mine.data", False),
        ("*", "mine.data", False),
        ("", "mine.data", False),
        # One of several is enough.
        ("*,{namespace}.*", "mine.data", True),
        ("{namespace}.*,*", "theirs.data", False),
    ],
)
def test_own_names_are_those_that_a_pattern_keeps_for_the_namespace(
    pattern: str, name: str, kept: bool, adoption: str
) -> None:
    """A Secret that lost its annotations in the write that rotates it gets its own back."""
    environ = {"BUCKET_NAME_PATTERN": pattern, "ACCESS_KEY_PATTERN": pattern}
    ground = Ground(adoption, environ)
    store = ground.store
    store.accounts[name] = Account(OTHER_SECRET)
    store.owners[name] = "somebody"
    store.accounts["somebody"] = Account("somebodys-secret")
    seen = ground.put(HOLDER, name, name)
    if kept and adoption == "own-names":
        assert seen.state == READY
        assert store.owners[name] == name
        assert store.accounts[name].secret == SECRET
    else:
        assert seen.state[0] in {"Conflict", "Invalid"}
        assert store.owners[name] == "somebody"
        assert store.accounts[name].secret == OTHER_SECRET


def test_own_names_are_kept_from_no_holder() -> None:
    ground = Ground(
        "own-names", {"BUCKET_NAME_PATTERN": "{namespace}.*", "ACCESS_KEY_PATTERN": "{namespace}.*"}
    )
    ground.put(HOLDER, "mine.data", "mine.user")
    assert ground.put(BESIDE, "mine.data", "mine.other").state == BUCKET_CLAIMED
    # One that is made anew under another name, as kustomize does, is what comes after it.
    del ground.kube.documents[HOLDER]
    assert ground.put(BESIDE, "mine.data", "mine.user", OTHER_SECRET).state == READY
    assert ground.kinds(BESIDE) == ("own", "own")


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [("{namespace}.*", True), ("{namespace}-*", False), ("team.data", False), ("*", False)],
)
def test_a_policy_keeps_by_the_same_patterns(pattern: str, kept: bool) -> None:
    policy = Policy([Pattern.bucket(pattern)], [])
    name = "team-data" if pattern == "{namespace}-*" else "team.data"
    assert policy.may_have_bucket("team", name)
    assert policy.keeps_bucket("team", name) is kept
    # Without a pattern everything may be had, and nothing is kept.
    assert policy.may_have_access_key("team", name)
    assert not policy.keeps_access_key("team", name)


RULES = """
rules:
  - {name: one, namespaces: [team], buckets: [team-data, shared], access-keys: [TEAM]}
  - {name: many, namespaces: ["other-*"], buckets: [other-data, "{namespace}.*"]}
"""


@pytest.mark.parametrize(
    ("namespace", "name", "kept"),
    [
        # SeaweedFS's access keys hold no dot: one fixed name for one fixed namespace.
        ("team", "team-data", True),
        ("team", "shared", True),
        ("other-a", "other-data", False),
        ("other-a", "other-a.data", True),
        ("other-a", "other-b.data", False),
        ("nobody", "team-data", False),
    ],
)
def test_a_rule_keeps_a_fixed_name_for_a_fixed_namespace(
    namespace: str, name: str, kept: bool
) -> None:
    policy = Policy([], [], rules=parse(RULES))
    assert policy.keeps_bucket(namespace, name) is kept
    assert policy.keeps_access_key("team", "TEAM")
    assert not policy.keeps_access_key("team", "OTHER")
    assert not policy.may_have_bucket("nobody", name)


# A change of owner


def test_a_new_owner_inherits_nothing_and_is_told() -> None:
    ground = Ground("any")
    ground.store.accounts["somebody"] = Account("somebodys-secret")
    ground.store.owners["bucket"] = "somebody"
    ground.store.settings["bucket"] = "everybody may read"
    seen = ground.put(HOLDER)
    assert seen.state == READY
    assert ground.store.settings == {}
    assert "were removed" in seen.annotations["message"]
    calls = [call for call in ground.store.calls if call in {"wipe", "change_owner"}]
    assert calls == ["wipe", "change_owner", "wipe"]
    # It goes on saying so: what changes from sync to sync would never end.
    before = repr(ground.kube.documents)
    ground.sync(HOLDER)
    assert repr(ground.kube.documents) == before


@pytest.mark.parametrize("former", ["user", ADMINISTRATOR])
def test_what_is_its_own_or_the_administrators_keeps_its_settings(former: str) -> None:
    ground = Ground("any")
    ground.put(HOLDER)
    ground.store.settings["bucket"] = "everybody may read"
    ground.store.owners["bucket"] = former
    assert ground.put(HOLDER, user="another").state == READY
    assert ground.store.owners["bucket"] == "another"
    assert ground.store.settings == {"bucket": "everybody may read"}


def test_an_old_grant_deletes_nothing_of_who_was_given_it_since_and_lost_its_own() -> None:
    ground = Ground("any")
    ground.put(STRANGER)
    # Invalid, so it keeps the grant, and names neither any more.
    fields = {"bucket-name": "Not a name", "access-key": "another", "access-secret": OTHER_SECRET}
    ground.kube.put(STRANGER, "", fields)
    assert ground.sync(STRANGER).state == ("Invalid", "InvalidField")
    assert ground.put(HOLDER, secret=OTHER_SECRET).state == READY
    ground.strip(HOLDER)
    ground.annotate(STRANGER, **{"deletion-policy": "delete"})
    document = ground.kube.documents[STRANGER]
    document["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    request = replace(SyncRequest.of(document), finalizing=True)
    result = wait(ground.operator.parts.finalizer.finalize(request))
    assert result.response.finalized
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.accounts == {"user": Account(OTHER_SECRET)}
