"""From `policies/auth.yaml` to an authenticator that runs."""

import asyncio
from collections.abc import Callable, Mapping
from os import environ as process_environ
from random import Random
from typing import Final

from bff.auth.api_keys import ApiKeyring
from bff.auth.authenticator import CallerAuthenticator, SessionIdentifier
from bff.auth.claims import ClaimRules
from bff.auth.dpop import Nonces, ProofChecker
from bff.auth.fetch import Web, limits_for
from bff.auth.introspection import Introspector
from bff.auth.jwks import Keyring, Knowledge, Place, PublishedKeys
from bff.auth.keys import BadKey, canonical
from bff.auth.mtls import Certificates
from bff.auth.replays import LocalReplays, Replays, SharedReplays
from bff.auth.seen import Seen
from bff.auth.shared_secret import SharedSecret
from bff.auth.tokens import TokenVerifier, TrustedIssuer
from bff.clock import Clock, SystemClock
from bff.events import Notify, ignore
from bff.policy.auth import AuthPolicy, Issuer
from bff.policy.document import Located
from bff.policy.problem import PolicyError, Problem
from bff.secrets import Secret, SecretMissing
from bff.server.health import Verdict
from bff.store import Store
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.engines import open_transport

WARM_UP: Final = 5.0
"""Longest that a start waits for issuers' keys, in seconds (JK-5)."""

OpenTransport = Callable[[Limits], Transport]


class Authentication:
    """The authenticator of one process and what keeps it going.

    Attributes:
        authenticator: Says who is calling.
    """

    def __init__(
        self,
        authenticator: CallerAuthenticator,
        published: Mapping[str, PublishedKeys],
        keys: ApiKeyring | None,
        transport: Transport,
        store: Store | None,
    ) -> None:
        self.authenticator = authenticator
        self._published = published
        self._keys = keys
        self._transport = transport
        self._store = store

    def inherit(self, before: "Authentication") -> None:
        """Take over the keys of those issuers that *before* has as well."""
        known = before.known_so_far()
        for issuer, keys in self._published.items():
            if issuer in known:
                keys.inherit(known[issuer])

    def known_so_far(self) -> dict[str, Knowledge]:
        """Return what is known of the keys of each issuer."""
        return {issuer: keys.known_so_far() for issuer, keys in self._published.items()}

    async def start(self, warm_up: float = WARM_UP) -> None:
        """Fetch the keys of all issuers at once, *warm_up* seconds at most, and keep them fresh from then on."""
        for keys in self._published.values():
            keys.start()
        warming = [asyncio.ensure_future(keys.warm()) for keys in self._published.values()]
        if warming:
            await asyncio.wait(warming, timeout=warm_up)
        for task in warming:
            task.cancel()

    async def close(self) -> None:
        """End what runs in the background, and all connections to issuers."""
        for keys in self._published.values():
            await keys.close()
        if self._keys is not None:
            await self._keys.close()
        await self._transport.close()
        if self._store is not None:
            await self._store.close()

    def health(self) -> Verdict:
        """Return `failed` while an issuer's keys were never had, `degraded` while they grow old (JK-5)."""
        if not all(keys.known for keys in self._published.values()):
            return "failed"
        return "degraded" if any(keys.failing for keys in self._published.values()) else "ready"


def open_auth(
    policy: AuthPolicy | None,
    *,
    open_transport: OpenTransport,
    clock: Clock,
    rng: Random,
    notify: Notify,
    open_store: Callable[[], Store] | None = None,
    session: SessionIdentifier | None = None,
    document: Located | None = None,
    environ: Mapping[str, str] = process_environ,
    replays: Replays | None = None,
) -> Authentication | None:
    """Return what authenticates callers, None where no policy says who may call.

    Args:
        policy: What `policies/auth.yaml` says.
        open_transport: Makes the transport to issuers.
        clock: For lifetimes.
        rng: Spreads what is repeated.
        notify: Hears of refusals and of what happens to keys.
        open_store: Opens what replicas share, for proofs that may be used once and for the last use of API keys;
            None keeps both in the process.
        session: Knows people by the cookie of their session.
        document: The policy with its places, for messages.
        environ: Where `env:` secrets are.
        replays: Remembers used proofs where no store does; one of its own where None.

    Raises:
        PolicyError: A secret, a file or a key that the policy names cannot be used: never half a lock (lesson 17).
    """
    if policy is None:
        return None
    return _Builder(policy, document, open_transport, clock, rng, notify, environ).build(
        open_store, session, replays
    )


def require_usable(policy: AuthPolicy | None, document: Located | None) -> None:
    """Look at every secret and file that *policy* names, before any process starts.

    Raises:
        PolicyError: One of them cannot be used.
    """
    if policy is not None:
        clock, rng = SystemClock(), Random()  # noqa: S311 - nothing is drawn

        def transport(limits: Limits) -> Transport:
            return open_transport(limits, clock=clock, rng=rng)

        open_auth(policy, open_transport=transport, clock=clock, rng=rng, notify=ignore, document=document)


