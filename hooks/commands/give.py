"""The `grant` command: an administrator gives a Secret the bucket and the user that it names.

It writes nothing on the store. It signs the grant; the operator then does at the Secret's next sync
what it does for every Secret that holds what it names.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from backends import Backend
from backends.base import Claim
from backends.errors import StoreError
from backends.wire.deadline import Deadline
from hooks import logs
from hooks.claim.adoption import Adoption
from hooks.cluster.kube import Kube
from hooks.cluster.kubeerrors import Conflict, Forbidden, KubeError, NotFound
from hooks.commands.gift import gift
from hooks.commands.givewords import follows, says, told, unchanged
from hooks.commands.prospect import Claimant, Look, View, look_at_each
from hooks.commands.storewise import chosen, sites_of
from hooks.contract.behind import left_behind
from hooks.contract.decorator import SyncRequest
from hooks.contract.derived import Pair
from hooks.contract.grant import Grant, Held
from hooks.contract.outcome import Reason, Refusal
from hooks.contract.status import SEVERAL, Keys, name_hash
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync import rotation
from hooks.sync.operator import Operator, others_of
from hooks.sync.placement import Placement
from hooks.sync.renewal import generator_of
from hooks.tenancy.holdings import Holdings, Rights
from hooks.tenancy.other import holding
from hooks.tenancy.standing import Thing
from hooks.terminal import printable, say, say_why

OK = 0
FAILED = 1
NO_ACCESS = 2

# For all that is asked, of the store and of the Kubernetes API.
_SECONDS = 60.0


class _Refused(Exception):
    """Nothing is given; the text says why."""


class _NoAccess(Exception):
    """The cluster can't be asked, or the settings can't be the operator's."""


