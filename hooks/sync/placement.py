"""Which store a Secret belongs to, of those that an operator has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hooks.claim.endpoint import Endpoint
from hooks.claim.fieldkeys import KeyChoice
from hooks.claim.secret import InvalidSecret, NamedEndpoint, named_endpoint
from hooks.claim.stores import DEFAULT, Store, Stores
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grants
from hooks.contract.outcome import Reason, Refusal
from hooks.contract.status import Keys
from hooks.settings.settings import Settings


class Placement:
    """Decides by what a Secret itself says: its annotation ``store``, then its endpoint.

    Args:
        keys: names of the annotations.
        stores: all of the operator's, as they are now.
        compares: whether a Secret's endpoint is looked at.
    """

    def __init__(self, keys: Keys, stores: Callable[[], Stores], *, compares: bool) -> None:
        self._keys = keys
        self._stores = stores
        self._compares = compares

    def store(self, request: SyncRequest) -> Store:
        """The store by whose rules a Secret is answered: the default one where it names none."""
        try:
            found = self._choice(request)
        except InvalidSecret:
            found = None
        return found or self._stores().default

    def may_be_at(self, request: SyncRequest, name: str) -> bool:
        """Whether a Secret means a store, as far as can be told: a mistake gives nothing away.

        Args:
            request: the Secret, with its data.
            name: the store's.
        """
        try:
            found = self._choice(request)
        except InvalidSecret:
            return True
        return found is not None and found.name == name

    def granted(self, request: SyncRequest, grants: Grants) -> Store | None:
        """The store that a Secret's grant is for, None if it is for none of the operator's.

        Args:
            request: the Secret.
            grants: of any store; verifies.
        """
        evidence = self._keys.evidence(request)
        document, _ = evidence.document(grants)
        # There was one store only when the first version's were given.
        name = document.get("store") or (DEFAULT if evidence.first else None)
        return self._stores().named(name) if isinstance(name, str) else None

    def is_own(self, url: str) -> bool:
        """Whether a normalised URL is one of the operator's stores'."""
        return not self._compares or self._stores().is_own(url)

    def is_anothers(self, request: SyncRequest) -> bool:
        """Whether another operator reports on a Secret.

        Looked at before all else: what one operator allows, another may call Invalid. Where a
        mistake leaves open which store is meant, whoever has reported goes on to: with words of
        its own from each operator they would write over one another for ever.
        """
        observed = self._keys.observed(request, "endpoint")
        name = self._name(request)
        if observed and name is not None and self._stores().named(name) is None:
            return not self._stores().is_own(observed)
        if not observed or self.is_own(observed):
            return False
        try:
            named = self._endpoint(request)
        except InvalidSecret:
            return True
        return named is not None and observed in named.endpoint.urls

    def refusal(self, request: SyncRequest, named: NamedEndpoint | None) -> Refusal | None:
        """Why a Secret can't have anything on the store that it means; None if it can.

        Every operator that sees a Secret of another's store has to write the same words here, or
        they would write over one another for ever: so no store and no endpoint of ours is named.

        Args:
            request: the Secret.
            named: the endpoint in its data, None if that isn't looked at.
        """
        stores, name = self._stores(), self._name(request)
        if name is not None:
            store = stores.named(name)
            if store is None or (named is not None and not _is_one(store, named.endpoint)):
                return Refusal(
                    Reason.ENDPOINT_MISMATCH,
                    f"The annotation {self._keys['store']} names a store that no operator has "
                    "reported on, or the Secret's endpoint another one than it: left alone.",
                )
        else:
            store = stores.default
            if named is not None:
                found = stores.of(named.endpoint)
                if found is None:
                    return Refusal(Reason.ENDPOINT_MISMATCH, self._mismatch(named))
                store = found
        if not store.is_for(request.namespace):
            return Refusal(
                Reason.NOT_ALLOWED,
                f"The store {store.name} is not for this namespace: the annotation "
                f"{self._keys['store']} names another.",
            )
        return None

    def _mismatch(self, named: NamedEndpoint) -> str:
        message = f"{named.key} names a store that no operator has reported on: left alone."
        if not named.generic:
            return message
        return (
            f"{message} If it means something else, the annotation {self._keys['keys']}: "
            "endpoint=endpoint-url has it passed over."
        )

    def _choice(self, request: SyncRequest) -> Store | None:
        """The store that a Secret means, None if it is none of the operator's.

        Raises:
            InvalidSecret: which one is meant can't be told.
        """
        stores, name = self._stores(), self._name(request)
        if name is not None:
            return stores.named(name)
        named = self._endpoint(request)
        return stores.default if named is None else stores.of(named.endpoint)

    def _name(self, request: SyncRequest) -> str | None:
        return request.annotations.get(self._keys["store"])

    def _endpoint(self, request: SyncRequest) -> NamedEndpoint | None:
        """The endpoint in a Secret's data.

        Raises:
            InvalidSecret: which one is meant can't be told.
        """
        if not self._compares:
            return None
        return named_endpoint(request.data, KeyChoice.of(request.annotations, self._keys["keys"]))


def of_one_store(settings: Settings) -> Placement:
    """For an operator that has one store only."""
    rules = settings.rules
    endpoint = settings.connection.endpoint
    stores = Stores(
        [replace(settings.store, endpoint=endpoint, aliases=rules.aliases)], settings.store.name
    )
    return Placement(
        Keys(settings.annotation_key), lambda: stores, compares=rules.endpoint is not None
    )


def _is_one(store: Store, endpoint: Endpoint) -> bool:
    return not endpoint.urls.isdisjoint(store.urls)
