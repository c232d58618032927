"""What each kind of holding lets a Secret do, and what it never does."""

from __future__ import annotations

import base64
import json
import secrets as random
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from backends.base import Bucket, Claim, Gap, Probe
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import Pattern
from hooks.claim.policy import Policy
from hooks.claim.policyfile import parse
from hooks.cluster.kubeerrors import Unavailable
from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grant, Grants, Held, Holding, Kind
from hooks.contract.status import Keys
from hooks.settings.settings import Settings
from hooks.sync.syncer import Result
from hooks.tenancy.guard import ConflictGuard
from hooks.tenancy.holdings import Rights
from hooks.tenancy.others import Others
from hooks.tenancy.takeover import Takeover
from tests.model import ADMINISTRATOR, Account, ModelStore
from tests.properties.cluster import Secrets, Seen, Slot
from tests.support import PREFIX, Operator, encode, wait

READY = ("Ready", "Provisioned")
BUCKET_CLAIMED = ("Conflict", "BucketClaimed")
KEY_CLAIMED = ("Conflict", "AccessKeyClaimed")
HOLDER: Slot = ("mine", "holder")
BESIDE: Slot = ("mine", "beside")
STRANGER: Slot = ("theirs", "stranger")
SECRET, OTHER_SECRET = "first-long-secret", "second-long-secret"


