"""An upstream's `credentials` policy as the source of what its calls carry."""

from collections.abc import Callable
from random import Random

from bff.clock import Clock
from bff.events import Notify
from bff.policy.credentials import Credentials
from bff.secrets import Secret, SecretMissing
from bff.upstream.credentials.client_token import ClientCredentials, ClientToken
from bff.upstream.credentials.endpoint import ClientAuth, TokenEndpoint, limits_for
from bff.upstream.credentials.exchange import Exchange
from bff.upstream.credentials.signature import Hmac
from bff.upstream.credentials.source import (
    Forward,
    Nothing,
    ReadSecret,
    Source,
    Static,
    WithSubject,
    no_credentials,
)
from bff.upstream.transport import Limits, Transport


def source_of(
    name: str,
    policy: Credentials,
    *,
    open_transport: Callable[[Limits], Transport],
    clock: Clock,
    rng: Random,
    notify: Notify,
) -> Source | None:
    """Return what gives calls of upstream *name* their credentials, None where policy wants none.

    Nothing is read or asked before the first call.
    """
    return _Assembly(name, policy, open_transport, clock, rng, notify).source()


class _Assembly:
    def __init__(  # noqa: PLR0917 - by position, from one place
        self,
        name: str,
        policy: Credentials,
        open_transport: Callable[[Limits], Transport],
        clock: Clock,
        rng: Random,
        notify: Notify,
    ) -> None:
        self._name = name
        self._policy = policy
        self._open_transport = open_transport
        self._clock = clock
        self._rng = rng
        self._notify = notify

    def source(self) -> Source | None:
        policy = self._policy
        makers: dict[str, Callable[[], Source]] = {
            "forward": self._forward,
            "exchange": self._exchange,
            "client_credentials": self._client_credentials,
            "static": self._static,
            "mtls": Nothing,
            "hmac": self._hmac,
        }
        make = makers.get(policy.mode)
        if make is None:
            return None
        source = make()
        if policy.subject_header is None or policy.mode == "hmac":
            return source
        return WithSubject(source, policy.subject_header)

    def _forward(self) -> Source:
        assert self._policy.audience is not None
        return Forward(self._policy.audience, anonymous=self._policy.anonymous == "allow")

    def _static(self) -> Source:
        policy = self._policy
        assert policy.secret is not None
        return Static(policy.header, policy.scheme, self._secret(policy.secret))

    def _hmac(self) -> Source:
        policy = self._policy
        assert policy.key_id is not None
        assert policy.secret is not None
        secret = self._secret(policy.secret)
        return Hmac(policy.key_id, secret, wall=self._clock.wall, subject_header=policy.subject_header)

    def _client_credentials(self) -> Source:
        policy, endpoint = self._policy, self._endpoint()
        form = {"grant_type": "client_credentials"}
        if policy.scopes:
            form["scope"] = " ".join(policy.scopes)
        if policy.audience is not None:
            form["audience"] = policy.audience
        token = ClientToken(
            lambda: endpoint.fetch(form), clock=self._clock, rng=self._rng, ahead=policy.refresh_ahead
        )
        return ClientCredentials(token, endpoint.close)

    def _exchange(self) -> Source:
        policy, endpoint = self._policy, self._endpoint()
        assert policy.audience is not None
        return Exchange(
            endpoint.fetch,
            audience=policy.audience,
            scopes=policy.scopes,
            anonymous=policy.anonymous == "allow",
            clock=self._clock,
            close=endpoint.close,
            margin=policy.expiry_margin.total_seconds(),
        )

    def _endpoint(self) -> TokenEndpoint:
        policy = self._policy
        assert policy.token_endpoint is not None
        assert policy.client_id is not None
        assert policy.client_secret is not None
        return TokenEndpoint(
            policy.token_endpoint,
            upstream=self._name,
            client=ClientAuth(policy.client_id, self._secret(policy.client_secret), policy.client_auth),
            transport=self._open_transport(limits_for(policy.ca.removeprefix("file:") if policy.ca else None)),
            clock=self._clock,
            rng=self._rng,
            notify=self._notify,
        )

    def _secret(self, reference: str) -> ReadSecret:
        """Return what reads the secret when it is needed first; one that is missing fails calls, not the start."""
        found: list[Secret] = []

        def read() -> str:
            if not found:
                try:
                    found.append(Secret(reference, now=self._clock.now))
                except SecretMissing as error:
                    raise no_credentials(f"no secret: {error}") from None
            try:
                return found[0].value().decode()
            except UnicodeDecodeError:
                raise no_credentials(f"the secret of {reference} is not text") from None

        return read