def add_parser(commands: Any) -> None:
    """Adds the command to an argument parser's subparsers."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "grant",
        help="give a Secret the bucket and the user that it names",
        description="Gives a Secret the bucket and the user that it names, whatever ADOPTION says "
        "and whoever holds them, after showing what the store and the other Secrets say. The "
        "settings have to be the operator's, SIGNING_KEY above all. Exit code 0: given, or there "
        "was nothing to give; 1: it was not; 2: the configuration can't be used, the cluster can't "
        "be asked, or this account may not change Secrets.",
    )
    parser.add_argument("secret", type=_slot, metavar="NAMESPACE/NAME", help="the Secret")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only show what would be")
    how.add_argument(
        "--print",
        action="store_true",
        dest="printed",
        help="change nothing, print the kubectl command that does, for an account that may",
    )
    parser.add_argument(
        "-y", "--yes", action="store_true", help="also where another Secret loses it by that"
    )
    parser.add_argument("--context", help="of the kubeconfig, instead of its current one")


def _slot(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise argparse.ArgumentTypeError("must be the namespace and the name: team/app")
    return namespace, name


async def run(settings: Settings, backend: Backend | None, arguments: argparse.Namespace) -> int:
    """Shows what is so, gives, says what follows, and returns the exit code.

    Args:
        settings: the environment's.
        backend: the store, None where the settings have a list of stores; closed at the end.
        arguments: the command's.
    """
    logs.configure("ERROR", "text")
    kube = None
    close = None if backend is None else backend.close
    placement = None
    try:
        kube = Kube.load(context=arguments.context)
        if kube is None:
            raise _NoAccess(
                "No Kubernetes configuration was found: set KUBECONFIG, or run it in the "
                "operator's pod."
            )
        if backend is None:
            sites = sites_of(settings, kube)
            close, placement = sites.close, sites.placement
            site = await chosen(sites, kube, *arguments.secret, timeout=_SECONDS)
            settings, backend = site.settings, site.backend
        return await _Giver(settings, backend, kube, arguments, placement).run()
    except (_NoAccess, KubeError) as error:
        return say_why(str(error), NO_ACCESS)
    except Refusal as error:
        unasked = error.reason is Reason.GUARD_UNAVAILABLE
        return say_why(f"{error.reason}: {error}", NO_ACCESS if unasked else FAILED)
    except StoreError as error:
        return say_why(f"The store can't be asked: {error}", FAILED)
    except _Refused as error:
        return say_why(f"Nothing was given. {error}", FAILED)
    finally:
        if close is not None:
            await close()
        if kube:
            kube.close()


class _Giver:
    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        kube: Kube,
        arguments: argparse.Namespace,
        placement: Placement | None = None,
    ) -> None:
        self._several = placement is not None
        self._settings = settings
        self._backend = backend
        self._kube = kube
        self._arguments = arguments
        self._keys = Keys(settings.annotation_key)
        self._grants = settings.grants
        self._others = others_of(settings, kube, placement)
        operator = Operator.build(settings, backend, Metrics(), kube, placement=placement)
        self._syncer = operator.syncer
        self._deadline = Deadline(_SECONDS)
        # With --print, standard output is a shell's.
        self._say = partial(say, file=sys.stderr if arguments.printed else sys.stdout)

    async def run(self) -> int:
        request = await self._secret()
        claim = self._syncer.reading(request).claim
        await asyncio.to_thread(self._check_key)
        claim, pair = await self._with_pair(request, claim)
        self._say(self._named(request, claim))
        evidence = self._keys.evidence(request)
        held = evidence.held(self._grants, set(claim.buckets), {claim.user})
        second, looks = await look_at_each(claim, self._backend, self._others, self._deadline)
        if self._several:
            self._say(f"store   the Secret is on {self._settings.store.name}")
        # What is said of the user is said once.
        for line in dict.fromkeys(line for look in looks for line in told(look.claim, look.view)):
            self._say(f"store   {line}")
        self._check_user(claim, held, looks[0].view)
        claimants = [claimant for look in looks for claimant in look.claimants]
        for look in looks:
            of = f"{look.claim.bucket}: " if len(looks) > 1 else ""
            for claimant in look.claimants:
                self._say(f"others  {of}{says(claimant)}")
        if not claimants:
            self._say("others  no other live Secret holds either of them")
        lost = self._grants.unverified(evidence.token, evidence.uid)
        gifts = [gift(look.claim, pair, held, look.view, claimants, second, lost) for look in looks]
        buckets = {name: mine for each in gifts for name, mine in each.buckets.items()}
        grant = replace(gifts[0], buckets=buckets)
        if all(self._has_it_all(look, request, held) for look in looks):
            self._say("It holds both already: there is nothing to give.")
            return OK
        for line in self._follows(request, looks, Held(grant, held.first)):
            self._say(f"then    {line}")
        if self._arguments.dry_run:
            self._say("Dry run, nothing was written.")
            return OK
        self._confirm(request, claimants)
        behind = left_behind(self._grants, evidence)
        token = self._grants.issue(request.uid, grant, second, [each.document() for each in behind])
        if self._arguments.printed:
            print(self._command(request, claim, token))
            return OK
        return await self._write(request, claim, grant, token)

    async def _secret(self) -> SyncRequest:
        """The Secret, which asks for something."""
        namespace, name = self._arguments.secret
        found = await asyncio.to_thread(self._kube.secret, namespace, name, timeout=self._left)
        if found is None:
            raise _Refused(f"There is no Secret {namespace}/{name}.")
        request = SyncRequest.of(found)
        if request.deleting:
            raise _Refused(f"{request.origin} is being deleted.")
        if not self._keys.enables(request):
            raise _Refused(f'{request.origin} has no annotation {self._keys.enabled}: "true".')
        return request

    async def _with_pair(self, request: SyncRequest, claim: Claim) -> tuple[Claim, Pair | None]:
        """The claim with the credentials that are in use, and which they are if generated."""
        grant = self._keys.evidence(request).held(self._grants).grant
        plan = generator_of(self._settings).plan(request, grant, int(time.time()))
        if plan is None:
            return claim, None
        pair = await rotation.pair_in_use(plan, claim, self._backend, self._deadline)
        return rotation.with_pair(claim, plan, pair), pair

    def _check_key(self) -> None:
        """Looks whether the grants that there are were signed with one of these keys.

        A grant that the operator can't verify would be none, and nobody would see why.
        """
        if self._settings.signing_key_is_derived:
            say(
                "warning: SIGNING_KEY is not set: the grant is only good if the operator has none "
                "either, and this very secret of the store's administrator",
                file=sys.stderr,
            )
        foreign = 0
        selector = self._keys["status"]
        secrets = self._kube.secrets(None, selector, timeout=self._left, metadata_only=True)
        for secret in secrets:
            request = SyncRequest.of(secret)
            evidence = self._keys.evidence(request)
            if evidence.held(self._grants).grant is not None:
                return
            # Another store's operator has a key of its own.
            if self._settings.rules.is_own(self._keys.observed(request, "endpoint")):
                signed = self._grants.signed_by_another(evidence.token, evidence.uid)
                foreign += signed is not None
        if foreign:
            raise _NoAccess(
                f"None of the {foreign} grants in the cluster was signed with this SIGNING_KEY: it "
                "has to be the operator's."
            )

    def _named(self, request: SyncRequest, claim: Claim) -> str:
        status, reason = (self._keys.observed(request, name) for name in ("status", "reason"))
        now = f"it is {status}/{reason}" if status else "it was not answered yet"
        several = "buckets" if claim.more_buckets else "bucket"
        names = f"the {several} {', '.join(claim.buckets)} and the user {claim.user}"
        return f"{request.origin} names {names}; {now}."

    def _check_user(self, claim: Claim, held: Held, view: View) -> None:
        """An administrator's or a disabled user is nobody's to be given."""
        mine = held.user(claim.user)
        if view.user is None:
            return
        if view.user.admin and not (claim.role == "admin" and mine is not None and mine.own):
            raise _Refused(
                f"{Reason.ADMIN_USER}: the user {claim.user} is an administrator on the store."
            )
        if view.user.disabled:
            raise _Refused(
                f"{Reason.USER_DISABLED}: the user {claim.user} was disabled on the store; it has "
                "to be enabled there first."
            )

    def _has_it_all(self, look: Look, request: SyncRequest, held: Held) -> bool:
        """Whether it holds both, and nobody holds one with a better right."""
        for thing, mine in (
            (Thing.BUCKET, held.bucket(look.claim.bucket)),
            (Thing.USER, held.user(look.claim.user)),
        ):
            if mine is None or not mine.own or mine.version == 1:
                return False
            for each in look.claimants:
                theirs = each.holding
                if each.thing is not thing or theirs is None:
                    continue
                if theirs.rank(each.other.request.uid) > mine.rank(request.uid):
                    return False
        return True

    def _follows(self, request: SyncRequest, looks: Sequence[Look], held: Held) -> list[str]:
        """What comes of it, each line once, and that nothing does only where that is all."""
        lines: dict[str, None] = {}
        for look in looks:
            wiped = self._is_wiped(request, look.claim, held, look.view)
            lines |= dict.fromkeys(
                follows(request.origin, look.claim, look.view, look.claimants, wiped=wiped)
            )
        nothing = unchanged(request.origin)
        return [line for line in lines if line != nothing] or [nothing]

    def _is_wiped(self, request: SyncRequest, claim: Claim, held: Held, view: View) -> bool:
        """Whether the settings of a bucket that changes its owner are removed."""
        if view.bucket is None:
            return False
        rights = Rights(Adoption.NEVER)
        return Holdings(
            claim, request.uid, held, self._backend, rights, self._deadline
        ).is_anothers(view.bucket)

    def _confirm(self, request: SyncRequest, claimants: list[Claimant]) -> None:
        """Asks whoever sits there, where it takes something away from a live Secret."""
        if self._arguments.yes or not claimants:
            return
        names = ", ".join(sorted({each.other.request.origin for each in claimants}))
        if not sys.stdin.isatty():
            raise _Refused(f"It is taken away from {names}: --yes does it all the same.")
        question = f"Take it away from {names} and give it to {request.origin}? [y/N] "
        print(printable(question), end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise _Refused("It was not confirmed.")

    async def _write(self, request: SyncRequest, claim: Claim, grant: Grant, token: str) -> int:
        try:
            await asyncio.to_thread(
                self._kube.mark_secret,
                request.namespace,
                request.name,
                request.uid,
                {self._keys["grants"]: token},
                self._labels(claim),
                timeout=self._left,
            )
        except Forbidden as error:
            say(f"{error} Whoever may can run this:", file=sys.stderr)
            print(self._command(request, claim, token))
            return NO_ACCESS
        except (NotFound, Conflict) as error:
            raise _Refused(
                f"{request.origin} was deleted or made again meanwhile: run it again."
            ) from error
        # Another may have been given it between the look and the write.
        buckets = [(Thing.BUCKET, name) for name in claim.buckets]
        for thing, name in (*buckets, (Thing.USER, claim.user)):
            mine = grant.buckets[name] if thing is Thing.BUCKET else grant.holding
            found = await self._others.holders(thing, name, claim.origin, self._deadline)
            for other in found.others:
                theirs = holding(other.held, thing, name)
                if theirs is not None and theirs.rank(other.request.uid) > mine.rank(request.uid):
                    raise _Refused(
                        f"{other.request.origin} was given the {thing.value} {name} at the same "
                        "time: run it again."
                    )
        self._say(f"Given: {request.origin} holds the bucket and the user from now on.")
        return OK

    def _labels(self, claim: Claim) -> dict[str, str]:
        """Those by which others find it as the holder."""
        several = {self._keys[SEVERAL]: "true"} if claim.more_buckets else {}
        return {
            self._keys["bucket-hash"]: name_hash(claim.bucket),
            self._keys["user-hash"]: name_hash(claim.user),
            **several,
        }

    def _command(self, request: SyncRequest, claim: Claim, token: str) -> str:
        """What gives it, for a shell. The grant is no secret, and good for this one Secret only."""
        where = [request.name, "--namespace", request.namespace]
        if self._arguments.context:
            where += ["--context", self._arguments.context]
        labels = self._labels(claim)
        lines = []
        # A Secret that was answered has them.
        if any(request.labels.get(key) != value for key, value in labels.items()):
            marks = [f"{key}={value}" for key, value in labels.items()]
            lines.append(["kubectl", "label", "secret", *where, "--overwrite", *marks])
        mark = f"{self._keys['grants']}={token}"
        lines.append(["kubectl", "annotate", "secret", *where, "--overwrite", mark])
        return " && ".join(map(shlex.join, lines))

    @property
    def _left(self) -> float:
        return self._deadline.remaining()