@dataclass
class Ground:
    """A few Secrets in memory, one store, and an operator."""

    adoption: str = "unowned"
    environ: dict[str, str] = field(default_factory=dict)
    store: ModelStore = field(default_factory=ModelStore)
    now: int = 1_800_000_000

    def __post_init__(self) -> None:
        self.kube = Secrets(lambda: self.now)
        self.start()

    def start(self, **environ: str) -> None:
        """Another process, which knows nothing of the one before."""
        variables = {"ADOPTION": self.adoption, "DELETION": "on", **self.environ, **environ}
        self.operator = Operator(self.store, variables, kube=self.kube)

    def unguarded(self) -> None:
        self.start(CONFLICT_GUARD="off", DELETION="off")

    def put(
        self,
        slot: Slot,
        bucket: str = "bucket",
        user: str = "user",
        secret: str = SECRET,
        **more: str,
    ) -> Seen:
        """Makes a Secret or changes its data, and syncs it."""
        fields = {"bucket-name": bucket, "access-key": user, "access-secret": secret}
        more = {key.replace("_", "-"): value for key, value in more.items()}
        self.kube.put(slot, random.token_hex(8), {**fields, **more})
        return self.sync(slot)

    def sync(self, slot: Slot) -> Seen:
        """One sync whose answer is written."""
        self.call(slot)
        return self.seen(slot)

    def call(self, slot: Slot) -> Result:
        self.now += 1
        document = self.kube.documents[slot]
        result = wait(self.operator.parts.syncer.sync(SyncRequest.of(document)))
        apply_answer(document, result.response.document())
        return result

    def seen(self, slot: Slot) -> Seen:
        found = self.kube.seen(slot)
        assert found is not None
        return found

    def annotate(self, slot: Slot, **annotations: str | None) -> None:
        own = self.kube.documents[slot]["metadata"].setdefault("annotations", {})
        for name, value in annotations.items():
            own.pop(PREFIX + name, None)
            if value is not None:
                own[PREFIX + name] = value

    def strip(self, slot: Slot) -> None:
        """What a controller does that replaces metadata."""
        metadata = self.kube.documents[slot]["metadata"]
        metadata["annotations"] = {f"{PREFIX}enabled": "true"}
        metadata.pop("labels", None)

    def kinds(self, slot: Slot) -> tuple[str, str]:
        """How a Secret has user and bucket, as its grant says."""
        told = self.told(slot)
        (bucket,) = told["buckets"].values()
        return told["user"][2], bucket[1]

    def told(self, slot: Slot) -> Any:
        payload = self.seen(slot).annotations["grants"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    def former(self, slot: Slot, second: int) -> None:
        """A Secret that the former version has made Ready."""
        seen = self.seen(slot)
        assert seen.names is not None
        names = seen.names
        self.strip(slot)
        token = self.operator.former_grant(seen.uid, names.bucket, names.user, second)
        self.annotate(slot, grant=token, bucket=names.bucket, user=names.user, status="Ready")
        self.kube.documents[slot]["metadata"]["labels"] = {
            f"{PREFIX}status": "Ready",
            **{f"{PREFIX}{name}": value for name, value in seen.labels.items() if "hash" in name},
        }


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


# Shared


def leaked(ground: Ground, slot: Slot = STRANGER) -> None:
    """The holder's pair and bucket in another Secret, which is Ready with it and no more."""
    ground.put(HOLDER)
    assert ground.put(slot).state == READY
    kind = "shared-within" if slot == BESIDE else "shared"
    assert ground.kinds(slot) == (kind, kind)
    assert ground.kinds(HOLDER) == ("own", "own")


@pytest.mark.parametrize("slot", [STRANGER, BESIDE])
@pytest.mark.parametrize("adoption", ["any", "own-names", "unowned", "never"])
def test_who_shares_neither_rotates_nor_renames_nor_takes_the_bucket(
    slot: Slot, adoption: str
) -> None:
    ground = Ground(adoption)
    leaked(ground, slot)
    assert ground.put(slot, secret=OTHER_SECRET).state == KEY_CLAIMED
    assert ground.put(slot, user="another").state == BUCKET_CLAIMED
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.accounts == {"user": Account(SECRET)}
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")


def test_a_leaked_pair_ends_with_the_holders_rotation() -> None:
    ground = Ground("any")
    leaked(ground)
    assert ground.put(HOLDER, secret=OTHER_SECRET).state == READY
    assert ground.sync(STRANGER).state == KEY_CLAIMED
    assert ground.store.accounts["user"].secret == OTHER_SECRET


@pytest.mark.parametrize("adoption", ["own-names", "unowned", "never"])
def test_a_leaked_pair_makes_nobody_the_owner_of_the_users_other_buckets(adoption: str) -> None:
    ground = Ground(adoption)
    ground.put(HOLDER)
    ground.put(BESIDE, bucket="archive")
    del ground.kube.documents[BESIDE]
    assert ground.put(STRANGER, bucket="archive").state == READY
    assert ground.kinds(STRANGER) == ("shared", "shared")
    assert ground.put(STRANGER, bucket="archive", user="stranger").state == (
        "Conflict",
        "BucketOwned",
    )
    assert ground.store.owners["archive"] == "user"
    # What it makes is its own.
    assert ground.put(STRANGER, bucket="made").state == READY
    assert ground.kinds(STRANGER) == ("shared", "own")
    # In the holder's namespace it is the tenant's own.
    assert ground.put(BESIDE, bucket="archive").state == READY
    assert ground.kinds(BESIDE) == ("shared-within", "own")


@pytest.mark.parametrize("slot", [STRANGER, BESIDE])
def test_who_shares_configures_nothing_and_is_told(slot: Slot) -> None:
    ground = Ground(environ={"ALLOWED_ROLES": "user,userplus"})
    leaked(ground, slot)
    ground.store.calls.clear()
    seen = ground.put(slot, role="userplus", user_id="7", quota_bytes="1000", versioning="enabled")
    assert seen.state == READY
    assert "are ignored" in seen.annotations["message"]
    assert ground.store.accounts["user"].role == "user"
    assert not {"update_user", "set_quota", "set_versioning"} & set(ground.store.calls)
    before = json.dumps(ground.kube.documents[slot], sort_keys=True)
    ground.sync(slot)
    assert json.dumps(ground.kube.documents[slot], sort_keys=True) == before


def test_who_shares_makes_again_what_vanished_and_holds_it_no_more_than_before() -> None:
    for vanished in ("bucket", "user"):
        ground = Ground("never")
        leaked(ground)
        (ground.store.owners if vanished == "bucket" else ground.store.accounts).clear()
        assert ground.sync(STRANGER).state == READY
        assert ground.kinds(STRANGER) == ("shared", "shared")
        assert ground.sync(HOLDER).state == READY
        assert ground.kinds(HOLDER) == ("own", "own")


@pytest.mark.parametrize("slot", [STRANGER, BESIDE])
def test_who_makes_again_what_it_shares_chooses_neither_role_nor_ids(slot: Slot) -> None:
    ground = Ground(environ={"ALLOWED_ROLES": "user,userplus"})
    leaked(ground, slot)
    ground.store.accounts.clear()
    assert ground.put(slot, role="userplus", user_id="7", group_id="8").state == READY
    assert ground.store.accounts == {"user": Account(SECRET)}


@pytest.mark.parametrize("adoption", ["own-names", "unowned", "never"])
def test_what_was_shared_across_namespaces_is_nobodys_after_the_holder(adoption: str) -> None:
    ground = Ground(adoption)
    leaked(ground)
    del ground.kube.documents[HOLDER]
    assert ground.sync(STRANGER).state == READY
    assert ground.kinds(STRANGER) == ("shared", "shared")
    assert ground.put(STRANGER, secret=OTHER_SECRET).state == ("Conflict", "UserExists")
    assert ground.put(STRANGER, user="another").state == ("Conflict", "BucketOwned")
    assert ground.store.accounts["user"].secret == SECRET


@pytest.mark.parametrize("adoption", ["own-names", "unowned", "never"])
def test_what_was_shared_within_a_namespace_is_whoevers_is_left(adoption: str) -> None:
    ground = Ground(adoption)
    leaked(ground, BESIDE)
    del ground.kube.documents[HOLDER]
    assert ground.put(BESIDE, secret=OTHER_SECRET).state == READY
    assert ground.store.accounts["user"].secret == OTHER_SECRET
    assert ground.kinds(BESIDE)[0] == "own"
    assert ground.put(BESIDE, user="another", secret=OTHER_SECRET).state == READY
    assert ground.store.owners == {"bucket": "another"}
    assert ground.kinds(BESIDE) == ("own", "own")


@pytest.mark.parametrize("adoption", ["any", "own-names", "unowned", "never"])
@pytest.mark.parametrize("vanished", ["nothing", "bucket", "user"])
def test_what_is_shared_within_a_namespace_is_kept_from_all_others(
    adoption: str, vanished: str
) -> None:
    ground = Ground(adoption)
    leaked(ground, BESIDE)
    del ground.kube.documents[HOLDER]
    assert ground.sync(BESIDE).state == READY
    if vanished == "bucket":
        ground.store.owners.clear()
    elif vanished == "user":
        ground.store.accounts.clear()
    other: Slot = ("theirs", "other")
    assert ground.put(STRANGER, user="stranger").state == BUCKET_CLAIMED
    assert ground.put(other, bucket="other", secret=OTHER_SECRET).state == KEY_CLAIMED
    # Nor do they come to share it as their own.
    if vanished == "nothing":
        assert ground.put(("theirs", "third")).state == READY
        assert ground.kinds(("theirs", "third")) == ("shared", "shared")
    assert ground.sync(BESIDE).state == READY
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.accounts == {"user": Account(SECRET)}


def test_what_was_shared_within_a_namespace_ends_with_a_newer_holder() -> None:
    ground = Ground("never")
    leaked(ground, BESIDE)
    del ground.kube.documents[HOLDER]
    # An administrator gives the bucket to another namespace.
    ground.kube.put(
        STRANGER,
        "uid-of-the-stranger",
        {"bucket-name": "bucket", "access-key": "stranger", "access-secret": OTHER_SECRET},
    )
    given = Holding(ground.now, Kind.OWN)
    grants = Grants(*Settings.load(ground.operator.environ).signing_keys)
    grant = Grant("stranger", given, {"bucket": given})
    ground.annotate(STRANGER, grants=grants.issue("uid-of-the-stranger", grant, ground.now))
    assert ground.sync(STRANGER).state == READY
    assert ground.sync(BESIDE).state == BUCKET_CLAIMED
    assert ground.kinds(BESIDE) == ("shared-within", "shared")
    del ground.kube.documents[STRANGER]
    assert ground.sync(BESIDE).state == ("Conflict", "BucketOwned")
    assert ground.store.owners == {"bucket": "stranger"}


def test_what_was_shared_is_the_namespaces_whose_name_it_is() -> None:
    ground = Ground(
        "unowned",
        {
            "BUCKET_NAME_PATTERN": "{namespace}.*,mine.*",
            "ACCESS_KEY_PATTERN": "{namespace}.*,mine.*",
        },
    )
    stranger: Slot = ("mine", "later")
    holder: Slot = ("theirs", "holder")
    ground.put(holder, "mine.data", "mine.user")
    assert ground.put(stranger, "mine.data", "mine.user").state == READY
    assert ground.kinds(stranger) == ("shared", "shared")
    del ground.kube.documents[holder]
    assert ground.put(stranger, "mine.data", "mine.user", OTHER_SECRET).state == READY
    assert ground.kinds(stranger)[0] == "own"


class Broken(ModelStore):
    """The user's own bucket lacks a part of what belongs to an owner."""

    intact = True

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        probe = await super().probe(claim, deadline)
        return probe if self.intact else Probe(Gap.DENIED)

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        found = await super().find_bucket(name, deadline)
        return found and Bucket(found.owners, intact=self.intact)

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        self.intact = True
        return await super().change_owner(claim, deadline)


@pytest.mark.parametrize(("slot", "kind"), [(STRANGER, "shared"), (BESIDE, "own")])
def test_to_mend_what_was_shared_across_namespaces_makes_it_nobodys_own(
    slot: Slot, kind: str
) -> None:
    store = Broken()
    ground = Ground(store=store)
    leaked(ground, slot)
    del ground.kube.documents[HOLDER]
    store.intact = False
    assert ground.sync(slot).state == READY
    assert store.intact
    assert ground.kinds(slot)[1] == kind


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


# From the former version and back


def test_a_former_grant_is_converted_with_its_second_and_stays_for_a_roll_back() -> None:
    ground = Ground("never")
    ground.put(HOLDER)
    ground.former(HOLDER, 1_600_000_000)
    former = ground.seen(HOLDER).annotations["grant"]
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")
    assert ground.told(HOLDER)["user"][1] == 1_600_000_000
    assert ground.seen(HOLDER).annotations["grant"] == former


def test_a_former_grant_gives_nothing_back_that_was_given_up_since() -> None:
    ground = Ground("any")
    ground.put(STRANGER, user="stranger", secret=OTHER_SECRET)
    ground.former(STRANGER, 1_700_000_000)
    assert ground.sync(STRANGER).state == READY
    assert ground.put(STRANGER, "another", "stranger", OTHER_SECRET).state == READY
    assert ground.put(HOLDER).state == READY
    ground.adoption = "never"
    ground.start()
    # Neither beside the one that has it by now, nor when that one is gone.
    assert ground.put(STRANGER, "bucket", "stranger", OTHER_SECRET).state == BUCKET_CLAIMED
    del ground.kube.documents[HOLDER]
    assert ground.sync(STRANGER).state == ("Conflict", "BucketOwned")
    assert ground.store.owners["bucket"] == "user"


def test_before_it_is_converted_a_former_grant_lets_its_holder_rotate_and_rename() -> None:
    ground = Ground("never")
    ground.put(HOLDER)
    ground.former(HOLDER, 1_600_000_000)
    assert ground.put(HOLDER, secret=OTHER_SECRET).state == READY
    ground.former(HOLDER, 1_600_000_000)
    assert ground.put(HOLDER, user="another", secret=OTHER_SECRET).state == READY
    assert ground.store.owners == {"bucket": "another"}


def test_of_two_former_grants_the_older_holds_and_a_second_versions_before_both() -> None:
    ground = Ground("never")
    ground.put(HOLDER)
    ground.put(STRANGER)
    ground.former(HOLDER, 1_600_000_000)
    ground.former(STRANGER, 1_600_000_001)
    # Whichever of them is looked at first.
    for first, second in ((STRANGER, HOLDER), (HOLDER, STRANGER)):
        ground.former(HOLDER, 1_600_000_000)
        ground.former(STRANGER, 1_600_000_001)
        ground.start()
        assert ground.sync(first).state == READY
        assert ground.sync(second).state == READY
        assert ground.kinds(HOLDER) == ("own", "own")
        assert ground.kinds(STRANGER) == ("shared", "shared")
    ground.former(STRANGER, 1)
    ground.start()
    ground.sync(STRANGER)
    assert ground.kinds(STRANGER) == ("shared", "shared")


def test_many_former_grants_are_converted_with_one_list() -> None:
    ground = Ground("never")
    slots: list[Slot] = [("mine", f"secret-{number}") for number in range(20)]
    for slot in slots:
        ground.put(slot, bucket=slot[1], user=slot[1])
        ground.former(slot, 1_600_000_000)
    lists: list[str | None] = []
    listed = ground.kube.secrets

    def counted(namespace: str | None = None, selector: str | None = None, **more: Any) -> Any:
        lists.append(selector)
        return listed(namespace, selector, **more)

    ground.kube.secrets = counted  # type: ignore[method-assign]
    ground.start()
    for slot in slots:
        assert ground.sync(slot).state == READY
        assert ground.kinds(slot) == ("own", "own")
    assert lists == [f"{PREFIX}status"]


def test_a_roll_back_and_a_second_upgrade_lose_nothing() -> None:
    """The former version sees its own grant, gives a new one, and leaves the other alone."""
    ground = Ground("never")
    ground.put(HOLDER)
    uid = ground.seen(HOLDER).uid
    ground.annotate(
        HOLDER, grant=ground.operator.former_grant(uid, "bucket", "user", 1_900_000_000)
    )
    before = dict(ground.seen(HOLDER).annotations)
    assert ground.sync(HOLDER).state == READY
    assert ground.seen(HOLDER).annotations == before
    # What it renamed meanwhile is known by its grant alone.
    ground.kube.documents[HOLDER]["data"]["bucket-name"] = encode("bucket-2")
    ground.store.owners["bucket-2"] = "user"
    token = ground.operator.former_grant(uid, "bucket-2", "user", 1_900_000_001)
    ground.annotate(HOLDER, grant=token, bucket="bucket-2")
    assert ground.put(STRANGER, bucket="bucket-2", user="stranger").state[0] == "Conflict"
    assert ground.sync(HOLDER).state == READY
    assert ground.kinds(HOLDER) == ("own", "own")
    assert ground.seen(HOLDER).annotations["grant"] == token


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
