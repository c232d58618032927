"""A few Secrets in memory, one store, and an operator that is called for them."""

from __future__ import annotations

import base64
import json
import secrets as random
from dataclasses import dataclass, field
from typing import Any

from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.sync.syncer import Result
from tests.model import ModelStore
from tests.properties.cluster import Secrets, Seen, Slot
from tests.support import PREFIX, Operator, wait

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