class _Builder:
    def __init__(  # noqa: PLR0917 - what `open_auth` was given
        self,
        policy: AuthPolicy,
        document: Located | None,
        open_transport: OpenTransport,
        clock: Clock,
        rng: Random,
        notify: Notify,
        environ: Mapping[str, str],
    ) -> None:
        self._policy = policy
        self._document = document
        self._clock, self._rng, self._notify, self._environ = clock, rng, notify, environ
        self._transport = open_transport(limits_for(policy.ca and policy.ca.removeprefix("file:")))
        self._web = Web(self._transport)
        self._published: dict[str, PublishedKeys] = {}

    def build(
        self,
        open_store: Callable[[], Store] | None,
        session: SessionIdentifier | None,
        replays: Replays | None = None,
    ) -> Authentication:
        policy, clock = self._policy, self._clock
        issuers = {one.issuer: self._issuer(index, one) for index, one in enumerate(policy.issuers)}
        needs_store = bool(policy.dpop.public_origin or policy.api_keys.file)
        opaque = self._introspector()
        nonces = self._nonces()
        keys = self._api_keys()
        store = open_store() if open_store is not None and needs_store else None
        if keys is not None and store is not None:
            keys.note_uses_in(store)
        authenticator = CallerAuthenticator(
            TokenVerifier(issuers, max_bytes=policy.max_token_bytes, clock=clock),
            Seen(policy.cache_entries),
            Certificates(policy.mtls.trusted_proxies),
            anonymous=policy.anonymous == "allow",
            max_token_bytes=policy.max_token_bytes,
            clock=clock,
            notify=self._notify,
            opaque=opaque,
            keys=keys,
            proofs=self._proofs(store, nonces, replays),
            session=session,
        )
        return Authentication(authenticator, self._published, keys, self._transport, store)

    def _issuer(self, index: int, policy: Issuer) -> TrustedIssuer:
        algorithms = tuple(dict.fromkeys(canonical(name) for name in policy.algorithms))
        rules = ClaimRules(
            policy.issuer,
            frozenset(policy.audience),
            strict=policy.profile == "rfc9068",
            leeway=policy.leeway.total_seconds(),
            max_age=policy.max_age.total_seconds() if policy.max_age else None,
        )
        return TrustedIssuer(
            rules, frozenset(algorithms), self._keys(index, policy, algorithms), policy.tenant_claim
        )

    def _keys(self, index: int, policy: Issuer, algorithms: tuple[str, ...]) -> Keyring:
        if policy.secret is not None:
            path = ("issuers", index, "secret")
            secret = self._secret(policy.secret, path)
            try:
                return SharedSecret(secret.value, algorithms)
            except BadKey as error:
                raise self._unusable(path, str(error)) from None
        keys = PublishedKeys(
            Place(policy.issuer, policy.jwks_uri),
            algorithms,
            self._policy.keys,
            web=self._web,
            clock=self._clock,
            rng=self._rng,
            notify=self._notify,
        )
        self._published[policy.issuer] = keys
        return keys

    def _introspector(self) -> Introspector | None:
        policy = self._policy.introspection
        if policy.endpoint is None or policy.client_secret is None:
            return None
        secret = self._secret(policy.client_secret, ("introspection", "client_secret"))
        return Introspector(
            policy, secret.value, self._policy.cache_entries, web=self._web, clock=self._clock, notify=self._notify
        )

    def _nonces(self) -> Nonces | None:
        policy = self._policy.dpop
        if policy.nonce != "required" or policy.nonce_secret is None:
            return None
        return Nonces(self._secret(policy.nonce_secret, ("dpop", "nonce_secret")).value, self._clock)

    def _proofs(self, store: Store | None, nonces: Nonces | None, replays: Replays | None) -> ProofChecker | None:
        policy = self._policy.dpop
        if policy.public_origin is None:
            return None
        used = SharedReplays(store) if store is not None else replays or LocalReplays(self._clock)
        return ProofChecker(policy, replays=used, nonces=nonces, clock=self._clock)

    def _api_keys(self) -> ApiKeyring | None:
        policy = self._policy.api_keys
        if policy.file is None:
            return None
        try:
            return ApiKeyring(policy, clock=self._clock, notify=self._notify)
        except ValueError as error:
            raise self._unusable(("api_keys", "file"), str(error)) from None

    def _secret(self, reference: str, path: tuple[str | int, ...]) -> Secret:
        try:
            return Secret(reference, now=self._clock.now, environ=self._environ)
        except SecretMissing as error:
            raise self._unusable(path, str(error)) from None

    def _unusable(self, path: tuple[str | int, ...], what: str) -> PolicyError:
        found = self._document.find(path) if self._document else None
        file, line, column = (
            (found.at.file, found.at.line, found.at.column) if found else ("policies/auth.yaml", 1, 1)
        )
        return PolicyError([Problem(file, line, column, ".".join(map(str, path)), what)])
